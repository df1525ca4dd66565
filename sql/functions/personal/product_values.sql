-- The values that products share with others, such as brand=acme: as texts, and kept as numbers for personal search.

-- Category, attributes and the band of the price too, in one form. Long texts are no values; one that stands twice (two categories under one)
-- comes twice. In PL/pgSQL, because its plans are kept.
CREATE OR REPLACE FUNCTION product_values(product_ids bigint[]) RETURNS TABLE (product_id bigint, value text)
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
#variable_conflict use_column
DECLARE
    given_ids CONSTANT bigint[] := product_ids;
BEGIN
    RETURN QUERY
    WITH given AS MATERIALIZED (
        SELECT p.product_id, p.brand, p.attributes FROM product p WHERE p.product_id = ANY (given_ids)
    ), filed AS MATERIALIZED (
        SELECT pc.product_id, pc.category_id FROM product_category pc WHERE pc.product_id = ANY (given_ids)
    ), member AS MATERIALIZED (
        SELECT g.product_id, m.key, m.value FROM given g CROSS JOIN LATERAL jsonb_each(g.attributes) m WHERE length(m.key) <= 60
    )
    SELECT g.product_id, 'brand=' || lower(g.brand) AS value FROM given g WHERE length(g.brand) <= 60
    UNION ALL
    -- A category lies in those above it.
    SELECT f.product_id, a.value FROM filed f
    JOIN (SELECT d.category_id, 'category=' || u.above AS value FROM (SELECT DISTINCT f.category_id FROM filed f) d
          CROSS JOIN LATERAL (SELECT c.lineage FROM category c WHERE c.category_id = d.category_id OFFSET 0) c
          CROSS JOIN unnest(c.lineage) u (above)) a USING (category_id)
    UNION ALL
    SELECT m.product_id, 'attributes.' || lower(m.key || '=' || (m.value #>> '{}')) FROM member m
    WHERE jsonb_typeof(m.value) IN ('string', 'number', 'boolean') AND length(m.value #>> '{}') <= 60
    UNION ALL
    SELECT m.product_id, 'attributes.' || lower(m.key || '=' || (e.value #>> '{}')) FROM member m
    CROSS JOIN LATERAL jsonb_array_elements(CASE jsonb_typeof(m.value) WHEN 'array' THEN m.value END) e (value)
    WHERE jsonb_typeof(m.value) = 'array' AND jsonb_typeof(e.value) IN ('string', 'number', 'boolean') AND length(e.value #>> '{}') <= 60
    UNION ALL
    SELECT b.product_id, 'price=' || b.band FROM product_bands(given_ids) b;
END $$;

-- Of 64 bits: no two values of a catalogue are likely to share one.
CREATE OR REPLACE FUNCTION value_number(value text) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN hashtextextended(value, 0);
COMMENT ON FUNCTION value_number IS 'The number that stands for a value of a product, such as brand=acme, in product_value and value_share.';

-- Those of some products whose values are not kept.
CREATE OR REPLACE FUNCTION without_values(product_ids bigint[]) RETURNS bigint[]
LANGUAGE sql STABLE SET search_path FROM CURRENT AS $$
    SELECT ARRAY(SELECT unnest(product_ids) EXCEPT SELECT k.product_id FROM product_value k WHERE k.product_id = ANY (product_ids))
$$;

-- A row of each product, as they are kept; from the catalogue where they are not.
CREATE OR REPLACE FUNCTION product_numbers(product_ids bigint[]) RETURNS TABLE (product_id bigint, numbers bigint[])
LANGUAGE plpgsql STABLE ROWS 200 SET search_path FROM CURRENT AS $$
#variable_conflict use_column
DECLARE
    given_ids CONSTANT bigint[] := product_ids;
    kept integer;
BEGIN
    RETURN QUERY SELECT k.product_id, k.numbers FROM product_value k WHERE k.product_id = ANY (given_ids);
    GET DIAGNOSTICS kept = ROW_COUNT;
    IF kept = cardinality(given_ids) THEN RETURN; END IF;
    RETURN QUERY SELECT v.product_id, array_agg(value_number(v.value)) FROM product_values(without_values(given_ids)) v GROUP BY v.product_id;
END $$;

-- The place of a value in sparse vectors: their type has no more.
CREATE OR REPLACE FUNCTION value_place(number bigint) RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN ((number % 1000000000 + 1000000000) % 1000000000 + 1)::integer;
COMMENT ON FUNCTION value_place IS 'Where the value of this number stands in product_value.profile and in a shopper''s preferences.';

-- A sparse vector of values and what is said of each. Parsed when it is made, like the next: it runs for each product.
CREATE OR REPLACE FUNCTION value_vector(numbers bigint[], amounts double precision[]) RETURNS sparsevec
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT concat('{', string_agg(concat(v.place, ':', v.amount::real), ','), '}/1000000000')::sparsevec
    FROM (SELECT value_place(u.number) AS place, sum(u.amount) AS amount FROM unnest(numbers, amounts) u (number, amount) GROUP BY 1) v;
END;

-- How often a product has each of its values.
CREATE OR REPLACE FUNCTION value_profile(numbers bigint[]) RETURNS sparsevec
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT concat('{', string_agg(concat(v.place, ':', v.times), ','), '}/1000000000')::sparsevec
    FROM (SELECT value_place(u.number) AS place, count(*) AS times FROM unnest(numbers) u (number) GROUP BY 1) v;
END;

-- Makes what is kept of some products what it should be. Very many values would not fit into the index: such a product is
-- read from the catalogue.
CREATE OR REPLACE FUNCTION keep_values(product_ids bigint[]) RETURNS void
LANGUAGE plpgsql SET search_path FROM CURRENT SET enable_seqscan = off SET jit = off AS $$
#variable_conflict use_column
BEGIN
    WITH wanted AS MATERIALIZED (
        SELECT p.product_id, coalesce(v.numbers, '{}') AS numbers
        FROM (SELECT DISTINCT g.product_id FROM unnest(product_ids) g (product_id)) g
        CROSS JOIN LATERAL (SELECT p.product_id FROM product p WHERE p.product_id = g.product_id OFFSET 0) p
        LEFT JOIN (SELECT v.product_id, array_agg(value_number(v.value)) AS numbers FROM product_values(product_ids) v GROUP BY v.product_id) v
            ON v.product_id = p.product_id
        WHERE coalesce(cardinality(v.numbers), 0) <= 250
    ), gone AS (
        DELETE FROM product_value k USING (SELECT unnest(product_ids) EXCEPT SELECT w.product_id FROM wanted w) g (product_id)
        WHERE k.product_id = g.product_id
    )
    INSERT INTO product_value AS k (product_id, numbers, profile) SELECT w.product_id, w.numbers, value_profile(w.numbers) FROM wanted w
    ON CONFLICT (product_id) DO UPDATE SET numbers = excluded.numbers, profile = excluded.profile WHERE k.numbers <> excluded.numbers;
END $$;

-- Shops from before values were kept get theirs, if a worker keeps them; upgrade calls it.
CREATE OR REPLACE FUNCTION ensure_values() RETURNS void
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    IF EXISTS (SELECT FROM product_value) OR NOT EXISTS (SELECT FROM facet_bitmap) THEN RETURN; END IF;
    PERFORM keep_values(array_agg(b.product_id))
    FROM (SELECT p.product_id, row_number() OVER (ORDER BY p.product_id) / 10000 AS batch FROM product p) b GROUP BY b.batch;
END $$;
