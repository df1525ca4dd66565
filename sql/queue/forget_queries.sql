-- Keeps the newest known queries of a space, and drops requests that nobody can be waiting for any more.
WITH stale AS (
    -- A client waits for ten minutes at most. Other spaces are their own workers' to tidy, and
    -- those that nobody works for must not fill up for ever.
    DELETE FROM encoding_request r
    WHERE r.requested_at < now() - CASE WHEN r.space_id = %(space_id)s
        THEN interval '15 minutes' ELSE interval '1 day' END
)
DELETE FROM query_vector v
WHERE v.space_id = %(space_id)s AND v.created_at <= (
    SELECT k.created_at FROM query_vector k WHERE k.space_id = %(space_id)s
    ORDER BY k.created_at DESC OFFSET %(known_queries)s LIMIT 1
)
