-- Writes the products of one batch, with their texts and categories.

INSERT INTO batch_product (product_key, record, product_id, complete)
SELECT g.product_key, g.record, p.product_id, g.complete AND g.record IS NOT NULL
FROM (
    SELECT product_key, max(record) FILTER (WHERE part = 'own') AS record, bool_and(complete) AS complete
    FROM import_member WHERE anchor BETWEEN %(low)s AND %(high)s GROUP BY product_key
) g LEFT JOIN product p ON p.external_id = g.product_key;

ANALYZE batch_product;

-- The shop deleted it since the rows were linked, and they do not describe it whole.
INSERT INTO import_reject (line, column_name, value, reason)
SELECT r.line, %(parent_column)s, g.product_key, 'the shop deleted this product while the import ran'
FROM (SELECT b.product_key FROM batch_product b LEFT JOIN import_row o ON o.record = b.record
      WHERE b.product_id IS NULL AND o.title IS NULL) g
JOIN import_member m ON m.product_key = g.product_key AND m.anchor BETWEEN %(low)s AND %(high)s
JOIN import_row r ON r.record = m.record;

WITH added AS (
    INSERT INTO product (external_id, brand, attributes, status)
    SELECT b.product_key, r.brand, coalesce(r.attributes, '{}'),
           CASE WHEN r.active IS FALSE THEN 'retired' ELSE 'active' END
    FROM batch_product b JOIN import_row r USING (record)
    WHERE b.product_id IS NULL AND r.title IS NOT NULL
    ORDER BY b.record
    RETURNING product_id, external_id
)
UPDATE batch_product b SET product_id = a.product_id, is_new = true
FROM added a WHERE a.external_id = b.product_key;

WITH changed AS (
    UPDATE product p SET
        brand = CASE WHEN %(has_brand)s THEN r.brand ELSE p.brand END,
        attributes = CASE WHEN %(has_attributes)s THEN coalesce(r.attributes, '{}') ELSE p.attributes END,
        status = CASE WHEN r.active IS FALSE THEN 'retired' ELSE 'active' END,
        updated_at = now()
    FROM batch_product b JOIN import_row r USING (record)
    WHERE p.product_id = b.product_id AND NOT b.is_new
      AND ((%(has_brand)s AND p.brand IS DISTINCT FROM r.brand)
        OR (%(has_attributes)s AND p.attributes <> coalesce(r.attributes, '{}'))
        OR p.status <> CASE WHEN r.active IS FALSE THEN 'retired' ELSE 'active' END)
    RETURNING p.product_id
)
INSERT INTO tally
SELECT 'product', 'touched', product_id FROM changed;

-- Texts. What another locale leaves empty is the default one's.
INSERT INTO batch_text (product_id, locale, title, description)
SELECT b.product_id, coalesce(r.locale, %(locale)s), coalesce(r.title, t.title),
       CASE WHEN %(has_description)s THEN coalesce(r.description, '') ELSE coalesce(t.description, '') END
FROM batch_product b JOIN import_row r USING (record)
LEFT JOIN product_text t ON t.product_id = b.product_id AND t.locale = coalesce(r.locale, %(locale)s)
WHERE b.product_id IS NOT NULL AND coalesce(r.title, t.title) IS NOT NULL;

ANALYZE batch_text;
WITH translated AS MATERIALIZED (
    SELECT b.product_id, m.record FROM import_member m
    JOIN batch_product b ON b.product_key = m.product_key
    WHERE m.anchor BETWEEN %(low)s AND %(high)s AND m.part = 'text' AND b.product_id IS NOT NULL
)
INSERT INTO batch_text (product_id, locale, title, description)
SELECT m.product_id, r.locale, coalesce(r.title, d.title, t.title),
       coalesce(r.description, d.description, t.description, '')
FROM translated m
JOIN import_row r USING (record)
LEFT JOIN batch_text d ON d.product_id = m.product_id AND d.locale = %(locale)s
LEFT JOIN product_text t ON t.product_id = m.product_id AND t.locale = %(locale)s
WHERE coalesce(r.title, d.title, t.title) IS NOT NULL AND r.locale <> %(locale)s;
ANALYZE batch_text;

-- Captions follow the texts by themselves, and are only counted here.
INSERT INTO tally
SELECT 'caption', o.outcome, count(*) FILTER (WHERE o.counts)
FROM batch_text b
LEFT JOIN LATERAL (
    SELECT t.title, t.description FROM product_text t
    WHERE t.product_id = b.product_id AND t.locale = b.locale
    OFFSET 0
) known ON true
CROSS JOIN LATERAL (VALUES
    ('new', known.title IS NULL),
    ('changed', CASE WHEN known.title <> b.title OR known.description <> b.description
        THEN caption_text(known.title, known.description) <> caption_text(b.title, b.description) END),
    ('seen', true)
) o (outcome, counts)
GROUP BY o.outcome;

WITH changed AS (
    UPDATE product_text t SET title = b.title, description = b.description
    FROM batch_text b
    WHERE t.product_id = b.product_id AND t.locale = b.locale
      AND (t.title <> b.title OR t.description <> b.description)
    RETURNING t.product_id
)
INSERT INTO tally SELECT 'product', 'touched', product_id FROM changed;

-- OFFSET 0 here and elsewhere: look each row up by its key; NOT IN: in a hash table. As joins, with statistics
-- as old as the batch before, these were planned as loops over all pairs.
WITH added AS (
    INSERT INTO product_text (product_id, locale, title, description)
    SELECT b.product_id, b.locale, b.title, b.description FROM batch_text b
    WHERE NOT EXISTS (SELECT FROM product_text t
                      WHERE t.product_id = b.product_id AND t.locale = b.locale OFFSET 0)
    RETURNING product_id
)
INSERT INTO tally SELECT 'product', 'touched', product_id FROM added;

-- Categories of the products; the tree itself was completed before the first batch.
WITH wanted AS (
    SELECT DISTINCT b.product_id, k.category_id
    FROM batch_product b JOIN import_row r USING (record)
    CROSS JOIN LATERAL unnest(r.categories) AS written
    JOIN known_category k USING (written)
    WHERE b.product_id IS NOT NULL AND %(has_categories)s
), removed AS (
    DELETE FROM product_category c USING batch_product b
    WHERE c.product_id = b.product_id AND b.record IS NOT NULL AND %(has_categories)s
      AND (c.product_id, c.category_id) NOT IN (SELECT w.product_id, w.category_id FROM wanted w)
    RETURNING c.product_id
), added AS (
    INSERT INTO product_category (product_id, category_id)
    SELECT w.product_id, w.category_id FROM wanted w
    WHERE NOT EXISTS (SELECT FROM product_category c
                      WHERE c.product_id = w.product_id AND c.category_id = w.category_id OFFSET 0)
    RETURNING product_id
)
INSERT INTO tally
SELECT DISTINCT 'product', 'touched', product_id FROM removed
UNION ALL SELECT DISTINCT 'product', 'touched', product_id FROM added;
