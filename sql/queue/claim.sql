-- Takes the next entries of one space under a lease, with everything that encoding them needs.
WITH next AS (
    SELECT q.product_id, q.kind, q.item_id
    FROM work_queue q
    WHERE q.space_id = %(space_id)s AND q.dead_at IS NULL AND q.available_at <= now()
      AND q.claims BETWEEN %(least_claims)s AND %(most_claims)s
    ORDER BY q.priority, q.available_at
    LIMIT %(limit)s
    FOR UPDATE SKIP LOCKED
), claimed AS (
    UPDATE work_queue q
    SET available_at = now() + make_interval(secs => %(lease_seconds)s),
        lease_token = %(lease_token)s, claims = q.claims + 1
    FROM next n
    WHERE q.product_id = n.product_id AND q.kind = n.kind AND q.item_id = n.item_id
      AND q.space_id = %(space_id)s
    RETURNING q.product_id, q.kind, q.item_id, q.lease_token, q.attempts, q.priority
)
-- The version claimed is read from the same row as the input itself, so that the two belong together.
SELECT c.product_id, c.kind, c.item_id, c.lease_token, c.attempts,
       coalesce(i.input_version, t.input_version) AS input_version,
       i.uri, t.text, coalesce(v.content, w.content) AS content,
       -- A source may vouch that nothing changed only against the very bytes that were encoded.
       CASE WHEN i.sha256 = v.content THEN i.etag END AS etag,
       CASE WHEN i.sha256 = v.content THEN i.last_modified END AS last_modified,
       i.byte_size, i.width, i.height,
       -- In the same snapshot too, so that no picture is looked for in a folder of the past.
       (SELECT s.value #>> '{{}}' FROM setting s WHERE s.name = 'images') AS images
FROM claimed c
LEFT JOIN image i ON c.kind = 'image' AND i.product_id = c.product_id AND i.image_id = c.item_id
LEFT JOIN caption t ON c.kind = 'caption' AND t.product_id = c.product_id AND t.caption_id = c.item_id
LEFT JOIN {image_vector} v
    ON c.kind = 'image' AND v.product_id = c.product_id AND v.image_id = c.item_id
LEFT JOIN {caption_vector} w
    ON c.kind = 'caption' AND w.product_id = c.product_id AND w.caption_id = c.item_id
ORDER BY c.priority, c.product_id, c.kind, c.item_id
