-- Which products are bought together, and which are viewed after another: how events are counted.

-- Fewer different shoppers than that, and nothing of a product or a pair is kept: it could say what one of them did.
CREATE OR REPLACE FUNCTION least_shoppers() RETURNS integer
LANGUAGE sql STABLE SET search_path FROM CURRENT AS $$
    SELECT greatest(coalesce((SELECT CASE jsonb_typeof(s.value) WHEN 'number' THEN (s.value)::numeric::integer END
        FROM setting s WHERE s.name = 'least_shoppers'), 3), 2)
$$;
COMMENT ON FUNCTION least_shoppers IS 'How many different shoppers it takes before a recommendation may rest on what they did; the setting least_shoppers, at least 2.';

-- How much a partner says: the share of a product's baskets that hold it, drawn towards its share of all where there are
-- few baskets, over the root of that share (Deshpande and Karypis, 2004): what everybody buys anyway says less, and what
-- hardly anybody buys does not win by chance.
CREATE OR REPLACE FUNCTION association_score(times double precision, of_product double precision, of_partner double precision, total double precision)
RETURNS double precision
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN (times + 10 * greatest(of_partner, times) / greatest(total, 1)) / (greatest(of_product, times) + 10)
    / sqrt(greatest(of_partner, times, 1) / greatest(total, 1));
COMMENT ON FUNCTION association_score IS 'How much a partner says of a product, by how often both, each and all were bought or viewed.';

