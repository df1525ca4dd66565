-- What looks like a product, and what trends: the recommendations that search and the trends answer.

-- Search's own answer to the product as a term; without a vector the same kind of thing follows.
CREATE OR REPLACE FUNCTION similar_products(
    product text, filters jsonb DEFAULT '{}', k integer DEFAULT 12, client text DEFAULT NULL, session text DEFAULT NULL, options jsonb DEFAULT '{}'
) RETURNS TABLE (rank integer, product_id bigint, external_id text, variant_id bigint, image_id bigint, score real, why jsonb)
LANGUAGE plpgsql VOLATILE ROWS 12 COST 10000 SET search_path FROM CURRENT
SET jit = off SET enable_seqscan = off SET max_parallel_workers_per_gather = 0
SET hnsw.iterative_scan = relaxed_order SET hnsw.ef_search = 100 SET hnsw.max_scan_tuples = 40000
AS $$
DECLARE
    asked recommendation := recommendation('similar_products', product, client, session, filters, k, options);
    answer search_answer;
    bought jsonb;
BEGIN
    IF (SELECT m.kind FROM mean_vectors(asked.space_id, ARRAY[asked.product_id]) m) IS NULL THEN
        RETURN QUERY SELECT h.* FROM recommendation_page(asked, '{}', '{}', '{}') h;
        RETURN;
    END IF;
    bought := (SELECT jsonb_build_object('all', jsonb_build_array(jsonb_build_object('not', jsonb_build_object('external_id', jsonb_agg(p.external_id)))))
        FROM product p WHERE p.product_id = ANY (array_remove(asked.excluded, asked.product_id)) HAVING count(*) > 0);
    answer := search_answer(NULL, jsonb_build_array(jsonb_build_object('product', product)), filters_together(filters, bought), k, NULL, NULL, NULL,
        jsonb_strip_nulls(jsonb_build_object('space', options -> 'space', 'rules', options -> 'rules')), false);
    RETURN QUERY SELECT h.rank, h.product_id, h.external_id, h.variant_id, h.image_id, h.score, h.why || '{"plan": "similar_products"}' FROM unnest(answer.hits) h;
END $$;
COMMENT ON FUNCTION similar_products IS 'What looks like a product (an external_id or SKU), or reads like it; under the filters of search.';

CREATE OR REPLACE FUNCTION trending(
    category text DEFAULT NULL, filters jsonb DEFAULT '{}', k integer DEFAULT 12, client text DEFAULT NULL, session text DEFAULT NULL, options jsonb DEFAULT '{}'
) RETURNS TABLE (rank integer, product_id bigint, external_id text, variant_id bigint, image_id bigint, score real, why jsonb)
LANGUAGE plpgsql VOLATILE ROWS 12 COST 10000 SET search_path FROM CURRENT
SET jit = off SET enable_seqscan = off SET max_parallel_workers_per_gather = 0
SET hnsw.iterative_scan = relaxed_order SET hnsw.ef_search = 100 SET hnsw.max_scan_tuples = 40000
AS $$
DECLARE
    asked recommendation := recommendation('trending', NULL, client, session, CASE WHEN category IS NULL THEN filters
        ELSE filters_together(filters, jsonb_build_object('category', category)) END, k, options);
    hottest CONSTANT bigint[] := trending_ids(asked.space_id, asked.filter, '{}', k);
    scores double precision[];
    reasons jsonb[];
BEGIN
    SELECT array_agg(trend_now(t.heat) ORDER BY n.place), array_agg(jsonb_build_object('trend', jsonb_strip_nulls(jsonb_build_object(
        'now', trend_now(t.heat)::real, 'shoppers', nullif(t.shoppers, 0), 'neighbours', CASE WHEN t.shoppers = 0 THEN (
            SELECT jsonb_agg(p.external_id ORDER BY e.place) FROM unnest(t.neighbours[:3]) WITH ORDINALITY e (product_id, place) JOIN product p USING (product_id)) END))) ORDER BY n.place)
    INTO scores, reasons
    FROM unnest(hottest) WITH ORDINALITY n (product_id, place) JOIN trend t USING (product_id);
    RETURN QUERY SELECT h.* FROM recommendation_page(asked, hottest, scores, reasons) h;
END $$;
COMMENT ON FUNCTION trending IS 'What shoppers look at, cart and buy most lately, in a category (a path or unique name) or everywhere; under the filters of search.';
