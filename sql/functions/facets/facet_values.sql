-- How many products of a set have each of a facet's values.

-- The values of a facet, each with the set that it is counted in: those of a name in the facet's own, one written exactly in another where there are
-- such. Spellings of one value are counted together, at the place of one of them; alone: it has no other, and its set is the facet's own.
CREATE OR REPLACE FUNCTION facet_asked_values(
    request jsonb, patch facet_patch, OUT value_id integer[], OUT set integer[], OUT place integer[], OUT alone boolean[], OUT shown text[]
)
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
#variable_conflict use_column
BEGIN
    SELECT o.* INTO value_id, set, place, alone, shown FROM (
    WITH asked AS MATERIALIZED (
        SELECT row_number() OVER ()::integer AS place, q.set AS of_set, q.by_variant AND q.field = 'options' AS by_variant,
            CASE WHEN q.stocked AND q.field = 'options' THEN facet_stocked(d.value_id) ELSE d.value_id END AS value_id, CASE WHEN d.field LIKE '%=' THEN q.exact ELSE q.set END AS set,
            d.element #>> '{}' AS shown, lower(d.element #>> '{}') COLLATE "C" AS value
        FROM jsonb_to_record(request) q (field text, name text, set integer, exact integer, by_variant boolean, stocked boolean)
        CROSS JOIN LATERAL (SELECT * FROM facet_values(patch, q.field, q.name)
            UNION ALL SELECT * FROM facet_values(patch, q.field || '=', q.name) e WHERE q.exact IS NOT NULL AND e.name = q.name) d
        WHERE d.element IS NOT NULL
    ), spelt AS MATERIALIZED (
        SELECT a.value, min(a.place) AS place, min(a.shown COLLATE "C") AS shown FROM asked a GROUP BY a.value HAVING count(*) > 1
    )
    SELECT array_agg(a.value_id), array_agg(a.set), array_agg(coalesce(s.place, a.place)), array_agg(s.place IS NULL AND NOT a.by_variant AND a.set = a.of_set),
        array_agg(coalesce(s.shown, a.shown))
    FROM asked a LEFT JOIN spelt s ON s.value = a.value) o (value_id, set, place, alone, shown);
END $$;

-- How many products of a set have each of some values (of one facet), as products; none where nothing has it. What two bitmaps share follows from
-- how many bits differ, which pgvector counts sooner. First of what is stored, then of the patch. Without the products that changed: those meet the patch.
CREATE OR REPLACE FUNCTION facet_counts_of_products(
    patch facet_patch, of_values integer[], of_set integer, set_number integer[], set_block integer[], set_plane integer[], set_bits bit(32000)[]
) RETURNS TABLE (of_value integer, count bigint)
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT SET enable_nestloop = off SET enable_mergejoin = off SET enable_sort = off AS $$
DECLARE
    of_prices CONSTANT boolean := facet_is_price(of_values[1]);
BEGIN
    -- GROUP BY tells the planner that a set's bitmap is there once: those of values then stream by.
    RETURN QUERY SELECT r.value_id, sum(r.ones + s.ones - (r.bits <~> s.bits)::integer) / 2 FROM (
        SELECT b.value_id, b.block, b.ones, b.bits FROM facet_bitmap b WHERE b.value_id = ANY (of_values) AND b.plane = 0 OFFSET 0) r
    JOIN (SELECT k.block, bit_or(k.bits) AS bits, bit_count(bit_or(k.bits))::integer AS ones FROM (
            SELECT s.block, CASE WHEN m.block IS NULL THEN s.bits ELSE s.bits & CASE WHEN of_prices THEN m.prices_keep ELSE m.keep END END AS bits
            FROM unnest(set_number, set_block, set_plane, set_bits) s (number, block, plane, bits)
            LEFT JOIN unnest((patch).masked, (patch).keep, (patch).prices_keep) m (block, keep, prices_keep) ON m.block = s.block WHERE s.number = of_set AND s.plane = 0) k
        GROUP BY k.block) s ON s.block = r.block
    GROUP BY r.value_id HAVING sum(r.ones + s.ones - (r.bits <~> s.bits)::integer) > 0;
    IF patch IS NULL THEN RETURN; END IF;
    RETURN QUERY SELECT * FROM facet_counts_of_patch(patch, of_values, of_set, set_number, set_block, set_plane, set_bits);
END $$;

-- The same of an option's values that a variant of the set has to have: nothing is changed. Which products have their n-th value in a variant of the set is
-- worked out once; a value is then counted as products have it. Its own bitmaps of variants would be combined with the set's, each of them.
CREATE OR REPLACE FUNCTION facet_counts_of_variants(
    of_name text, of_values integer[], of_set integer, set_number integer[], set_block integer[], set_plane integer[], set_bits bit(32000)[]
) RETURNS TABLE (of_value integer, count bigint)
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT SET enable_sort = off AS $$
DECLARE
    numbers CONSTANT integer[] := ARRAY(SELECT v.value_id FROM facet_value v WHERE v.field = 'options#' AND lower(v.name) = lower(of_name) AND v.element IS NOT NULL ORDER BY v.element);