CREATE OR REPLACE FUNCTION association_actions(kind text) RETURNS text[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE kind WHEN 'bought_together' THEN '{purchase}' WHEN 'viewed_after' THEN '{view,click}' ELSE '{view,click,wishlist,add_to_cart,purchase}' END::text[];

-- Purchases are few and stay true for long; what is viewed after what changes with the shop's pages.
CREATE OR REPLACE FUNCTION association_days(kind text) RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE kind WHEN 'bought_together' THEN 365 ELSE 60 END;

-- What shoppers did with some products: of each the latest 2,000 events, so that no bot makes the work endless. A shopper
-- without a client is a session; all that have neither are one. A visit is a shopper's day, a basket an order or such a day.
CREATE OR REPLACE FUNCTION association_events(kind text, products bigint[])
RETURNS TABLE (product_id bigint, shopper text, day date, basket text, client_id text, session_id text, order_id text, "timestamp" timestamptz)
LANGUAGE sql STABLE ROWS 1000 SET search_path FROM CURRENT AS $$
    SELECT p.product_id, s.shopper, s.day, coalesce('o' || e.order_id, format('d%s %s', s.day, s.shopper)), e.client_id, e.session_id, e.order_id, e.timestamp
    FROM product p
    CROSS JOIN LATERAL (
        SELECT e.client_id, e.session_id, nullif(e.order_id, '') AS order_id, e.timestamp FROM event e
        WHERE e.object_id = p.external_id AND e.object_id_field = 'external_id' AND e.action_name = ANY (association_actions(kind))
          AND e.timestamp > now() - make_interval(days => association_days(kind)) AND e.timestamp <= now() + interval '1 day'
        ORDER BY e.timestamp DESC LIMIT 2000) e
    CROSS JOIN LATERAL (SELECT coalesce('c' || e.client_id, 's' || e.session_id, '') AS shopper, (e.timestamp AT TIME ZONE 'UTC')::date AS day) s
    WHERE p.product_id = ANY (products)
$$;

-- How often products were bought or viewed, by how many shoppers, and how soon again.
CREATE OR REPLACE FUNCTION count_products(kind text, products bigint[])
RETURNS TABLE (product_id bigint, times bigint, shoppers bigint, again bigint, interval_days double precision)
LANGUAGE sql STABLE SET search_path FROM CURRENT AS $$
    WITH seen AS MATERIALIZED (
        SELECT e.* FROM association_events(count_products.kind, products) e
    ), gap AS (
        SELECT d.product_id, d.shopper, d.day - lag(d.day) OVER (PARTITION BY d.product_id, d.shopper ORDER BY d.day) AS days
        FROM (SELECT DISTINCT s.product_id, s.shopper, s.day FROM seen s) d
    ), shopper AS (
        SELECT g.product_id, count(DISTINCT g.shopper) AS shoppers, count(DISTINCT g.shopper) FILTER (WHERE g.days > 0 AND g.shopper <> '') AS again,
            percentile_cont(0.5) WITHIN GROUP (ORDER BY g.days) FILTER (WHERE g.shopper <> '') AS interval_days
        FROM gap g GROUP BY g.product_id
    )
    SELECT s.product_id, count(DISTINCT s.basket), max(h.shoppers), max(h.again), max(h.interval_days)
    FROM seen s JOIN shopper h USING (product_id) GROUP BY s.product_id
$$;

-- What else lay in the baskets: the same order, or where there is none what the same client bought that day (in UTC). Of a
-- basket the first 100 lines count.
CREATE OR REPLACE FUNCTION count_bought_together(products bigint[])
RETURNS TABLE (product_id bigint, partner_id bigint, times bigint, shoppers bigint)
LANGUAGE sql STABLE SET search_path FROM CURRENT AS $$
    WITH basket AS MATERIALIZED (
        SELECT DISTINCT ON (e.product_id, e.basket) e.* FROM association_events('bought_together', products) e
        WHERE e.order_id IS NOT NULL OR e.client_id IS NOT NULL ORDER BY e.product_id, e.basket, e.timestamp
    )
    SELECT b.product_id, p.product_id, count(DISTINCT b.basket), count(DISTINCT b.shopper)
    FROM basket b
    CROSS JOIN LATERAL (
        (SELECT o.object_id FROM event o
         WHERE o.order_id = b.order_id AND o.action_name = 'purchase'
           AND o.timestamp BETWEEN b.timestamp - interval '2 days' AND b.timestamp + interval '2 days'
         ORDER BY o.timestamp LIMIT 100)
        UNION ALL
        (SELECT o.object_id FROM event o
         WHERE b.order_id IS NULL AND o.client_id = b.client_id AND o.action_name = 'purchase' AND coalesce(o.order_id, '') = ''
           AND o.timestamp >= b.day::timestamp AT TIME ZONE 'UTC' AND o.timestamp < (b.day + 1)::timestamp AT TIME ZONE 'UTC'
         ORDER BY o.timestamp LIMIT 100)) o
    JOIN product p ON p.external_id = o.object_id
    WHERE p.product_id <> b.product_id
    GROUP BY b.product_id, p.product_id
$$;

-- What a visit went on to within the hour: the next 20 events. Who bought it counts twice.
CREATE OR REPLACE FUNCTION count_viewed_after(products bigint[])
RETURNS TABLE (product_id bigint, partner_id bigint, times bigint, shoppers bigint)
LANGUAGE sql STABLE SET search_path FROM CURRENT AS $$
    WITH visit AS MATERIALIZED (
        SELECT DISTINCT ON (e.product_id, e.basket) e.* FROM association_events('viewed_after', products) e
        WHERE e.shopper <> '' ORDER BY e.product_id, e.basket, e.timestamp
    ), followed AS (
        SELECT v.product_id, v.basket, v.shopper, o.object_id, bool_or(o.action_name = 'purchase') AS bought
        FROM visit v
        CROSS JOIN LATERAL (
            (SELECT o.object_id, o.action_name FROM event o
             WHERE o.session_id = v.session_id AND o.action_name IN ('view', 'click', 'add_to_cart', 'purchase')
               AND o.timestamp > v.timestamp AND o.timestamp <= v.timestamp + interval '1 hour'
             ORDER BY o.timestamp LIMIT 20)
            UNION ALL
            (SELECT o.object_id, o.action_name FROM event o
             WHERE v.session_id IS NULL AND o.client_id = v.client_id AND o.action_name IN ('view', 'click', 'add_to_cart', 'purchase')
               AND o.timestamp > v.timestamp AND o.timestamp <= v.timestamp + interval '1 hour'
             ORDER BY o.timestamp LIMIT 20)) o
        GROUP BY v.product_id, v.basket, v.shopper, o.object_id
    )
    SELECT f.product_id, p.product_id, sum(1 + f.bought::integer), count(DISTINCT f.shopper)
    FROM followed f JOIN product p ON p.external_id = f.object_id
    WHERE p.product_id <> f.product_id
    GROUP BY f.product_id, p.product_id
$$;
