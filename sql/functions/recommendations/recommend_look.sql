-- What completes a look: things of other kinds than the product, in its style.

-- The kinds that go with a product's, the closest first, at most four: those learned from what is bought together; where
-- nothing was learned, those beside it in the tree with the most products. Never the product's own.
CREATE OR REPLACE FUNCTION completing_kinds(own bigint)
RETURNS TABLE (category_id bigint, path text, lift real, place bigint, kinds bigint)
LANGUAGE sql STABLE SET search_path FROM CURRENT AS $$
    WITH learned AS (
        SELECT f.partner_id AS category_id, f.lift FROM category_affinity f
        WHERE f.category_id = own AND f.lift > 1 ORDER BY f.lift DESC, f.partner_id LIMIT 4
    ), beside AS (
        SELECT c.category_id, NULL::real AS lift FROM category o JOIN category c ON c.parent_id IS NOT DISTINCT FROM o.parent_id AND c.category_id <> o.category_id
        WHERE o.category_id = own AND NOT EXISTS (SELECT FROM learned)
        ORDER BY (SELECT count(*) FROM (SELECT FROM product_category pc WHERE pc.category_id = ANY (ARRAY(
            SELECT n.category_id FROM category n WHERE n.lineage[cardinality(c.lineage)] = c.category_id)) LIMIT 200) m) DESC, c.category_id LIMIT 4
    )
    SELECT k.category_id, c.path, k.lift, row_number() OVER (ORDER BY k.lift DESC NULLS LAST, k.category_id), count(*) OVER ()
    FROM (SELECT * FROM learned UNION ALL SELECT * FROM beside) k JOIN category c USING (category_id)
$$;

-- Of one kind, what was bought together with the product or is in its style, the best first.
CREATE OR REPLACE FUNCTION look_of_kind(asked recommendation, path text, vector_kind text, vector halfvec, wanted integer, OUT product_ids bigint[], OUT similarities double precision[])
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
DECLARE
    narrowed CONSTANT search_filter := search_conditions(filters_together(asked.filters, jsonb_build_object('category', '/' || path)), asked.excluded);
    arm record;
BEGIN
    IF vector IS NOT NULL THEN
        arm := search_arm(vector_kind, asked.space_id, vector, narrowed, wanted, NULL, false);
        product_ids := arm.product_ids[:wanted];
        similarities := ARRAY(SELECT -d.distance FROM unnest(arm.distances) WITH ORDINALITY d (distance, place) WHERE d.place <= wanted ORDER BY d.place);
    END IF;
    IF coalesce(cardinality(product_ids), 0) = 0 THEN
        product_ids := search_browse(asked.space_id, narrowed, 'popularity', '{}', wanted, NULL);
        similarities := array_fill(NULL::double precision, ARRAY[cardinality(product_ids)]);
    END IF;
END $$;

-- The candidates: the kinds take turns; within one, what shoppers did buy with the product comes before what merely fits.
CREATE OR REPLACE FUNCTION look_candidates(asked recommendation, own bigint, level integer, OUT product_ids bigint[], OUT scores double precision[], OUT reasons jsonb[])
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
#variable_conflict use_column
DECLARE
    known record := mean_vectors(asked.space_id, ARRAY[asked.product_id]);
BEGIN
    WITH kind AS MATERIALIZED (
        SELECT c.* FROM completing_kinds(own) c
    ), fitting AS MATERIALIZED (
        SELECT k.category_id, u.product_id, u.similarity
        FROM kind k CROSS JOIN LATERAL look_of_kind(asked, k.path, known.kind, known.vectors[1], ceil(asked.k::double precision / k.kinds)::integer + 8) f
        CROSS JOIN LATERAL unnest(f.product_ids, f.similarities) u (product_id, similarity)
    ), bought AS MATERIALIZED (
        SELECT o.category_id, a.partner_id AS product_id, a.score / max(a.score) OVER () AS link, a.times
        FROM partners_of('bought_together', ARRAY[asked.product_id]) a JOIN product_kinds(ARRAY(
            SELECT b.partner_id FROM partners_of('bought_together', ARRAY[asked.product_id]) b), level) o ON o.product_id = a.partner_id
        WHERE o.category_id <> own
    ), pool AS (
        SELECT c.product_id, min(c.category_id) AS category_id, max(c.similarity) AS similarity, max(c.link) AS link, max(c.times) AS times
        FROM (SELECT f.product_id, f.category_id, f.similarity, NULL::double precision AS link, NULL::integer AS times FROM fitting f
              UNION ALL SELECT b.product_id, b.category_id, NULL, b.link, b.times FROM bought b) c GROUP BY c.product_id
    ), scored AS (
        SELECT p.*, k.lift, coalesce(p.link, 0) + coalesce(p.similarity, 0) AS score, coalesce(k.place, 9) AS kind_place,
            row_number() OVER (PARTITION BY p.category_id ORDER BY coalesce(p.link, 0) + coalesce(p.similarity, 0) DESC, p.product_id) AS place
        FROM pool p LEFT JOIN kind k USING (category_id)
    )
    SELECT array_agg(s.product_id ORDER BY s.place, s.kind_place, s.product_id), array_agg(s.score ORDER BY s.place, s.kind_place, s.product_id),
        array_agg(jsonb_strip_nulls(jsonb_build_object('kind', c.path, 'lift', s.lift, 'similarity', s.similarity::real,
            'bought_together', CASE WHEN s.times > 0 THEN jsonb_build_object('times', s.times) END)) ORDER BY s.place, s.kind_place, s.product_id)
    INTO product_ids, scores, reasons FROM scored s JOIN category c USING (category_id);
END $$;

CREATE OR REPLACE FUNCTION complete_the_look(
    product text, filters jsonb DEFAULT '{}', k integer DEFAULT 12, client text DEFAULT NULL, session text DEFAULT NULL, options jsonb DEFAULT '{}'
) RETURNS TABLE (rank integer, product_id bigint, external_id text, variant_id bigint, image_id bigint, score real, why jsonb)
LANGUAGE plpgsql VOLATILE ROWS 12 COST 10000 SET search_path FROM CURRENT
SET jit = off SET enable_seqscan = off SET max_parallel_workers_per_gather = 0
SET hnsw.iterative_scan = relaxed_order SET hnsw.ef_search = 100 SET hnsw.max_scan_tuples = 40000
AS $$
DECLARE
    asked recommendation := recommendation('complete_the_look', product, client, session, filters, k, options);
    level CONSTANT integer := coalesce((options ->> 'level')::numeric::integer, look_level());
    own CONSTANT bigint := (SELECT n.category_id FROM product_kinds(ARRAY[asked.product_id], level) n);
    chosen record;
BEGIN
    IF own IS NOT NULL THEN
        -- More of the same completes nothing.
        asked.filters := filters_together(asked.filters, jsonb_build_object('all', jsonb_build_array(jsonb_build_object('not',
            jsonb_build_object('category', '/' || (SELECT c.path FROM category c WHERE c.category_id = own))))));
        asked.filter := search_conditions(asked.filters, asked.excluded);
    END IF;
    chosen := look_candidates(asked, own, level);
    RETURN QUERY SELECT h.* FROM recommendation_page(asked, chosen.product_ids, chosen.scores, chosen.reasons) h;
END $$;
COMMENT ON FUNCTION complete_the_look IS 'Things of other kinds that go with a product (an external_id or SKU): what is bought with it and what is in its style; under the filters of search.';
