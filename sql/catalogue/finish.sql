-- Ends an import: with a full file, retires the products that it does not name.

WITH gone AS (
    UPDATE product p SET status = 'retired', updated_at = now()
    WHERE %(full)s AND p.status = 'active'
      AND NOT EXISTS (SELECT FROM import_member m WHERE m.product_key = p.external_id)
      AND NOT EXISTS (SELECT FROM import_row r WHERE r.role = 'rejected'
                      AND p.external_id IN (r.product_key, r.sku))
    RETURNING p.product_id
)
INSERT INTO tally SELECT 'product', 'retired', count(*) FROM gone;
