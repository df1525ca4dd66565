-- What only a shopper searched for: it goes from the cache of query vectors, and from tables that count words.

-- Words as they are encoded, pictures as they are named. That somebody else asked for the same words in another spelling
-- is not looked for: a vector too many is gone from a cache then.
CREATE OR REPLACE FUNCTION own_questions(names text[], sessions text[], queries uuid[], OUT words text[], OUT pictures text[])
LANGUAGE plpgsql VOLATILE SET search_path FROM CURRENT AS $$
BEGIN
    EXECUTE format($sql$
        WITH own AS MATERIALIZED (SELECT t.user_query, t.query_attributes FROM query t WHERE %1$s), said AS (
            SELECT o.user_query AS value FROM own o
            UNION SELECT d.value #>> '{}' FROM own o CROSS JOIN LATERAL jsonb_path_query(o.query_attributes, '$.**') d (value)
            WHERE jsonb_typeof(d.value) = 'string')
        SELECT coalesce(array_agg(DISTINCT normalize_query(s.value)) FILTER (WHERE length(s.value) <= 1000), '{}'),
            coalesce(array_agg(DISTINCT s.value) FILTER (WHERE s.value ~ '^[0-9a-f]{64}$' OR is_address(s.value)), '{}') FROM said s$sql$, own_rows('query'))
    INTO words, pictures USING names, sessions, queries;
    IF words = '{}' AND pictures = '{}' THEN RETURN; END IF;
    EXECUTE format($sql$
        SELECT ARRAY(SELECT w.value FROM unnest($4) w (value) EXCEPT SELECT lower(btrim(t.user_query)) FROM query t
                WHERE lower(btrim(t.user_query)) = ANY ($4) AND (%1$s) IS NOT TRUE),
            ARRAY(SELECT p.value FROM unnest($5) p (value) WHERE NOT EXISTS (
                SELECT FROM query t WHERE t.query_attributes <> '{}' AND strpos(t.query_attributes::text, in_json(p.value)) > 0 AND (%1$s) IS NOT TRUE))$sql$,
        own_rows('query'))
    INTO words, pictures USING names, sessions, queries, words, pictures;
END $$;

CREATE OR REPLACE FUNCTION forget_questions(words text[], pictures text[]) RETURNS TABLE (place text, removed bigint)
LANGUAGE plpgsql VOLATILE SET search_path FROM CURRENT AS $$
DECLARE
    relation regclass;
    texts CONSTANT text[] := ARRAY(SELECT query_key(w.value) FROM unnest(words) w (value));
    images CONSTANT text[] := ARRAY(SELECT picture_key(p.value) FROM unnest(pictures) p (value));
BEGIN
    -- The requests first: a worker that answers one holds it until its vector is written, and writes none without.
    FOREACH relation IN ARRAY '{encoding_request,query_vector}'::regclass[] LOOP
        RETURN QUERY EXECUTE format($sql$WITH gone AS (DELETE FROM %s t WHERE t.kind = 'text' AND t.key = ANY ($1) OR t.kind = 'image' AND t.key = ANY ($2) RETURNING 1)
            SELECT %L, count(*) FROM gone HAVING count(*) > 0$sql$, relation, relation) USING texts, images;
    END LOOP;
    FOR relation IN
        SELECT s.relation FROM shopper_columns() s JOIN pg_class c ON c.oid = s.relation
        WHERE s.name = 'user_query' AND s.kind = 'text' AND NOT s.keyed AND c.relkind <> 'm'
    LOOP
        RETURN QUERY EXECUTE format($sql$WITH gone AS (DELETE FROM %s t WHERE t.user_query <> '' AND normalize_query(t.user_query) = ANY ($1) RETURNING 1)
            SELECT %L, count(*) FROM gone HAVING count(*) > 0$sql$, relation, relation) USING words;
    END LOOP;
END $$;
