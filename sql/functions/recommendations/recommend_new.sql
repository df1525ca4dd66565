-- New arrivals in the order of a shopper's taste, and what completes a look.

-- How near products are to the interests: the nearest interest counts, the small ones a little less. By vectors, or by the share of
-- their kind where there are none.
CREATE OR REPLACE FUNCTION taste_of(space_id integer, interest_list jsonb, centres halfvec[], product_ids bigint[])
RETURNS TABLE (product_id bigint, interest bigint, taste double precision)
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT SET enable_seqscan = off AS $$
#variable_conflict use_column
DECLARE
    vector_kind text := interest_list -> 0 ->> 'vector_kind';
BEGIN
    IF vector_kind IS NULL THEN
        RETURN QUERY SELECT g.product_id, i.interest, coalesce(i.share, 0)
        FROM unnest(product_ids) g (product_id) LEFT JOIN product_kinds(product_ids) k USING (product_id)
        LEFT JOIN jsonb_to_recordset(interest_list) i (interest bigint, share double precision, kind bigint) ON i.kind = k.category_id;
        RETURN;
    END IF;
    RETURN QUERY EXECUTE format('SELECT DISTINCT ON (n.product_id) n.product_id, n.interest, n.similarity + 0.05 * n.share FROM ('
        'SELECT g.product_id, i.interest, i.share, max(-(e.embedding <#> c.centre)) AS similarity FROM unnest($1) g (product_id) '
        'CROSS JOIN LATERAL (SELECT e.embedding FROM %I e WHERE e.product_id = g.product_id OFFSET 0) e '
        'CROSS JOIN (SELECT i.interest, i.share FROM jsonb_to_recordset($2) i (interest bigint, share double precision)) i '
        'JOIN unnest($3) WITH ORDINALITY c (centre, interest) ON c.interest = i.interest WHERE c.centre IS NOT NULL '
        'GROUP BY g.product_id, i.interest, i.share) n ORDER BY n.product_id, n.similarity + 0.05 * n.share DESC, n.interest',
        format('%s_vector_%s', vector_kind, space_id)) USING product_ids, interest_list, centres;
END $$;

CREATE OR REPLACE FUNCTION new_arrivals(
    client text DEFAULT NULL, session text DEFAULT NULL, filters jsonb DEFAULT '{}', k integer DEFAULT 24, options jsonb DEFAULT '{}'
) RETURNS TABLE (rank integer, product_id bigint, external_id text, variant_id bigint, image_id bigint, score real, why jsonb)
LANGUAGE plpgsql VOLATILE ROWS 24 COST 10000 SET search_path FROM CURRENT
SET jit = off SET enable_seqscan = off SET max_parallel_workers_per_gather = 0
SET hnsw.iterative_scan = relaxed_order SET hnsw.ef_search = 100 SET hnsw.max_scan_tuples = 40000
AS $$
DECLARE
    asked recommendation := recommendation('new_arrivals', NULL, client, session, filters, k, options);
    newest CONSTANT bigint[] := search_browse(asked.space_id, asked.filter, 'newest', '{}', greatest(k, 200), NULL);
    interest_list jsonb;
    centres halfvec[];
    ordered record;
BEGIN
    SELECT jsonb_agg(jsonb_build_object('interest', i.interest, 'share', i.share, 'vector_kind', i.vector_kind, 'kind', i.kind) ORDER BY i.interest), array_agg(i.centre ORDER BY i.interest)
    INTO interest_list, centres FROM interests(asked.space_id, personal_history(asked.client, asked.session)) i;
    WITH liked AS (
        SELECT t.*, (t.taste - min(t.taste) OVER ()) / greatest(max(t.taste) OVER () - min(t.taste) OVER (), 0.02) AS part
        FROM taste_of(asked.space_id, coalesce(interest_list, '[]'), centres, newest) t
    ), scored AS (
        SELECT n.product_id, n.place, l.interest, l.part, coalesce(l.part, 0) + 0.5 * (1 - n.place::double precision / cardinality(newest)) AS score
        FROM unnest(newest) WITH ORDINALITY n (product_id, place) LEFT JOIN liked l USING (product_id)
    )
    SELECT array_agg(s.product_id ORDER BY s.score DESC, s.place) AS product_ids, array_agg(s.score ORDER BY s.score DESC, s.place) AS scores,
        array_agg(jsonb_build_object('newest', s.place) || jsonb_strip_nulls(jsonb_build_object('interest', s.interest, 'taste', s.part::real)) ORDER BY s.score DESC, s.place) AS reasons
    INTO ordered FROM scored s;
    RETURN QUERY SELECT h.* FROM recommendation_page(asked, ordered.product_ids, ordered.scores, ordered.reasons) h;
END $$;
COMMENT ON FUNCTION new_arrivals IS 'The newest products, those first that are to a shopper''s taste; under the filters of search. Needs the app role: it reads raw events.';
