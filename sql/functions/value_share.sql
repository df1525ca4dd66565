-- How common each value is in the catalogue, from a sample of its products.

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
    ), gone AS (
        DELETE FROM value_share s WHERE NOT EXISTS (SELECT FROM counted c WHERE c.value = s.value)
    )
    INSERT INTO value_share AS s (value, share) SELECT c.value, c.share FROM counted c
    ON CONFLICT (value) DO UPDATE SET share = excluded.share, counted_at = excluded.counted_at;
    GET DIAGNOSTICS kept = ROW_COUNT;
    RETURN kept;
END $$;
COMMENT ON FUNCTION tend_shares IS 'Count how common each value is in the catalogue, which personal search compares a shopper''s history with; a worker calls it.';
