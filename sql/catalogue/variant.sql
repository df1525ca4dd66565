-- Writes the variants of one batch; a SKU that stood under another product moves to this one.

INSERT INTO batch_variant (record, product_id, variant_id, old_product_id, sku, price, stock, options,
                           status, rank, alone, images, variant_images)
SELECT r.record, b.product_id, v.variant_id, v.product_id, r.sku, r.price, r.stock,
       coalesce(m.options, r.options), CASE WHEN r.active IS FALSE THEN 'retired' ELSE 'active' END,
       CASE WHEN r.position IS NOT NULL THEN r.position
            WHEN m.part = 'own' THEN 0 ELSE r.record END * 1000::bigint,
       m.part = 'own' AND r.role = 'item', r.images, r.variant_images
FROM import_member m
JOIN import_row r ON r.record = m.record
JOIN batch_product b ON b.product_key = m.product_key
LEFT JOIN variant v ON v.sku = r.sku
WHERE m.anchor BETWEEN %(low)s AND %(high)s AND m.part IN ('own', 'variant')
  AND r.sku IS NOT NULL AND b.product_id IS NOT NULL;
ANALYZE batch_variant (product_id, variant_id, sku);

DELETE FROM image_variant i USING batch_variant b
WHERE b.old_product_id <> b.product_id
  AND i.product_id = b.old_product_id AND i.variant_id = b.variant_id;

WITH changed AS (
    UPDATE variant v SET
        product_id = b.product_id,
        price = CASE WHEN %(has_price)s THEN b.price ELSE v.price END,
        stock = CASE WHEN %(has_stock)s THEN b.stock ELSE v.stock END,
        options = coalesce(b.options, v.options),
        status = b.status,
        updated_at = now()
    FROM batch_variant b
    WHERE v.product_id = b.old_product_id AND v.variant_id = b.variant_id
      AND (v.product_id <> b.product_id
        OR (%(has_price)s AND v.price IS DISTINCT FROM b.price)
        OR (%(has_stock)s AND v.stock IS DISTINCT FROM b.stock)
        OR v.options <> coalesce(b.options, v.options)
        OR v.status <> b.status)
    RETURNING v.variant_id
)
INSERT INTO tally SELECT 'variant', 'changed', count(*) FROM changed;

WITH added AS (
    INSERT INTO variant (product_id, sku, price, stock, options, status)
    SELECT b.product_id, b.sku, b.price, b.stock, coalesce(b.options, '{}'), b.status
    FROM batch_variant b WHERE b.variant_id IS NULL
    ORDER BY b.product_id, b.record
    RETURNING variant_id, sku
), known AS (
    UPDATE batch_variant b SET variant_id = a.variant_id FROM added a WHERE a.sku = b.sku
)
INSERT INTO tally SELECT 'variant', 'new', count(*) FROM added;

INSERT INTO tally SELECT 'variant', 'seen', count(*) FROM batch_variant;

-- A full file is the whole truth about its products.
WITH gone AS (
    UPDATE variant v SET status = 'retired', updated_at = now()
    FROM batch_product b
    WHERE %(full)s AND v.product_id = b.product_id AND v.status = 'active'
      AND (SELECT import_unreadable()) = 0
      AND (v.product_id, v.variant_id) NOT IN (
          SELECT s.product_id, s.variant_id FROM batch_variant s WHERE s.variant_id IS NOT NULL)
      AND NOT EXISTS (SELECT FROM import_row r WHERE r.role = 'rejected' AND r.sku = v.sku)
    RETURNING v.variant_id
)
INSERT INTO tally SELECT 'variant', 'retired', count(*) FROM gone;
