-- The facets of what changes all the time: prices as a histogram, and stock.

-- A step of 1, 2 or 5 times a power of ten, the smallest with which no more buckets are needed.
CREATE OR REPLACE FUNCTION facet_step(lowest numeric, highest numeric, buckets integer) RETURNS numeric
LANGUAGE plpgsql IMMUTABLE SET search_path FROM CURRENT AS $$
#variable_conflict use_column
BEGIN
    RETURN (
    SELECT min(s.step) FROM (
        SELECT m.factor * 10::numeric ^ e.power AS step
        FROM generate_series(-3, 1 + length(trunc(greatest(highest, 1))::text)) e (power) CROSS JOIN (VALUES (1), (2), (5)) m (factor)) s (step)
    WHERE floor(highest / s.step) - floor(lowest / s.step) < buckets AND s.step >= greatest(highest / 50, 0.01));
END $$;

-- Bounds of buckets from the lowest price to the highest; the last lies above it.
CREATE OR REPLACE FUNCTION facet_bounds(lowest numeric, highest numeric, buckets integer) RETURNS numeric[]
LANGUAGE plpgsql IMMUTABLE SET search_path FROM CURRENT AS $$
#variable_conflict use_column
BEGIN
    RETURN (
    SELECT ARRAY(SELECT trim_scale(i * s.step) FROM generate_series(floor(lowest / s.step), floor(highest / s.step) + 1) i)
    FROM (SELECT facet_step(lowest, highest, buckets) OFFSET 0) s (step) WHERE lowest IS NOT NULL);
END $$;

