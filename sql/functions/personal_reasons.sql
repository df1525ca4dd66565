-- Why history moved a product, in the shopper's terms: values that it has, and products of the history that are like it.

-- Of each product the two of the history that look most like it, among those that weigh most there.
CREATE OR REPLACE FUNCTION personal_likeness(space_id integer, history personal_history, given bigint[]) RETURNS TABLE (product_id bigint, external_ids jsonb)
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
#variable_conflict use_column
DECLARE
    items bigint[];
    pictures halfvec[];
BEGIN
    IF history.kind IS NULL OR given IS NULL THEN RETURN; END IF;
    EXECUTE format('SELECT array_agg(x.product_id), array_agg(x.embedding) FROM %I x WHERE x.product_id = ANY ($1)', format('%s_vector_%s', history.kind, space_id))
    INTO items, pictures USING given;
    RETURN QUERY
    WITH example AS MATERIALIZED (
        SELECT e.product_id, e.picture, p.external_id FROM unnest(history.examples, history.pictures) e (product_id, picture)
        CROSS JOIN LATERAL (SELECT p.external_id FROM product p WHERE p.product_id = e.product_id OFFSET 0) p
    )
    SELECT i.product_id, jsonb_agg(n.external_id ORDER BY n.distance)
    FROM (SELECT DISTINCT ON (i.product_id) i.* FROM unnest(items, pictures) WITH ORDINALITY i (product_id, picture, place) ORDER BY i.product_id, i.place) i
    CROSS JOIN LATERAL (SELECT e.external_id, (e.picture <#> i.picture) + 0 AS distance FROM example e WHERE e.product_id <> i.product_id ORDER BY 2, 1 LIMIT 2) n
    GROUP BY i.product_id;
END $$;

-- What moved down did so because others rose: it is like nothing that pushed it.
CREATE OR REPLACE FUNCTION personal_reasons(
    space_id integer, history personal_history, given bigint[], risen bigint[], preferred bigint[], held text[], preferences double precision[]
) RETURNS TABLE (product_id bigint, reason jsonb)
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
#variable_conflict use_column
BEGIN
    IF given IS NULL THEN RETURN; END IF;
    RETURN QUERY
    WITH telling AS MATERIALIZED (
        SELECT v.*, row_number() OVER (PARTITION BY v.product_id ORDER BY abs(v.preference) DESC, v.value) AS place
        FROM unnest(preferred, held, preferences) v (product_id, value, preference) WHERE v.product_id = ANY (given)
    ), named AS MATERIALIZED (
        SELECT h.product_id, jsonb_agg(jsonb_build_object('field', split_part(h.value, '=', 1), 'value', coalesce(c.path, substr(h.value, strpos(h.value, '=') + 1)),
            'preference', round(h.preference::numeric, 2)) ORDER BY h.place) AS said
        FROM telling h LEFT JOIN LATERAL (SELECT c.path FROM category c WHERE h.value LIKE 'category=%' AND c.category_id = substr(h.value, 10)::bigint OFFSET 0) c ON true
        WHERE h.place <= 3 GROUP BY h.product_id
    )
    SELECT g.product_id, jsonb_strip_nulls(jsonb_build_object('values', n.said, 'like', k.external_ids))
    FROM unnest(given) g (product_id) LEFT JOIN named n ON n.product_id = g.product_id
    LEFT JOIN personal_likeness(space_id, history, risen) k ON k.product_id = g.product_id;
END $$;
