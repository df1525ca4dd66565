-- From which categories shoppers buy, and from which two: counted from the purchases of a sample of them.

-- What kinds of things products are: the categories that each is filed in, without those above another of its own.
CREATE OR REPLACE FUNCTION leaf_categories(products bigint[]) RETURNS TABLE (product_id bigint, category_id bigint)
LANGUAGE sql STABLE SET search_path FROM CURRENT AS $$
    WITH filed AS MATERIALIZED (
        SELECT pc.product_id, pc.category_id, c.lineage FROM product_category pc JOIN category c USING (category_id) WHERE pc.product_id = ANY (products)
    )
    SELECT f.product_id, f.category_id FROM filed f
    WHERE NOT EXISTS (SELECT FROM filed b WHERE b.product_id = f.product_id AND b.category_id <> f.category_id AND b.lineage @> ARRAY[f.category_id])
$$;

-- At most so many of those who bought lately, by the hash of their keys, so that two runs agree. Where enough bought within a month
-- or three, older purchases are not looked for: the work grows with the sample, not with the history.
CREATE OR REPLACE FUNCTION sampled_shoppers(sample integer, until timestamptz) RETURNS text[]
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
DECLARE
    days integer;
    shoppers text[];
BEGIN
    FOREACH days IN ARRAY '{30,90,365}'::integer[] LOOP
        shoppers := ARRAY(
            SELECT s.shopper FROM (
                SELECT DISTINCT coalesce('c' || e.client_id, 's' || e.session_id) AS shopper FROM event e
                WHERE e.action_name = 'purchase' AND e.timestamp > until - make_interval(days => days) AND e.timestamp <= until
                  AND (e.client_id IS NOT NULL OR e.session_id IS NOT NULL)) s
            ORDER BY hashtextextended(s.shopper, 0), s.shopper LIMIT sample);
        EXIT WHEN cardinality(shoppers) >= sample;
    END LOOP;
    RETURN shoppers;
END $$;

-- The categories that each shopper bought from within the year, by the latest 300 purchases. Of the shoppers those are taken, in their
-- order, who have five million pairs together.
CREATE OR REPLACE FUNCTION sampled_categories(shoppers text[], until timestamptz) RETURNS TABLE (categories bigint[])
LANGUAGE sql STABLE SET search_path FROM CURRENT AS $$
    WITH bought AS MATERIALIZED (
        SELECT DISTINCT s.place, e.object_id
        FROM unnest(shoppers) WITH ORDINALITY s (shopper, place)
        CROSS JOIN LATERAL (
            (SELECT e.object_id FROM event e
             WHERE left(s.shopper, 1) = 'c' AND e.client_id = substr(s.shopper, 2) AND e.action_name = 'purchase' AND e.object_id_field = 'external_id'
               AND e.timestamp > until - interval '365 days' AND e.timestamp <= until ORDER BY e.timestamp DESC LIMIT 300)
            UNION ALL
            (SELECT v.object_id FROM (
                 SELECT e.object_id, e.object_id_field, e.action_name FROM event e
                 WHERE left(s.shopper, 1) = 's' AND e.session_id = substr(s.shopper, 2) AND e.client_id IS NULL
                   AND e.action_name IN ('click', 'view', 'wishlist', 'add_to_cart', 'remove_from_cart', 'purchase')
                   AND e.timestamp > until - interval '365 days' AND e.timestamp <= until ORDER BY e.timestamp DESC LIMIT 300) v
             WHERE v.action_name = 'purchase' AND v.object_id_field = 'external_id')) e
    ), product AS MATERIALIZED (
        SELECT p.product_id, p.external_id FROM product p WHERE p.external_id IN (SELECT b.object_id FROM bought b)
    ), leaf AS MATERIALIZED (
        SELECT p.external_id, l.category_id FROM leaf_categories(ARRAY(SELECT p.product_id FROM product p)) l JOIN product p USING (product_id)
    ), held AS (
        SELECT b.place, array_agg(DISTINCT l.category_id) AS categories FROM bought b JOIN leaf l ON l.external_id = b.object_id GROUP BY b.place
    )
    SELECT h.categories
    FROM (SELECT h.categories, sum(cardinality(h.categories)::bigint * (cardinality(h.categories) - 1) / 2) OVER (ORDER BY h.place) AS pairs FROM held h) h
    WHERE h.pairs <= 5000000
$$;

