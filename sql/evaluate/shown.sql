-- Pages that shoppers were shown after a search, with what they chose of them: there, or within a day without a search.
WITH page AS MATERIALIZED (
    SELECT e.query_id, min(e.timestamp) AS at, max(e.client_id) AS client, max(e.session_id) AS session
    FROM event e
    WHERE e.action_name = 'impression' AND e.query_id IS NOT NULL AND e.timestamp > %(since)s AND e.timestamp <= %(until)s
        AND e.object_id_field = 'external_id' AND coalesce(e.client_id, e.session_id) IS NOT NULL
    GROUP BY e.query_id
    ORDER BY md5(%(seed)s::text || e.query_id) LIMIT %(most)s
), shown AS (
    SELECT g.query_id, g.at, g.client, g.session, p.product_id, e.object_id, min(e.position) AS position, min(e.propensity) AS propensity
    FROM page g
    JOIN event e ON e.query_id = g.query_id AND e.action_name = 'impression' AND e.timestamp >= g.at AND e.timestamp <= g.at + interval '1 day'
    JOIN product p ON p.external_id = e.object_id AND p.status = 'active'
    GROUP BY 1, 2, 3, 4, 5, 6
), judged AS (
    SELECT s.*, coalesce((
        SELECT max((%(grades)s::jsonb ->> a.action_name)::integer) FROM event a
        WHERE a.action_name = ANY (%(actions)s::text[]) AND a.object_id = s.object_id AND a.timestamp >= s.at
            AND (a.query_id = s.query_id AND a.timestamp <= s.at + interval '7 days'
                 OR a.query_id IS NULL AND a.client_id = s.client AND a.timestamp <= s.at + interval '1 day')), 0) AS grade
    FROM shown s
)
SELECT j.query_id::text, j.at, j.client, j.session, q.user_query, q.filters, nullif(q.query_attributes -> 'terms', 'null'),
    array_agg(j.product_id ORDER BY j.position, j.product_id), array_agg(j.position ORDER BY j.position, j.product_id),
    array_agg(j.propensity ORDER BY j.position, j.product_id), array_agg(j.grade ORDER BY j.position, j.product_id)
FROM judged j
JOIN query q ON q.query_id = j.query_id AND q.timestamp BETWEEN j.at - interval '1 day' AND j.at + interval '1 day'
GROUP BY 1, 2, 3, 4, 5, 6, 7
ORDER BY j.at, 1
