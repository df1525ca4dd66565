-- What shoppers acted on after the cut without a search that is known, by the categories of the products.
WITH acted AS (
    SELECT coalesce(e.client_id, 'session ' || e.session_id) AS shopper, e.client_id AS client,
        CASE WHEN e.client_id IS NULL THEN e.session_id END AS session, e.object_id,
        max((%(grades)s::jsonb ->> e.action_name)::integer) AS grade
    FROM event e
    WHERE e.timestamp > %(cut)s AND e.timestamp <= %(until)s
        AND e.action_name = ANY (%(actions)s::text[]) AND e.object_id_field = 'external_id'
        AND coalesce(e.client_id, e.session_id) IS NOT NULL
        AND NOT EXISTS (SELECT FROM query q WHERE q.query_id = e.query_id AND q.timestamp > %(cut)s AND q.timestamp <= %(until)s)
    GROUP BY 1, 2, 3, 4
), large AS (
    SELECT c.category_id, c.path
    FROM category c JOIN product_category pc USING (category_id) JOIN product p ON p.product_id = pc.product_id AND p.status = 'active'
    GROUP BY 1, 2 HAVING count(*) >= %(candidates)s
)
SELECT a.shopper, a.client, a.session, NULL AS user_query, jsonb_build_object('category', '/' || l.path) AS filters, NULL AS terms,
    jsonb_object_agg(a.object_id, a.grade) AS grades
FROM acted a
JOIN product p ON p.external_id = a.object_id AND p.status = 'active'
JOIN product_category pc ON pc.product_id = p.product_id
JOIN large l ON l.category_id = pc.category_id
GROUP BY 1, 2, 3, l.path
ORDER BY md5(%(seed)s::text || a.shopper), a.shopper, l.path
LIMIT %(most)s
