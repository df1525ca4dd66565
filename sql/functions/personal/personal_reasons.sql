-- Why history moved a product, in the shopper's terms: values that it has, and products of the history that are like it.

-- Of each product the two of the history that look most like it, by the first picture or caption of each, among those that weigh most there.
CREATE OR REPLACE FUNCTION personal_likeness(space_id integer, history personal_history, given bigint[]) RETURNS TABLE (product_id bigint, external_ids jsonb)
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
#variable_conflict use_column
DECLARE
    found record;
BEGIN
    IF history.kind IS NULL OR given IS NULL THEN RETURN; END IF;
    EXECUTE format('SELECT array_agg(f.product_id) AS items, array_agg(f.embedding) AS vectors
        FROM (SELECT DISTINCT ON (x.product_id) x.product_id, x.embedding FROM %I x WHERE x.product_id = ANY ($1) ORDER BY x.product_id, x.%I) f',
        format('%s_vector_%s', history.kind, space_id), history.kind || '_id')
    INTO found USING given || history.product_ids[:16];
    RETURN QUERY
    WITH picture AS MATERIALIZED (
        SELECT x.product_id, x.vector FROM unnest(found.items, found.vectors) x (product_id, vector)
    ), example AS MATERIALIZED (
        SELECT p.product_id, p.vector, h.external_id FROM unnest(history.product_ids[:16], history.external_ids[:16], history.tastes[:16]) h (product_id, external_id, taste)
        JOIN picture p USING (product_id) WHERE h.taste > 0
    )
    SELECT g.product_id, jsonb_agg(n.external_id ORDER BY n.distance)
    FROM unnest(given) g (product_id) JOIN picture p USING (product_id)
    CROSS JOIN LATERAL (SELECT e.external_id, (e.vector <#> p.vector) + 0 AS distance FROM example e WHERE e.product_id <> p.product_id ORDER BY 2, 1 LIMIT 2) n
    GROUP BY g.product_id;
END $$;

-- Only what rose, and by how it looks, is like something that pushed it. Values that the shares do not know have
-- their text in the catalogue alone.
CREATE OR REPLACE FUNCTION personal_reasons(space_id integer, history personal_history, given bigint[], drawn bigint[])
RETURNS TABLE (product_id bigint, telling jsonb, alike jsonb)
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT SET enable_mergejoin = off SET enable_nestloop = off SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
DECLARE
    least_share CONSTANT double precision := (SELECT s.share FROM value_share s WHERE s.value = '');
    prior CONSTANT double precision := (history.weights ->> 'prior')::double precision;
    total CONSTANT double precision := history.total;
BEGIN
    IF given IS NULL THEN RETURN; END IF;
    RETURN QUERY
    WITH own AS MATERIALIZED (
        SELECT k.product_id, unnest(k.numbers) AS number FROM product_numbers(given) k WHERE least_share IS NOT NULL
    ), judged AS MATERIALIZED (
        -- Many products have the same ones.
        SELECT v.number, v.preference, v.said || jsonb_build_object('preference', round(v.preference::numeric, 2)) AS object
        FROM (SELECT d.number, s.said_as AS said, value_preference(coalesce(l.amount, 0), total, coalesce(s.share, least_share), prior) AS preference
              FROM (SELECT DISTINCT o.number FROM own o) d
              LEFT JOIN unnest(history.liked, history.amounts) l (number, amount) ON l.number = d.number
              LEFT JOIN (SELECT s.number, s.share, s.said_as, s.is_common FROM value_share s WHERE s.number = ANY (ARRAY(SELECT o.number FROM own o))) s ON s.number = d.number
              WHERE l.amount IS NOT NULL OR s.is_common) v
    ), told AS MATERIALIZED (
        SELECT t.* FROM (
            SELECT o.product_id, j.*, row_number() OVER (PARTITION BY o.product_id ORDER BY abs(j.preference) DESC, j.number) AS place
            FROM own o JOIN judged j ON j.number = o.number) t
        WHERE t.place <= 3
    ), unknown AS (
        SELECT DISTINCT value_number(v.value) AS number, value_said(v.value) AS said
        FROM (SELECT array_agg(DISTINCT t.product_id) AS ids FROM told t WHERE t.object IS NULL) u CROSS JOIN LATERAL product_values(u.ids) v WHERE u.ids IS NOT NULL
    )
    SELECT g.product_id, n.telling, k.external_ids
    FROM unnest(given) g (product_id)
    LEFT JOIN (SELECT t.product_id, jsonb_agg(coalesce(t.object, u.said || jsonb_build_object('preference', round(t.preference::numeric, 2))) ORDER BY t.place)
                   FILTER (WHERE num_nonnulls(t.object, u.said) > 0) AS telling
               FROM told t LEFT JOIN unknown u ON t.object IS NULL AND u.number = t.number GROUP BY t.product_id) n ON n.product_id = g.product_id
    LEFT JOIN personal_likeness(space_id, history, drawn) k ON k.product_id = g.product_id;
END $$;
