-- Counts the active products, and how many of them a full import of the linked file would retire.

WITH named AS (
    SELECT m.product_key AS key, bool_or(m.part = 'own' AND r.active IS FALSE) AS hidden
    FROM import_member m JOIN import_row r USING (record) GROUP BY m.product_key
), refused AS (
    SELECT product_key AS key FROM import_row WHERE role = 'rejected' AND product_key IS NOT NULL
    UNION SELECT sku FROM import_row WHERE role = 'rejected' AND sku IS NOT NULL
)
SELECT count(*),
       count(*) FILTER (WHERE n.hidden OR (n.key IS NULL AND f.key IS NULL AND p.created_at < i.started_at
                                           AND (SELECT import_unreadable()) = 0))
FROM product p
JOIN import_run i ON i.import_run_id = %(run)s
LEFT JOIN named n ON n.key = p.external_id
LEFT JOIN refused f ON f.key = p.external_id
WHERE p.status = 'active';