BEGIN
    RETURN QUERY SELECT r.value_id, sum(r.ones + n.ones - (r.bits <~> n.bits)::integer) / 2 FROM (
        SELECT -array_position(numbers, h.value_id) AS plane, h.block, h.bits, bit_count(h.bits)::integer AS ones FROM (
            SELECT b.value_id, s.block, bit_or(b.bits & s.bits) AS bits FROM unnest(set_number, set_block, set_plane, set_bits) s (number, block, plane, bits)
            CROSS JOIN LATERAL (SELECT b.value_id, b.bits FROM facet_bitmap b WHERE b.value_id = ANY (numbers) AND b.plane = s.plane AND b.block = s.block OFFSET 0) b
            WHERE s.number = of_set AND s.plane > 0 GROUP BY b.value_id, s.block) h) n
    CROSS JOIN LATERAL (SELECT b.value_id, b.ones, b.bits FROM facet_bitmap b WHERE b.value_id = ANY (of_values) AND b.plane = n.plane AND b.block = n.block OFFSET 0) r
    WHERE n.ones > 0
    GROUP BY r.value_id HAVING sum(r.ones + n.ones - (r.bits <~> n.bits)::integer) > 0;
END $$;

-- The same of what several values, or variants, hold together: by place. GROUP BY tells the planner that each is there
-- once: bitmaps then stream by, and what they meet lies ready.
CREATE OR REPLACE FUNCTION facet_counts_together(
    patch facet_patch, value_id integer[], set integer[], place integer[], by_variant boolean,
    set_number integer[], set_block integer[], set_plane integer[], set_bits bit(32000)[]
) RETURNS TABLE (of_place integer, count bigint)
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT SET enable_nestloop = off SET enable_mergejoin = off SET enable_sort = off AS $$
BEGIN
    RETURN QUERY EXECUTE concat('SELECT o.place, sum(o.count)::bigint FROM (SELECT r.place, bit_count(bit_or(r.bits & s.bits)) AS count FROM ('
        'SELECT (a.set::bigint << 40) + (r.block::bigint << 16) + r.plane AS key, r.block, r.bits, a.place FROM (',
        facet_rows_sql(NOT patch IS NULL, '$2', value_id, true), ' OFFSET 0) r JOIN (SELECT a.value_id, min(a.set) AS set, min(a.place) AS place '
        'FROM unnest($2, $3, $4) a (value_id, set, place) GROUP BY a.value_id) a ON a.value_id = r.value_id '
        'WHERE (r.plane > 0) = $5 AND r.plane >= 0 OFFSET 0) r JOIN (SELECT (s.number::bigint << 40) + (s.block::bigint << 16) + s.plane AS key, bit_or(s.bits) AS bits '
        'FROM unnest($6, $7, $8, $9) s (number, block, plane, bits) WHERE s.number = ANY ($3) GROUP BY 1) s ON s.key = r.key GROUP BY r.place, r.block) o GROUP BY o.place')
    USING patch, value_id, set, place, by_variant, set_number, set_block, set_plane, set_bits;
END $$;

-- How many products of its set have each of a facet's values, by what is cheapest; each value has one spelling. products: the sets as products alone, for
-- whoever unpacks an array unpacks all of it, and those of set 1 listed, where they are few.
CREATE OR REPLACE FUNCTION facet_counts_alone(
    request jsonb, of_values integer[], patch facet_patch, products record, set_number integer[], set_block integer[], set_plane integer[], set_bits bit(32000)[],
    OUT value_id integer[], OUT counts bigint[]
)
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
DECLARE
    of_set CONSTANT integer := (request -> 'set')::integer;
BEGIN
    value_id := of_values;
    IF of_values IS NULL THEN RETURN; END IF;
    IF (request -> 'by_variant')::boolean AND request ->> 'field' = 'options' THEN
        SELECT array_agg(n.of_value), array_agg(n.count) INTO value_id, counts FROM facet_counts_of_variants(request ->> 'name', of_values, of_set, set_number, set_block, set_plane, set_bits) n;
        RETURN;
    END IF;
    IF (request -> 'whole')::boolean THEN
        counts := facet_counts_of_all(patch, of_values);
    ELSIF cardinality(of_values) > facet_wide() AND NOT facet_is_price(of_values[1]) THEN
        counts := facet_counts_by_column(patch, of_values, request ->> 'facet', of_set, products.numbers, products.blocks, products.planes, products.bits,
            CASE WHEN of_set = 1 AND patch IS NULL THEN products.listed END);
    END IF;
    IF counts IS NULL AND patch IS NULL THEN
        SELECT array_agg(n.of_value), array_agg(n.count) INTO value_id, counts
        FROM facet_counts_of_products(NULL, of_values, of_set, products.numbers, products.blocks, products.planes, products.bits) n;
    ELSIF counts IS NULL THEN
        SELECT array_agg(n.value_id), array_agg(n.count) INTO value_id, counts FROM (
            SELECT n.of_value, sum(n.count)::bigint FROM facet_counts_of_products(patch, of_values, of_set, products.numbers, products.blocks, products.planes, products.bits) n
            GROUP BY n.of_value) n (value_id, count);
    END IF;
