-- Which products a filter keeps, as bitmaps: with all of it, and without what each facet asks itself.

-- A filter's keys, each with its expression and the facet that it is the own filter of.
CREATE OR REPLACE FUNCTION facet_plan(filters jsonb, patch facet_patch, width integer, relevant boolean, OUT conjuncts jsonb, OUT leaves jsonb)
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
DECLARE
    part record;
    one record;
BEGIN
    conjuncts := '[]';
    leaves := '[]';
    IF relevant THEN
        leaves := '[{"ids": [-2000000000], "variant": false}]';
        conjuncts := '[{"own": null, "sql": "p.l0", "variant": false}]';
    END IF;
    FOR part IN
        SELECT lower(f.key) AS own, jsonb_build_object(f.key, f.value) AS filter FROM jsonb_each(filters) f
        WHERE f.key NOT IN ('options', 'attributes') OR f.value = '{}'
        UNION ALL
        SELECT lower(f.key || '.' || m.key), jsonb_build_object(f.key, jsonb_build_object(m.key, m.value))
        FROM jsonb_each(filters) f CROSS JOIN LATERAL jsonb_each(CASE WHEN f.key IN ('options', 'attributes') THEN f.value ELSE '{}' END) m
    LOOP
        one := facet_condition(part.filter, patch, width, leaves);
        leaves := one.leaves;
        -- That a variant is in stock may be asked of the product, where nothing else is asked of its variants.
        conjuncts := conjuncts || (jsonb_build_object('own', part.own, 'sql', one.expression, 'variant', one.needs_variant)
            || CASE WHEN part.filter = '{"in_stock": true}' THEN '{"stocked": "p.s6"}'::jsonb
                WHEN part.filter ? 'options' AND part.filter -> 'options' <> '{}' OR part.filter ? 'price' AND width IS NOT NULL THEN '{"of_some": true}' ELSE '{}' END);
    END LOOP;
END $$;

-- Bitmaps by number (an array, and the parameter that it is), as they are now ($1, the patch). Where many are asked for,
-- reading all of them in their order is quicker than looking each up (no index knows the number plus nothing); whoever
-- joins the rows with the numbers anyway gets some more.
CREATE OR REPLACE FUNCTION facet_rows_sql(patched boolean, parameter text, ids integer[], joined boolean DEFAULT false) RETURNS text
LANGUAGE sql STABLE SET search_path FROM CURRENT AS $$
    SELECT concat('SELECT b.value_id, b.block, b.plane, b.bits',
        CASE WHEN patched THEN ' & coalesce(CASE WHEN facet_is_price(b.value_id) THEN k.prices_keep ELSE k.keep END, ~0::bit(32000)) AS bits' END,
        CASE WHEN pg_relation_size('facet_bitmap') / 8192 <= 15 * cardinality(ids) THEN concat(' FROM facet_bitmap b',
            CASE WHEN NOT joined THEN format(' JOIN (SELECT DISTINCT w.value_id FROM unnest(%s) w (value_id)) w ON w.value_id = b.value_id + 0', parameter) END)
        ELSE format(' FROM unnest(%s) w (value_id) CROSS JOIN LATERAL (SELECT * FROM facet_bitmap b WHERE b.value_id = w.value_id OFFSET 0) b', parameter) END,
        CASE WHEN patched THEN concat(
            ' LEFT JOIN unnest(($1).masked, ($1).keep, ($1).prices_keep) k (block, keep, prices_keep) ON k.block = b.block '
            'UNION ALL SELECT f.value_id, f.piece / 8, f.plane, facet_joined(f.bits, f.piece % 8 * 4000 + 1) FROM unnest(($1).value_id, ($1).piece, ($1).plane, ($1).bits) f (value_id, piece, plane, bits) '
            'WHERE f.value_id = ANY (', parameter, ') GROUP BY 1, 2, 3') END)
$$;

