-- What shoppers acted on after the cut, by the words and filters that they had asked with.
WITH acted AS (
    SELECT coalesce(e.client_id, q.client_id) AS client, coalesce(e.session_id, q.session_id) AS session,
        q.user_query, q.filters, nullif(q.query_attributes -> 'terms', 'null') AS terms, e.object_id,
        max((%(grades)s::jsonb ->> e.action_name)::integer) AS grade
    FROM event e
    JOIN query q ON q.query_id = e.query_id AND q.timestamp > %(cut)s AND q.timestamp <= %(until)s
    JOIN product p ON p.external_id = e.object_id AND p.status = 'active'
    WHERE e.timestamp > %(cut)s AND e.timestamp <= %(until)s
        AND e.action_name = ANY (%(actions)s::text[]) AND e.object_id_field = 'external_id'
    GROUP BY 1, 2, 3, 4, 5, 6
), by_shopper AS (
    SELECT coalesce(a.client, 'session ' || a.session) AS shopper, a.client, CASE WHEN a.client IS NULL THEN a.session END AS session,
        a.user_query, a.filters, a.terms, a.object_id, max(a.grade) AS grade
    FROM acted a WHERE coalesce(a.client, a.session) IS NOT NULL
    GROUP BY 1, 2, 3, 4, 5, 6, 7
)
SELECT b.shopper, b.client, b.session, b.user_query, b.filters, b.terms, jsonb_object_agg(b.object_id, b.grade) AS grades
FROM by_shopper b
GROUP BY 1, 2, 3, 4, 5, 6
ORDER BY md5(%(seed)s::text || b.shopper), b.shopper, b.user_query, b.filters, b.terms
LIMIT %(most)s
