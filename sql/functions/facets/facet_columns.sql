-- Counts of values without reading a bitmap of each: of all products, and of few.

-- How many values a field has for which its columns are kept.
CREATE OR REPLACE FUNCTION facet_wide() RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN 64;

-- Up to how many products to a bitmap of the field are looked at one by one, to find which products these are and which values they have.
CREATE OR REPLACE FUNCTION facet_looks() RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN 1;

-- The columns are rows of so many products, a fortieth of a block: two to a page, which are neither packed nor moved out of the row.
CREATE OR REPLACE FUNCTION facet_column_width() RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN 800;

-- The columns of some blocks, made anew from the bitmaps; and of fields that have become wide, wherever they lack.
CREATE OR REPLACE FUNCTION fold_facet_columns(blocks integer[]) RETURNS void
LANGUAGE plpgsql SET search_path FROM CURRENT SET enable_seqscan = off AS $$
DECLARE
    wide record;
    part record;
BEGIN
    DELETE FROM facet_column c USING unnest(blocks) b (block) WHERE c.piece / 40 = b.block;
    FOR wide IN
        SELECT v.field, lower(v.name) AS name, array_agg(v.value_id) AS ids FROM facet_value v
        WHERE v.field IN ('category', 'brand', 'options', 'attributes') AND v.element IS NOT NULL GROUP BY 1, 2 HAVING count(*) > facet_wide()
    LOOP
        FOR part IN
            SELECT b.block, sum(b.ones) AS ones FROM unnest(wide.ids) i (value_id)
            CROSS JOIN LATERAL (SELECT b.block, b.ones FROM facet_bitmap b WHERE b.value_id = i.value_id AND b.plane = 0 OFFSET 0) b
            WHERE NOT EXISTS (SELECT FROM facet_column c WHERE c.field = wide.field AND c.name = wide.name AND c.piece = b.block * 40)
            GROUP BY b.block
        LOOP
            INSERT INTO facet_column (field, name, piece, firsts, seconds)
            SELECT wide.field, wide.name, part.block * 40 + i, CASE WHEN c.most <= 2 THEN c.firsts[i * w.width + 1:(i + 1) * w.width] END,
                CASE WHEN c.most = 2 THEN c.seconds[i * w.width + 1:(i + 1) * w.width] END
            FROM facet_column_of(wide.ids, part.block, part.ones <= 2 * 32000) c CROSS JOIN (SELECT facet_column_width() OFFSET 0) w (width) CROSS JOIN generate_series(0, 39) i;
        END LOOP;
    END LOOP;
END $$;

-- The values of each product of a block, two at most; without looking where some must have more.
CREATE OR REPLACE FUNCTION facet_column_of(ids integer[], of_block integer, may_fit boolean, OUT firsts integer[], OUT seconds integer[], OUT most bigint)
LANGUAGE sql STABLE SET search_path FROM CURRENT AS $$
    WITH placed AS MATERIALIZED (
        SELECT p.value_id, p.place, row_number() OVER (PARTITION BY p.place ORDER BY p.value_id) AS number
        FROM unnest(ids) i (value_id)
        CROSS JOIN LATERAL (SELECT b.bits FROM facet_bitmap b WHERE b.value_id = i.value_id AND b.plane = 0 AND b.block = of_block OFFSET 0) b
        CROSS JOIN LATERAL (
            SELECT i.value_id, sum(length(z.zeros) + 1) OVER (ORDER BY z.number) AS place, z.number <= bit_count(b.bits) AS is_one
            FROM string_to_table(b.bits::text, '1') WITH ORDINALITY z (zeros, number)) p
        WHERE may_fit AND p.is_one
    )
    SELECT ARRAY(SELECT coalesce(p.value_id, 0) FROM generate_series(1, 32000) g LEFT JOIN placed p ON p.place = g AND p.number = 1 ORDER BY g),
        ARRAY(SELECT coalesce(p.value_id, 0) FROM generate_series(1, 32000) g LEFT JOIN placed p ON p.place = g AND p.number = 2 ORDER BY g),
        CASE WHEN may_fit THEN (SELECT coalesce(max(p.number), 0) FROM placed p) ELSE 3 END
