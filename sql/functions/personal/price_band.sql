-- Where a product's price lies among those of its category: some shoppers take what is cheap of its kind, some what is dear.

-- The bands, from the cheapest to the dearest.
CREATE OR REPLACE FUNCTION price_bands() RETURNS text[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN '{lowest quarter,second quarter,third quarter,highest quarter}'::text[];

-- Which of them has a price, where quarters end at these. Where many cost the same, they may end more than once there: the middle of those counts.
CREATE OR REPLACE FUNCTION price_band_of(price double precision, ends double precision[]) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path FROM CURRENT AS $$
    SELECT (price_bands())[1 + CASE WHEN n.ended < 3 THEN n.ended / 2 ELSE (n.ended + 1) / 2 END]
    FROM (SELECT 3 - width_bucket(-price, ARRAY[-ends[3], -ends[2], -ends[1]]) + width_bucket(price, ends)) n (ended)
$$;

-- What each of some products costs: the lowest price of its active variants. In PL/pgSQL, like the next, because its plans are kept.
CREATE OR REPLACE FUNCTION product_prices(product_ids bigint[]) RETURNS TABLE (product_id bigint, price double precision)
LANGUAGE plpgsql STABLE ROWS 200 SET search_path FROM CURRENT AS $$
#variable_conflict use_column
DECLARE
    given_ids CONSTANT bigint[] := product_ids;
BEGIN
    RETURN QUERY
    -- Numbers that the type of prices allows, and the server does not calculate with, are cut.
    SELECT v.product_id, least(round(min(v.price), 6), 1e300)::double precision FROM variant v
    WHERE v.product_id = ANY (given_ids) AND v.status = 'active' AND v.price IS NOT NULL GROUP BY v.product_id;
END $$;

-- The band of each of some products, in the lowest of its categories, or of those above them, whose prices are known to differ.
CREATE OR REPLACE FUNCTION product_bands(product_ids bigint[]) RETURNS TABLE (product_id bigint, band text)
LANGUAGE plpgsql STABLE ROWS 200 SET search_path FROM CURRENT AS $$
#variable_conflict use_column
DECLARE
    given_ids CONSTANT bigint[] := product_ids;
BEGIN
    IF NOT EXISTS (SELECT FROM price_band) THEN RETURN; END IF;
    RETURN QUERY
    SELECT DISTINCT ON (f.product_id) f.product_id, price_band_of(f.price, b.ends)
    FROM (SELECT w.product_id, w.price, c.lineage FROM product_prices(given_ids) w
          JOIN (SELECT pc.product_id, pc.category_id FROM product_category pc WHERE pc.product_id = ANY (given_ids)) pc USING (product_id)
          CROSS JOIN LATERAL (SELECT c.lineage FROM category c WHERE c.category_id = pc.category_id OFFSET 0) c) f
    CROSS JOIN LATERAL unnest(f.lineage) WITH ORDINALITY u (category_id, depth)
    CROSS JOIN LATERAL (SELECT b.ends FROM price_band b WHERE b.category_id = u.category_id OFFSET 0) b
    ORDER BY f.product_id, u.depth DESC, u.category_id;
END $$;

-- Counts the bands of all categories from some products; those of one with fewer than eight of them, or of which half and more cost the same, may say nothing.
-- What is as it was is not written.
CREATE OR REPLACE FUNCTION count_price_bands(product_ids bigint[]) RETURNS void
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    WITH filed AS MATERIALIZED (
        SELECT DISTINCT u.category_id, w.product_id, w.price
        FROM product_prices(product_ids) w JOIN product_category pc USING (product_id) JOIN category c ON c.category_id = pc.category_id CROSS JOIN unnest(c.lineage) u (category_id)
    ), counted AS MATERIALIZED (
        SELECT d.category_id, d.ends
        FROM (SELECT f.category_id, percentile_cont('{0.25,0.5,0.75}'::double precision[]) WITHIN GROUP (ORDER BY f.price) AS ends
              FROM filed f GROUP BY f.category_id HAVING count(*) >= 8) d
        WHERE d.ends[1] < d.ends[3]
    ), gone AS (
        DELETE FROM price_band b WHERE NOT EXISTS (SELECT FROM counted c WHERE c.category_id = b.category_id)
    )
    INSERT INTO price_band (category_id, ends)
    SELECT c.category_id, c.ends FROM counted c LEFT JOIN price_band b USING (category_id) WHERE b.ends IS DISTINCT FROM c.ends ORDER BY c.category_id
    ON CONFLICT (category_id) DO UPDATE SET ends = excluded.ends;
END $$;

-- Prices and bands change without a note for what is kept of a product's values: the next products, by their ids, get the band in which their price
-- lies now. Where it stopped looking is remembered; after the last it begins anew. Returns how many had another, as there may be more of them.
CREATE OR REPLACE FUNCTION tend_price_bands(most integer DEFAULT 1000) RETURNS integer
LANGUAGE plpgsql SET search_path FROM CURRENT SET enable_seqscan = off SET jit = off AS $$
DECLARE
    bands CONSTANT bigint[] := ARRAY(SELECT value_number('price=' || b.band) FROM unnest(price_bands()) b (band));
    before price_sweep;
    sweep price_sweep;
    products bigint[];
    due bigint[];
BEGIN
    -- Who folds changes keeps values as well.
    IF NOT pg_try_advisory_xact_lock(hashtext('fold_facets'), hashoid(to_regclass('facet_bitmap'))) THEN RETURN 0; END IF;
    SELECT s.* INTO before FROM price_sweep s;
    sweep := before;
    products := ARRAY(SELECT k.product_id FROM product_value k WHERE k.product_id > before.product_id ORDER BY k.product_id LIMIT greatest(most, 1));
    due := ARRAY(
        SELECT k.product_id FROM product_value k LEFT JOIN product_bands(products) b USING (product_id)
        WHERE k.product_id = ANY (products)
          AND (SELECT max(n.number) FROM unnest(k.numbers) n (number) WHERE n.number = ANY (bands)) IS DISTINCT FROM value_number('price=' || b.band));
    IF due <> '{}' THEN PERFORM keep_values(due); END IF;
    sweep.looked_at := sweep.looked_at + cardinality(products);
    sweep.changed := sweep.changed + cardinality(due);
    sweep.product_id := products[cardinality(products)];
    IF cardinality(products) < greatest(most, 1) THEN
        IF sweep.changed > sweep.looked_at / 10 THEN sweep.settled_at := clock_timestamp(); END IF;
        sweep.product_id := 0;
        sweep.looked_at := 0;
        sweep.changed := 0;
    END IF;
    IF sweep IS DISTINCT FROM before THEN
        UPDATE price_sweep s SET (product_id, looked_at, changed, settled_at) = (sweep.product_id, sweep.looked_at, sweep.changed, sweep.settled_at);
    END IF;
    RETURN cardinality(due);
END $$;
COMMENT ON FUNCTION tend_price_bands IS 'Look at some products whether their price lies in another quarter of their category''s than what is kept of them says; a worker calls it.';