-- A few bitmaps, as they are now.
CREATE OR REPLACE FUNCTION facet_rows(patch facet_patch, ids integer[]) RETURNS TABLE (value_id integer, block integer, plane integer, bits bit(32000))
LANGUAGE sql STABLE ROWS 100 SET search_path FROM CURRENT AS $$
    SELECT b.value_id, b.block, b.plane, CASE WHEN k.block IS NULL THEN b.bits ELSE b.bits & CASE WHEN facet_is_price(b.value_id) THEN k.prices_keep ELSE k.keep END END
    FROM unnest(ids) w (value_id) CROSS JOIN LATERAL (SELECT * FROM facet_bitmap b WHERE b.value_id = w.value_id OFFSET 0) b
    LEFT JOIN unnest((patch).masked, (patch).keep, (patch).prices_keep) k (block, keep, prices_keep) ON k.block = b.block
    UNION ALL
    SELECT f.value_id, f.piece / 8, f.plane, facet_joined(f.bits, f.piece % 8 * 4000 + 1)
    FROM unnest((patch).value_id, (patch).piece, (patch).plane, (patch).bits) f (value_id, piece, plane, bits) WHERE f.value_id = ANY (ids) GROUP BY 1, 2, 3
$$;

-- The columns of a plan, and the numbers of the bitmaps of products and of variants that they are made of.
CREATE OR REPLACE FUNCTION facet_columns(conjuncts jsonb, leaves jsonb, patched boolean, OUT of_product text, OUT of_variant text, OUT product_ids integer[], OUT variant_ids integer[])
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
#variable_conflict use_column
BEGIN
    SELECT o.* INTO of_product, of_variant, product_ids, variant_ids FROM (
    WITH col AS (
        SELECT 'p' AS alias, 's1' AS name, '{1}'::integer[] AS ids
        UNION ALL SELECT 'v', 's2', '{2}'
        UNION ALL SELECT 'p', 's6', '{6}' WHERE jsonb_path_exists(conjuncts, '$[*].stocked')
        -- Stock, prices and their bits: none of these names begins another.
        UNION ALL SELECT 'v', 's' || i, ARRAY[i] FROM (SELECT string_agg(c.value ->> 'sql', ' ') AS sql FROM jsonb_array_elements(conjuncts) c (value)) c
            CROSS JOIN LATERAL (SELECT unnest('{3,4}'::integer[]) UNION ALL SELECT generate_series(100, 159) WHERE strpos(c.sql, 'v.s4') > 0) b (i) WHERE strpos(c.sql, 'v.s' || i) > 0
        UNION ALL SELECT CASE WHEN (l.value -> 'variant')::boolean THEN 'v' ELSE 'p' END, 'l' || l.place - 1,
            ARRAY(SELECT e.value::integer FROM jsonb_array_elements_text(l.value -> 'ids') e (value))
            FROM jsonb_array_elements(leaves) WITH ORDINALITY l (value, place)
    ), made AS (
        SELECT c.alias, CASE WHEN patched OR c.alias = 'p' THEN format('coalesce(bit_or(r.bits) FILTER (WHERE r.value_id %s), 0::bit(32000)) AS %s', w.is_one, c.name)
            -- The rows of number 2 are r: to each the others are looked up, none of them is copied.
            WHEN c.name = 's2' THEN 'r.bits AS s2'
            ELSE format('coalesce((SELECT %s FROM facet_bitmap b WHERE b.value_id %s AND b.plane = r.plane AND b.block = r.block), 0::bit(32000)) AS %s',
                CASE cardinality(c.ids) WHEN 1 THEN 'b.bits' ELSE 'bit_or(b.bits)' END, w.is_one, c.name) END AS sql
        FROM col c CROSS JOIN LATERAL (SELECT CASE cardinality(c.ids) WHEN 1 THEN '= ' || c.ids[1] ELSE format('= ANY (%L::integer[])', c.ids) END) w (is_one)
    )
    SELECT string_agg(m.sql, ', ') FILTER (WHERE m.alias = 'p'), string_agg(m.sql, ', ') FILTER (WHERE m.alias = 'v'),
        ARRAY(SELECT DISTINCT i.id FROM col c CROSS JOIN unnest(c.ids) i (id) WHERE c.alias = 'p'),
        ARRAY(SELECT DISTINCT i.id FROM col c CROSS JOIN unnest(c.ids) i (id) WHERE c.alias = 'v')
    FROM made m) o (of_product, of_variant, product_ids, variant_ids);
END $$;

