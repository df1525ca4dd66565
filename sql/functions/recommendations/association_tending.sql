-- Keeps what products are bought together and viewed after another true to the events, a batch of products a call.

-- Products with events that came since the last call; late ones too, whatever their dates. What a transaction wrote that
-- was still running then is found within ten minutes. Every month all are counted again, so that old events fade.
CREATE OR REPLACE FUNCTION gather_due(kind text, recount_after interval DEFAULT '30 days') RETURNS void
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    horizon recommendation_horizon;
BEGIN
    INSERT INTO recommendation_horizon AS h (kind) VALUES (gather_due.kind) ON CONFLICT DO NOTHING;
    SELECT h.* INTO horizon FROM recommendation_horizon h WHERE h.kind = gather_due.kind;
    INSERT INTO recommendation_due AS d (product_id, kind)
    SELECT p.product_id, gather_due.kind
    FROM (SELECT DISTINCT e.object_id FROM event e
          WHERE e.received_at >= horizon.received_at - interval '10 minutes' AND e.action_name = ANY (association_actions(gather_due.kind)) AND e.object_id_field = 'external_id') e
    JOIN product p ON p.external_id = e.object_id
    UNION
    -- Events may have come before their product did.
    SELECT p.product_id, gather_due.kind FROM product p
    WHERE p.created_at >= horizon.received_at - interval '10 minutes' AND isfinite(horizon.received_at)
      AND EXISTS (SELECT FROM event e WHERE e.object_id = p.external_id AND e.action_name = ANY (association_actions(gather_due.kind)) AND e.object_id_field = 'external_id' OFFSET 0)
    ON CONFLICT ON CONSTRAINT recommendation_due_pkey DO UPDATE SET counted = false WHERE d.counted;
    UPDATE recommendation_horizon h SET received_at = now() WHERE h.kind = gather_due.kind;
    IF horizon.recounted_at < now() - recount_after THEN
        INSERT INTO recommendation_due (product_id, kind)
        SELECT c.product_id, c.kind FROM association_count c WHERE c.kind = gather_due.kind
        UNION ALL SELECT t.product_id, 'trending' FROM trend t WHERE gather_due.kind = 'trending'
        ON CONFLICT DO NOTHING;
        UPDATE recommendation_horizon h SET recounted_at = now() WHERE h.kind = gather_due.kind;
    END IF;
END $$;

-- How often these products themselves were bought or viewed; nothing is kept of what too few did.
CREATE OR REPLACE FUNCTION tend_counts(kind text, products bigint[]) RETURNS void
LANGUAGE sql SET search_path FROM CURRENT AS $$
    WITH counted AS MATERIALIZED (
        SELECT c.* FROM count_products(tend_counts.kind, products) c WHERE c.shoppers >= least_shoppers()
    ), gone AS (
        DELETE FROM association_count a WHERE a.kind = tend_counts.kind AND a.product_id = ANY (products)
            AND NOT EXISTS (SELECT FROM counted c WHERE c.product_id = a.product_id)
    )
    INSERT INTO association_count AS a (product_id, kind, times, shoppers, again, interval_days)
    SELECT c.product_id, tend_counts.kind, c.times, c.shoppers, c.again, c.interval_days FROM counted c
    ON CONFLICT ON CONSTRAINT association_count_pkey DO UPDATE
        SET (times, shoppers, again, interval_days) = (excluded.times, excluded.shoppers, excluded.again, excluded.interval_days)
        WHERE (a.times, a.shoppers, a.again, a.interval_days) IS DISTINCT FROM (excluded.times, excluded.shoppers, excluded.again, excluded.interval_days)
$$;

