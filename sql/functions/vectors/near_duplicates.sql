-- Products whose pictures are the same or nearly so, for the hygiene of a catalogue: the pairs of the active space.

-- The extension's settings are known, to a login that is no superuser, once its library is loaded.
DO $$ BEGIN PERFORM '[1]'::halfvec; END $$;

-- Pictures that are shown and, for each, those of other products nearest to it ($1: the similarity; $2: of one product
-- alone). A picture of many products would make a pair of any two: from 50 on, each is paired with the first alone.
CREATE OR REPLACE FUNCTION near_duplicates_sql(space_id integer, of_one boolean) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path FROM CURRENT AS $$
    SELECT format($pairs$
WITH near AS (
    SELECT e.product_id, e.image_id, n.product_id AS other_product_id, n.image_id AS other_image_id
    FROM (SELECT x.* FROM %1$I s CROSS JOIN LATERAL (SELECT v.* FROM %2$I v WHERE v.product_id = s.product_id AND v.image_id = s.image_id OFFSET 0) x
          WHERE %3$s) e
    CROSS JOIN LATERAL (
        SELECT v.product_id, v.image_id, v.content, v.embedding <#> e.embedding AS distance FROM %2$I v
        WHERE v.product_id <> e.product_id
          AND EXISTS (SELECT FROM %1$I s WHERE s.product_id = v.product_id AND s.image_id = v.image_id OFFSET 0)
        ORDER BY v.embedding <#> e.embedding LIMIT %4$s) n
    -- Half precision: lengths are 1 but for a hundredth.
    WHERE n.distance <= 0.03 - $1 AND (%5$s OR n.content <> e.content)
), twin AS (
    SELECT v.product_id, v.image_id, v.content, count(*) OVER (PARTITION BY v.content) AS alike,
        row_number() OVER (PARTITION BY v.content ORDER BY v.product_id, v.image_id) AS place
    FROM %2$I v JOIN %1$I s USING (product_id, image_id) WHERE NOT %5$s
), pair AS (
    SELECT CASE WHEN p.turned THEN p.other_product_id ELSE p.product_id END AS product_id, CASE WHEN p.turned THEN p.other_image_id ELSE p.image_id END AS image_id,
        CASE WHEN p.turned THEN p.product_id ELSE p.other_product_id END AS other_product_id, CASE WHEN p.turned THEN p.image_id ELSE p.other_image_id END AS other_image_id
    FROM (SELECT n.*, NOT %5$s AND n.product_id > n.other_product_id AS turned FROM near n) p
    UNION
    SELECT a.product_id, a.image_id, b.product_id, b.image_id FROM twin a JOIN twin b ON b.content = a.content AND b.product_id > a.product_id
    WHERE a.alike > 1 AND (a.alike <= 50 OR a.place = 1)
), best AS (
    SELECT DISTINCT ON (p.product_id, p.other_product_id) p.*, e.same_bytes, e.similarity
    FROM pair p
    CROSS JOIN LATERAL (SELECT v.embedding, v.content FROM %2$I v WHERE v.product_id = p.product_id AND v.image_id = p.image_id OFFSET 0) a
    CROSS JOIN LATERAL (SELECT v.embedding, v.content FROM %2$I v WHERE v.product_id = p.other_product_id AND v.image_id = p.other_image_id OFFSET 0) b
    CROSS JOIN LATERAL (SELECT a.content = b.content AS same_bytes,
        CASE WHEN a.content = b.content THEN 1 ELSE least(1, 1 - (a.embedding <=> b.embedding)) END::real AS similarity) e
    WHERE e.similarity >= $1
    ORDER BY p.product_id, p.other_product_id, e.same_bytes DESC, e.similarity DESC, p.image_id, p.other_image_id
)
SELECT b.product_id, l.external_id, b.other_product_id, r.external_id, b.image_id, b.other_image_id, b.similarity, b.same_bytes
FROM best b
CROSS JOIN LATERAL (SELECT p.external_id FROM product p WHERE p.product_id = b.product_id OFFSET 0) l
CROSS JOIN LATERAL (SELECT p.external_id FROM product p WHERE p.product_id = b.other_product_id OFFSET 0) r
ORDER BY b.similarity DESC, b.product_id, b.other_product_id
$pairs$, 'image_sketch_' || space_id, 'image_vector_' || space_id, CASE WHEN of_one THEN 's.product_id = $2' ELSE 'true' END,
        CASE WHEN of_one THEN 100 ELSE 20 END, of_one::text)
$$;

CREATE OR REPLACE FUNCTION near_duplicates(min_similarity double precision DEFAULT 0.995, product text DEFAULT NULL) RETURNS TABLE (
    product_id bigint, external_id text, other_product_id bigint, other_external_id text, image_id bigint, other_image_id bigint,
    similarity real, same_bytes boolean
)
LANGUAGE plpgsql STABLE COST 100000 ROWS 1000
SET search_path FROM CURRENT SET jit = off SET enable_seqscan = off SET work_mem = '64MB'
SET hnsw.iterative_scan = relaxed_order SET hnsw.ef_search = 40 SET hnsw.max_scan_tuples = 2000
AS $$
#variable_conflict use_column
DECLARE
    chosen integer := (SELECT s.space_id FROM search_space() s);
    asked bigint;
BEGIN
    IF min_similarity IS NULL OR NOT min_similarity BETWEEN 0.5 AND 1 THEN
        RAISE EXCEPTION USING ERRCODE = 'VT001', MESSAGE = format('min_similarity is %s', coalesce(min_similarity::text, 'NULL')),
            HINT = 'Give 0.5 to 1; 1 lists the same vectors alone.';
    END IF;
    IF near_duplicates.product IS NOT NULL THEN
        SELECT p.product_id INTO asked FROM product p WHERE p.external_id = near_duplicates.product;
        IF NOT FOUND THEN
            RAISE EXCEPTION USING ERRCODE = 'VT001', MESSAGE = format('no product has the external_id %s', to_json(near_duplicates.product)),
                HINT = 'Give a product''s external_id, exactly as it stands in the catalogue.';
        END IF;
    END IF;
    RETURN QUERY EXECUTE near_duplicates_sql(chosen, near_duplicates.product IS NOT NULL) USING min_similarity, asked;
END $$;
COMMENT ON FUNCTION near_duplicates IS 'Pairs of active products with the same picture or nearly the same one, by the vectors of the active space: each pair once, or those of one product.';

CREATE OR REPLACE VIEW near_duplicate AS
SELECT d.product_id, d.external_id, d.other_product_id, d.other_external_id, d.image_id, d.other_image_id, d.similarity, d.same_bytes
FROM near_duplicates() d;
COMMENT ON VIEW near_duplicate IS 'Each pair of active products whose pictures are the same or nearly so, with the similarity of the two most alike. For one product, near_duplicates(product => …) is quick.';
