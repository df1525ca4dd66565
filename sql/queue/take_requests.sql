-- Takes the queries that clients wait for; what a worker took and lost comes back, addresses to be fetched later than the rest.
WITH quick AS (
    SELECT n.space_id, n.kind, n.key
    FROM encoding_request n
    WHERE n.space_id = %(space_id)s AND n.error IS NULL AND n.available_at <= clock_timestamp() AND n.image_url IS NULL
    ORDER BY n.available_at
    LIMIT %(limit)s
    FOR UPDATE SKIP LOCKED
), slow AS (
    -- The newest first: when more are asked for than can be fetched, who has waited long has gone.
    SELECT n.space_id, n.kind, n.key
    FROM encoding_request n
    WHERE n.space_id = %(space_id)s AND n.error IS NULL AND n.available_at <= clock_timestamp() AND n.image_url IS NOT NULL
    ORDER BY n.requested_at DESC
    LIMIT %(addresses)s
    FOR UPDATE SKIP LOCKED
)
UPDATE encoding_request r
SET available_at = clock_timestamp() + CASE WHEN r.image_url IS NULL THEN interval '2 seconds' ELSE interval '20 seconds' END
FROM (SELECT q.* FROM quick q UNION ALL SELECT s.* FROM slow s) taken
WHERE r.space_id = taken.space_id AND r.kind = taken.kind AND r.key = taken.key
RETURNING r.kind, r.key, r.query, r.picture, r.image_url
