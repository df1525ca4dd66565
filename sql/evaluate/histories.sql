-- What some shoppers had done before the cut: how many events, and which products they had bought.
SELECT 'client' AS kind, e.client_id AS shopper, count(*) FILTER (WHERE e.action_name <> 'impression') AS events,
    array_agg(DISTINCT e.object_id) FILTER (WHERE e.action_name = 'purchase' AND e.object_id IS NOT NULL) AS known
FROM event e
WHERE e.client_id = ANY (%(clients)s::text[]) AND e.timestamp <= %(cut)s
GROUP BY 2
UNION ALL
SELECT 'session', e.session_id, count(*) FILTER (WHERE e.action_name <> 'impression'),
    array_agg(DISTINCT e.object_id) FILTER (WHERE e.action_name = 'purchase' AND e.object_id IS NOT NULL)
FROM event e
WHERE e.session_id = ANY (%(sessions)s::text[]) AND e.timestamp <= %(cut)s
GROUP BY 2
