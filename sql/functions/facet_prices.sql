-- The facets of what changes all the time: prices as a histogram, and stock.

-- Steps of 1, 2, 2.5 or 5 times a power of ten, as few that no more buckets are needed.
CREATE OR REPLACE FUNCTION facet_step(lowest numeric, highest numeric, buckets integer) RETURNS numeric
LANGUAGE sql IMMUTABLE SET search_path FROM CURRENT AS $$
    SELECT min(s.step) FROM (
        SELECT m.factor * 10::numeric ^ e.power AS step
        FROM generate_series(-3, 1 + length(trunc(greatest(highest, 1))::text)) e (power) CROSS JOIN (VALUES (1), (2), (2.5), (5)) m (factor)) s (step)
    WHERE floor(highest / s.step) - floor(lowest / s.step) < buckets AND s.step >= greatest(highest / 50, 0.01)
$$;

-- The lowest or the highest price in a bitmap; slices are the bits of the prices, the lowest first.
CREATE OR REPLACE FUNCTION facet_extreme(kept bit(8192), slices bit(8192)[], highest boolean) RETURNS bigint
LANGUAGE plpgsql IMMUTABLE SET search_path FROM CURRENT AS $$
DECLARE
    units bigint := 0;
    narrowed bit(8192);
BEGIN
    IF bit_count(kept) = 0 THEN RETURN NULL; END IF;
    FOR place IN REVERSE cardinality(slices) .. 1 LOOP
        narrowed := CASE WHEN highest THEN kept & slices[place] ELSE kept & ~slices[place] END;
        IF bit_count(narrowed) > 0 THEN
            kept := narrowed;
            IF highest THEN units := units + (1::bigint << place - 1); END IF;
        ELSIF NOT highest THEN
            units := units + (1::bigint << place - 1);
        END IF;
    END LOOP;
    RETURN units;
END $$;

-- Bounds of buckets from the lowest price to the highest; the last lies above it.
CREATE OR REPLACE FUNCTION facet_bounds(lowest numeric, highest numeric, buckets integer) RETURNS numeric[]
LANGUAGE sql IMMUTABLE SET search_path FROM CURRENT AS $$
    SELECT ARRAY(SELECT trim_scale(i * s.step) FROM generate_series(floor(lowest / s.step), floor(highest / s.step) + 1) i)
    FROM (SELECT facet_step(lowest, highest, buckets)) s (step) WHERE lowest IS NOT NULL
$$;

CREATE OR REPLACE FUNCTION facet_histogram(request jsonb, lowest numeric, highest numeric, bounds numeric[], counts bigint[]) RETURNS jsonb
LANGUAGE sql IMMUTABLE SET search_path FROM CURRENT AS $$
    SELECT jsonb_build_object('min', trim_scale(lowest), 'max', trim_scale(highest), 'buckets', coalesce((
            SELECT jsonb_agg(jsonb_build_object('gte', bounds[i], 'lt', bounds[i + 1], 'count', coalesce(counts[i], 0)) ORDER BY i)
            FROM generate_series(1, cardinality(bounds) - 1) i), '[]'))
        || CASE WHEN jsonb_typeof(request -> 'own') = 'array' THEN jsonb_build_object('selected', request -> 'own' -> 0) ELSE '{}' END
$$;

-- m: the bits of prices (s100, s101, …) and what is kept of them, by block and plane. The set comes as one more of the
-- bitmaps: rows as wide as these must not be joined or sorted.
CREATE OR REPLACE FUNCTION facet_prices_sql(patched boolean, ids integer[]) RETURNS text
LANGUAGE sql STABLE SET search_path FROM CURRENT AS $$
    SELECT concat('WITH r AS (', facet_rows_sql(patched, '$2', ids), ' UNION ALL SELECT 0, s.block, s.plane, s.bits '
        'FROM unnest($4, $5, $6, $7) s (number, block, plane, bits) WHERE s.number = $3 AND s.plane > 0), v AS (SELECT r.block, r.plane',
        (SELECT string_agg(format(', coalesce(bit_or(r.bits) FILTER (WHERE r.value_id = %1$s), 0::bit(8192)) AS s%1$s', i), '') FROM unnest(0 || ids) i),
        ' FROM r GROUP BY r.block, r.plane), m AS (SELECT v.*, v.s4 & v.s0 AS kept FROM v OFFSET 0) ')
$$;

CREATE OR REPLACE FUNCTION facet_prices(
    request jsonb, patch facet_patch, width integer, of_set integer, set_number integer[], set_block integer[], set_plane integer[], set_bits bit(8192)[]
) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT SET enable_sort = off AS $$
DECLARE
    ids CONSTANT integer[] := 4 || ARRAY(SELECT generate_series(100, 99 + width));
    lowest numeric;
    highest numeric;
    bounds numeric[];
    counts bigint[];
    products bigint[];
