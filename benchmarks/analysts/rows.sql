-- Three of the views' questions asked of the rows themselves, as somebody would without the views.
SELECT position, count(*) FILTER (WHERE action_name = 'click') / nullif(count(*) FILTER (WHERE action_name = 'impression'), 0)::float8
FROM event GROUP BY position;
SELECT lower(q.user_query), sum(e.amount)
FROM query q JOIN event e USING (query_id) WHERE e.action_name = 'purchase' GROUP BY 1 ORDER BY 2 DESC LIMIT 20;
SELECT date_trunc('month', q.timestamp), count(*),
    count(*) FILTER (WHERE EXISTS (SELECT FROM event e WHERE e.query_id = q.query_id AND e.action_name = 'click'))
FROM query q GROUP BY 1
