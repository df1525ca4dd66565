-- Phrases of the vocabulary: their words and keys, what a product brings, and whether one is still used.

-- The words of a phrase: lower case, without punctuation, possessive endings and "and".
CREATE OR REPLACE FUNCTION phrase_words(phrase text) RETURNS text[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN ARRAY(
    SELECT m.word FROM (
        SELECT regexp_replace(r.match[1], '''s$', ''), r.number
        FROM regexp_matches(translate(lower(phrase), '’®™©', ''''), '[[:alnum:]]+(?:''[[:alnum:]]+)*', 'g')
            WITH ORDINALITY r (match, number)) m (word, number)
    WHERE m.word <> ALL ('{and,und,et}') ORDER BY m.number);

-- The dictionary that knows the singular and plural of the shop's language.
CREATE OR REPLACE FUNCTION phrase_dictionary() RETURNS regdictionary
LANGUAGE sql STABLE SET search_path FROM CURRENT AS $$
    SELECT CASE c.name WHEN 'simple' THEN 'pg_catalog.simple' ELSE 'pg_catalog.' || c.name || '_stem' END::regdictionary
    FROM (SELECT t.cfgname FROM pg_ts_config t WHERE t.oid = text_configuration(coalesce(
        (SELECT s.value #>> '{}' FROM setting s WHERE s.name = 'locale'), 'en'))) c (name)
$$;

-- The stem of a word; stop words are their own. Dictionaries leave the s of short plurals such as "bras", and
-- know nothing of British spelling.
CREATE OR REPLACE FUNCTION word_stem(word text, dictionary regdictionary) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN word = 'grey' THEN 'gray' WHEN word = 'colour' THEN 'color'
    ELSE regexp_replace(coalesce((ts_lexize(dictionary, left(word, 100)))[1], word), '^([[:alpha:]]{2,}[aiou])s$', '\1') END;

CREATE OR REPLACE FUNCTION phrase_key(words text[], dictionary regdictionary) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN (SELECT string_agg(word_stem(w.word, dictionary), ' ' ORDER BY w.number) FROM unnest(words) WITH ORDINALITY w (word, number));

-- Equal stems may still be other words (leg and leggings): what follows the common start is an ending, and a
-- brand has no other than the plural's.
CREATE OR REPLACE FUNCTION words_alike(one text[], other text[], exact boolean) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
    common integer;
BEGIN
    FOR i IN 1 .. cardinality(one) LOOP
        CONTINUE WHEN one[i] = other[i];
        IF one[i] ~ '[0-9]' OR exact AND rtrim(one[i], 's') <> rtrim(other[i], 's') THEN RETURN false; END IF;
        common := 0;
        WHILE substr(one[i], common + 1, 1) = substr(other[i], common + 1, 1) LOOP common := common + 1; END LOOP;
        IF greatest(length(one[i]), length(other[i])) - common > 3 THEN RETURN false; END IF;
    END LOOP;
    RETURN true;
END $$;

-- The phrases that name a value: all of it, what follows an article, the parts of a joined name ("Hats & Caps"),
-- and its last words (not whole), unless the word before turns them into their opposite ("vegan leather").
CREATE OR REPLACE FUNCTION value_phrases(field text, value text) RETURNS TABLE (words text[], whole boolean)
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path FROM CURRENT AS $$
    WITH written AS (
        SELECT w.spelling FROM unnest(CASE WHEN field = 'category'
            THEN ARRAY[value] || regexp_split_to_array(value, '\s*[&+,/|]\s*|\s+(?:and|und|et)\s+') ELSE ARRAY[value] END) p (part)
        CROSS JOIN LATERAL (VALUES (phrase_words(p.part)), (phrase_words(replace(p.part, '-', '')))) w (spelling)
    ), named AS (
        SELECT w.spelling FROM written w
        UNION SELECT w.spelling[2:] FROM written w
        WHERE field = 'brand' AND w.spelling[1] IN ('the', 'a', 'le', 'la', 'les', 'der', 'die', 'das')
    )
    SELECT n.spelling, true FROM named n WHERE cardinality(n.spelling) BETWEEN 1 AND 5
    UNION
    SELECT n.spelling[s.start:], false FROM named n CROSS JOIN LATERAL generate_series(2, cardinality(n.spelling)) s (start)
    WHERE field <> 'brand' AND cardinality(n.spelling) <= 5 AND array_to_string(n.spelling[s.start:], '') ~ '[[:alpha:]]{2}'
      AND n.spelling[s.start - 1] NOT IN ('vegan', 'faux', 'fake', 'imitation', 'artificial', 'synthetic', 'non', 'no', 'without', 'un')
$$;

-- What a product or a variant can be asked for by a phrase. Numbers are for ranges, except as options (sizes).
CREATE OR REPLACE FUNCTION nameable_members(field text, object jsonb) RETURNS TABLE (name text, value text)
LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 10
BEGIN ATOMIC
    SELECT m.key, e.value #>> '{}'
    FROM jsonb_each(CASE jsonb_typeof(object) WHEN 'object' THEN object ELSE '{}' END) m
    CROSS JOIN LATERAL jsonb_array_elements(CASE jsonb_typeof(m.value) WHEN 'array' THEN m.value ELSE jsonb_build_array(m.value) END) e (value)
    WHERE jsonb_typeof(e.value) IN ('string', 'number') AND length(e.value #>> '{}') <= 60 AND length(m.key) <= 60
      AND CASE WHEN field = 'options' THEN e.value #>> '{}' ~ '[[:alnum:]]'
               ELSE e.value #>> '{}' ~ '[[:alpha:]]{2}' AND lower(e.value #>> '{}') NOT IN ('yes', 'no', 'true', 'false', 'none', 'n/a') END;
END;

-- Adds values that the vocabulary lacks, and those that tend_vocabulary is about to drop. No lock: what two
-- transactions add at once stands twice, and so may what an old snapshot cannot tell to be there.
CREATE OR REPLACE FUNCTION add_vocabulary(field text, names text[], given text[]) RETURNS void
LANGUAGE plpgsql SET search_path FROM CURRENT SET enable_seqscan = off AS $$
#variable_conflict use_column
DECLARE
    sees_all CONSTANT boolean := current_setting('transaction_isolation') = 'read committed';
    lacking record;
BEGIN
    IF names IS NULL THEN RETURN; END IF;
    SELECT array_agg(g.name) AS names, array_agg(g.value) AS given INTO lacking
    FROM (SELECT DISTINCT ON (lower(u.name), lower(u.value)) u.name, u.value FROM unnest(names, given) u (name, value)) g
    WHERE NOT (sees_all AND EXISTS (
        SELECT FROM vocabulary v WHERE v.field = add_vocabulary.field
          AND lower(v.name) = lower(g.name) AND lower(v.value) = lower(g.value) OFFSET 0)
        AND NOT EXISTS (
            SELECT FROM vocabulary_doubt d WHERE d.field = add_vocabulary.field
              AND d.name = lower(g.name) AND d.value = lower(g.value) AND d.waits_for IS NOT NULL OFFSET 0));
    IF lacking.names IS NULL THEN RETURN; END IF;
    INSERT INTO vocabulary (field, name, value, phrase, key, whole)
    SELECT add_vocabulary.field, u.name, u.value, array_to_string(p.words, ' '), k.key, bool_or(p.whole)
    FROM unnest(lacking.names, lacking.given) u (name, value)
    CROSS JOIN LATERAL value_phrases(add_vocabulary.field, u.value) p
    CROSS JOIN (SELECT phrase_dictionary() AS dictionary OFFSET 0) d
    CROSS JOIN LATERAL (SELECT phrase_key(p.words, d.dictionary) AS key) k
    WHERE length(k.key) <= 200 GROUP BY u.name, u.value, p.words, k.key;
END $$;

-- Notes that a product lost values, once a transaction.
CREATE OR REPLACE FUNCTION doubt_vocabulary(field text, names text[], given text[]) RETURNS void
LANGUAGE sql SET search_path FROM CURRENT SET enable_seqscan = off AS $$
    INSERT INTO vocabulary_doubt (field, name, value)
    SELECT DISTINCT doubt_vocabulary.field, lower(u.name), lower(u.value) FROM unnest(names, given) u (name, value)
    WHERE NOT EXISTS (
        SELECT FROM vocabulary_doubt d WHERE d.field = doubt_vocabulary.field AND d.name = lower(u.name) AND d.value = lower(u.value)
          AND d.made_by = pg_current_xact_id()::text::bigint OFFSET 0)
$$;

-- Whether a product is shown: it has an active variant, or never had one.
CREATE OR REPLACE FUNCTION product_is_shown(id bigint) RETURNS boolean
LANGUAGE sql STABLE SET search_path FROM CURRENT AS $$
    SELECT EXISTS (SELECT FROM product p WHERE p.product_id = id AND p.status = 'active' OFFSET 0)
        AND (EXISTS (SELECT FROM variant v WHERE v.product_id = id AND v.status = 'active' OFFSET 0)
             OR NOT EXISTS (SELECT FROM variant v WHERE v.product_id = id OFFSET 0))
$$;

-- Whether a product (and one of its active variants) has a value; text compares without case, as in filters.
CREATE OR REPLACE FUNCTION member_has(object jsonb, name text, wanted text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN EXISTS (
    SELECT FROM jsonb_each(object) m
    CROSS JOIN LATERAL jsonb_array_elements(CASE jsonb_typeof(m.value) WHEN 'array' THEN m.value ELSE jsonb_build_array(m.value) END) e (member)
    WHERE lower(m.key) = lower(name) AND lower(e.member #>> '{}') = lower(wanted));

-- Whether any product that is shown has a value: a scan that ends at the first, for values in doubt alone.
CREATE OR REPLACE FUNCTION vocabulary_used(field text, name text, value text) RETURNS boolean
LANGUAGE plpgsql STABLE COST 100000 SET search_path FROM CURRENT SET enable_seqscan = on SET jit = off AS $$
#variable_conflict use_variable
BEGIN
    RETURN CASE field
        WHEN 'brand' THEN EXISTS (SELECT FROM product p
            WHERE p.status = 'active' AND lower(p.brand) = lower(value) AND product_is_shown(p.product_id))
        WHEN 'attributes' THEN EXISTS (SELECT FROM product p
            WHERE p.status = 'active' AND member_has(p.attributes, name, value) AND product_is_shown(p.product_id))
        WHEN 'options' THEN EXISTS (SELECT FROM variant v
            WHERE v.status = 'active' AND member_has(v.options, name, value) AND product_is_shown(v.product_id))
        ELSE EXISTS (SELECT FROM category c WHERE category_segment(c.name) = value) END;
END $$;

-- Fills the vocabulary from the catalogue anew.
CREATE OR REPLACE FUNCTION rebuild_vocabulary() RETURNS void
LANGUAGE plpgsql SET search_path FROM CURRENT SET enable_seqscan = on SET jit = off AS $$
BEGIN
    -- Whoever writes the catalogue meanwhile would rely on phrases that go.
    LOCK TABLE product, variant, category IN SHARE MODE;
    DELETE FROM vocabulary;
    DELETE FROM vocabulary_doubt;
    PERFORM add_vocabulary('category', array_agg(''::text), array_agg(c.name)) FROM (SELECT DISTINCT category_segment(c.name) FROM category c) c (name);
    PERFORM add_vocabulary('brand', array_agg(''::text), array_agg(p.brand)) FROM (
        SELECT DISTINCT p.brand FROM product p WHERE p.status = 'active' AND p.brand IS NOT NULL AND length(p.brand) <= 60) p;
    PERFORM add_vocabulary('attributes', array_agg(m.name), array_agg(m.value)) FROM (
        SELECT DISTINCT m.name, m.value FROM product p CROSS JOIN LATERAL nameable_members('attributes', p.attributes) m WHERE p.status = 'active') m;
    PERFORM add_vocabulary('options', array_agg(m.name), array_agg(m.value)) FROM (
        SELECT DISTINCT m.name, m.value FROM (SELECT DISTINCT v.options FROM variant v WHERE v.status = 'active') v
        CROSS JOIN LATERAL nameable_members('options', v.options) m) m;
END $$;
COMMENT ON FUNCTION rebuild_vocabulary IS 'Make the vocabulary from the catalogue anew, such as after the shop''s locale changed.';

-- A catalogue from before there was a vocabulary gets its own; upgrade calls it.
CREATE OR REPLACE FUNCTION ensure_vocabulary() RETURNS void
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM vocabulary) AND (EXISTS (SELECT FROM product) OR EXISTS (SELECT FROM category)) THEN
        PERFORM rebuild_vocabulary();
    END IF;
END $$;
