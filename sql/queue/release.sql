-- Gives entries back untried: after a delay if the world failed, at once if the worker stops.
UPDATE work_queue q
SET lease_token = NULL, claims = greatest(q.claims - 1, 0),
    available_at = now() + make_interval(secs => g.delay_seconds),
    reason = coalesce(g.reason, q.reason), detail = coalesce(g.detail, q.detail)
FROM unnest(
    %(product_ids)s::bigint[], %(kinds)s::text[], %(item_ids)s::bigint[], %(lease_tokens)s::uuid[],
    %(delays)s::float8[], %(reasons)s::text[], %(details)s::text[]
) AS g (product_id, kind, item_id, lease_token, delay_seconds, reason, detail)
WHERE q.product_id = g.product_id AND q.kind = g.kind AND q.item_id = g.item_id
  AND q.space_id = %(space_id)s AND q.lease_token = g.lease_token AND q.dead_at IS NULL
RETURNING q.product_id, q.kind, q.item_id
