-- Every shopper who was shown a page while an experiment ran: the arm, and what was done from then on.
WITH e AS MATERIALIZED (
    SELECT x.*, coalesce(least(x.stopped_at, x.ends_at), now()) AS until FROM experiment x WHERE x.name = %(name)s
), seen AS MATERIALIZED (
    SELECT s.client_id, min(s.timestamp) AS since FROM (
        SELECT q.client_id, q.timestamp FROM query q, e WHERE q.timestamp >= e.starts_at AND q.timestamp < e.until AND q.client_id IS NOT NULL
        UNION ALL
        SELECT v.client_id, v.timestamp FROM event v, e
        WHERE v.action_name = 'impression' AND v.timestamp >= e.starts_at AND v.timestamp < e.until AND v.client_id IS NOT NULL) s
    GROUP BY s.client_id
), drawn AS MATERIALIZED (
    SELECT s.client_id, s.since, experiment_drawn(e.arms, e.salt, s.client_id) AS arm,
        NOT EXISTS (SELECT FROM jsonb_array_elements(e.former_arms) f (former)
            WHERE experiment_drawn(f.former -> 'arms', e.salt, s.client_id) IS DISTINCT FROM experiment_drawn(e.arms, e.salt, s.client_id)) AS stayed
    FROM seen s, e
), acted AS (
    SELECT d.client_id, count(*) FILTER (WHERE v.action_name = 'click') AS clicks,
        count(*) FILTER (WHERE v.action_name = 'add_to_cart') AS carts,
        count(DISTINCT coalesce(v.order_id, v.event_id::text)) FILTER (WHERE v.action_name = 'purchase') AS purchases,
        coalesce(sum(v.amount) FILTER (WHERE v.action_name = 'purchase'), 0) AS revenue
    FROM drawn d, e, event v
    WHERE v.client_id = d.client_id AND v.timestamp >= d.since AND v.timestamp >= e.starts_at AND v.timestamp < e.until AND d.arm IS NOT NULL
    GROUP BY d.client_id
)
SELECT d.arm, d.stayed, coalesce(a.clicks, 0), coalesce(a.carts, 0), coalesce(a.purchases, 0), coalesce(a.revenue, 0)::double precision
FROM drawn d LEFT JOIN acted a USING (client_id)
WHERE d.arm IS NOT NULL
ORDER BY d.since, d.client_id
