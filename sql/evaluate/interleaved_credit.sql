-- How many choices each shopper gave to each team of an interleaving; a product of one page counts once.
WITH e AS MATERIALIZED (
    SELECT x.*, coalesce(least(x.stopped_at, x.ends_at), now()) AS until FROM experiment x WHERE x.name = %(name)s
), shown AS MATERIALIZED (
    SELECT q.query_id, q.client_id, q.timestamp, q.query_attributes -> 'experiment' -> 'teams' AS teams
    FROM query q, e
    WHERE q.timestamp >= e.starts_at AND q.timestamp < e.until AND q.client_id IS NOT NULL
        AND q.query_attributes @> jsonb_build_object('experiment', jsonb_build_object('name', e.name))
), chosen AS (
    SELECT DISTINCT s.client_id, s.query_id, v.object_id, s.teams ->> v.object_id AS team
    FROM shown s, e, event v
    WHERE v.query_id = s.query_id AND v.action_name = ANY (%(actions)s::text[]) AND v.timestamp >= s.timestamp AND v.timestamp < e.until
        AND v.client_id = s.client_id
)
SELECT s.client_id, count(*) FILTER (WHERE c.team = %(first)s), count(*) FILTER (WHERE c.team = %(second)s)
FROM (SELECT DISTINCT client_id FROM shown) s LEFT JOIN chosen c USING (client_id)
GROUP BY s.client_id ORDER BY s.client_id