$$;

-- What changed products add to the counts of values.
CREATE OR REPLACE FUNCTION facet_counts_of_patch(
    patch facet_patch, of_values integer[], of_set integer, set_number integer[], set_block integer[], set_plane integer[], set_bits bit(32000)[]
) RETURNS TABLE (of_value integer, count bigint)
LANGUAGE sql STABLE SET search_path FROM CURRENT SET enable_nestloop = off SET enable_mergejoin = off SET enable_sort = off AS $$
    SELECT f.value_id, sum(bit_count(f.bits & substring(s.bits, f.piece % 8 * 4000 + 1, 4000)))::bigint
    FROM unnest((patch).value_id, (patch).piece, (patch).plane, (patch).bits) f (value_id, piece, plane, bits)
    JOIN unnest(of_values) v (id) ON v.id = f.value_id
    JOIN unnest(set_number, set_block, set_plane, set_bits) s (number, block, plane, bits) ON s.block = f.piece / 8 AND s.plane = f.plane AND s.number = of_set
    WHERE f.plane = 0 GROUP BY f.value_id
$$;

-- How many of all products have each of some values.
CREATE OR REPLACE FUNCTION facet_counts_of_all(patch facet_patch, of_values integer[]) RETURNS bigint[]
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
BEGIN
    IF patch IS NULL THEN
        RETURN ARRAY(SELECT v.held FROM unnest(of_values) WITH ORDINALITY i (value_id, place) JOIN facet_value v ON v.value_id = i.value_id ORDER BY i.place);
    END IF;
    RETURN (
        WITH gone AS MATERIALIZED (
            SELECT i.value_id, sum(bit_count(b.bits & ~k.keep)) AS count
            FROM unnest((patch).masked, (patch).keep) k (block, keep) CROSS JOIN unnest(of_values) i (value_id)
            CROSS JOIN LATERAL (SELECT b.bits FROM facet_bitmap b WHERE b.value_id = i.value_id AND b.plane = 0 AND b.block = k.block OFFSET 0) b
            WHERE bit_count(k.keep) < 32000 GROUP BY i.value_id
        ), come AS MATERIALIZED (
            SELECT f.value_id, sum(bit_count(f.bits)) AS count FROM unnest((patch).value_id, (patch).plane, (patch).bits) f (value_id, plane, bits)
            WHERE f.plane = 0 GROUP BY f.value_id
        )
        SELECT array_agg((coalesce(v.held, 0) - coalesce(g.count, 0) + coalesce(c.count, 0))::bigint ORDER BY i.place)
        FROM unnest(of_values) WITH ORDINALITY i (value_id, place) LEFT JOIN facet_value v ON v.value_id = i.value_id
        LEFT JOIN gone g ON g.value_id = i.value_id LEFT JOIN come c ON c.value_id = i.value_id);
END $$;

-- How many products of a set have each of some values of one facet, by looking at each product, or at each that the set lacks
-- of all; NULL where they are too many, or the field has no columns. listed: the products, where they are known.
CREATE OR REPLACE FUNCTION facet_counts_by_column(
    patch facet_patch, of_values integer[], facet text, of_set integer,
    set_number integer[], set_block integer[], set_plane integer[], set_bits bit(32000)[], listed bigint[]
) RETURNS bigint[]
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT SET enable_nestloop = off SET enable_mergejoin = off AS $$
DECLARE
    of_field CONSTANT text := split_part(facet, '.', 1);
    of_name CONSTANT text := CASE WHEN of_field = facet THEN '' ELSE lower(substr(facet, strpos(facet, '.') + 1)) END;
    stored record;
    shown record;
    lacking record;
    lacked bigint[];
    products bigint[];
