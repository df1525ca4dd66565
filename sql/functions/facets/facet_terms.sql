-- The catalogue as bitmaps: what a product and its variants have, and the products that changed since they were folded.

-- A block is 32,000 consecutive product_ids. In plane 0 a bit is a product, in plane n the n-th of its active
-- variants. Numbers under 1,024 stand for: 1 shown at all, 2 there is such a variant, 3 out of stock, 4 has a
-- price, 5 has a price that is no whole number of thousandths, 6 and 7 a product's variant is in stock, is sold out, 8 one in stock has a price,
-- 100 + n: bit n of the price in thousandths, four bits a decimal digit, 200 + n and 300 + n: of a product's lowest and highest, 400 + n and 500 + n: of those in stock.
-- From 1,000,000,000 on: cells of prices (of variants: whether theirs is odd). Options of variants are their products' too; facet_stocked: those of variants in stock.
-- In plane -n of an option's value a bit is a product of whose values it is the n-th; field options#: which variants have their product's n-th value of a name.

-- The block that a product lies in, and its place there.
CREATE OR REPLACE FUNCTION facet_block(product_id bigint) RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN (product_id / 32000)::integer;

CREATE OR REPLACE FUNCTION facet_place(product_id bigint) RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN (product_id % 32000)::integer;

DO $$
BEGIN
    EXECUTE format('CREATE OR REPLACE AGGREGATE facet_bits (integer, integer) '
        '(SFUNC = pg_catalog.set_bit, STYPE = bit(32000), INITCOND = %L)', repeat('0', 32000));
    -- Each bit that is set copies all: of many, pieces are made first.
    EXECUTE format('CREATE OR REPLACE AGGREGATE facet_piece (integer, integer) '
        '(SFUNC = pg_catalog.set_bit, STYPE = bit(4000), INITCOND = %L)', repeat('0', 4000));
    EXECUTE format('CREATE OR REPLACE AGGREGATE facet_joined (bit, integer) '
        '(SFUNC = pg_catalog.overlay, STYPE = bit(32000), INITCOND = %L)', repeat('0', 32000));
END $$;
COMMENT ON AGGREGATE facet_bits(integer, integer) IS 'A bitmap with these positions set.';
COMMENT ON AGGREGATE facet_piece(integer, integer) IS 'A piece of a bitmap with these positions set.';
COMMENT ON AGGREGATE facet_joined(bit, integer) IS 'A bitmap of pieces, each with the position of its first bit, from 1 on.';

-- The elements of an object column. Names have no case: of several that differ in it, the first one counts, and
-- another (exact) where a filter writes it so; then an element that is NULL says that it is there.
CREATE OR REPLACE FUNCTION facet_members(object jsonb) RETURNS TABLE (exact boolean, name text, element jsonb)
LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 4
BEGIN ATOMIC
    SELECT o.exact, m.key, e.value
    FROM jsonb_each(object) m
    CROSS JOIN LATERAL (SELECT EXISTS (
        SELECT FROM jsonb_object_keys(object) k (key) WHERE lower(k.key) = lower(m.key) AND k.key < m.key) AS exact) o
    CROSS JOIN LATERAL (
        SELECT x.value FROM jsonb_array_elements(CASE jsonb_typeof(m.value) WHEN 'array' THEN m.value
            ELSE jsonb_build_array(m.value) END) x (value) WHERE x.value <> 'null'
        UNION ALL SELECT NULL WHERE o.exact) e;
END;

