-- How common each value is in the catalogue, from a sample of its products.

-- How far shoppers buy the same again, by the latest purchases: 1 where five times as often as if each bought what is popular, 0
-- where hardly oftener. Until some purchases say otherwise it is 1.
CREATE OR REPLACE FUNCTION count_again() RETURNS double precision
LANGUAGE sql STABLE SET search_path FROM CURRENT AS $$
    WITH bought AS MATERIALIZED (
        SELECT e.client_id, e.object_id, count(*)::double precision AS times
        FROM (SELECT e.client_id, e.object_id FROM event e
              WHERE e.action_name = 'purchase' AND e.client_id IS NOT NULL AND e.object_id_field = 'external_id' ORDER BY e.timestamp DESC LIMIT 200000) e
        GROUP BY 1, 2
    ), pairs AS (
        SELECT sum(b.times * (b.times - 1)) / 2 AS again FROM bought b
    ), by_chance AS (
        SELECT (SELECT sum(c.times * (c.times - 1)) / 2 FROM (SELECT sum(b.times) AS times FROM bought b GROUP BY b.client_id) c)
             * (SELECT sum(power(o.times / o.total, 2)) FROM (SELECT sum(b.times) AS times, sum(sum(b.times)) OVER () AS total FROM bought b GROUP BY b.object_id) o) AS again
    )
    SELECT CASE WHEN r.again < 0.1 THEN 0 ELSE least(r.again, 1) END
    FROM (SELECT ln((coalesce(p.again, 0) + 5) / (coalesce(c.again, 0) + 1)) / ln(5) AS again FROM pairs p, by_chance c) r
$$;

-- How far shoppers keep to what they like, by their latest purchases, carts, wishes and clicks: of up to 2,000 shoppers, how much more alike two things are that one of them
-- dealt with on different days than two things of two of them, in shared values by their rarity. 1 where a tenth more and upwards, 0 where a fiftieth and less: there
-- histories tell nothing of what is liked next, and what they would move they would move for the worse. What so few shoppers cannot tell counts for them; of fewer than 20 it is 1.
CREATE OR REPLACE FUNCTION count_loyalty() RETURNS double precision
LANGUAGE sql STABLE SET search_path FROM CURRENT SET jit = off SET enable_nestloop = off AS $$
    WITH latest AS MATERIALIZED (
        SELECT e.client_id, e.object_id, (e.timestamp AT TIME ZONE 'UTC')::date AS day FROM event e
        WHERE e.client_id IS NOT NULL AND e.object_id_field = 'external_id' AND e.action_name IN ('purchase', 'add_to_cart', 'wishlist', 'click')
        ORDER BY e.timestamp DESC LIMIT 200000
    ), shopper AS MATERIALIZED (
        SELECT s.client_id, row_number() OVER (ORDER BY hashtextextended(s.client_id, 0)) AS number, count(*) OVER () AS total
        FROM (SELECT l.client_id FROM latest l GROUP BY l.client_id HAVING count(DISTINCT l.day) > 1 ORDER BY hashtextextended(l.client_id, 0) LIMIT 2000) s
    ), seen AS MATERIALIZED (
        SELECT r.* FROM (
            SELECT s.number, s.total, p.product_id, min(l.day) AS day,
                row_number() OVER (PARTITION BY s.number ORDER BY hashtextextended(concat(s.client_id, ' ', l.object_id), 0)) AS place
            FROM shopper s JOIN latest l USING (client_id) JOIN product p ON p.external_id = l.object_id
            GROUP BY s.number, s.total, s.client_id, l.object_id, p.product_id) r
        WHERE r.place <= 8
    ), pair AS MATERIALIZED (
        SELECT row_number() OVER () AS id, q.* FROM (
            SELECT a.number, true AS is_own, a.product_id, b.product_id AS other_id
            FROM seen a JOIN seen b ON b.number = a.number AND a.place < b.place AND a.day <> b.day
            UNION ALL
            -- As many of the next shopper, as they come by their hashes.
            SELECT a.number, false, a.product_id, b.product_id
            FROM seen a JOIN seen b ON b.number = a.number % a.total + 1 AND a.product_id <> b.product_id AND (a.place + b.place) % 2 = 0) q
    ), valued AS MATERIALIZED (
        SELECT v.product_id, value_number(v.value) AS number, -ln(s.share) AS weight
        FROM product_values(ARRAY(SELECT DISTINCT e.product_id FROM seen e)) v JOIN value_share s ON s.value = v.value
    ), half AS MATERIALIZED (
        SELECT q.id, q.other_id, v.number, v.weight FROM pair q JOIN valued v ON v.product_id = q.product_id
    ), shared AS MATERIALIZED (
        SELECT h.id, sum(h.weight) AS likeness FROM half h JOIN valued v ON v.product_id = h.other_id AND v.number = h.number GROUP BY h.id
    ), each AS (
        SELECT avg(coalesce(s.likeness, 0)) FILTER (WHERE q.is_own) AS own, avg(coalesce(s.likeness, 0)) FILTER (WHERE NOT q.is_own) AS others
        FROM pair q LEFT JOIN shared s USING (id) GROUP BY q.number
    )
    SELECT CASE WHEN count(*) < 20 OR avg(e.others) = 0 THEN 1
        ELSE least(greatest(((avg(e.own - e.others) + stddev_samp(e.own - e.others) / sqrt(count(*))) / avg(e.others) - 0.02) / 0.08, 0), 1) END
    FROM each e WHERE e.own IS NOT NULL AND e.others IS NOT NULL
