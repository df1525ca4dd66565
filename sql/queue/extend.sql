-- Moves the end of leases that are still held; what it does not return was lost to somebody else.
UPDATE work_queue q
SET available_at = now() + make_interval(secs => %(lease_seconds)s)
FROM unnest(
    %(product_ids)s::bigint[], %(kinds)s::text[], %(item_ids)s::bigint[], %(lease_tokens)s::uuid[]
) AS g (product_id, kind, item_id, lease_token)
WHERE q.product_id = g.product_id AND q.kind = g.kind AND q.item_id = g.item_id
  AND q.space_id = %(space_id)s AND q.lease_token = g.lease_token AND q.dead_at IS NULL
RETURNING q.product_id, q.kind, q.item_id