-- Every look-up is by key, product by product: the tables may never have been analysed. numbered: also which of its values of an option a product's
-- n-th is, as its variants come: what the bitmaps alone need, not who counts what changed.
CREATE OR REPLACE FUNCTION facet_terms(products bigint[], numbered boolean)
RETURNS TABLE (product_id bigint, plane integer, value_id integer, field text, name text, element jsonb)
LANGUAGE sql STABLE SET search_path FROM CURRENT AS $$
    WITH shown AS MATERIALIZED (
        SELECT p.* FROM unnest(products) g (product_id) CROSS JOIN LATERAL (
            SELECT p.product_id, p.brand, p.attributes FROM product p
            WHERE p.product_id = g.product_id AND p.status = 'active'
              AND (EXISTS (SELECT FROM variant v WHERE v.product_id = p.product_id AND v.status = 'active' OFFSET 0)
                   OR NOT EXISTS (SELECT FROM variant v WHERE v.product_id = p.product_id OFFSET 0)) OFFSET 0) p
    ), offered AS MATERIALIZED (
        SELECT s.product_id, v.plane, v.options FROM shown s CROSS JOIN LATERAL (
            SELECT v.options, (row_number() OVER (ORDER BY v.variant_id))::integer AS plane FROM variant v
            WHERE v.product_id = s.product_id AND v.status = 'active' OFFSET 0) v
    ), members AS MATERIALIZED (
        -- Many products have the same ones.
        SELECT 'attributes' AS field, o.object, m.*
        FROM (SELECT DISTINCT s.attributes FROM shown s) o (object) CROSS JOIN LATERAL facet_members(o.object) m
        UNION ALL
        SELECT 'options', o.object, m.*
        FROM (SELECT DISTINCT v.options FROM offered v) o (object) CROSS JOIN LATERAL facet_members(o.object) m
    ), numbers AS MATERIALIZED (
        SELECT o.product_id, o.name, o.element, array_agg(o.plane) AS planes,
            row_number() OVER (PARTITION BY o.product_id, lower(o.name) ORDER BY min(o.plane), o.element, o.name)::integer AS number
        FROM (SELECT v.product_id, v.plane, m.name, m.element FROM offered v JOIN members m ON m.field = 'options' AND m.object = v.options
              WHERE numbered AND NOT m.exact AND m.element IS NOT NULL) o
        GROUP BY o.product_id, o.name, o.element
    )
    SELECT s.product_id, 0, 1, NULL::text, NULL::text, NULL::jsonb FROM shown s
    UNION ALL SELECT v.product_id, v.plane, 2, NULL, NULL, NULL FROM offered v
    UNION ALL SELECT s.product_id, 0, NULL, 'brand', '', to_jsonb(s.brand) FROM shown s WHERE s.brand IS NOT NULL
    UNION ALL SELECT s.product_id, 0, NULL, 'category', '', to_jsonb(a.category_id) FROM shown s
        CROSS JOIN LATERAL (SELECT pc.category_id FROM product_category pc WHERE pc.product_id = s.product_id OFFSET 0) pc
        CROSS JOIN LATERAL (SELECT c.lineage FROM category c WHERE c.category_id = pc.category_id OFFSET 0) c
        CROSS JOIN unnest(c.lineage) a (category_id)
    UNION ALL SELECT s.product_id, 0, NULL, CASE WHEN m.exact THEN 'attributes=' ELSE 'attributes' END, m.name, m.element
        FROM shown s JOIN members m ON m.field = 'attributes' AND m.object = s.attributes
    UNION ALL SELECT v.product_id, l.plane, NULL, CASE WHEN m.exact THEN 'options=' ELSE 'options' END, m.name, m.element
        FROM offered v JOIN members m ON m.field = 'options' AND m.object = v.options CROSS JOIN LATERAL (VALUES (0), (v.plane)) l (plane)
    UNION ALL SELECT n.product_id, -n.number, NULL, 'options', n.name, n.element FROM numbers n
    UNION ALL SELECT n.product_id, l.plane, NULL, 'options#', lower(n.name), to_jsonb(n.number) FROM numbers n CROSS JOIN unnest(n.planes) l (plane)
$$;

-- Whether a number stands for something of prices and stock, which have notes of their own.
CREATE OR REPLACE FUNCTION facet_is_price(value_id integer) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN value_id BETWEEN 3 AND 599 OR value_id >= 500000000 OR value_id BETWEEN -999999999 AND -500000000;

