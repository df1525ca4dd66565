-- Finds, once the whole file is staged, which rows make one product, and refuses those that fit none.

-- A SKU, a product and a text stand in a file once; the first one counts.
WITH again AS (
    SELECT r.record, r.line, r.sku, f.line AS first_line
    FROM import_row r JOIN (
        SELECT sku, min(record) AS record, min(line) AS line FROM import_row
        WHERE sku IS NOT NULL AND role <> 'rejected' GROUP BY sku HAVING count(*) > 1
    ) f USING (sku)
    WHERE r.role <> 'rejected' AND r.record > f.record
), refused AS (
    INSERT INTO import_reject (line, column_name, value, reason)
    SELECT line, %(sku_column)s, sku, format('duplicate: line %%s has this SKU already', first_line) FROM again
)
UPDATE import_row r SET role = 'rejected' FROM again WHERE r.record = again.record;

-- Files that repeat the product in each row: the first one describes it, all are its variants.
UPDATE import_row r SET role = 'variant'
FROM (SELECT product_key, min(record) AS record FROM import_row
      WHERE role = 'product' GROUP BY product_key HAVING count(*) > 1) f
WHERE r.role = 'product' AND r.product_key = f.product_key AND r.record > f.record
  AND r.sku IS NOT NULL;

WITH again AS (
    SELECT r.record, r.line, r.product_key, f.line AS first_line
    FROM import_row r JOIN (
        SELECT product_key, role, locale, min(record) AS record, min(line) AS line FROM import_row
        WHERE role IN ('product', 'text') GROUP BY product_key, role, locale HAVING count(*) > 1
    ) f ON f.product_key = r.product_key AND f.role = r.role
       AND f.locale IS NOT DISTINCT FROM r.locale
    WHERE r.record > f.record
), refused AS (
    INSERT INTO import_reject (line, column_name, value, reason)
    SELECT line, %(product_column)s, product_key,
           format('duplicate: line %%s has this product already', first_line) FROM again
)
UPDATE import_row r SET role = 'rejected' FROM again WHERE r.record = again.record;

WITH again AS (
    SELECT l.ctid AS place, l.line, l.sku, l.product_key, f.product_key AS first_key
    FROM import_link l JOIN (
        SELECT DISTINCT ON (sku) sku, product_key, line, ctid AS place FROM import_link
        WHERE sku IN (SELECT sku FROM import_link GROUP BY sku HAVING count(*) > 1)
        ORDER BY sku, line
    ) f ON f.sku = l.sku AND f.place <> l.ctid
), refused AS (
    INSERT INTO import_reject (line, column_name, value, reason)
    SELECT line, %(link_column)s, sku, format('%%s has this variant already', first_key) FROM again
)
DELETE FROM import_link l USING again WHERE l.ctid = again.place;

-- A product that another one names as its variant is no product of its own, nor can it be its parent.
WITH lost AS (
    SELECT l.ctid AS place, l.line, l.sku, r.role
    FROM import_link l LEFT JOIN import_row r
      ON r.sku = l.sku AND r.role IN ('item', 'hidden', 'variant', 'product', 'rejected')
    WHERE r.record IS NULL
      AND NOT EXISTS (
          SELECT FROM variant v JOIN product p USING (product_id)
          WHERE v.sku = l.sku AND p.external_id = l.product_key AND NOT %(full)s)
)
INSERT INTO import_reject (line, column_name, value, reason)
SELECT line, %(link_column)s, sku, 'this variation has no row in the file' FROM lost;

-- The rows of each product: its own, its variants', its other texts and pictures.
CREATE TEMP TABLE placed ON COMMIT DROP AS
SELECT r.record, r.line, r.sku, r.role, l.options,
       coalesce(l.product_key, r.product_key, known.external_id, r.sku) AS product_key,
       CASE WHEN r.role IN ('text', 'picture') THEN r.role::text
            WHEN r.role = 'product' THEN 'own'
            WHEN r.role = 'item' AND l.sku IS NULL AND known.external_id IS NULL THEN 'own'
            WHEN r.role = 'hidden' AND l.sku IS NULL AND known.external_id IS NULL
                THEN CASE WHEN p.product_id IS NULL THEN 'orphan' ELSE 'own' END
            ELSE 'variant' END AS part,
       r.title IS NULL AS untitled
FROM import_row r
LEFT JOIN import_link l ON l.sku = r.sku AND r.role IN ('item', 'hidden')
LEFT JOIN product p ON p.external_id = r.sku AND r.role = 'hidden' AND l.sku IS NULL
-- A row of a known product's variant alone, as in a list of prices.
LEFT JOIN LATERAL (
    SELECT o.external_id FROM variant v JOIN product o USING (product_id)
    WHERE v.sku = r.sku AND o.external_id <> r.sku
) known ON r.role IN ('item', 'hidden') AND l.sku IS NULL
WHERE r.role <> 'rejected';
ANALYZE placed (record, product_key, part);

CREATE TEMP TABLE anchored ON COMMIT DROP AS
SELECT product_key, coalesce(min(record) FILTER (WHERE part = 'own'), min(record)) AS anchor,
       bool_or(part = 'own') AS own, bool_and(untitled) FILTER (WHERE part = 'own') AS untitled,
       false AS unknown
FROM placed WHERE part <> 'orphan' GROUP BY product_key;
ANALYZE anchored (product_key, anchor);
UPDATE anchored a SET unknown = true
WHERE (NOT own OR untitled) AND NOT EXISTS (SELECT FROM product p WHERE p.external_id = a.product_key);

INSERT INTO import_reject (line, column_name, value, reason)
SELECT r.line, refusal.column_name, refusal.value, refusal.reason
FROM placed m
JOIN import_row r USING (record)
LEFT JOIN anchored a ON a.product_key = m.product_key
CROSS JOIN LATERAL (
    SELECT %(sku_column)s, m.sku, 'not visible by itself, and no product names it as its variant'
    WHERE m.part = 'orphan'
    UNION ALL
    SELECT %(title_column)s, '', 'a new product needs a title' WHERE a.unknown AND a.own AND m.part = 'own'
    UNION ALL
    SELECT %(parent_column)s, m.product_key, 'neither the file nor the shop has this product'
    WHERE a.unknown AND NOT a.own AND (m.part = 'variant' OR m.part = 'picture'
        OR NOT EXISTS (SELECT FROM import_row v WHERE v.sku = m.product_key))
    UNION ALL
    SELECT %(parent_column)s, m.product_key, 'its product was refused'
    WHERE a.unknown AND a.own AND m.part <> 'own'
) refusal (column_name, value, reason);

-- What a row that was refused or is missing would have brought must not be taken away.
CREATE TEMP TABLE incomplete ON COMMIT DROP AS
SELECT r.product_key FROM import_row r WHERE r.role = 'rejected' AND r.product_key IS NOT NULL
UNION
SELECT l.product_key FROM import_link l LEFT JOIN import_row r USING (sku)
WHERE r.record IS NULL OR r.role = 'rejected';
ANALYZE incomplete;

INSERT INTO import_member (anchor, record, product_key, part, complete, options)
SELECT a.anchor, m.record, m.product_key, m.part,
       i.product_key IS NULL AND (SELECT import_unreadable()) = 0, m.options
FROM placed m JOIN anchored a USING (product_key) LEFT JOIN incomplete i USING (product_key)
WHERE m.part <> 'orphan' AND NOT a.unknown
ORDER BY a.anchor, m.record;
