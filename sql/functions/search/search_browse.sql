-- Products in an order of their own: by popularity, price or age, and those that no arm can find.

-- What a product p is sorted by, the best first: the price of the cheapest of the variants that fit, or of the dearest.
CREATE OR REPLACE FUNCTION search_sort_sql(sort text, filter search_filter) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path FROM CURRENT
RETURN CASE sort
    WHEN 'price' THEN concat('(SELECT min(v.price) FROM variant v WHERE ', (filter).fits, ') NULLS LAST, p.product_id')
    WHEN '-price' THEN concat('(SELECT max(v.price) FROM variant v WHERE ', (filter).fits, ') DESC NULLS LAST, p.product_id DESC')
    WHEN 'newest' THEN 'p.created_at DESC, p.product_id DESC'
    ELSE 'p.popularity DESC, p.product_id DESC' END;

-- The first products of an order among those that a count found, whose bitmaps the filter has: they pass it, as they were counted. The order is walked while that
-- costs less than to list them all; of many by price NULL: the index of prices knows them.
CREATE OR REPLACE FUNCTION search_browse_kept(filter search_filter, sort text, shown_already bigint[], k integer) RETURNS bigint[]
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
DECLARE
    by_price CONSTANT boolean := sort IN ('price', '-price');
    total CONSTANT bigint := rows_of('product', 100);
    kept CONSTANT bigint := (SELECT coalesce(sum(bit_count(b.bits)), 0) FROM unnest((filter).kept_bits) b (bits));
    walk CONSTANT double precision := 3.0 * (k + cardinality(shown_already)) * total / greatest(kept, 1);
    products bigint[];
BEGIN
    IF by_price AND kept > 0.05 * total THEN RETURN NULL; END IF;
    IF NOT by_price AND walk < 15 * kept THEN
        EXECUTE concat('SELECT array_agg(o.product_id ORDER BY o.place) FROM (SELECT w.product_id, row_number() OVER () AS place FROM (',
            'SELECT p.product_id FROM product p ORDER BY ', search_sort_sql(sort, filter), ' LIMIT ', ceil(greatest(walk, 5 * kept)), ') w ',
            'WHERE get_bit(($3)[array_position($2, facet_block(w.product_id))], facet_place(w.product_id)) = 1 AND w.product_id <> ALL ($1) LIMIT ', k, ') o')
        INTO products USING shown_already, (filter).kept_blocks, (filter).kept_bits;
        IF cardinality(products) = k THEN RETURN products; END IF;
    END IF;
    EXECUTE concat('SELECT array_agg(o.product_id ORDER BY o.place) FROM (SELECT p.product_id, row_number() OVER () AS place FROM (',
        -- Looked up by their keys, and not met by chance along the index of the order.
        'SELECT p.product_id FROM (SELECT p.* FROM product p WHERE p.product_id = ANY ($2) AND p.product_id <> ALL ($1) OFFSET 0) p ORDER BY ', search_sort_sql(sort, filter), ' LIMIT ', k, ') p) o')
    INTO products USING shown_already, facet_products(NULL, array_fill(0, ARRAY[cardinality((filter).kept_blocks)]), (filter).kept_blocks,
        array_fill(0, ARRAY[cardinality((filter).kept_blocks)]), (filter).kept_bits, NULL);
    RETURN coalesce(products, '{}');
END $$;

-- The first products of an order, of all that the filter keeps or of some ($2), without those shown already ($1); and how popular each
-- is, unless prices led there.
CREATE OR REPLACE FUNCTION search_browsed(
    space_id integer, filter search_filter, sort text, shown_already bigint[], k integer, share double precision, among bigint[] DEFAULT NULL,
    OUT product_ids bigint[], OUT popularities real[]
)
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
DECLARE
    by_price boolean := sort IN ('price', '-price');
    condition text := concat((filter).shown, ' AND p.product_id <> ALL ($1)');
    passing double precision := CASE WHEN among IS NULL AND (filter).kept_bits IS NULL AND space_id IS NOT NULL AND ((filter).listing IS NOT NULL OR (filter).prices IS NOT NULL)
        THEN coalesce(share, search_share(space_id, filter)) END;
    is_narrow boolean := among IS NOT NULL OR coalesce(passing < 0.05, false);
    -- So many in the order of the page have enough among them, most likely.
    walk double precision := 3 * (k + cardinality(shown_already)) / nullif(passing, 0);
BEGIN
    product_ids := '{}';
    IF k <= 0 THEN RETURN; END IF;
    IF among IS NULL AND (filter).kept_bits IS NOT NULL THEN
        product_ids := search_browse_kept(filter, sort, shown_already, k);
        IF product_ids IS NOT NULL THEN RETURN; END IF;
    END IF;
    IF is_narrow AND among IS NULL AND NOT by_price AND walk < 5 * passing * rows_of('product', 100) THEN
        EXECUTE concat('SELECT array_agg(o.product_id), array_agg(o.popularity) FROM (SELECT p.product_id, p.popularity FROM (',
            'SELECT p.* FROM product p ORDER BY ', search_sort_sql(sort, filter), ' LIMIT ', ceil(walk), ') p WHERE ', condition, ' LIMIT ', k, ') o')
        INTO product_ids, popularities USING shown_already;
        IF cardinality(product_ids) = k THEN RETURN; END IF;
    END IF;
    IF is_narrow OR NOT by_price THEN
        EXECUTE concat('SELECT array_agg(o.product_id), array_agg(o.popularity) FROM (SELECT p.product_id, p.popularity FROM ',
            CASE WHEN among IS NOT NULL THEN 'unnest($2) l (product_id) JOIN product p USING (product_id)'
                 WHEN is_narrow THEN concat('(', search_listing_sql(space_id, filter), ') l JOIN product p USING (product_id)')
                 ELSE 'product p' END,
            ' WHERE ', condition, ' ORDER BY ', search_sort_sql(sort, filter), ' LIMIT ', k, ') o')
        INTO product_ids, popularities USING shown_already, among;
    ELSE
        product_ids := search_by_price(filter, sort, shown_already, k, condition);
        popularities := NULL;
    END IF;
    product_ids := coalesce(product_ids, '{}');