-- The number for products that have something in a variant in stock: an option (also one without a number yet), a price, a cell.
CREATE OR REPLACE FUNCTION facet_stocked(value_id integer) RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN value_id + CASE WHEN value_id < 0 THEN -500000000 WHEN value_id = 4 THEN 4 WHEN value_id < 1024 THEN 200 WHEN value_id < 1000000000 THEN 500000000 ELSE 100000000 END;

-- A price in thousandths, four bits a decimal digit: in their order as the numbers are, and of a round one the last digits are not asked.
CREATE OR REPLACE FUNCTION facet_digits(units bigint) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN ('x' || lpad(units::text, 16, '0'))::bit(64)::bigint;

-- The steps of a histogram, in thousandths, the smallest first: 1, 2 and 5 times a power of ten.
CREATE OR REPLACE FUNCTION facet_steps() RETURNS bigint[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN '{10,20,50,100,200,500,1000,2000,5000,10000,20000,50000,100000,200000,500000,1000000,2000000,5000000,10000000,20000000,50000000}'::bigint[];

-- Prices by product: the lowest and the highest, and cells: of each of the steps, how many of them lie below, up to 50. Cell 63
-- says that a product has several odd or several even ones: then a variant's cannot be told from which of both it is.
CREATE OR REPLACE FUNCTION facet_price_cells(products bigint[], units bigint[]) RETURNS TABLE (product_id bigint, value_id integer)
LANGUAGE sql STABLE SET search_path FROM CURRENT AS $$
    WITH had AS MATERIALIZED (
        SELECT p.product_id, array_agg(DISTINCT p.units) FILTER (WHERE p.units IS NOT NULL) AS units,
            min(p.units) AS lowest, max(p.units) AS highest
        FROM unnest(products, units) p (product_id, units) GROUP BY p.product_id
    )
    SELECT h.product_id, 4 FROM had h WHERE h.lowest IS NOT NULL
    UNION ALL
    SELECT h.product_id, e.first + b.number FROM had h CROSS JOIN LATERAL (VALUES (200, facet_digits(h.lowest)), (300, facet_digits(h.highest))) e (first, digits)
    CROSS JOIN generate_series(0, 59) b (number) WHERE e.digits >> b.number & 1 = 1
    UNION ALL
    SELECT h.product_id, 1000000000 + s.number::integer * 64 + (h.lowest / s.step)::integer
    FROM had h CROSS JOIN unnest(facet_steps()) WITH ORDINALITY s (step, number) WHERE h.lowest / s.step <= 50
    UNION ALL
    SELECT h.product_id, 1000000000 + s.number::integer * 64 + c.cell
    FROM had h CROSS JOIN unnest(facet_steps()) WITH ORDINALITY s (step, number)
    CROSS JOIN LATERAL (
        SELECT (u.units / s.step)::integer FROM unnest(h.units) u (units) WHERE u.units / s.step <= 50
        UNION ALL SELECT 63 WHERE h.highest / s.step - h.lowest / s.step > 1 AND EXISTS (
            SELECT FROM unnest(h.units) u (units) WHERE u.units / s.step <= 50 GROUP BY u.units / s.step & 1 HAVING count(DISTINCT u.units / s.step) > 1)) c (cell)
    WHERE h.highest > h.lowest AND h.lowest / s.step <= 50 AND h.highest / s.step > h.lowest / s.step
$$;

-- The prices and the stock of products. stocked: cells of what is in stock alone (true), of all variants (false), or both (NULL).
CREATE OR REPLACE FUNCTION facet_price_terms(products bigint[], stocked boolean) RETURNS TABLE (product_id bigint, plane integer, value_id integer)
LANGUAGE sql STABLE SET search_path FROM CURRENT AS $$
    WITH offered AS MATERIALIZED (
        SELECT g.product_id, v.plane, v.stock, (v.stock > 0) IS NOT FALSE AS is_stocked, v.price, CASE WHEN v.price < 1e15 AND v.price = trunc(v.price) THEN v.price::bigint END AS units
        FROM unnest(products) g (product_id)
        CROSS JOIN LATERAL (SELECT FROM product p WHERE p.product_id = g.product_id AND p.status = 'active' OFFSET 0) p
        CROSS JOIN LATERAL (
            SELECT v.stock, v.price::numeric * 1000 AS price, (row_number() OVER (ORDER BY v.variant_id))::integer AS plane
            FROM variant v WHERE v.product_id = g.product_id AND v.status = 'active' OFFSET 0) v
    )
    SELECT o.product_id, o.plane, t.value_id
    FROM offered o CROSS JOIN LATERAL (
        SELECT 3 WHERE o.stock <= 0
        UNION ALL SELECT 4 WHERE o.price IS NOT NULL
        UNION ALL SELECT 5 WHERE o.price IS NOT NULL AND o.units IS NULL
        UNION ALL SELECT 100 + b.number FROM (SELECT facet_digits(o.units) AS digits OFFSET 0) d CROSS JOIN generate_series(0, 59) b (number) WHERE d.digits >> b.number & 1 = 1
        UNION ALL SELECT 1000000062 + s.number::integer * 64 FROM unnest(facet_steps()) WITH ORDINALITY s (step, number) WHERE o.units / s.step BETWEEN 1 AND 50 AND o.units / s.step & 1 = 1) t (value_id)
    UNION ALL
    SELECT o.product_id, 0, CASE WHEN o.is_stocked THEN 6 ELSE 7 END FROM offered o
    UNION ALL
    SELECT c.product_id, 0, CASE WHEN a.is_stocked THEN facet_stocked(c.value_id) ELSE c.value_id END
    FROM (SELECT s.is_stocked, array_agg(o.product_id) AS products, array_agg(o.units) AS units
          FROM offered o JOIN (VALUES (false), (true)) s (is_stocked) ON (o.is_stocked OR NOT s.is_stocked) AND s.is_stocked = coalesce(stocked, s.is_stocked) GROUP BY s.is_stocked) a
    CROSS JOIN LATERAL facet_price_cells(a.products, a.units) c
$$;

-- The options of variants in stock.
CREATE OR REPLACE FUNCTION facet_stocked_options(products bigint[]) RETURNS TABLE (product_id bigint, name text, element jsonb)
LANGUAGE sql STABLE SET search_path FROM CURRENT AS $$
    WITH offered AS MATERIALIZED (
        SELECT DISTINCT g.product_id, v.options FROM unnest(products) g (product_id)
        CROSS JOIN LATERAL (SELECT FROM product p WHERE p.product_id = g.product_id AND p.status = 'active' OFFSET 0) p
        CROSS JOIN LATERAL (SELECT v.options FROM variant v WHERE v.product_id = g.product_id AND v.status = 'active' AND (v.stock > 0) IS NOT FALSE OFFSET 0) v
    ), members AS MATERIALIZED (
        SELECT o.options, m.name, m.element FROM (SELECT DISTINCT o.options FROM offered o) o CROSS JOIN LATERAL facet_members(o.options) m WHERE NOT m.exact
    )
    SELECT o.product_id, m.name, m.element FROM offered o JOIN members m ON m.options = o.options
$$;

-- Products as pieces of bitmaps, of 4,000 products each: what is in them (changed), or their prices and stock alone (repriced). Values that have no
-- number yet get one under zero.
CREATE OR REPLACE FUNCTION facet_patch(changed bigint[], repriced bigint[], stocked boolean, numbered boolean) RETURNS facet_patch
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT SET enable_seqscan = off SET jit = off AS $$
DECLARE
    patch facet_patch;
BEGIN
    IF changed IS NULL AND repriced IS NULL THEN RETURN NULL; END IF;
    WITH terms AS MATERIALIZED (
        SELECT t.*, false AS is_stocked FROM facet_terms(changed, numbered) t
        UNION ALL SELECT t.product_id, 0, NULL, 'options', t.name, t.element, true FROM facet_stocked_options(changed || repriced) t WHERE stocked IS NOT FALSE
    ), named AS MATERIALIZED (
        SELECT t.field, t.name, t.element, coalesce(k.value_id, -(row_number() OVER ())::integer) AS value_id
        FROM (SELECT DISTINCT t.field, t.name, t.element FROM terms t WHERE t.value_id IS NULL) t
        LEFT JOIN LATERAL (
            SELECT v.value_id FROM facet_value v WHERE v.field = t.field AND lower(v.name) = lower(t.name) AND v.name = t.name AND md5(v.element::text) = md5(t.element::text)
            UNION ALL SELECT v.value_id FROM facet_value v WHERE v.field = t.field AND lower(v.name) = lower(t.name) AND v.name = t.name AND md5(v.element::text) IS NULL AND t.element IS NULL
            OFFSET 0) k ON true
    ), pieces AS (
        SELECT coalesce(t.value_id, CASE WHEN t.is_stocked THEN facet_stocked(n.value_id) ELSE n.value_id END) AS value_id, (t.product_id / 4000)::integer AS piece, t.plane,
            facet_piece((t.product_id % 4000)::integer, 1) AS bits
        FROM terms t LEFT JOIN named n ON (n.field, n.name, coalesce(n.element, 'null')) = (t.field, t.name, coalesce(t.element, 'null'))
        GROUP BY 1, 2, 3
        UNION ALL
        SELECT t.value_id, (t.product_id / 4000)::integer, t.plane, facet_piece((t.product_id % 4000)::integer, 1)
        FROM facet_price_terms(changed || repriced, stocked) t GROUP BY 1, 2, 3
    )
    SELECT b.value_id, b.piece, b.plane, b.bits, n.value_id, n.field, n.name, n.element
    INTO patch.value_id, patch.piece, patch.plane, patch.bits, patch.new_id, patch.new_field, patch.new_name, patch.new_element
    FROM (SELECT array_agg(p.value_id) AS value_id, array_agg(p.piece) AS piece, array_agg(p.plane) AS plane,
              array_agg(p.bits) AS bits FROM pieces p) b,
         (SELECT array_agg(n.value_id) AS value_id, array_agg(n.field) AS field, array_agg(n.name) AS name,
              array_agg(n.element) AS element FROM named n WHERE n.value_id < 0) n;
    SELECT array_agg(m.block), array_agg(coalesce(~m.bits, ~0::bit(32000))), array_agg(~m.prices_bits)
    INTO patch.masked, patch.keep, patch.prices_keep
    FROM (SELECT facet_block(c.product_id) AS block, facet_bits(facet_place(c.product_id), 1) AS prices_bits,
              facet_bits(facet_place(c.product_id), 1) FILTER (WHERE NOT c.prices_only) AS bits
          FROM (SELECT unnest(changed), false UNION ALL SELECT unnest(repriced), true) c (product_id, prices_only) GROUP BY 1) m;
    RETURN patch;
END $$;

-- Products whose bitmaps no longer hold, but for prices and stock (facet_repriced). The second table has rows for nobody but a
-- transaction that has yet to note them.
CREATE OR REPLACE FUNCTION facet_changed() RETURNS bigint[]
LANGUAGE sql STABLE SET search_path FROM CURRENT AS $$
    SELECT array_agg(c.product_id) FROM (
        SELECT f.product_id FROM facet_change f
        UNION SELECT s.product_id FROM stale_product s) c
$$;

-- Whether nobody has updated a variant since prices and stock were folded.
CREATE OR REPLACE FUNCTION facet_prices_hold() RETURNS boolean
LANGUAGE sql STABLE SET search_path FROM CURRENT AS $$
    SELECT NOT EXISTS (SELECT FROM price_change)
$$;

-- Products, of some or of all, whose prices and stock may have been written since they were folded.
CREATE OR REPLACE FUNCTION facet_repriced(among bigint[] DEFAULT NULL) RETURNS bigint[]
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT SET jit = off AS $$
BEGIN
    IF among IS NULL THEN RETURN (SELECT array_agg(DISTINCT c.product_id) FROM price_change c); END IF;
    RETURN (SELECT array_agg(r.product_id) FROM (SELECT c.product_id FROM price_change c INTERSECT SELECT unnest(among)) r);
END $$;
