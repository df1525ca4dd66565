-- Charges a failure to each entry: it is tried again later, or becomes a dead letter.
UPDATE work_queue q
SET lease_token = NULL, claims = 0, attempts = q.attempts + 1,
    reason = g.reason, detail = g.detail,
    -- Doubling pauses, each between half and one and a half times its length, so that what failed
    -- together does not come back together.
    available_at = now() + make_interval(secs =>
        least(%(first_pause)s * 2 ^ least(q.attempts, 20), %(longest_pause)s) * (0.5 + random())),
    dead_at = CASE WHEN g.hopeless OR q.attempts + 1 >= %(max_attempts)s THEN now() END
FROM unnest(
    %(product_ids)s::bigint[], %(kinds)s::text[], %(item_ids)s::bigint[], %(lease_tokens)s::uuid[],
    %(reasons)s::text[], %(details)s::text[], %(hopeless)s::boolean[]
) AS g (product_id, kind, item_id, lease_token, reason, detail, hopeless)
WHERE q.product_id = g.product_id AND q.kind = g.kind AND q.item_id = g.item_id
  AND q.space_id = %(space_id)s AND q.lease_token = g.lease_token AND q.dead_at IS NULL
RETURNING q.dead_at IS NOT NULL AS dead
