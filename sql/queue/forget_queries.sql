-- Keeps the newest known queries of a space, and drops requests that nobody can be waiting for any more.
WITH stale AS (
    DELETE FROM encoding_request r WHERE r.requested_at < now() - interval '1 minute'
)
DELETE FROM query_vector v
WHERE v.space_id = %(space_id)s AND v.created_at <= (
    SELECT k.created_at FROM query_vector k WHERE k.space_id = %(space_id)s
    ORDER BY k.created_at DESC OFFSET %(known_queries)s LIMIT 1
)
