-- The state of the shop at a glance: coverage, queue, dead letters, workers, indexes, versions.

CREATE OR REPLACE FUNCTION space_indexes(
    space_id integer, OUT valid boolean, OUT invalid text[]
)
LANGUAGE sql STABLE SET search_path FROM CURRENT AS $$
    -- An index whose building was cut short stays behind, invalid, and is silently not used.
    SELECT count(*) FILTER (WHERE a.amname = 'hnsw' AND x.indisvalid AND x.indisready) = 2
               AND bool_and(x.indisvalid AND x.indisready),
           coalesce(array_agg(i.relname::text ORDER BY i.relname)
               FILTER (WHERE NOT (x.indisvalid AND x.indisready)), '{}')
    FROM pg_index x
    JOIN pg_class t ON t.oid = x.indrelid
    JOIN pg_class i ON i.oid = x.indexrelid
    JOIN pg_am a ON a.oid = i.relam
    WHERE t.relnamespace = quote_ident(current_schema())::regnamespace
      AND t.relname IN (format('image_vector_%s', $1), format('caption_vector_%s', $1))
$$;
COMMENT ON FUNCTION space_indexes IS 'Whether both vector indexes of a space are there and usable, and the names of those that are not.';

CREATE OR REPLACE FUNCTION workers_alive() RETURNS SETOF worker
LANGUAGE sql STABLE SET search_path FROM CURRENT AS $$
    -- Three heartbeats missed make a worker gone.
    SELECT * FROM worker w WHERE w.seen_at > now() - interval '15 seconds'
$$;
COMMENT ON FUNCTION workers_alive IS 'The workers that gave a sign of life within 15 seconds.';

CREATE OR REPLACE VIEW status AS
WITH coverage AS (
    SELECT s.space_id, c.kind, c.total, c.encoded, c.waiting, c.failed
    FROM space s CROSS JOIN LATERAL space_coverage(s.space_id) c
), waiting AS (
    SELECT q.space_id, count(*) FILTER (WHERE q.reason IS NOT NULL) AS retrying,
           now() - min(q.enqueued_at) AS oldest
    FROM work_queue q JOIN product p USING (product_id)
    WHERE q.dead_at IS NULL AND p.status = 'active'
    GROUP BY q.space_id
), reasons AS (
    SELECT r.space_id,
           coalesce(jsonb_object_agg(r.reason, r.entries) FILTER (WHERE r.dead), '{}') AS dead_letters,
           coalesce(jsonb_object_agg(r.reason, r.entries) FILTER (WHERE NOT r.dead), '{}') AS delays
    FROM (
        SELECT q.space_id, q.reason, q.dead_at IS NOT NULL AS dead, count(*) AS entries
        FROM work_queue q JOIN product p USING (product_id)
        WHERE q.reason IS NOT NULL AND p.status = 'active'
        GROUP BY 1, 2, 3
    ) r
    GROUP BY r.space_id
), alive AS (
    SELECT w.space_id, count(*) AS workers, sum(w.rate) AS rate,
           array_agg(DISTINCT w.version ORDER BY w.version) AS versions
    FROM workers_alive() w
    GROUP BY w.space_id
)
SELECT s.space_id, s.name AS space, s.status, s.model, s.revision, s.dimension, s.preprocessing,
       i.total AS images, i.encoded AS images_encoded, i.waiting AS images_waiting,
       i.failed AS images_failed,
       c.total AS captions, c.encoded AS captions_encoded, c.waiting AS captions_waiting,
       c.failed AS captions_failed,
       coalesce(w.retrying, 0) AS retrying,
       coalesce(r.delays, '{}') AS delays,
       w.oldest AS oldest_waiting,
       coalesce(r.dead_letters, '{}') AS dead_letters,
       coalesce(a.workers, 0) AS workers,
       coalesce(a.rate, 0)::real AS rate,
       coalesce(a.versions, '{}') AS worker_versions,
       x.valid AS indexes_valid, x.invalid AS invalid_indexes,
       shop.products, shop.schema_revision, shop.server_version, shop.pgvector_version
FROM (
    -- One row is there even before any space is.
    SELECT (SELECT count(*) FROM product p WHERE p.status = 'active') AS products,
           (SELECT v.version_num::text FROM alembic_version v) AS schema_revision,
           current_setting('server_version') AS server_version,
           (SELECT e.extversion FROM pg_extension e WHERE e.extname = 'vector') AS pgvector_version
) shop
LEFT JOIN space s ON true
LEFT JOIN coverage i ON i.space_id = s.space_id AND i.kind = 'image'
LEFT JOIN coverage c ON c.space_id = s.space_id AND c.kind = 'caption'
LEFT JOIN waiting w ON w.space_id = s.space_id
LEFT JOIN reasons r ON r.space_id = s.space_id
LEFT JOIN alive a ON a.space_id = s.space_id
LEFT JOIN LATERAL space_indexes(s.space_id) x ON s.space_id IS NOT NULL
ORDER BY s.space_id;
COMMENT ON VIEW status IS 'One row for each space (one of NULLs before there is any): coverage of active products, queue, dead letters, workers, indexes, versions.';
