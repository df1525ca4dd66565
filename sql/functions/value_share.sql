-- How common each value is in the catalogue, from a sample of its products.

-- How far shoppers buy the same again, by the latest purchases: 1 where five times as often as if each bought what is popular, 0
-- where no oftener. Until some purchases say otherwise it is 1.
CREATE OR REPLACE FUNCTION count_again() RETURNS double precision
LANGUAGE sql STABLE SET search_path FROM CURRENT AS $$
    WITH bought AS MATERIALIZED (
        SELECT e.client_id, e.object_id, count(*)::double precision AS times
        FROM (SELECT e.client_id, e.object_id FROM event e
              WHERE e.action_name = 'purchase' AND e.client_id IS NOT NULL ORDER BY e.timestamp DESC LIMIT 200000) e
        GROUP BY 1, 2
    ), pairs AS (
        SELECT sum(b.times * (b.times - 1)) / 2 AS again FROM bought b
    ), by_chance AS (
        SELECT (SELECT sum(c.times * (c.times - 1)) / 2 FROM (SELECT sum(b.times) AS times FROM bought b GROUP BY b.client_id) c)
             * (SELECT sum(power(o.times / o.total, 2)) FROM (SELECT sum(b.times) AS times, sum(sum(b.times)) OVER () AS total FROM bought b GROUP BY b.object_id) o) AS again
    )
    SELECT least(greatest(ln((coalesce(p.again, 0) + 5) / (coalesce(c.again, 0) + 1)) / ln(5), 0), 1) FROM pairs p, by_chance c
$$;

-- Which products are in the sample depends on their numbers alone, so that two runs agree. Values of one product alone
-- are left out, or they would be most.
CREATE OR REPLACE FUNCTION tend_shares(every interval DEFAULT '10 minutes', sample integer DEFAULT 20000) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
    kept integer;
BEGIN
    IF NOT pg_try_advisory_xact_lock(hashtextextended(current_schema() || '.tend_shares', 0)) THEN RETURN 0; END IF;
    IF EXISTS (SELECT FROM value_share s WHERE s.value = '' AND s.counted_at > now() - every) THEN RETURN 0; END IF;
    WITH chosen AS MATERIALIZED (
        SELECT p.product_id, p.popularity::double precision AS popularity FROM product p WHERE p.status = 'active'
        ORDER BY hashint8(p.product_id) LIMIT sample
    ), weighed AS MATERIALIZED (
        -- What nobody asked for yet counts a little: it is there to be bought.
        SELECT c.product_id, (c.popularity + m.small) / sum(c.popularity + m.small) OVER () AS part
        FROM chosen c CROSS JOIN (SELECT coalesce(nullif(0.1 * avg(c.popularity), 0), 1) AS small FROM chosen c) m
    ), counted AS MATERIALIZED (
        SELECT v.value, least(sum(w.part), 1) AS share
        FROM product_values((SELECT array_agg(c.product_id) FROM chosen c)) v JOIN weighed w USING (product_id)
        GROUP BY v.value HAVING count(*) > 1
        UNION ALL SELECT '', 0.5 / count(*) FROM chosen HAVING count(*) > 0
        -- Next to nothing is nothing; a share is more.
        UNION ALL SELECT '=again', greatest(count_again(), 1e-9) FROM chosen HAVING count(*) > 0
    ), gone AS (
        DELETE FROM value_share s WHERE NOT EXISTS (SELECT FROM counted c WHERE c.value = s.value)
    )
    INSERT INTO value_share AS s (value, share) SELECT c.value, c.share FROM counted c
    ON CONFLICT (value) DO UPDATE SET share = excluded.share, counted_at = excluded.counted_at;
    GET DIAGNOSTICS kept = ROW_COUNT;
    RETURN kept;
END $$;
COMMENT ON FUNCTION tend_shares IS 'Count how common each value is in the catalogue, which personal search compares a shopper''s history with; a worker calls it.';
