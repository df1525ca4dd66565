-- The buckets of a histogram of prices: how many products of a set lie in each.

-- How many products of a set each bucket has, by the bits of the prices: for every step, and slowly.
CREATE OR REPLACE FUNCTION facet_buckets(
    bounds numeric[], patch facet_patch, width integer, of_set integer, set_number integer[], set_block integer[], set_plane integer[], set_bits bit(32000)[]
) RETURNS bigint[]
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT SET enable_sort = off AS $$
DECLARE
    ids CONSTANT integer[] := 4 || ARRAY(SELECT generate_series(100, 99 + width));
    counts bigint[];
BEGIN
    EXECUTE concat(facet_prices_sql(NOT patch IS NULL, ids, true), ', g AS (SELECT m.block',
        (SELECT string_agg(format(', m.kept & %s AS g%s', replace(facet_price_at_least(ceil(b.bound * 1000), width), 'v.', 'm.'), b.place), '')
         FROM unnest(bounds) WITH ORDINALITY b (bound, place)),
        ' FROM m WHERE bit_count(m.kept) > 0 OFFSET 0), c AS (SELECT g.block',
        (SELECT string_agg(format(', bit_or(g.g%s & ~g.g%s) AS b%s', i, i + 1, i), '') FROM generate_series(1, cardinality(bounds) - 1) i),
        ' FROM g GROUP BY g.block) SELECT ARRAY[', (SELECT string_agg(format('sum(bit_count(c.b%s))::bigint', i), ', ') FROM generate_series(1, cardinality(bounds) - 1) i),
        '] FROM c')
    INTO counts USING patch, ids, of_set, set_number, set_block, set_plane, set_bits, true;
    RETURN counts;
END $$;

-- The same by the cells of products' prices. Where the set is of variants, those in odd cells and those in even ones are told apart: then a product
-- lies in the one of its cells that is such. Products with several of either are read. NULL where they are too many, or the step has no cells.
CREATE OR REPLACE FUNCTION facet_buckets_by_cells(
    bounds numeric[], patch facet_patch, by_variant boolean, stocked boolean, of_set integer, set_number integer[], set_block integer[], set_plane integer[], set_bits bit(32000)[]
) RETURNS bigint[]
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
DECLARE
    first CONSTANT integer := 1000000000 + 64 * array_position(facet_steps(), ((bounds[2] - bounds[1]) * 1000)::bigint);
    below CONSTANT integer := bounds[1] / (bounds[2] - bounds[1]);
    buckets CONSTANT integer := cardinality(bounds) - 1;
    ids CONSTANT integer[] := ARRAY(SELECT CASE WHEN stocked THEN facet_stocked(i) ELSE i END FROM generate_series(first + below, first + below + buckets - 1) i);
    split record;
    read record;
    products bigint[];
    counts bigint[];
BEGIN
    IF first IS NULL OR below + buckets > 51 THEN RETURN NULL; END IF;
    IF NOT by_variant THEN
        RETURN ARRAY(SELECT c.count FROM unnest(ids) WITH ORDINALITY i (value_id, place)
            LEFT JOIN (SELECT c.of_value, sum(c.count)::bigint AS count FROM facet_counts_of_products(patch, ids, of_set, set_number, set_block, set_plane, set_bits) c GROUP BY c.of_value) c
                ON c.of_value = i.value_id ORDER BY i.place);
    END IF;
    split := facet_price_parities(first, patch, of_set, set_number, set_block, set_plane, set_bits);
    products := facet_products(of_set, split.numbers, split.blocks, split.planes, split.several, 2000);
    IF products IS NULL THEN RETURN NULL; END IF;
    IF products <> '{}' THEN
        read := facet_offers(products, true, false, of_set, set_number, set_block, set_plane, set_bits);
        counts := facet_buckets_read(bounds, read.products, read.prices);
    END IF;
    RETURN ARRAY(
        SELECT coalesce(c.count, 0) + coalesce(counts[i.place], 0) FROM unnest(ids) WITH ORDINALITY i (value_id, place) LEFT JOIN (
            SELECT c.of_value, sum(c.count)::bigint AS count FROM (
                SELECT * FROM facet_counts_of_products(patch, ARRAY(SELECT i FROM unnest(ids) i WHERE i % 2 = 0), of_set, split.numbers, split.blocks, split.planes, split.even)
                UNION ALL SELECT * FROM facet_counts_of_products(patch, ARRAY(SELECT i FROM unnest(ids) i WHERE i % 2 = 1), of_set, split.numbers, split.blocks, split.planes, split.odd)) c
            GROUP BY c.of_value) c ON c.of_value = i.value_id
        ORDER BY i.place);