END $$;

-- The values of a facet as they are shown, and how many products of its set have each. Of a list without selected ones, only what it has room for,
-- and how many others there are.
CREATE OR REPLACE FUNCTION facet_counted(
    request jsonb, patch facet_patch, products record, set_number integer[], set_block integer[], set_plane integer[], set_bits bit(32000)[], OUT given text[], OUT counts bigint[], OUT others bigint
)
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
DECLARE
    of_field CONSTANT text := request ->> 'field';
    of_name CONSTANT text := request ->> 'name';
    of_options CONSTANT boolean := of_field = 'options';
    by_variant CONSTANT boolean := of_options AND (request -> 'by_variant')::boolean;
    stocked CONSTANT integer := CASE WHEN of_options AND (request -> 'stocked')::boolean THEN facet_stocked(1024) - 1024 ELSE 0 END;
    ids integer[];
    some_spelt boolean;
    asked record;
    found record;
    together record;
    least bigint;
BEGIN
    others := 0;
    -- What prices and stock that changed leave as it was.
    IF (request -> 'whole')::boolean AND NOT EXISTS (SELECT FROM unnest((patch).keep) k (keep) WHERE bit_count(k.keep) < 32000) THEN
        SELECT array_agg(v.element #>> '{}') FILTER (WHERE v.held > 0), array_agg(v.held::bigint) FILTER (WHERE v.held > 0), bool_or(v.spelt) INTO given, counts, some_spelt
        FROM facet_value v WHERE v.field = of_field AND lower(v.name) = lower(of_name) AND v.element IS NOT NULL;
        IF some_spelt IS NOT TRUE THEN RETURN; END IF;
    END IF;
    SELECT array_agg(v.value_id + stocked), bool_or(v.spelt) INTO ids, some_spelt
    FROM facet_value v WHERE v.field = of_field AND lower(v.name) = lower(of_name) AND v.element IS NOT NULL;
    IF NOT (some_spelt OR (patch).new_id IS NOT NULL OR request ? 'exact' OR by_variant AND patch IS NOT NULL) THEN
        found := facet_counts_alone(request, ids, patch, products, set_number, set_block, set_plane, set_bits);
        IF of_field <> 'category' AND request -> 'own' = 'null' THEN
            least := (SELECT n.count FROM unnest(found.counts) n (count) ORDER BY n.count DESC OFFSET facet_limit(request) - 1 LIMIT 1);
            others := (SELECT count(*) FROM unnest(found.counts) n (count) WHERE n.count > 0 AND n.count < least);
        END IF;
        SELECT array_agg(v.element #>> '{}'), array_agg(n.count) INTO given, counts
        FROM unnest(found.value_id, found.counts) n (value_id, count) JOIN facet_value v ON v.value_id = n.value_id - stocked WHERE n.count > 0 AND n.count >= coalesce(least, 1);
        RETURN;
    END IF;
    asked := facet_asked_values(request, patch);
    found := facet_counts_alone(request, ARRAY(SELECT a.id FROM unnest(asked.value_id, asked.alone) a (id, alone) WHERE a.alone), patch, products, set_number, set_block, set_plane, set_bits);
    SELECT array_agg(a.id) AS ids, array_agg(a.set) AS sets, array_agg(a.place) AS places INTO together
    FROM unnest(asked.value_id, asked.set, asked.place, asked.alone) a (id, set, place, alone) WHERE NOT a.alone;
    SELECT array_agg(a.shown), array_agg(n.count) INTO given, counts FROM (
        SELECT a.place, n.count FROM unnest(found.value_id, found.counts) n (value_id, count) JOIN unnest(asked.value_id, asked.place, asked.alone) a (id, place, alone) ON a.alone AND a.id = n.value_id
        UNION ALL SELECT * FROM facet_counts_together(patch, together.ids, together.sets, together.places, by_variant, set_number, set_block, set_plane, set_bits)) n
    JOIN (SELECT a.place, min(a.shown COLLATE "C") AS shown FROM unnest(asked.place, asked.shown) a (place, shown) GROUP BY a.place) a ON a.place = n.place WHERE n.count > 0;
END $$;
