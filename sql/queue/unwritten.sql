-- Why vectors were not written under leases that are still held; a lost lease gives no row.
SELECT q.product_id, q.kind, q.item_id,
       CASE WHEN g.input_version IS DISTINCT FROM coalesce(i.input_version, t.input_version)
                THEN 'changed'
            WHEN NOT g.has_vector AND NOT EXISTS (
                    SELECT FROM {image_vector} v
                    WHERE q.kind = 'image' AND v.product_id = q.product_id AND v.content = g.content)
                AND NOT EXISTS (
                    SELECT FROM {caption_vector} v
                    WHERE q.kind = 'caption' AND v.product_id = q.product_id AND v.content = g.content)
                THEN 'no_source'
            ELSE 'locked' END AS cause
FROM unnest(
    %(product_ids)s::bigint[], %(kinds)s::text[], %(item_ids)s::bigint[], %(lease_tokens)s::uuid[],
    %(input_versions)s::bigint[], %(contents)s::bytea[], %(has_vectors)s::boolean[]
) AS g (product_id, kind, item_id, lease_token, input_version, content, has_vector)
JOIN work_queue q ON q.product_id = g.product_id AND q.kind = g.kind AND q.item_id = g.item_id
    AND q.space_id = %(space_id)s AND q.lease_token = g.lease_token
LEFT JOIN image i ON q.kind = 'image' AND i.product_id = q.product_id AND i.image_id = q.item_id
LEFT JOIN caption t ON q.kind = 'caption' AND t.product_id = q.product_id AND t.caption_id = q.item_id
