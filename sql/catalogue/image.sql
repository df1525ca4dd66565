-- Writes the pictures of one batch, and which variants they show.

-- The whole product's pictures stand in its own row, in rows of their own, or beside its variants.
INSERT INTO batch_picture (product_id, variant_id, uri, rank)
SELECT b.product_id, NULL::bigint, u.uri,
       CASE WHEN r.position IS NOT NULL THEN r.position
            WHEN m.part = 'own' THEN 0 ELSE r.record END * 1000::bigint + u.place
FROM import_member m
JOIN import_row r ON r.record = m.record
JOIN batch_product b ON b.product_key = m.product_key
CROSS JOIN LATERAL unnest(r.images) WITH ORDINALITY AS u (uri, place)
WHERE m.anchor BETWEEN %(low)s AND %(high)s AND m.part IN ('own', 'picture')
  AND r.sku IS NULL AND b.product_id IS NOT NULL
UNION ALL
SELECT v.product_id, NULL::bigint, u.uri, v.rank + u.place
FROM batch_variant v CROSS JOIN LATERAL unnest(v.images) WITH ORDINALITY AS u (uri, place)
UNION ALL
SELECT v.product_id, CASE WHEN NOT v.alone THEN v.variant_id END, u.uri,
       (1000000 + v.record) * 1000::bigint + u.place
FROM batch_variant v CROSS JOIN LATERAL unnest(v.variant_images) WITH ORDINALITY AS u (uri, place);
ANALYZE batch_picture;

INSERT INTO batch_image (product_id, uri, position, image_id)
SELECT w.product_id, w.uri,
       row_number() OVER (PARTITION BY w.product_id ORDER BY w.rank) - 1, i.image_id
FROM (SELECT product_id, uri, min(rank) AS rank FROM batch_picture GROUP BY product_id, uri) w
LEFT JOIN image i ON i.product_id = w.product_id AND i.uri = w.uri;
ANALYZE batch_image;

WITH gone AS (
    DELETE FROM image i USING batch_product b
    WHERE i.product_id = b.product_id AND b.complete AND NOT b.is_new AND %(has_images)s
      AND (i.product_id, i.image_id) NOT IN (
          SELECT w.product_id, w.image_id FROM batch_image w WHERE w.image_id IS NOT NULL)
    RETURNING i.image_id
)
INSERT INTO tally SELECT 'image', 'removed', count(*) FROM gone;

-- The file of only some of a product's rows says nothing about the order of its pictures.
WITH changed AS (
    UPDATE image i SET
        position = CASE WHEN b.complete THEN w.position ELSE i.position END,
        input_version = i.input_version + CASE WHEN %(refresh)s THEN 1 ELSE 0 END
    FROM batch_image w JOIN batch_product b USING (product_id)
    WHERE i.product_id = w.product_id AND i.image_id = w.image_id
      AND (%(refresh)s OR (b.complete AND i.position <> w.position))
    RETURNING i.image_id
)
INSERT INTO tally SELECT 'image', 'changed', count(*) FROM changed;

WITH added AS (
    INSERT INTO image (product_id, uri, position)
    SELECT product_id, uri, position FROM batch_image WHERE image_id IS NULL
    ORDER BY product_id, position
    RETURNING product_id, image_id, uri
), known AS (
    UPDATE batch_image b SET image_id = a.image_id, is_new = true
    FROM added a WHERE a.product_id = b.product_id AND a.uri = b.uri
)
INSERT INTO tally SELECT 'image', 'new', count(*) FROM added;

INSERT INTO tally SELECT 'image', 'seen', count(*) FROM batch_image;

WITH wanted AS (
    SELECT p.product_id, i.image_id, p.variant_id
    FROM batch_picture p JOIN batch_image i USING (product_id, uri)
    WHERE p.variant_id IS NOT NULL AND i.image_id IS NOT NULL
), removed AS (
    DELETE FROM image_variant x USING batch_variant v
    WHERE x.product_id = v.product_id AND x.variant_id = v.variant_id AND %(has_images)s
      AND (x.product_id, x.image_id, x.variant_id) NOT IN (
          SELECT w.product_id, w.image_id, w.variant_id FROM wanted w)
    RETURNING x.product_id
), added AS (
    INSERT INTO image_variant (product_id, image_id, variant_id)
    SELECT w.product_id, w.image_id, w.variant_id FROM wanted w
    WHERE NOT EXISTS (SELECT FROM image_variant x WHERE x.product_id = w.product_id
                      AND x.image_id = w.image_id AND x.variant_id = w.variant_id OFFSET 0)
    RETURNING product_id
)
INSERT INTO tally
SELECT DISTINCT 'product', 'touched', product_id FROM removed
UNION ALL SELECT DISTINCT 'product', 'touched', product_id FROM added;

-- How the products of this batch fared, all parts counted.
WITH fared AS (
    SELECT b.is_new, b.product_id IN (SELECT t.number FROM tally t
                                      WHERE t.noun = 'product' AND t.outcome = 'touched') AS touched
    FROM batch_product b WHERE b.product_id IS NOT NULL
)
INSERT INTO tally
SELECT 'product', 'new', count(*) FILTER (WHERE is_new) FROM fared
UNION ALL SELECT 'product', 'changed', count(*) FILTER (WHERE touched AND NOT is_new) FROM fared
UNION ALL SELECT 'product', 'seen', count(*) FROM fared;
