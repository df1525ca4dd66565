-- Takes the queries that clients wait for; what a worker took and lost comes back after two seconds.
UPDATE encoding_request r
SET available_at = clock_timestamp() + interval '2 seconds'
FROM (
    SELECT n.space_id, n.kind, n.key
    FROM encoding_request n
    WHERE n.space_id = %(space_id)s AND n.error IS NULL AND n.available_at <= clock_timestamp()
    ORDER BY n.available_at
    LIMIT %(limit)s
    FOR UPDATE SKIP LOCKED
) taken
WHERE r.space_id = taken.space_id AND r.kind = taken.kind AND r.key = taken.key
RETURNING r.kind, r.key, r.query, r.picture
