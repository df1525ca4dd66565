-- The latest dead letters of active products, with what was to be encoded.
SELECT p.external_id, q.kind, coalesce(i.uri, c.text) AS what, q.reason, q.detail
FROM work_queue q
JOIN product p USING (product_id)
LEFT JOIN image i ON q.kind = 'image' AND i.product_id = q.product_id AND i.image_id = q.item_id
LEFT JOIN caption c
    ON q.kind = 'caption' AND c.product_id = q.product_id AND c.caption_id = q.item_id
WHERE q.dead_at IS NOT NULL AND p.status = 'active'
ORDER BY q.dead_at DESC, q.product_id, q.item_id
LIMIT %(limit)s
