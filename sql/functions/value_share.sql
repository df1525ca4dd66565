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
        SELECT p.product_id FROM product p WHERE p.status = 'active' ORDER BY hashint8(p.product_id) LIMIT sample
    ), counted AS MATERIALIZED (
        SELECT v.value, count(DISTINCT v.product_id)::integer AS products
        FROM product_values((SELECT array_agg(s.product_id) FROM chosen s)) v GROUP BY v.value HAVING count(DISTINCT v.product_id) > 1
        UNION ALL SELECT '', count(*)::integer FROM chosen HAVING count(*) > 0
    ), gone AS (
        DELETE FROM value_share s WHERE NOT EXISTS (SELECT FROM counted c WHERE c.value = s.value)
    )
    INSERT INTO value_share AS s (value, products) SELECT c.value, c.products FROM counted c
    ON CONFLICT (value) DO UPDATE SET products = excluded.products, counted_at = excluded.counted_at WHERE s.products <> excluded.products OR s.value = '';
    GET DIAGNOSTICS kept = ROW_COUNT;
    RETURN kept;
END $$;
COMMENT ON FUNCTION tend_shares IS 'Count how common each value is in the catalogue, which personal search compares a shopper''s history with; a worker calls it.';
