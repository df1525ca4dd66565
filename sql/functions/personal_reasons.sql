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

-- What moved down did so because others rose: it is like nothing that pushed it. Values that the shares do not know have
-- their text in the catalogue alone.
CREATE OR REPLACE FUNCTION personal_reasons(
    space_id integer, history personal_history, given bigint[], risen bigint[], numbers bigint[], texts text[], preferences double precision[]
) RETURNS TABLE (product_id bigint, telling jsonb, alike jsonb)
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT SET enable_mergejoin = off SET enable_nestloop = off SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
BEGIN
    IF given IS NULL THEN RETURN; END IF;
    RETURN QUERY
    WITH told AS MATERIALIZED (
        SELECT t.* FROM (
            SELECT v.*, row_number() OVER (PARTITION BY v.product_id ORDER BY abs(v.preference) DESC, v.value, v.number) AS place
            FROM (SELECT h.product_id, h.number, j.value, j.preference FROM (SELECT k.product_id, unnest(k.numbers) AS number FROM product_numbers(given) k) h
                  JOIN unnest(numbers, texts, preferences) j (number, value, preference) USING (number)) v) t
        WHERE t.place <= 3
    ), unknown AS (
        SELECT DISTINCT value_number(v.value) AS number, v.value
        FROM (SELECT array_agg(DISTINCT t.product_id) AS ids FROM told t WHERE t.value IS NULL) u CROSS JOIN LATERAL product_values(u.ids) v WHERE u.ids IS NOT NULL
    ), said AS MATERIALIZED (
        -- Many products have the same ones.
        SELECT d.number, jsonb_build_object('field', split_part(d.value, '=', 1), 'value', coalesce(c.path, substr(d.value, strpos(d.value, '=') + 1)),
            'preference', round(d.preference::numeric, 2)) AS object
        FROM (SELECT t.number, t.preference, coalesce(t.value, u.value) AS value
              FROM (SELECT DISTINCT t.number, t.value, t.preference FROM told t) t LEFT JOIN unknown u ON t.value IS NULL AND u.number = t.number) d
        LEFT JOIN LATERAL (SELECT c.path FROM category c WHERE d.value LIKE 'category=%' AND c.category_id = substr(d.value, 10)::bigint OFFSET 0) c ON true
        WHERE d.value IS NOT NULL
    )
    SELECT g.product_id, n.telling, k.external_ids
    FROM unnest(given) g (product_id)
    LEFT JOIN (SELECT t.product_id, jsonb_agg(s.object ORDER BY t.place) AS telling FROM told t JOIN said s USING (number) GROUP BY t.product_id) n ON n.product_id = g.product_id
    LEFT JOIN personal_likeness(space_id, history, risen) k ON k.product_id = g.product_id;
END $$;