-- Which of the conditions hold for a set, by number from 0 on.
CREATE OR REPLACE FUNCTION facet_kept(conjuncts jsonb, of_set jsonb) RETURNS SETOF integer
LANGUAGE sql IMMUTABLE ROWS 4
BEGIN ATOMIC
    SELECT c.place::integer - 1 FROM jsonb_array_elements(conjuncts) WITH ORDINALITY c (value, place)
    WHERE CASE WHEN c.value ? 'only' THEN c.value -> 'only' = of_set -> 'mask' ELSE c.value ->> 'own' IS DISTINCT FROM of_set ->> 'without' END;
END;

-- Whether all that a set asks of variants is that one is in stock: then its products are known without looking at each.
CREATE OR REPLACE FUNCTION facet_is_stocked(conjuncts jsonb, of_set jsonb) RETURNS boolean
LANGUAGE sql IMMUTABLE
BEGIN ATOMIC
    SELECT count(*) FILTER (WHERE (conjuncts -> k -> 'variant')::boolean) = 1 AND bool_or(conjuncts -> k ? 'stocked') FROM facet_kept(conjuncts, of_set) k;
END;

-- sets: [{"without": own, "planes": whether the variants are asked for too, "mask": which of the conditions that few
-- sets have, "of": the set that it is needed beside}]. A row for each set that stands alone, in their order: arrays of (number, block, plane,
-- bits); in plane 0 are the products of which any variant does.
CREATE OR REPLACE FUNCTION facet_sets_sql(conjuncts jsonb, leaves jsonb, sets jsonb, patched boolean, used record) RETURNS text
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
#variable_conflict use_column
BEGIN
    RETURN (
    WITH asked AS (
        SELECT s.place AS number, coalesce((s.value -> 'of')::integer, s.place) AS of_set, (s.value -> 'planes')::boolean AND (s.value ? 'always' OR count(*) FILTER (WHERE (c.value -> 'variant')::boolean) > k.stocked) AS planes,
            count(*) FILTER (WHERE (c.value -> 'variant')::boolean) > k.stocked AS needs_variant,
            coalesce(string_agg(format('k%s', c.place), ' & ') FILTER (WHERE c.place IS NOT NULL), '~0::bit(32000)') AS kept,
            -- Of two conditions beside each other, what both keep is worked out once. There is such a variant where it has an option or a price.
            concat(CASE WHEN NOT bool_or(c.value ? 'of_some') THEN 'v.s2 & ' END,
                coalesce(string_agg(CASE WHEN c.beside THEN 'w' || c.place WHEN c.beside_last THEN NULL ELSE 'v.k' || c.place END, ' & '), 'v.s2')) AS kept_variants
        FROM jsonb_array_elements(sets) WITH ORDINALITY s (value, place)
        CROSS JOIN LATERAL (SELECT CASE WHEN facet_is_stocked(conjuncts, s.value) AND NOT s.value ? 'always' THEN 1 ELSE 0 END) k (stocked)
        LEFT JOIN LATERAL (SELECT k + 1 AS place, conjuncts -> k AS value, k % 2 = 0 AND lead(k) OVER (ORDER BY k) = k + 1 AS beside, k % 2 = 1 AND lag(k) OVER (ORDER BY k) = k - 1 AS beside_last
            FROM facet_kept(conjuncts, s.value) k) c ON true
        GROUP BY s.place, s.value, k.stocked
    ), made AS (
        SELECT
            (SELECT string_agg(format(', %s AS k%s', coalesce(k.value ->> 'stocked', k.value ->> 'sql'), k.place), '') FROM jsonb_array_elements(conjuncts) WITH ORDINALITY k (value, place)
                WHERE NOT (k.value -> 'variant')::boolean OR k.value ? 'stocked') AS of_products,
            (SELECT string_agg(format(', %s AS k%s', CASE WHEN (k.value -> 'variant')::boolean THEN k.value ->> 'sql' ELSE 'p.k' || k.place END, k.place), '')
                FROM jsonb_array_elements(conjuncts) WITH ORDINALITY k (value, place)) AS of_variants,
            (SELECT string_agg(format(', v.k%s & v.k%s AS w%s', i, i + 1, i), '') FROM generate_series(1, jsonb_array_length(conjuncts) - 1, 2) i) AS of_both
    )
    -- Rows of bitmaps are wide: each is copied once, where the conditions are worked out.
    SELECT concat('WITH p AS MATERIALIZED (SELECT p.*', m.of_products, ' FROM (SELECT r.block, ', used.of_product,
        ' FROM (', facet_rows_sql(patched, '$2', used.product_ids), ') r WHERE r.plane = 0 GROUP BY r.block OFFSET 0) p), ',
        'f AS MATERIALIZED (', coalesce((SELECT concat('SELECT s.number, v.block, v.plane, s.bits FROM (SELECT v.*', m.of_both, ' FROM (SELECT v.block, v.plane, v.s2', m.of_variants,
            ' FROM (SELECT r.block, r.plane, ', used.of_variant, CASE WHEN patched THEN concat(' FROM (', facet_rows_sql(patched, '$3', used.variant_ids), ') r WHERE r.plane > 0 GROUP BY r.block, r.plane')
                ELSE ' FROM facet_bitmap r WHERE r.value_id = 2 AND r.plane > 0' END, ' OFFSET 0) v CROSS JOIN LATERAL (SELECT * FROM p WHERE p.block = v.block OFFSET 0) p OFFSET 0) v OFFSET 0) v CROSS JOIN LATERAL (',
            string_agg(format('SELECT %s AS number, %s AS bits', a.number, a.kept_variants), ' UNION ALL '), ') s')
            FROM asked a WHERE a.planes OR a.needs_variant HAVING count(*) > 0), 'SELECT 0 AS number, 0 AS block, 0 AS plane, 0::bit(32000) AS bits WHERE false'), ') ',
        'SELECT a.* FROM (VALUES ', (SELECT string_agg(o.row, ', ' ORDER BY o.of_set) FROM (SELECT a.of_set, format('(%L::integer[], %L::integer[], %L::integer[])', array_agg(a.number) FILTER (WHERE a.needs_variant),
                array_agg(a.number) FILTER (WHERE a.planes), array_agg(a.number) FILTER (WHERE NOT a.needs_variant)) AS row FROM asked a GROUP BY a.of_set) o),
        ') o (of_variants, with_planes, of_products) CROSS JOIN LATERAL (SELECT array_agg(s.number) AS numbers, array_agg(s.block) AS blocks, array_agg(s.plane) AS planes, array_agg(s.bits) AS bits FROM ('
        'SELECT f.number, f.block, 0 AS plane, bit_or(f.bits) AS bits FROM f WHERE f.number = ANY (o.of_variants) GROUP BY f.number, f.block UNION ALL SELECT f.* FROM f WHERE f.number = ANY (o.with_planes)',
        (SELECT string_agg(format(' UNION ALL SELECT %1$s, p.block, 0, p.s1 & %2$s FROM p WHERE %1$s = ANY (o.of_products)', a.number, a.kept), '') FROM asked a WHERE NOT a.needs_variant),
        ') s WHERE bit_count(s.bits) > 0) a')
    FROM made m);
