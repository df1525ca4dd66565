-- Housekeeping of the vocabulary: drops what nothing uses, and gathers the evidence that look-ups judge by.

-- A value that no product has is dropped in three calls, so that no lock is needed: the first says that nobody may
-- rely on its phrases, the second (which sees that said) notes who may not have heard, the third finds all of those
-- gone, looks once more, and drops them. Whoever brings such a value meanwhile adds its phrases anew.
CREATE OR REPLACE FUNCTION settle_vocabulary() RETURNS void
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    DELETE FROM vocabulary_doubt d
    USING (SELECT u.field, u.name, u.value FROM (SELECT DISTINCT o.field, o.name, o.value FROM vocabulary_doubt o OFFSET 0) u
           WHERE vocabulary_used(u.field, u.name, u.value) OFFSET 0) u
    WHERE (d.field, d.name, d.value) = (u.field, u.name, u.value);
    WITH gone AS MATERIALIZED (
        SELECT u.field, u.name, u.value FROM (
            SELECT DISTINCT d.field, d.name, d.value FROM vocabulary_doubt d
            WHERE d.waits_for > 0 AND d.waits_for <= pg_snapshot_xmin(pg_current_snapshot())::text::bigint OFFSET 0) u
        WHERE NOT vocabulary_used(u.field, u.name, u.value)
    ), dropped AS (
        DELETE FROM vocabulary v USING gone g WHERE (v.field, lower(v.name), lower(v.value)) = (g.field, g.name, g.value)
    )
    DELETE FROM vocabulary_doubt d USING gone g WHERE (d.field, d.name, d.value) = (g.field, g.name, g.value);
    UPDATE vocabulary_doubt SET waits_for = pg_snapshot_xmax(pg_current_snapshot())::text::bigint WHERE waits_for = 0;
    UPDATE vocabulary_doubt SET waits_for = 0 WHERE waits_for IS NULL;
    -- What two transactions added at once.
    DELETE FROM vocabulary v USING vocabulary w
    WHERE w.field = v.field AND lower(w.name) = lower(v.name) AND lower(w.value) = lower(v.value)
      AND w.phrase = v.phrase AND w.vocabulary_id > v.vocabulary_id;
    -- Categories leave by themselves.
    DELETE FROM vocabulary v WHERE v.field = 'category' AND NOT vocabulary_used(v.field, v.name, v.value)
      AND v.judged_at < now() - interval '1 day';
END $$;

