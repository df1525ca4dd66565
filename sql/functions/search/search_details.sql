-- What a result list shows of each hit: title, brand, price, options and picture.

CREATE OR REPLACE FUNCTION hit_details(product_ids bigint[], variant_ids bigint[], image_ids bigint[])
RETURNS TABLE (product_id bigint, title text, brand text, sku text, price numeric, options jsonb, uri text)
LANGUAGE sql STABLE SET search_path FROM CURRENT AS $$
    SELECT p.product_id, coalesce(t.title, p.external_id), p.brand, v.sku, v.price, v.options, i.uri
    FROM unnest(product_ids, variant_ids, image_ids) h (product_id, variant_id, image_id)
    JOIN product p ON p.product_id = h.product_id
    LEFT JOIN variant v ON v.product_id = h.product_id AND v.variant_id = h.variant_id
    LEFT JOIN image i ON i.product_id = h.product_id AND i.image_id = h.image_id
    LEFT JOIN LATERAL (
        SELECT t.title FROM product_text t
        LEFT JOIN setting s ON s.name = 'locale' AND s.value #>> '{}' = t.locale
        WHERE t.product_id = h.product_id ORDER BY s.name IS NULL, t.locale LIMIT 1
    ) t ON true
$$;
COMMENT ON FUNCTION hit_details IS 'Title, brand, variant and picture of hits, given by their ids in three lists of one length.';
