-- Ends an import: with a full file, retires the products that it does not name.

-- What the shop added while the import ran cannot be in the file.
WITH gone AS (
    UPDATE product p SET status = 'retired', updated_at = now()
    WHERE %(full)s AND p.status = 'active' AND (SELECT import_unreadable()) = 0
      AND p.created_at < (SELECT i.started_at FROM import_run i WHERE i.import_run_id = %(run)s)
      AND NOT EXISTS (SELECT FROM import_member m WHERE m.product_key = p.external_id)
      AND NOT EXISTS (SELECT FROM import_row r WHERE r.role = 'rejected' AND r.product_key = p.external_id)
      AND NOT EXISTS (SELECT FROM import_row r WHERE r.role = 'rejected' AND r.sku = p.external_id)
    RETURNING p.product_id
)
INSERT INTO tally SELECT 'product', 'retired', count(*) FROM gone;