BEGIN
    SELECT array_agg(s.block) AS blocks, array_agg(0) AS planes, array_agg(of_set) AS numbers, array_agg(s.bits) AS bits, sum(bit_count(s.bits)) AS ones INTO stored FROM (
        SELECT s.block, CASE WHEN m.keep IS NULL THEN s.bits ELSE s.bits & m.keep END AS bits FROM unnest(set_number, set_block, set_plane, set_bits) s (number, block, plane, bits)
        LEFT JOIN unnest((patch).masked, (patch).keep) m (block, keep) ON m.block = s.block
        WHERE s.number = of_set AND s.plane = 0) s;
    IF stored.ones > facet_looks() * cardinality(of_values) * cardinality(stored.blocks) THEN
        SELECT sum(b.ones) AS ones, count(*) AS blocks INTO shown FROM facet_bitmap b WHERE b.value_id = 1 AND b.plane = 0;
        IF shown.ones - stored.ones > facet_looks() * cardinality(of_values) * shown.blocks THEN RETURN NULL; END IF;
        SELECT array_agg(l.block) AS blocks, array_agg(0) AS planes, array_agg(of_set) AS numbers, array_agg(l.bits) AS bits, sum(bit_count(l.bits)) AS ones INTO lacking FROM (
            SELECT r.block, CASE WHEN s.bits IS NULL THEN r.bits ELSE r.bits & ~s.bits END AS bits FROM (SELECT r.block, bit_or(r.bits) AS bits FROM facet_rows(patch, '{1}') r GROUP BY r.block) r
            LEFT JOIN unnest(set_number, set_block, set_plane, set_bits) s (number, block, plane, bits) ON s.number = of_set AND s.plane = 0 AND s.block = r.block) l;
        IF lacking.ones <= facet_looks() * cardinality(of_values) * cardinality(lacking.blocks) THEN
            lacked := facet_counts_by_column(patch, of_values, facet, of_set, lacking.numbers, lacking.blocks, lacking.planes, lacking.bits, NULL);
        END IF;
        RETURN (SELECT array_agg(a.count - l.count ORDER BY a.place) FROM unnest(facet_counts_of_all(patch, of_values)) WITH ORDINALITY a (count, place)
            JOIN unnest(lacked) WITH ORDINALITY l (count, place) ON l.place = a.place);
    END IF;
    IF EXISTS (SELECT FROM unnest(stored.blocks) b (block) WHERE NOT EXISTS (
        SELECT FROM facet_column c WHERE c.field = of_field AND c.name = of_name AND c.piece = b.block * 40 AND c.firsts IS NOT NULL OFFSET 0)) THEN
        RETURN NULL;
    END IF;
    products := coalesce(listed, facet_products(of_set, stored.numbers, stored.blocks, stored.planes, stored.bits, NULL));
    RETURN (
        -- The products are hashed, and the rows of columns stream by: a value is looked up where it lies.
        WITH had AS MATERIALIZED (
            SELECT (p.product_id / facet_column_width())::integer AS piece, (p.product_id % facet_column_width() + 1)::integer AS place FROM unnest(products) p (product_id)
        ), counted AS MATERIALIZED (
            SELECT h.value_id, count(*) AS count FROM (
                SELECT c.firsts[h.place] AS value_id FROM facet_column c JOIN had h ON h.piece = c.piece WHERE c.field = of_field AND c.name = of_name
                UNION ALL SELECT c.seconds[h.place] FROM facet_column c JOIN had h ON h.piece = c.piece WHERE c.field = of_field AND c.name = of_name AND c.seconds IS NOT NULL) h
            GROUP BY h.value_id
        ), come AS MATERIALIZED (
            SELECT n.* FROM facet_counts_of_patch(patch, of_values, of_set, set_number, set_block, set_plane, set_bits) n
            WHERE NOT patch IS NULL
        )
        SELECT array_agg(coalesce(c.count, 0) + coalesce(n.count, 0) ORDER BY i.place)
        FROM unnest(of_values) WITH ORDINALITY i (value_id, place) LEFT JOIN counted c ON c.value_id = i.value_id LEFT JOIN come n ON n.of_value = i.value_id);
END $$;
