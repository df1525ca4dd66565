-- The words of a query, and what small words say of them: lists, negations, names of options.

-- Words in lower case with their places. A link says what stands before a word: 'and', 'or' (or a comma), 'cut'
-- (what no phrase crosses), else ''. Words beyond the 50th are not looked at.
CREATE OR REPLACE FUNCTION query_words(
    query text, OUT words text[], OUT links text[], OUT starts integer[], OUT stops integer[]
)
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path FROM CURRENT AS $$
DECLARE
    part text[];
    word text;
    place integer := 1;
    link text := '';
BEGIN
    words := '{}'; links := '{}'; starts := '{}'; stops := '{}';
    FOR part IN SELECT r.match FROM regexp_matches(query, '([^[:alnum:]]*)([[:alnum:]]+(?:[''’][[:alnum:]]+)*)', 'g') r (match) LOOP
        place := place + length(part[1]) + length(part[2]);
        word := regexp_replace(replace(lower(part[2]), '’', ''''), '''s$', '');
        link := CASE WHEN part[1] ~ '[\u0001;|()!?]' OR link = 'cut' THEN 'cut' WHEN part[1] ~ '[,/]' OR link = 'or' THEN 'or'
            WHEN part[1] ~ '[&+]' OR link = 'and' THEN 'and' ELSE '' END;
        IF word IN ('or', 'oder', 'ou', 'nor', 'and', 'und', 'et') THEN
            link := CASE WHEN link = 'cut' THEN 'cut' WHEN word IN ('and', 'und', 'et') AND link <> 'or' THEN 'and' ELSE 'or' END;
            CONTINUE;
        END IF;
        -- "size medium" is size M.
        IF word IN ('small', 'medium', 'large') AND words[cardinality(words)] IN ('size', 'sizes', 'sz', 'größe') THEN word := left(word, 1); END IF;
        words := words || word;
        links := links || link;
        starts := starts || place - length(part[2]);
        stops := stops || place - 1;
        link := '';
        EXIT WHEN cardinality(words) = 50;
    END LOOP;
END $$;

-- Whether a word says which option or attribute is meant: its name, or the last word of it.
CREATE OR REPLACE FUNCTION word_names(word text, name text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT name <> '' AND CASE
        WHEN name ~ '(size|größe|groesse|taille|talla|taglia)' THEN word IN ('size', 'sizes', 'sz', 'größe', 'groesse', 'gr', 'taille', 'talla', 'taglia', 'eu')
        WHEN name ~ '(colou?r|farbe|couleur)' THEN word IN ('color', 'colour', 'colors', 'colours', 'farbe', 'couleur')
        ELSE word = substring(replace(name, '_', ' ') from '[[:alnum:]]+$') END
$$;

-- How many words before a phrase name its option: 1, or 0; -1 where the name stands before a list ("size 41 or 42").
CREATE OR REPLACE FUNCTION phrase_hint(words text[], links text[], place integer, name text) RETURNS integer
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
    at integer := place;
BEGIN
    WHILE at > 1 LOOP
        IF links[at] = '' AND word_names(words[at - 1], name) THEN RETURN CASE at WHEN place THEN 1 ELSE -1 END; END IF;
        EXIT WHEN links[at] NOT IN ('or', 'and');
        at := at - 1;
    END LOOP;
    RETURN 0;
END $$;

-- Where the negation of a phrase begins ("not", "without a", "anything but"); 0 where there is none.
CREATE OR REPLACE FUNCTION negation_start(words text[], links text[], place integer) RETURNS integer
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
    at integer := place;
    of_it boolean := false;
BEGIN
    WHILE at > 1 AND links[at] = '' LOOP
        at := at - 1;
        IF words[at] IN ('not', 'no', 'without', 'except', 'excluding', 'exclude', 'excl', 'non', 'minus', 'nothing',
                'ohne', 'kein', 'keine', 'keinen', 'nicht', 'außer', 'sans', 'sauf', 'pas') THEN
            RETURN at;
        ELSIF at > 1 AND links[at] = '' AND (words[at] = 'but' AND words[at - 1] IN ('anything', 'everything', 'all', 'any')
                OR words[at] = 'than' AND words[at - 1] = 'other') THEN
            RETURN at - 1;
        ELSIF words[at] = 'free' AND of_it THEN
            RETURN at;
        END IF;
        IF words[at] NOT IN ('a', 'an', 'any', 'the', 'in', 'of', 'from', 'made', 'real', 'de', 'du', 'la', 'le', 'aus') THEN RETURN 0; END IF;
        of_it := of_it OR words[at] IN ('of', 'from');
    END LOOP;
    RETURN 0;
END $$;
