-- Says that a worker lives and what it did; takes away the rows of workers that died long ago.
WITH gone AS (
    DELETE FROM worker w WHERE w.seen_at < now() - interval '10 minutes'
)
INSERT INTO worker AS w (worker_id, space_id, host, pid, version, device, encoded, failed, rate)
VALUES (%(worker_id)s, %(space_id)s, %(host)s, %(pid)s, %(version)s, %(device)s,
        %(encoded)s, %(failed)s, %(rate)s)
ON CONFLICT (worker_id) DO UPDATE
    SET seen_at = now(), encoded = excluded.encoded, failed = excluded.failed, rate = excluded.rate
