-- Why history moved a product, in the shopper's terms: values that it has, and products of the history that are like it.

-- Of each product the two of the history nearest to it, among those that weigh most there.
CREATE OR REPLACE FUNCTION personal_likeness(space_id integer, history personal_history, product_ids bigint[]) RETURNS TABLE (product_id bigint, external_ids jsonb)
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT SET enable_seqscan = off AS $$
BEGIN
    IF (history).kind IS NULL THEN RETURN; END IF;
    RETURN QUERY EXECUTE format('WITH known AS MATERIALIZED (SELECT h.product_id, x.embedding FROM (SELECT h.* FROM unnest($2, $3, $4) h (product_id, taste, recent) '
        'ORDER BY h.taste + h.recent DESC LIMIT 24) h CROSS JOIN LATERAL (SELECT x.embedding FROM %1$I x WHERE x.product_id = h.product_id LIMIT 1) x), '
        'item AS MATERIALIZED (SELECT g.product_id, x.embedding FROM unnest($1) g (product_id) '
        'CROSS JOIN LATERAL (SELECT x.embedding FROM %1$I x WHERE x.product_id = g.product_id LIMIT 1) x) '
        'SELECT i.product_id, n.external_ids FROM item i CROSS JOIN LATERAL (SELECT jsonb_agg(p.external_id ORDER BY n.distance) AS external_ids '
        'FROM (SELECT k.product_id, (k.embedding <#> i.embedding) + 0 AS distance FROM known k WHERE k.product_id <> i.product_id ORDER BY 2 LIMIT 2) n '
        'CROSS JOIN LATERAL (SELECT p.external_id FROM product p WHERE p.product_id = n.product_id OFFSET 0) p) n',
        format('%s_vector_%s', (history).kind, space_id)) USING product_ids, (history).product_ids, (history).tastes, (history).recents;
END $$;

CREATE OR REPLACE FUNCTION personal_reasons(space_id integer, history personal_history, product_ids bigint[]) RETURNS TABLE (product_id bigint, reason jsonb)
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT SET enable_seqscan = off AS $$
#variable_conflict use_column
DECLARE
    given CONSTANT bigint[] := product_ids;
BEGIN
    IF given IS NULL THEN RETURN; END IF;
    RETURN QUERY
    WITH held AS MATERIALIZED (
        SELECT v.product_id, v.value, v.preference, row_number() OVER (PARTITION BY v.product_id ORDER BY abs(v.preference) DESC, v.value) AS place
        FROM personal_preferences(history, given) v
    ), named AS MATERIALIZED (
        SELECT h.product_id, jsonb_agg(jsonb_build_object('field', split_part(h.value, '=', 1), 'value', coalesce(c.path, substr(h.value, strpos(h.value, '=') + 1)),
            'preference', round(h.preference::numeric, 2)) ORDER BY h.place) AS said
        FROM held h LEFT JOIN LATERAL (SELECT c.path FROM category c WHERE h.value LIKE 'category=%' AND c.category_id = substr(h.value, 10)::bigint OFFSET 0) c ON true
        WHERE h.place <= 3 GROUP BY h.product_id
    )
    SELECT g.product_id, jsonb_strip_nulls(jsonb_build_object('values', n.said, 'like', k.external_ids))
    FROM unnest(given) g (product_id) LEFT JOIN named n USING (product_id)
    LEFT JOIN personal_likeness(space_id, history, given) k USING (product_id);
END $$;