BEGIN
    products := facet_products(of_set, set_number, set_block, set_plane, set_bits, CASE WHEN width IS NOT NULL THEN 1500 END);
    IF products IS NOT NULL THEN
        RETURN facet_prices_read(request, products, of_set, set_number, set_block, set_plane, set_bits);
    END IF;
    EXECUTE concat(facet_prices_sql(NOT patch IS NULL, ids),
        'SELECT min(facet_extreme(m.kept, b.slices, false)) / 1000.0, max(facet_extreme(m.kept, b.slices, true)) / 1000.0 '
        'FROM m CROSS JOIN LATERAL (SELECT ARRAY[', (SELECT string_agg('m.s' || i, ', ' ORDER BY i) FROM generate_series(100, 99 + width) i),
        '] AS slices OFFSET 0) b WHERE bit_count(m.kept) > 0')
    INTO lowest, highest USING patch, ids, of_set, set_number, set_block, set_plane, set_bits;
    bounds := facet_bounds(lowest, highest, coalesce((request #>> '{settings,buckets}')::integer, 10));
    IF bounds IS NOT NULL THEN
        EXECUTE concat(facet_prices_sql(NOT patch IS NULL, ids), ', g AS (SELECT m.block',
            (SELECT string_agg(format(', m.kept & %s AS g%s', replace(facet_price_at_least(ceil(b.bound * 1000), width), 'v.', 'm.'), b.place), '')
             FROM unnest(bounds) WITH ORDINALITY b (bound, place)),
            ' FROM m WHERE bit_count(m.kept) > 0 OFFSET 0), c AS (SELECT g.block',
            (SELECT string_agg(format(', bit_or(g.g%s & ~g.g%s) AS b%s', i, i + 1, i), '') FROM generate_series(1, cardinality(bounds) - 1) i),
            ' FROM g GROUP BY g.block) SELECT ARRAY[', (SELECT string_agg(format('sum(bit_count(c.b%s))::bigint', i), ', ') FROM generate_series(1, cardinality(bounds) - 1) i),
            '] FROM c')
        INTO counts USING patch, ids, of_set, set_number, set_block, set_plane, set_bits;
    END IF;
    RETURN facet_histogram(request, lowest, highest, bounds, counts);
END $$;

-- The same from the catalogue, of some products: quicker for a few, and for prices that have no bits.
CREATE OR REPLACE FUNCTION facet_prices_read(
    request jsonb, products bigint[], of_set integer, set_number integer[], set_block integer[], set_plane integer[], set_bits bit(8192)[]
) RETURNS jsonb
LANGUAGE sql STABLE SET search_path FROM CURRENT SET enable_mergejoin = off SET enable_nestloop = off AS $$
    -- Not MATERIALIZED: the planner knows then that each is there once, and lets the variants stream by.
    WITH kept AS (
        SELECT (s.block::bigint << 16) + s.plane AS key, bit_or(s.bits) AS bits
        FROM unnest(set_number, set_block, set_plane, set_bits) s (number, block, plane, bits) WHERE s.number = of_set AND s.plane > 0 GROUP BY 1
    ), priced AS MATERIALIZED (
        SELECT g.product_id, v.price FROM unnest(products) g (product_id)
        CROSS JOIN LATERAL (SELECT v.price::numeric AS price, row_number() OVER (ORDER BY v.variant_id) AS plane
            FROM variant v WHERE v.product_id = g.product_id AND v.status = 'active' OFFSET 0) v
        JOIN kept s ON s.key = (g.product_id >> 13 << 16) + v.plane
        WHERE v.price IS NOT NULL AND get_bit(s.bits, (g.product_id & 8191)::integer) = 1
    ), found AS (
        SELECT e.lowest, e.highest, facet_bounds(e.lowest, e.highest, coalesce((request #>> '{settings,buckets}')::integer, 10)) AS bounds
        FROM (SELECT min(p.price) AS lowest, max(p.price) AS highest FROM priced p) e
    ), counted AS MATERIALIZED (
        SELECT width_bucket(p.price, f.bounds) AS bucket, count(DISTINCT p.product_id) AS count FROM priced p CROSS JOIN found f GROUP BY 1
    )
    SELECT facet_histogram(request, f.lowest, f.highest, f.bounds, ARRAY(
        SELECT (SELECT c.count FROM counted c WHERE c.bucket = i) FROM generate_series(1, cardinality(f.bounds) - 1) i ORDER BY i))
    FROM found f
$$;

CREATE OR REPLACE FUNCTION facet_stock(
    request jsonb, patch facet_patch, of_set integer, set_number integer[], set_block integer[], set_plane integer[], set_bits bit(8192)[]
) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
DECLARE
    result jsonb;
BEGIN
    EXECUTE concat(
        'WITH r AS MATERIALIZED (', facet_rows_sql(NOT patch IS NULL, '$2', '{3}'), '), c AS ('
        'SELECT bit_or(s.bits & ~coalesce(r.bits, 0::bit(8192))) AS here, bit_or(s.bits & coalesce(r.bits, 0::bit(8192))) AS gone '
        'FROM unnest($4, $5, $6, $7) s (number, block, plane, bits) '
        'LEFT JOIN (SELECT r.block, r.plane, bit_or(r.bits) AS bits FROM r GROUP BY r.block, r.plane) r ON r.block = s.block AND r.plane = s.plane '
        'WHERE s.number = $3 AND s.plane > 0 GROUP BY s.block) '
        'SELECT jsonb_agg(jsonb_build_object(''value'', a.value, ''count'', a.count) '
        '|| CASE WHEN $8 @> to_jsonb(a.value) THEN ''{"selected": true}''::jsonb ELSE ''{}'' END ORDER BY a.value DESC) FROM ('
        'SELECT true AS value, coalesce(sum(bit_count(c.here)), 0) AS count FROM c UNION ALL SELECT false, coalesce(sum(bit_count(c.gone)), 0) FROM c) a')
    INTO result USING patch, '{3}'::integer[], of_set, set_number, set_block, set_plane, set_bits, request -> 'own';
    RETURN result;
END $$;