END $$;

-- The products of a set in their order, or NULL where there are more than so many. Most of a narrow set is empty: words of 64
-- bits, then bytes, then bits.
CREATE OR REPLACE FUNCTION facet_products(
    of_set integer, set_number integer[], set_block integer[], set_plane integer[], set_bits bit(32000)[], most integer
) RETURNS bigint[]
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
#variable_conflict use_column
BEGIN
    RETURN (
    WITH s AS MATERIALIZED (
        SELECT s.block, bit_or(s.bits) AS bits FROM unnest(set_number, set_block, set_plane, set_bits) s (number, block, plane, bits)
        WHERE s.plane = 0 AND (of_set IS NULL OR s.number = of_set) GROUP BY s.block
    ), words AS (
        SELECT w.* FROM (SELECT s.block * 32000::bigint + n.number * 64 AS first, substring(s.bits, n.number * 64 + 1, 64)::bigint AS word
            FROM s CROSS JOIN generate_series(0, 499) n (number) OFFSET 0) w WHERE w.word <> 0
    ), bytes AS (
        SELECT w.first + 8 * n.number AS first, (w.word >> 56 - 8 * n.number & 255)::integer AS byte FROM words w CROSS JOIN generate_series(0, 7) n (number) OFFSET 0
    )
    SELECT ARRAY(SELECT b.first + i FROM bytes b CROSS JOIN generate_series(0, 7) i WHERE b.byte <> 0 AND b.byte >> 7 - i & 1 = 1 ORDER BY 1)
    WHERE most IS NULL OR (SELECT coalesce(sum(bit_count(s.bits)), 0) FROM s) <= most);
END $$;