$$;

-- A value as reasons say it: a category by its path. NULL for what stands for no value.
CREATE OR REPLACE FUNCTION value_said(value text) RETURNS jsonb
LANGUAGE sql STABLE SET search_path FROM CURRENT
RETURN CASE WHEN strpos(value, '=') > 1 THEN jsonb_build_object('field', split_part(value, '=', 1), 'value',
    coalesce(CASE WHEN value LIKE 'category=%' THEN (SELECT c.path FROM category c WHERE c.category_id = substr(value, 10)::bigint) END, substr(value, strpos(value, '=') + 1))) END;

-- How many of the commonest values say something of shoppers who never met them; a band of prices does not, for products get theirs later than other values.
CREATE OR REPLACE FUNCTION common_values() RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN 500;

-- Which products are in the sample depends on their numbers alone, so that two runs agree. Values of one product alone
-- are left out, or they would be most.
CREATE OR REPLACE FUNCTION tend_shares(every interval DEFAULT '10 minutes', sample integer DEFAULT 20000) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
    kept integer;
    sampled bigint[];
BEGIN
    IF NOT pg_try_advisory_xact_lock(hashtextextended(current_schema() || '.tend_shares', 0)) THEN RETURN 0; END IF;
    IF EXISTS (SELECT FROM value_share s WHERE s.value = '' AND s.counted_at > now() - every) THEN RETURN 0; END IF;
    sampled := ARRAY(SELECT p.product_id FROM product p WHERE p.status = 'active' ORDER BY hashint8(p.product_id) LIMIT sample);
    -- The band of a price is one of the values.
    PERFORM count_price_bands(sampled);
    WITH chosen AS MATERIALIZED (
        SELECT p.product_id, p.popularity::double precision AS popularity FROM product p WHERE p.product_id = ANY (sampled)
    ), weighed AS MATERIALIZED (
        -- What nobody asked for yet counts a little: it is there to be bought.
        SELECT c.product_id, (c.popularity + m.small) / sum(c.popularity + m.small) OVER () AS part
        FROM chosen c CROSS JOIN (SELECT coalesce(nullif(0.1 * avg(c.popularity), 0), 1) AS small FROM chosen c) m
    ), counted AS MATERIALIZED (
        SELECT v.value, least(sum(w.part), 1) AS share
        FROM product_values(sampled) v JOIN weighed w USING (product_id)
        GROUP BY v.value HAVING count(*) > 1
        UNION ALL SELECT '', 0.5 / count(*) FROM chosen HAVING count(*) > 0
        -- Next to nothing is nothing; a share is more.
        UNION ALL SELECT '=again', greatest(round(count_again()::numeric, 2)::double precision, 1e-9) FROM chosen HAVING count(*) > 0
    ), gone AS (
        -- What is kept of products may have a band of prices for a while that no longer is one.
        DELETE FROM value_share s WHERE NOT EXISTS (SELECT FROM counted c WHERE c.value = s.value) AND s.value NOT LIKE 'price=%' AND s.value <> '=loyal'
    )
    INSERT INTO value_share AS s (value, share, said_as, is_common)
    SELECT c.value, c.share, value_said(c.value), value_said(c.value) IS NOT NULL AND c.value NOT LIKE 'price=%' AND row_number() OVER (PARTITION BY value_said(c.value) IS NULL ORDER BY c.share DESC, c.value) <= common_values()
    FROM counted c
    ON CONFLICT (value) DO UPDATE SET share = excluded.share, said_as = excluded.said_as, is_common = excluded.is_common, counted_at = excluded.counted_at;
    GET DIAGNOSTICS kept = ROW_COUNT;
    -- By the shares as they are now.
    INSERT INTO value_share AS s (value, share, is_common) SELECT '=loyal', greatest(round(count_loyalty()::numeric, 2)::double precision, 1e-9), false WHERE kept > 0
    ON CONFLICT (value) DO UPDATE SET share = excluded.share, counted_at = excluded.counted_at;
    -- From nothing to fifty thousand priors, which no history reaches.
    INSERT INTO common_preference (ratio, preferences)
    SELECT r.ratio, value_vector(c.numbers, ARRAY(SELECT value_preference(0, r.ratio, u.share, 1) FROM unnest(c.shares) WITH ORDINALITY u (share, place) ORDER BY u.place))
    FROM (SELECT CASE WHEN n > 0 THEN 0.01::double precision * 1.1::double precision ^ n ELSE 0 END FROM generate_series(0, 162) n) r (ratio)
    CROSS JOIN (SELECT array_agg(s.number) AS numbers, array_agg(s.share) AS shares FROM value_share s WHERE s.is_common) c
    WHERE kept > 0
    ON CONFLICT (ratio) DO UPDATE SET preferences = excluded.preferences;
    RETURN kept;
END $$;
COMMENT ON FUNCTION tend_shares IS 'Count how common each value is in the catalogue, which personal search compares a shopper''s history with; a worker calls it.';
