-- What goes with a product: bought together with it, or viewed after it.

-- The partners of products, each with how much it says of the product.
CREATE OR REPLACE FUNCTION partners_of(kind text, product_ids bigint[])
RETURNS TABLE (product_id bigint, partner_id bigint, score real, times integer, shoppers integer)
LANGUAGE sql STABLE SET search_path FROM CURRENT SET enable_seqscan = off AS $$
    SELECT a.product_id, a.partner_id, a.score, a.times, a.shoppers
    FROM unnest(product_ids) g (product_id)
    CROSS JOIN LATERAL (SELECT a.* FROM association a WHERE a.product_id = g.product_id AND a.kind = partners_of.kind OFFSET 0) a
$$;

-- The partners of a product; the less is known of it, the more those of its ten nearest neighbours count: their mean, as if
-- five more had none.
CREATE OR REPLACE FUNCTION partners_with_prior(
    kind text, space_id integer, product bigint, OUT partner_ids bigint[], OUT scores double precision[], OUT reasons jsonb[]
)
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
DECLARE
    times CONSTANT integer := coalesce((SELECT c.times FROM association_count c WHERE c.product_id = product AND c.kind = partners_with_prior.kind), 0);
    trust CONSTANT double precision := CASE WHEN times >= 50 THEN 1 ELSE times / (times + 10.0) END;
    near CONSTANT bigint[] := CASE WHEN trust < 1 THEN nearest_products(space_id, product, 10) ELSE '{}' END;
BEGIN
    WITH own AS MATERIALIZED (
        SELECT a.* FROM partners_of(partners_with_prior.kind, ARRAY[product]) a
    ), prior AS MATERIALIZED (
        SELECT a.partner_id, sum(a.score) / (cardinality(near) + 5) AS score, array_agg(a.product_id ORDER BY a.score DESC, a.product_id) AS neighbours
        FROM partners_of(partners_with_prior.kind, near) a WHERE a.partner_id <> product GROUP BY a.partner_id
    ), joined AS (
        SELECT coalesce(o.partner_id, r.partner_id) AS partner_id, trust * coalesce(o.score, 0) + (1 - trust) * coalesce(r.score, 0) AS score,
            o.times, o.shoppers, r.neighbours
        FROM own o FULL JOIN prior r ON r.partner_id = o.partner_id
        ORDER BY score DESC, partner_id LIMIT 200
    )
    SELECT array_agg(j.partner_id ORDER BY j.score DESC, j.partner_id), array_agg(j.score ORDER BY j.score DESC, j.partner_id),
        array_agg(jsonb_strip_nulls(jsonb_build_object(partners_with_prior.kind, CASE WHEN j.times > 0 THEN jsonb_build_object('times', j.times, 'shoppers', j.shoppers) END,
            'neighbours', CASE WHEN j.times IS NULL THEN (SELECT jsonb_agg(p.external_id ORDER BY n.place)
                FROM unnest(j.neighbours[:3]) WITH ORDINALITY n (product_id, place) JOIN product p USING (product_id)) END)) ORDER BY j.score DESC, j.partner_id)
    INTO partner_ids, scores, reasons FROM joined j;
END $$;

CREATE OR REPLACE FUNCTION bought_together(
    product text, filters jsonb DEFAULT '{}', k integer DEFAULT 12, client text DEFAULT NULL, session text DEFAULT NULL, options jsonb DEFAULT '{}'
) RETURNS TABLE (rank integer, product_id bigint, external_id text, variant_id bigint, image_id bigint, score real, why jsonb)
LANGUAGE plpgsql VOLATILE ROWS 12 COST 10000 SET search_path FROM CURRENT
SET jit = off SET enable_seqscan = off SET max_parallel_workers_per_gather = 0
SET hnsw.iterative_scan = relaxed_order SET hnsw.ef_search = 100 SET hnsw.max_scan_tuples = 40000
AS $$
DECLARE
    asked recommendation := recommendation('bought_together', product, client, session, filters, k, options);
    found_here record := partners_with_prior('bought_together', asked.space_id, asked.product_id);
BEGIN
    RETURN QUERY SELECT h.* FROM recommendation_page(asked, found_here.partner_ids, found_here.scores, found_here.reasons) h;
END $$;
COMMENT ON FUNCTION bought_together IS 'What is bought together with a product (an external_id or SKU), the most telling first; under the filters of search.';

CREATE OR REPLACE FUNCTION viewed_after(
    product text, filters jsonb DEFAULT '{}', k integer DEFAULT 12, client text DEFAULT NULL, session text DEFAULT NULL, options jsonb DEFAULT '{}'
) RETURNS TABLE (rank integer, product_id bigint, external_id text, variant_id bigint, image_id bigint, score real, why jsonb)
LANGUAGE plpgsql VOLATILE ROWS 12 COST 10000 SET search_path FROM CURRENT
SET jit = off SET enable_seqscan = off SET max_parallel_workers_per_gather = 0
SET hnsw.iterative_scan = relaxed_order SET hnsw.ef_search = 100 SET hnsw.max_scan_tuples = 40000
AS $$
DECLARE
    asked recommendation := recommendation('viewed_after', product, client, session, filters, k, options);
    found_here record := partners_with_prior('viewed_after', asked.space_id, asked.product_id);
BEGIN
    RETURN QUERY SELECT h.* FROM recommendation_page(asked, found_here.partner_ids, found_here.scores, found_here.reasons) h;
END $$;
COMMENT ON FUNCTION viewed_after IS 'What visits go on to view or buy after a product (an external_id or SKU); under the filters of search.';
