-- Phrases of a query that the catalogue's vocabulary knows, and which of them are meant.

-- Every run of up to five words that the vocabulary knows, by what it names, with the evidence.
CREATE OR REPLACE FUNCTION known_phrases(words text[], links text[]) RETURNS TABLE (
    place integer, width integer, field text, name text, given text[], whole boolean, products bigint, titles integer, contrary integer
)
LANGUAGE sql STABLE SET search_path FROM CURRENT SET enable_seqscan = off AS $$
    WITH stemmed AS MATERIALIZED (
        SELECT array_agg(word_stem(w.word, d.dictionary) ORDER BY w.number) AS stems
        FROM unnest(words) WITH ORDINALITY w (word, number) CROSS JOIN (SELECT phrase_dictionary() AS dictionary OFFSET 0) d
    )
    SELECT i.place, n.width, v.field, min(v.name),
        -- "Shirts" is not T-Shirts, while cotton is organic cotton too.
        coalesce(array_agg(DISTINCT v.value) FILTER (WHERE v.whole AND v.field = 'category'), array_agg(DISTINCT v.value)),
        bool_or(v.whole), sum(v.products), max(v.titles), max(v.contrary)
    FROM stemmed s
    CROSS JOIN generate_series(1, cardinality(words)) i (place)
    CROSS JOIN LATERAL generate_series(1, least(5, cardinality(words) - i.place + 1)) n (width)
    CROSS JOIN LATERAL (
        SELECT v.* FROM vocabulary v WHERE v.key = array_to_string(s.stems[i.place : i.place + n.width - 1], ' ') OFFSET 0) v
    WHERE links[i.place + 1 : i.place + n.width - 1] <@ ARRAY['', 'and']
      AND words_alike(words[i.place : i.place + n.width - 1], string_to_array(v.phrase, ' '), v.field = 'brand')
      AND CASE WHEN v.field <> 'category' AND EXISTS (
              SELECT FROM vocabulary_doubt d WHERE d.field = v.field AND d.name = lower(v.name) AND d.value = lower(v.value) OFFSET 0)
          THEN vocabulary_used(v.field, v.name, v.value) ELSE true END
    GROUP BY i.place, n.width, v.field, lower(v.name)
$$;

-- A number, a letter and a stop word say too little by themselves: "42", "m", "on". A range of sizes does not.
CREATE OR REPLACE FUNCTION phrase_speaks(words text[], given text) RETURNS boolean
LANGUAGE sql STABLE SET search_path FROM CURRENT AS $$
    SELECT given ~ '[0-9][^0-9[:space:]]+[0-9]' OR given ~ '[[:alpha:]]{2}'
        AND EXISTS (SELECT FROM unnest(words) w (word) WHERE ts_lexize(phrase_dictionary(), left(w.word, 100)) IS DISTINCT FROM '{}')
$$;

-- Whether hiding all products without the value is what the phrase asks for. The last words of values (not whole)
-- need titles that bear them out; a filter must not hide more than one in 15 of the products that the phrase is about.
CREATE OR REPLACE FUNCTION phrase_is_borne_out(whole boolean, field text, products bigint, titles integer, contrary integer) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN NOT whole THEN coalesce(titles >= 3 AND contrary * 10 <= titles, false)
            WHEN field = 'category' THEN true
            ELSE coalesce(contrary * 15 <= contrary + coalesce(products, 0), true) END;

-- The phrases that are meant, none over another: the longest first, then those that a name precedes, then
-- categories, then what more products have. Negated ones hide only what has the value, and need no evidence.
CREATE OR REPLACE FUNCTION understand_phrases(query text) RETURNS TABLE (
    start integer, stop integer, field text, name text, given text[], link text, before text, follows boolean, negated boolean, hinted boolean
)
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
#variable_conflict use_column
DECLARE
    asked record := query_words(query);
    known record;
    chosen jsonb := '[]';
    one record;
    taken boolean[] := array_fill(false, ARRAY[greatest(1, cardinality(asked.words))]);
    last_stop integer;
    last_named text;
    from_place integer;
BEGIN
    FOR known IN
        SELECT k.*, h.hint, negation_start(asked.words, asked.links, k.place - greatest(h.hint, 0)) > 0 AS negated
        FROM known_phrases(asked.words, asked.links) k
        CROSS JOIN LATERAL (SELECT phrase_hint(asked.words, asked.links, k.place, lower(k.name)) AS hint OFFSET 0) h
        ORDER BY k.width DESC, h.hint <> 0 DESC, k.field = 'category' AND k.whole DESC, k.whole DESC, k.products DESC NULLS LAST,
            k.field DESC, k.place, lower(k.name)
    LOOP
        CONTINUE WHEN true = ANY (taken[known.place : known.place + known.width - 1]);
        CONTINUE WHEN known.hint = 0 AND NOT phrase_speaks(asked.words[known.place : known.place + known.width - 1], known.given[1]);
        CONTINUE WHEN NOT known.whole AND known.field <> 'category';
        CONTINUE WHEN known.hint = 0 AND NOT (known.negated AND known.whole)
            AND NOT phrase_is_borne_out(known.whole, known.field, known.products, known.titles, known.contrary);
        IF known.field = 'category' THEN
            known.given := category_paths(known.given);
            CONTINUE WHEN known.given IS NULL;
        END IF;
        FOR i IN known.place - greatest(known.hint, 0) .. known.place + known.width - 1 LOOP taken[i] := true; END LOOP;
        chosen := chosen || jsonb_build_object('place', known.place, 'width', known.width, 'hint', known.hint,
            'field', known.field, 'name', known.name, 'given', known.given[1 : 50]);
    END LOOP;
    FOR one IN
        SELECT c.* FROM jsonb_to_recordset(chosen) c (place integer, width integer, hint integer, field text, name text, given text[])
        ORDER BY c.place
    LOOP
        field := one.field; name := one.name; given := one.given; hinted := one.hint <> 0;
        from_place := one.place - greatest(one.hint, 0);
        link := asked.links[from_place];
        before := asked.words[from_place - 1];
        follows := coalesce(last_stop = from_place, false);
        -- A list goes on: "not black or white".
        negated := coalesce(negated AND follows AND link IN ('or', 'and') AND last_named = concat(field, '.', lower(name)), false);
        IF negation_start(asked.words, asked.links, from_place) > 0 THEN
            negated := true;
            from_place := negation_start(asked.words, asked.links, from_place);
        END IF;
        start := asked.starts[from_place];
        stop := asked.stops[one.place + one.width - 1];
        IF asked.words[one.place + one.width] = 'free' AND asked.links[one.place + one.width] = '' AND field IN ('attributes', 'options') THEN
            negated := true;
            stop := asked.stops[one.place + one.width];
        END IF;
        SELECT one.place + one.width, concat(field, '.', lower(name)) INTO last_stop, last_named;
        RETURN NEXT;
    END LOOP;
END $$;