-- A phrase as a query of titles alone.
CREATE OR REPLACE FUNCTION title_query(phrase text) RETURNS tsquery
LANGUAGE sql STABLE SET search_path FROM CURRENT AS $$
    SELECT regexp_replace(phraseto_tsquery(text_configuration(coalesce(
        (SELECT s.value #>> '{}' FROM setting s WHERE s.name = 'locale'), 'en')), phrase)::text, '''(?= |$)', ''':A', 'g')::tsquery
$$;

-- Of at most 500 products with the phrase in a title, how many lack every value that it names.
CREATE OR REPLACE FUNCTION title_evidence(field text, name text, the_values text[], phrase text, OUT titles integer, OUT contrary integer)
LANGUAGE sql STABLE SET search_path FROM CURRENT SET enable_seqscan = off SET jit = off AS $$
    SELECT count(*), count(*) FILTER (WHERE NOT CASE title_evidence.field
        WHEN 'brand' THEN coalesce(lower(t.brand) = ANY (the_values), false)
        WHEN 'attributes' THEN EXISTS (SELECT FROM unnest(the_values) x (value) WHERE member_has(t.attributes, title_evidence.name, x.value))
        WHEN 'options' THEN EXISTS (SELECT FROM variant v CROSS JOIN unnest(the_values) x (value)
            WHERE v.product_id = t.product_id AND v.status = 'active' AND member_has(v.options, title_evidence.name, x.value) OFFSET 0)
        ELSE EXISTS (SELECT FROM product_category pc JOIN category c USING (category_id) CROSS JOIN unnest(c.lineage) a (category_id)
            JOIN category n ON n.category_id = a.category_id
            WHERE pc.product_id = t.product_id AND category_segment(n.name) = ANY (the_values)) END)
    FROM (SELECT DISTINCT p.product_id, p.brand, p.attributes
          FROM (SELECT x.product_id FROM product_document x
                -- The brand has the weight of the title, but "Red Wing" says nothing of what is red.
                CROSS JOIN LATERAL (SELECT t.title FROM product_text t WHERE t.product_id = x.product_id AND t.locale = x.locale OFFSET 0) t
                WHERE x.document @@ title_query(title_evidence.phrase)
                  AND setweight(to_tsvector(text_configuration(x.locale), t.title), 'A') @@ title_query(title_evidence.phrase) LIMIT 500) x
          JOIN product p USING (product_id) WHERE p.status = 'active') t
$$;

-- How many products have each value, one scan for all of them.
CREATE OR REPLACE FUNCTION count_vocabulary() RETURNS TABLE (field text, name text, value text, products bigint)
LANGUAGE sql STABLE SET search_path FROM CURRENT SET jit = off AS $$
    SELECT 'brand', '', lower(p.brand), count(*) FROM product p WHERE p.status = 'active' AND p.brand IS NOT NULL GROUP BY lower(p.brand)
    UNION ALL
    SELECT 'attributes', lower(m.name), lower(m.value), count(*) FROM product p
    CROSS JOIN LATERAL nameable_members('attributes', p.attributes) m WHERE p.status = 'active' GROUP BY lower(m.name), lower(m.value)
    UNION ALL
    SELECT 'options', lower(m.name), lower(m.value), count(DISTINCT o.product_id) FROM (
        SELECT DISTINCT v.product_id, v.options FROM variant v JOIN product p USING (product_id) WHERE v.status = 'active' AND p.status = 'active') o
    CROSS JOIN LATERAL nameable_members('options', o.options) m GROUP BY lower(m.name), lower(m.value)
$$;

-- Runs as its owner, so that a worker or an import may call it.
CREATE OR REPLACE FUNCTION tend_vocabulary(phrases integer DEFAULT 2000) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
    judged integer;
BEGIN
    IF NOT pg_try_advisory_xact_lock(hashtextextended(current_schema() || '.tend_vocabulary', 0)) THEN RETURN 0; END IF;
    PERFORM settle_vocabulary();
    WITH due AS MATERIALIZED (
        SELECT v.field, lower(v.name) AS name, v.key, array_agg(DISTINCT lower(v.value)) AS the_values, min(v.phrase) AS phrase
        FROM vocabulary v GROUP BY v.field, lower(v.name), v.key
        HAVING coalesce(min(v.judged_at), '-infinity') < now() - interval '1 day' OR bool_or(v.judged_at IS NULL)
        ORDER BY min(v.judged_at) NULLS FIRST LIMIT phrases
    ), evidence AS MATERIALIZED (
        SELECT d.field, d.name, d.key, e.titles, e.contrary FROM due d CROSS JOIN LATERAL title_evidence(d.field, d.name, d.the_values, d.phrase) e
    ), counted AS MATERIALIZED (
        SELECT c.* FROM count_vocabulary() c WHERE EXISTS (SELECT FROM due)
    )
    UPDATE vocabulary v SET titles = e.titles, contrary = e.contrary, judged_at = now(),
        products = (SELECT c.products FROM counted c WHERE c.field = v.field AND c.name = lower(v.name) AND c.value = lower(v.value))
    FROM evidence e WHERE v.field = e.field AND lower(v.name) = e.name AND v.key = e.key;
    GET DIAGNOSTICS judged = ROW_COUNT;
    RETURN judged;
END $$;
COMMENT ON FUNCTION tend_vocabulary IS 'Drop phrases that no product has any longer, and gather evidence of what words mean; the worker calls it.';