END $$;

-- The same products alone.
CREATE OR REPLACE FUNCTION search_browse(
    space_id integer, filter search_filter, sort text, shown_already bigint[], k integer, share double precision, among bigint[] DEFAULT NULL
) RETURNS bigint[]
LANGUAGE sql STABLE SET search_path FROM CURRENT
RETURN (search_browsed(space_id, filter, sort, shown_already, k, share, among)).product_ids;

-- Prices in their order, until it has named enough products; then those without a price.
CREATE OR REPLACE FUNCTION search_by_price(filter search_filter, sort text, shown_already bigint[], k integer, condition text) RETURNS bigint[]
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT SET enable_sort = off SET enable_seqscan = off SET enable_bitmapscan = off AS $$
DECLARE
    descending text := CASE sort WHEN '-price' THEN ' DESC' ELSE '' END;
    most bigint := 20 * k;
    looked_at bigint;
    products bigint[];
    unpriced bigint[];
BEGIN
    LOOP
        EXECUTE concat('WITH priced AS MATERIALIZED (SELECT o.*, row_number() OVER () AS place FROM (SELECT o.price, o.product_id, o.variant_id FROM ', coalesce((filter).prices || ' AND', prices_sql() || ' WHERE'),
            ' o.price >= 0 ORDER BY o.price', descending, ', o.product_id', descending, ' LIMIT ', most, ') o), ',
            'fitting AS MATERIALIZED (SELECT g.product_id, g.place FROM priced g WHERE EXISTS (SELECT FROM product p JOIN variant v ON v.product_id = p.product_id ',
            'AND v.variant_id = g.variant_id AND v.price::double precision = g.price WHERE p.product_id = g.product_id AND ', (filter).fits, ' AND ', condition, ' OFFSET 0)) ',
            'SELECT (SELECT array_agg(d.product_id ORDER BY d.place) FROM (SELECT f.product_id, min(f.place) AS place FROM fitting f GROUP BY f.product_id ORDER BY min(f.place) LIMIT ', k, ') d), ',
            '(SELECT count(*) FROM priced)')
        INTO products, looked_at USING shown_already;
        EXIT WHEN cardinality(products) >= k OR looked_at < most;
        most := most * 8;
    END LOOP;
    IF coalesce(cardinality(products), 0) < k THEN
        EXECUTE concat('SELECT array_agg(u.product_id) FROM (SELECT p.product_id FROM product p WHERE ', condition,
            ' AND p.product_id <> ALL ($2) ORDER BY p.product_id LIMIT ', k - coalesce(cardinality(products), 0), ') u')
        INTO unpriced USING shown_already, coalesce(products, '{}');
    END IF;
    RETURN products || unpriced;
END $$;

-- Whether it pays to list what the filter may keep; else products are read in their order until enough pass.
CREATE OR REPLACE FUNCTION search_is_narrow(space_id integer, filter search_filter) RETURNS boolean
LANGUAGE sql STABLE SET search_path FROM CURRENT
AS $$ SELECT coalesce(search_share(space_id, filter) < 0.05, false) $$;

-- The part of the products that the filter keeps, by a sample; NULL where they are few in all.
CREATE OR REPLACE FUNCTION search_share(space_id integer, filter search_filter) RETURNS double precision
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
DECLARE
    kind text;
    total bigint := 0;
    sample record;
BEGIN
    SELECT n.kind, n.total INTO kind, total
    FROM (SELECT k.kind, rows_of(format('%s_sketch_%s', k.kind, space_id), 200) AS total
          FROM (VALUES ('image'), ('caption')) k (kind)) n ORDER BY n.total DESC LIMIT 1;
    IF total < 4000 THEN RETURN NULL; END IF;
    sample := search_sample(kind, space_id, filter, total, 1);
    RETURN sample.by_terms * sample.pass / nullif(sample.seen, 0);
END $$;

-- Every product that the filter may keep, whether or not it has vectors.
CREATE OR REPLACE FUNCTION search_listing_sql(space_id integer, filter search_filter) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path FROM CURRENT AS $$
    SELECT CASE
        WHEN (filter).listing IS NULL THEN concat('SELECT DISTINCT o.product_id FROM ', (filter).prices)
        ELSE concat('SELECT s.product_id FROM image_sketch_', space_id, ' s WHERE ', (filter).listing,
            ' UNION SELECT s.product_id FROM caption_sketch_', space_id, ' s WHERE ', (filter).listing,
            ' UNION SELECT w.product_id FROM waiting_product w WHERE w.space_id = ', space_id) END
$$;
