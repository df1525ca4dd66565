-- Queues dead letters anew, of one reason or one product if asked.
UPDATE work_queue q
SET dead_at = NULL, attempts = 0, claims = 0, lease_token = NULL, available_at = now(),
    reason = NULL, detail = NULL
WHERE q.dead_at IS NOT NULL
  AND (%(reason)s::text IS NULL OR q.reason = %(reason)s)
  AND (%(product)s::text IS NULL OR q.product_id IN (
        SELECT p.product_id FROM product p WHERE p.external_id = %(product)s
        UNION SELECT v.product_id FROM variant v WHERE v.sku = %(product)s))
  AND q.space_id IN (SELECT s.space_id FROM space s WHERE s.status <> 'retired')