-- The 50 partners of each product that say most, of those that enough shoppers brought together.
CREATE OR REPLACE FUNCTION tend_partners(kind text, products bigint[]) RETURNS void
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    WITH pair AS MATERIALIZED (
        SELECT t.* FROM count_bought_together(products) t WHERE tend_partners.kind = 'bought_together' AND t.shoppers >= least_shoppers()
        UNION ALL
        SELECT v.* FROM count_viewed_after(products) v WHERE tend_partners.kind = 'viewed_after' AND v.shoppers >= least_shoppers()
    ), best AS MATERIALIZED (
        SELECT r.* FROM (
            SELECT s.*, row_number() OVER (PARTITION BY s.product_id ORDER BY s.score DESC, s.partner_id) AS place
            FROM (SELECT p.*, association_score(p.times, own.times, partner.times, h.total)::real AS score
                FROM pair p JOIN recommendation_horizon h ON h.kind = tend_partners.kind
                LEFT JOIN association_count own ON own.product_id = p.product_id AND own.kind = h.kind
                LEFT JOIN association_count partner ON partner.product_id = p.partner_id AND partner.kind = h.kind) s) r
        WHERE r.place <= 50
    ), gone AS (
        DELETE FROM association a WHERE a.kind = tend_partners.kind AND a.product_id = ANY (products)
            AND NOT EXISTS (SELECT FROM best b WHERE b.product_id = a.product_id AND b.partner_id = a.partner_id)
    )
    INSERT INTO association AS a (product_id, kind, partner_id, times, shoppers, score)
    SELECT b.product_id, tend_partners.kind, b.partner_id, b.times, b.shoppers, b.score FROM best b
    ON CONFLICT ON CONSTRAINT association_pkey DO UPDATE SET (times, shoppers, score) = (excluded.times, excluded.shoppers, excluded.score)
        WHERE (a.times, a.shoppers, a.score) IS DISTINCT FROM (excluded.times, excluded.shoppers, excluded.score);
    -- Baskets held a product before it was in the catalogue: its partners have not heard of it.
    IF tend_partners.kind = 'bought_together' THEN
        INSERT INTO recommendation_due (product_id, kind, counted)
        SELECT DISTINCT a.partner_id, a.kind, true FROM association a
        WHERE a.kind = tend_partners.kind AND a.product_id = ANY (products) AND a.partner_id <> ALL (products)
          AND NOT EXISTS (SELECT FROM association b WHERE b.product_id = a.partner_id AND b.kind = a.kind AND b.partner_id = a.product_id)
          AND (SELECT count(*) FROM association b WHERE b.product_id = a.partner_id AND b.kind = a.kind) < 50
          AND EXISTS (SELECT FROM product p WHERE p.product_id = a.partner_id)
        ON CONFLICT DO NOTHING;
    END IF;
END $$;

-- One batch: products themselves first, so that every partner's own count is known when pairs are weighed.
CREATE OR REPLACE FUNCTION tend_associations(kind text, most integer) RETURNS integer
LANGUAGE plpgsql SET search_path FROM CURRENT SET jit = off SET enable_seqscan = off SET max_parallel_workers_per_gather = 0 AS $$
DECLARE
    products bigint[];
BEGIN
    -- Another worker does it.
    IF NOT pg_try_advisory_xact_lock(hashtextextended(format('%s.tend.%s', current_schema(), kind), 0)) THEN RETURN 0; END IF;
    -- Nothing new before the old is done, or a loop of calls would never end.
    IF NOT EXISTS (SELECT FROM recommendation_due d WHERE d.kind = tend_associations.kind) THEN PERFORM gather_due(kind); END IF;
    products := ARRAY(SELECT d.product_id FROM recommendation_due d WHERE d.kind = tend_associations.kind AND NOT d.counted ORDER BY d.product_id LIMIT most);
    IF products <> '{}' THEN
        PERFORM tend_counts(kind, products);
        UPDATE recommendation_due d SET counted = true WHERE d.kind = tend_associations.kind AND d.product_id = ANY (products);
        UPDATE recommendation_horizon h SET total = coalesce((SELECT sum(c.times) FROM association_count c WHERE c.kind = h.kind), 0)
        WHERE h.kind = tend_associations.kind
          AND NOT EXISTS (SELECT FROM recommendation_due d WHERE d.kind = tend_associations.kind AND NOT d.counted);
    END IF;
    IF cardinality(products) < most THEN
        products := ARRAY(SELECT d.product_id FROM recommendation_due d WHERE d.kind = tend_associations.kind ORDER BY d.product_id LIMIT most);
        PERFORM tend_partners(kind, products);
        DELETE FROM recommendation_due d WHERE d.kind = tend_associations.kind AND d.product_id = ANY (products);
    END IF;
    RETURN (SELECT count(*) FROM recommendation_due d WHERE d.kind = tend_associations.kind);
END $$;

-- Run as their owner: a worker reads no shopper's events, only these counts.
CREATE OR REPLACE FUNCTION tend_co_purchases(most integer DEFAULT 200) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
    remaining integer;
BEGIN
    remaining := tend_associations('bought_together', most);
    IF remaining = 0 THEN PERFORM tend_affinities(); END IF;
    RETURN remaining;
END $$;
COMMENT ON FUNCTION tend_co_purchases IS 'Count again what is bought together with some products that were bought lately; returns how many wait. Safe to call at any time, by several.';

CREATE OR REPLACE FUNCTION tend_viewed_after(most integer DEFAULT 200) RETURNS integer
LANGUAGE sql SECURITY DEFINER SET search_path FROM CURRENT AS $$
    SELECT tend_associations('viewed_after', most)
$$;
COMMENT ON FUNCTION tend_viewed_after IS 'Count again what visits go on to after some products that were viewed lately; returns how many wait. Safe to call at any time, by several.';