END $$;

-- The products of which a variant of the set lies in an odd cell of a step (its first number), and in an even one; those with several
-- of either apart.
CREATE OR REPLACE FUNCTION facet_price_parities(
    first integer, patch facet_patch, of_set integer, set_number integer[], set_block integer[], set_plane integer[], set_bits bit(32000)[],
    OUT numbers integer[], OUT blocks integer[], OUT planes integer[], OUT odd bit(32000)[], OUT even bit(32000)[], OUT several bit(32000)[]
)
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT SET enable_nestloop = off SET enable_mergejoin = off SET enable_sort = off AS $$
#variable_conflict use_column
DECLARE
    split record;
BEGIN
    IF patch IS NULL THEN
        -- Each bitmap is looked up where it is needed, and not copied.
        SELECT array_agg(l.block) AS blocks, array_agg(l.odd) AS odd, array_agg(l.even) AS even,
            array_agg(coalesce((SELECT b.bits FROM facet_bitmap b WHERE b.value_id = first + 63 AND b.plane = 0 AND b.block = l.block), 0::bit(32000))) AS several INTO split
        FROM (SELECT k.block, bit_or(k.odd) AS odd, bit_or(k.priced # k.odd) AS even FROM (
                SELECT k.block, k.priced, coalesce(k.priced & k.is_odd, 0::bit(32000)) AS odd FROM (
                    SELECT s.block, s.bits & (SELECT b.bits FROM facet_bitmap b WHERE b.value_id = 4 AND b.plane = s.plane AND b.block = s.block) AS priced,
                        (SELECT b.bits FROM facet_bitmap b WHERE b.value_id = first + 62 AND b.plane = s.plane AND b.block = s.block) AS is_odd
                    FROM unnest(set_number, set_block, set_plane, set_bits) s (number, block, plane, bits) WHERE s.number = of_set AND s.plane > 0 OFFSET 0) k
                WHERE k.priced IS NOT NULL OFFSET 0) k GROUP BY k.block) l;
    ELSE
        WITH r AS MATERIALIZED (
            SELECT r.block, r.plane, bit_or(r.bits) FILTER (WHERE r.value_id = 4) AS priced, bit_or(r.bits) FILTER (WHERE r.value_id = first + 62) AS is_odd,
                bit_or(r.bits) FILTER (WHERE r.value_id = first + 63) AS several
            FROM facet_rows(patch, ARRAY[4, first + 62, first + 63]) r GROUP BY r.block, r.plane
        ), l AS MATERIALIZED (
            SELECT k.block, bit_or(k.odd) AS odd, bit_or(k.priced # k.odd) AS even FROM (
                SELECT s.block, s.bits & r.priced AS priced, coalesce(s.bits & r.priced & r.is_odd, 0::bit(32000)) AS odd
                FROM unnest(set_number, set_block, set_plane, set_bits) s (number, block, plane, bits)
                JOIN r ON r.block = s.block AND r.plane = s.plane WHERE s.number = of_set AND s.plane > 0 AND r.priced IS NOT NULL OFFSET 0) k GROUP BY k.block
        )
        SELECT array_agg(l.block) AS blocks, array_agg(l.odd) AS odd, array_agg(l.even) AS even, array_agg(coalesce(r.several, 0::bit(32000))) AS several INTO split
        FROM l LEFT JOIN r ON r.block = l.block AND r.plane = 0;
    END IF;
    blocks := split.blocks;
    numbers := array_fill(of_set, ARRAY[coalesce(cardinality(blocks), 0)]);
    planes := array_fill(0, ARRAY[coalesce(cardinality(blocks), 0)]);
    SELECT array_agg(s.odd & ~s.several), array_agg(s.even & ~s.several), array_agg((s.odd | s.even) & s.several) INTO odd, even, several
    FROM unnest(split.odd, split.even, split.several) s (odd, even, several);
END $$;
