-- What shoppers look at, cart and buy lately: every interest fades by half in a fixed time, all at the same pace.

CREATE OR REPLACE FUNCTION trend_half_life() RETURNS double precision
LANGUAGE sql STABLE SET search_path FROM CURRENT AS $$
    SELECT least(greatest(coalesce((SELECT CASE jsonb_typeof(s.value) WHEN 'number' THEN (s.value)::double precision END
        FROM setting s WHERE s.name = 'trend_half_life_days'), 7), 0.25), 365)
$$;
COMMENT ON FUNCTION trend_half_life IS 'The days in which a trend fades by half; the setting trend_half_life_days.';

-- The present, in half-lives since a fixed day. What all heats lose together needs no writing (forward decay: Cormode,
-- Shkapenyuk, Srivastava and Xu, 2009).
CREATE OR REPLACE FUNCTION trend_moment(half_life double precision) RETURNS double precision
LANGUAGE sql STABLE
RETURN extract(epoch FROM now() - timestamptz '2020-01-01 00:00:00+00')::double precision / 86400 / half_life;

-- A heat as it is now: how many shoppers of today it stands for, each counted by what they did.
CREATE OR REPLACE FUNCTION trend_now(heat double precision) RETURNS double precision
LANGUAGE sql STABLE SET search_path FROM CURRENT AS $$
    SELECT power(2, greatest(least(heat - trend_moment(trend_half_life()), 500), -500))
$$;
COMMENT ON FUNCTION trend_now IS 'The decayed sum that a heat of the table trend stands for at this moment.';

-- The heat of products: a shopper counts once a day for each thing done, so that nobody heats alone; of a product the
-- latest 5,000 events are read.
CREATE OR REPLACE FUNCTION count_trends(products bigint[]) RETURNS TABLE (product_id bigint, heat double precision, shoppers bigint)
LANGUAGE sql STABLE SET search_path FROM CURRENT AS $$
    WITH seen AS (
        SELECT p.product_id, coalesce('c' || e.client_id, 's' || e.session_id, '') AS shopper, e.action_name, max(e.timestamp) AS timestamp
        FROM product p
        CROSS JOIN LATERAL (
            SELECT e.client_id, e.session_id, e.action_name, e.timestamp FROM event e
            WHERE e.object_id = p.external_id AND e.object_id_field = 'external_id' AND e.action_name = ANY (association_actions('trending'))
              AND e.timestamp > now() - trend_half_life() * interval '8 days' AND e.timestamp <= now()
            ORDER BY e.timestamp DESC LIMIT 5000) e
        WHERE p.product_id = ANY (products)
        GROUP BY p.product_id, coalesce('c' || e.client_id, 's' || e.session_id, ''), e.action_name, (e.timestamp AT TIME ZONE 'UTC')::date
    )
    SELECT s.product_id, trend_moment(trend_half_life())
            + log(2, sum(action_weight(s.action_name, NULL) * power(2, -extract(epoch FROM now() - s.timestamp)::double precision / 86400 / trend_half_life()))::numeric)::double precision,
        count(DISTINCT s.shopper)
    FROM seen s GROUP BY s.product_id
$$;

-- Runs as its owner: a worker reads no shopper's events, only these sums.
CREATE OR REPLACE FUNCTION tend_trends(most integer DEFAULT 500) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT SET jit = off SET enable_seqscan = off SET max_parallel_workers_per_gather = 0 AS $$
DECLARE
    half_life CONSTANT double precision := trend_half_life();
    products bigint[];