-- Counts again. No more than the 2,000 categories with the most shoppers, of each the 300 partners that say most, for or against;
-- and nothing of one or two that too few bought from.
CREATE OR REPLACE FUNCTION count_category_pairs(sample integer DEFAULT 20000, as_of timestamptz DEFAULT NULL) RETURNS integer
LANGUAGE plpgsql SET search_path FROM CURRENT SET jit = off SET work_mem = '64MB' AS $$
DECLARE
    until CONSTANT timestamptz := coalesce(as_of, now());
    fewest CONSTANT integer := least_shoppers();
    kept integer;
BEGIN
    WITH held AS MATERIALIZED (
        SELECT h.categories FROM sampled_categories(sampled_shoppers(sample, until), until) h
    ), counted AS MATERIALIZED (
        SELECT u.category_id, count(*) AS shoppers FROM held h CROSS JOIN LATERAL unnest(h.categories) u (category_id)
        GROUP BY u.category_id HAVING count(*) >= fewest ORDER BY count(*) DESC, u.category_id LIMIT 2000
    ), total AS MATERIALIZED (
        INSERT INTO recommendation_horizon AS t (kind, total) SELECT 'categories', count(*) FROM held
        ON CONFLICT (kind) DO UPDATE SET (recounted_at, total) = (now(), excluded.total) RETURNING t.total
    ), half AS (
        SELECT a.category_id, b.category_id AS partner_id, count(*) AS shoppers
        FROM held h CROSS JOIN LATERAL unnest(h.categories) a (category_id) CROSS JOIN LATERAL unnest(h.categories) b (category_id)
        WHERE a.category_id < b.category_id GROUP BY a.category_id, b.category_id HAVING count(*) >= fewest
    ), both_ways AS (
        SELECT d.category_id, d.partner_id, p.shoppers, ((p.shoppers + 50) / (a.shoppers * b.shoppers / t.total + 50))::real AS lift
        FROM half p JOIN counted a ON a.category_id = p.category_id JOIN counted b ON b.category_id = p.partner_id CROSS JOIN total t
        CROSS JOIN LATERAL (VALUES (p.category_id, p.partner_id), (p.partner_id, p.category_id)) d (category_id, partner_id)
    ), pair AS MATERIALIZED (
        SELECT p.category_id, p.partner_id, p.shoppers, p.lift
        FROM (SELECT b.*, row_number() OVER (PARTITION BY b.category_id ORDER BY abs(ln(b.lift::double precision)) DESC, b.partner_id) AS place FROM both_ways b) p
        WHERE p.place <= 300
    ), pairs_gone AS (
        DELETE FROM category_pair o WHERE NOT EXISTS (SELECT FROM pair p WHERE p.category_id = o.category_id AND p.partner_id = o.partner_id)
    ), gone AS (
        DELETE FROM category_count o WHERE NOT EXISTS (SELECT FROM counted c WHERE c.category_id = o.category_id)
    ), pairs_kept AS (
        INSERT INTO category_pair AS o (category_id, partner_id, shoppers, lift) SELECT p.* FROM pair p
        ON CONFLICT (category_id, partner_id) DO UPDATE SET (shoppers, lift) = (excluded.shoppers, excluded.lift)
            WHERE (o.shoppers, o.lift) IS DISTINCT FROM (excluded.shoppers, excluded.lift)
    ), kept AS (
        INSERT INTO category_count AS o (category_id, shoppers) SELECT c.* FROM counted c
        ON CONFLICT (category_id) DO UPDATE SET shoppers = excluded.shoppers WHERE o.shoppers <> excluded.shoppers
    )
    SELECT count(*) INTO kept FROM counted;
    RETURN kept;
END $$;

-- Runs as its owner: a worker reads no shopper's events, only these counts. It takes neither a sample nor a moment, or two counts
-- could be set side by side that differ by one shopper.
CREATE OR REPLACE FUNCTION tend_category_pairs(every interval DEFAULT '1 day') RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    IF NOT pg_try_advisory_xact_lock(hashtextextended(current_schema() || '.tend_category_pairs', 0)) THEN RETURN 0; END IF;
    -- As long as nobody has bought anything, sooner.
    IF EXISTS (SELECT FROM recommendation_horizon h
               WHERE h.kind = 'categories' AND h.recounted_at > now() - CASE WHEN h.total > 0 THEN every ELSE least(every, interval '1 hour') END) THEN RETURN 0; END IF;
    RETURN count_category_pairs();
END $$;
COMMENT ON FUNCTION tend_category_pairs IS 'Count again from which categories shoppers buy, which next_categories rests on; returns how many were kept. A worker calls it.';
