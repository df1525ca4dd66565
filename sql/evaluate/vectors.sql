-- The vector of each product that has one: of its first picture, or of a caption.
SELECT DISTINCT ON (v.product_id) v.product_id, v.embedding::real[]
FROM {vectors} v
WHERE v.product_id = ANY (%s::bigint[])
ORDER BY v.product_id, v.{key}