BEGIN
    IF NOT pg_try_advisory_xact_lock(hashtextextended(current_schema() || '.tend.trending', 0)) THEN RETURN 0; END IF;
    IF NOT EXISTS (SELECT FROM recommendation_due d WHERE d.kind = 'trending') THEN PERFORM gather_due('trending'); END IF;
    -- Another half-life makes all heats another measure.
    IF EXISTS (SELECT FROM recommendation_horizon h WHERE h.kind = 'trending' AND h.total <> half_life) THEN
        INSERT INTO recommendation_due (product_id, kind) SELECT t.product_id, 'trending' FROM trend t ON CONFLICT DO NOTHING;
        UPDATE recommendation_horizon h SET total = half_life WHERE h.kind = 'trending';
    END IF;
    products := ARRAY(SELECT d.product_id FROM recommendation_due d WHERE d.kind = 'trending' ORDER BY d.product_id LIMIT most);
    WITH counted AS MATERIALIZED (
        SELECT c.* FROM count_trends(products) c WHERE c.shoppers >= least_shoppers()
    ), gone AS (
        DELETE FROM trend t WHERE t.product_id = ANY (products) AND NOT EXISTS (SELECT FROM counted c WHERE c.product_id = t.product_id)
    )
    INSERT INTO trend AS t (product_id, heat, shoppers)
    SELECT c.product_id, c.heat, c.shoppers FROM counted c
    ON CONFLICT ON CONSTRAINT trend_pkey DO UPDATE SET (heat, shoppers, neighbours, counted_at) = (excluded.heat, excluded.shoppers, NULL, now());
    DELETE FROM recommendation_due d WHERE d.kind = 'trending' AND d.product_id = ANY (products);
    RETURN (SELECT count(*) FROM recommendation_due d WHERE d.kind = 'trending');
END $$;
COMMENT ON FUNCTION tend_trends IS 'Count again how some products that were looked at or bought lately trend; returns how many wait. Safe to call at any time, by several.';

-- What nobody has looked at yet is as hot as what looks like it: the mean over its ten nearest, as if five more had no
-- heat at all. The newest 1,000 products have one, made anew once a day.
CREATE OR REPLACE FUNCTION tend_cold_trends(most integer DEFAULT 50) RETURNS integer
LANGUAGE plpgsql SET search_path FROM CURRENT SET jit = off SET enable_seqscan = off AS $$
DECLARE
    space CONSTANT integer := (SELECT s.space_id FROM space s WHERE s.status = 'active');
    products bigint[];
    product bigint;
    near bigint[];
BEGIN
    IF space IS NULL OR NOT pg_try_advisory_xact_lock(hashtextextended(current_schema() || '.tend.cold', 0)) THEN RETURN 0; END IF;
    products := ARRAY(SELECT n.product_id FROM (
            SELECT p.product_id, p.created_at FROM product p WHERE p.status = 'active' ORDER BY p.created_at DESC, p.product_id DESC LIMIT 1000) n
        LEFT JOIN trend t USING (product_id)
        WHERE t.product_id IS NULL OR t.shoppers = 0 AND t.counted_at < now() - interval '1 day'
        ORDER BY t.counted_at NULLS FIRST, n.created_at DESC LIMIT most);
    FOREACH product IN ARRAY products LOOP
        near := nearest_products(space, product, 10);
        INSERT INTO trend AS t (product_id, heat, shoppers, neighbours)
        SELECT product, coalesce(m.base + log(2, sum(power(2, greatest(n.heat - m.base, -500)))::numeric / (cardinality(near) + 5))::double precision, '-Infinity'), 0,
            coalesce(array_agg(n.product_id ORDER BY n.heat DESC), '{}')
        FROM (SELECT max(t.heat) AS base FROM trend t WHERE t.product_id = ANY (near) AND t.shoppers > 0 AND t.heat > '-Infinity') m
        LEFT JOIN trend n ON n.product_id = ANY (near) AND n.shoppers > 0
        GROUP BY m.base
        ON CONFLICT ON CONSTRAINT trend_pkey DO UPDATE SET (heat, neighbours, counted_at) = (excluded.heat, excluded.neighbours, now()) WHERE t.shoppers = 0;
    END LOOP;
    RETURN cardinality(products);
END $$;
COMMENT ON FUNCTION tend_cold_trends IS 'Let some new products that nobody has looked at trend as what looks like them does; returns how many were looked at.';
