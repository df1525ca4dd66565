-- Makes dead letters of entries on which worker after worker died without an outcome.
WITH lost AS (
    SELECT q.product_id, q.kind, q.item_id
    FROM work_queue q
    WHERE q.space_id = %(space_id)s AND q.dead_at IS NULL AND q.available_at <= now()
      AND q.claims >= %(claims)s
    FOR UPDATE SKIP LOCKED
)
UPDATE work_queue q
SET dead_at = now(), lease_token = NULL, reason = 'worker_lost',
    detail = format('%%s workers in a row ended while they had this entry', q.claims)
FROM lost l
WHERE q.product_id = l.product_id AND q.kind = l.kind AND q.item_id = l.item_id
  AND q.space_id = %(space_id)s
RETURNING q.product_id, q.kind, q.item_id
