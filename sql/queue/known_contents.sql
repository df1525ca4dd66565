-- The contents that some products already have vectors of: equal ones are copied, not encoded again.
SELECT 'image' AS kind, v.product_id, v.content
FROM {image_vector} v WHERE v.product_id = ANY (%(product_ids)s)
UNION
SELECT 'caption', v.product_id, v.content
FROM {caption_vector} v WHERE v.product_id = ANY (%(product_ids)s)
