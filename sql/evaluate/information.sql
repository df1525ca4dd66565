-- How many shoppers acted on each product before a moment, and how many acted at all.
WITH acted AS (
    SELECT e.object_id, coalesce(e.client_id, e.session_id) AS shopper
    FROM event e
    WHERE e.timestamp <= coalesce(%(cut)s, now()) AND e.object_id_field = 'external_id' AND e.object_id IS NOT NULL
        AND e.action_name = ANY (%(actions)s::text[]) AND coalesce(e.client_id, e.session_id) IS NOT NULL
    GROUP BY 1, 2
)
SELECT a.object_id, count(*), (SELECT count(DISTINCT b.shopper) FROM acted b) FROM acted a GROUP BY 1