CREATE OR REPLACE FUNCTION facet_histogram(request jsonb, lowest numeric, highest numeric, bounds numeric[], counts bigint[]) RETURNS text
LANGUAGE plpgsql IMMUTABLE SET search_path FROM CURRENT AS $$
BEGIN
    RETURN concat('{"min": ', coalesce(trim_scale(lowest)::text, 'null'), ', "max": ', coalesce(trim_scale(highest)::text, 'null'), ', "buckets": [', (
            SELECT string_agg(concat('{"gte": ', bounds[i], ', "lt": ', bounds[i + 1], ', "count": ', coalesce(counts[i], 0), '}'), ', ' ORDER BY i)
            FROM generate_series(1, cardinality(bounds) - 1) i), ']', ', "selected": ' || (request #> '{own,0}')::text, '}');
END $$;

-- m: the bits of prices (s100, s101, …) and what is kept of them, by block and plane; of products instead, their lowest and
-- highest prices in plane 0; the first of ids says which have a price. The set comes as one more of the bitmaps: rows as wide as these must not be joined or sorted.
CREATE OR REPLACE FUNCTION facet_prices_sql(patched boolean, ids integer[], by_variant boolean) RETURNS text
LANGUAGE sql STABLE SET search_path FROM CURRENT AS $$
    SELECT concat('WITH r AS (SELECT * FROM (', facet_rows_sql(patched, '$2', ids), ') r WHERE (r.plane > 0) = $8 UNION ALL SELECT 0, s.block, s.plane, s.bits '
        'FROM unnest($4, $5, $6, $7) s (number, block, plane, bits) WHERE s.number = $3 AND (s.plane > 0) = $8), v AS (SELECT r.block, r.plane',
        (SELECT string_agg(format(', coalesce(bit_or(r.bits) FILTER (WHERE r.value_id = %1$s), 0::bit(32000)) AS s%1$s', i), '') FROM unnest(0 || ids) i),
        format(' FROM r GROUP BY r.block, r.plane), m AS (SELECT v.*, v.s%s & v.s0 AS kept FROM v OFFSET 0) ', ids[1]))
$$;

-- The variants of a set of products, all or those in stock, in the rows of a set: planes from 1 on.
CREATE OR REPLACE FUNCTION facet_planes(
    patch facet_patch, stocked boolean, of_set integer, INOUT set_number integer[], INOUT set_block integer[], INOUT set_plane integer[], INOUT set_bits bit(32000)[]
)
LANGUAGE sql STABLE SET search_path FROM CURRENT AS $$
    SELECT array_agg(of_set), array_agg(r.block), array_agg(r.plane), array_agg(r.bits & s.bits)
    FROM unnest(set_number, set_block, set_plane, set_bits) s (number, block, plane, bits)
    JOIN (SELECT r.block, r.plane, CASE WHEN stocked THEN bit_or(r.bits) FILTER (WHERE r.value_id = 2) & ~coalesce(bit_or(r.bits) FILTER (WHERE r.value_id = 3), 0::bit(32000))
              ELSE bit_or(r.bits) FILTER (WHERE r.value_id = 2) END AS bits
          FROM facet_rows(patch, '{2,3}') r GROUP BY r.block, r.plane) r ON r.block = s.block WHERE s.number = of_set AND s.plane = 0
$$;

-- Of how many products prices and stock are sooner read from the catalogue than brought up to date and counted; where
-- they are up to date, a third of it.
CREATE OR REPLACE FUNCTION facet_few() RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN 1500;

-- read: the offers of the set, where they were read.
CREATE OR REPLACE FUNCTION facet_prices(
    request jsonb, patch facet_patch, width integer, read record, of_set integer, set_number integer[], set_block integer[], set_plane integer[], set_bits bit(32000)[]
) RETURNS text
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
DECLARE
    by_variant CONSTANT boolean := (request -> 'by_variant')::boolean;
    stocked CONSTANT boolean := (request -> 'stocked')::boolean;
    most CONSTANT integer := coalesce((request #>> '{settings,buckets}')::integer, 10);
    extremes record;
    planes record;
    bounds numeric[];
    counts bigint[];
BEGIN
    IF read IS NOT NULL THEN
        SELECT min(p.price) AS lowest, max(p.price) AS highest INTO extremes FROM unnest(read.prices) p (price);
        bounds := facet_bounds(extremes.lowest, extremes.highest, most);
        counts := facet_buckets_read(bounds, read.products, read.prices);
    ELSE
        extremes := facet_extremes(patch, width, by_variant, stocked, of_set, set_number, set_block, set_plane, set_bits);
        bounds := facet_bounds(extremes.lowest, extremes.highest, most);
        IF bounds IS NOT NULL THEN
            counts := facet_buckets_by_cells(bounds, patch, by_variant, stocked, of_set, set_number, set_block, set_plane, set_bits);
            IF counts IS NULL AND NOT by_variant THEN
                planes := facet_planes(patch, stocked, of_set, set_number, set_block, set_plane, set_bits);
                counts := facet_buckets(bounds, patch, width, of_set, planes.set_number, planes.set_block, planes.set_plane, planes.set_bits);
            ELSIF counts IS NULL THEN
                counts := facet_buckets(bounds, patch, width, of_set, set_number, set_block, set_plane, set_bits);
            END IF;
        END IF;
    END IF;
    RETURN facet_histogram(request, extremes.lowest, extremes.highest, bounds, counts);
END $$;

-- What the variants that a set holds of some products cost, and whether they are in stock, from the catalogue.
CREATE OR REPLACE FUNCTION facet_offers(
    among bigint[], by_variant boolean, stocked boolean, of_set integer, set_number integer[], set_block integer[], set_plane integer[], set_bits bit(32000)[],
    OUT products bigint[], OUT prices numeric[], OUT in_stock boolean[]
)
-- A plan that knows nothing of the numbers: to know them, the planner would look at each.
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT SET enable_seqscan = off SET enable_mergejoin = off SET enable_nestloop = off SET plan_cache_mode = force_generic_plan AS $$
BEGIN
    IF NOT by_variant THEN
        SELECT array_agg(v.product_id), array_agg(v.price::numeric), array_agg(v.stock IS NULL OR v.stock > 0)
        INTO products, prices, in_stock FROM variant v WHERE v.product_id = ANY (among) AND v.status = 'active' AND (NOT stocked OR (v.stock > 0) IS NOT FALSE);
        RETURN;
    END IF;
    -- Not MATERIALIZED: the planner knows then that each is there once, and lets the variants stream by.
    WITH kept AS (
        SELECT (s.block::bigint << 16) + s.plane AS key, bit_or(s.bits) AS bits
        FROM unnest(set_number, set_block, set_plane, set_bits) s (number, block, plane, bits) WHERE s.number = of_set AND s.plane > 0 GROUP BY 1
    )
    SELECT array_agg(v.product_id), array_agg(v.price), array_agg(v.in_stock) INTO products, prices, in_stock
    FROM (SELECT v.product_id, v.price::numeric AS price, v.stock IS NULL OR v.stock > 0 AS in_stock,
              row_number() OVER (PARTITION BY v.product_id ORDER BY v.variant_id) AS plane
          FROM variant v WHERE v.product_id = ANY (among) AND v.status = 'active' OFFSET 0) v
    JOIN kept s ON s.key = (facet_block(v.product_id)::bigint << 16) + v.plane
    WHERE get_bit(s.bits, facet_place(v.product_id)) = 1;
END $$;

CREATE OR REPLACE FUNCTION facet_buckets_read(bounds numeric[], products bigint[], prices numeric[]) RETURNS bigint[]
LANGUAGE plpgsql IMMUTABLE SET search_path FROM CURRENT AS $$
#variable_conflict use_column
BEGIN
    RETURN (
    WITH counted AS MATERIALIZED (
        SELECT p.bucket, count(*) AS count FROM (
            SELECT DISTINCT width_bucket(p.price, bounds) AS bucket, p.product_id
            FROM unnest(products, prices) p (product_id, price) WHERE bounds IS NOT NULL AND p.price IS NOT NULL) p
        GROUP BY p.bucket
    )
    SELECT ARRAY(SELECT (SELECT c.count FROM counted c WHERE c.bucket = i) FROM generate_series(1, cardinality(bounds) - 1) i ORDER BY i));
END $$;

CREATE OR REPLACE FUNCTION facet_stock(
    request jsonb, patch facet_patch, read record, of_set integer, set_number integer[], set_block integer[], set_plane integer[], set_bits bit(32000)[]
) RETURNS text
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
DECLARE
    here bigint;
    gone bigint;
BEGIN
    IF read IS NOT NULL THEN
        SELECT count(*) FILTER (WHERE r.in_stock), count(*) FILTER (WHERE NOT r.in_stock) INTO here, gone
        FROM (SELECT DISTINCT r.product_id, r.in_stock FROM unnest(read.products, read.in_stock) r (product_id, in_stock)) r;
    ELSIF NOT (request -> 'by_variant')::boolean THEN
        SELECT coalesce(sum(bit_count(r.bits & s.bits)) FILTER (WHERE r.value_id = 6), 0), coalesce(sum(bit_count(r.bits & s.bits)) FILTER (WHERE r.value_id = 7), 0) INTO here, gone
        FROM unnest(set_number, set_block, set_plane, set_bits) s (number, block, plane, bits)
        JOIN facet_rows(patch, '{6,7}') r ON r.block = s.block WHERE s.number = of_set AND s.plane = 0;
    ELSIF patch IS NULL THEN
        SELECT coalesce(sum(bit_count(c.here)), 0), coalesce(sum(bit_count(c.gone)), 0) INTO here, gone
        FROM (SELECT bit_or(s.bits # s.gone) AS here, bit_or(s.gone) AS gone FROM (
                SELECT s.block, s.bits, coalesce(s.bits & (SELECT b.bits FROM facet_bitmap b WHERE b.value_id = 3 AND b.plane = s.plane AND b.block = s.block), 0::bit(32000)) AS gone
                FROM unnest(set_number, set_block, set_plane, set_bits) s (number, block, plane, bits) WHERE s.number = of_set AND s.plane > 0 OFFSET 0) s
            GROUP BY s.block) c;
    ELSE
        WITH variants AS MATERIALIZED (
            SELECT r.block, r.plane, bit_or(r.bits) AS gone FROM facet_rows(patch, '{3}') r GROUP BY r.block, r.plane
        ), counted AS (
            SELECT bit_or(CASE WHEN v.gone IS NULL THEN s.bits ELSE s.bits & ~v.gone END) AS here, bit_or(s.bits & v.gone) AS gone
            FROM unnest(set_number, set_block, set_plane, set_bits) s (number, block, plane, bits)
            LEFT JOIN variants v ON v.block = s.block AND v.plane = s.plane
            WHERE s.number = of_set AND s.plane > 0 GROUP BY s.block
        )
        SELECT coalesce(sum(bit_count(c.here)), 0), coalesce(sum(bit_count(c.gone)), 0) INTO here, gone FROM counted c;
    END IF;
    RETURN (SELECT format('[%s]', string_agg(concat('{"value": ', to_json(a.value), ', "count": ', a.count, CASE WHEN request -> 'own' @> to_jsonb(a.value) THEN ', "selected": true' END, '}'),
            ', ' ORDER BY a.value DESC))
        FROM (VALUES (true, here), (false, gone)) a (value, count));
END $$;
