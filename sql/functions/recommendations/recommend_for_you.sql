-- For one shopper: each interest has its share of the list, and each product says which interest and which history brought it.

-- How much speaks for a product: closeness to an interest and what is bought or viewed with what the shopper dealt with, each
-- from 0 to 1; purchases of it by the shopper, ln(1 + n); and popularity, the more the less else is known: of a shopper without
-- a long history, or of products without vectors.
CREATE OR REPLACE FUNCTION for_you_score(closeness double precision, link double precision, again double precision, liked double precision, gate double precision)
RETURNS double precision
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN coalesce(closeness, 0) + coalesce(link, 0) + coalesce(again, 0) + (1.3 - gate) * coalesce(liked, 0);

-- How well a product is liked by all: its popularity, and what it is looked at lately, at a moment of trends; NULL where nothing
-- is known of it.
CREATE OR REPLACE FUNCTION known_liking(popularity real, heat double precision, moment double precision) RETURNS double precision
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN heat IS NULL AND popularity = 0 THEN NULL
    ELSE ln(1 + popularity::double precision) + CASE WHEN heat - moment > -100 THEN ln(1 + power(2, least(heat - moment, 100))) ELSE 0 END END;

-- The products nearest to each interest, by the arms of search: interest, product, similarity. Without vectors what trends or is
-- popular of its kind.
CREATE OR REPLACE FUNCTION near_interests(asked recommendation, interest_list jsonb, centres halfvec[])
RETURNS TABLE (interest bigint, product_id bigint, similarity double precision)
LANGUAGE plpgsql STABLE ROWS 100 SET search_path FROM CURRENT AS $$
#variable_conflict use_column
DECLARE
    item record;
    arm record;
    narrowed search_filter;
    wanted integer;
    ids bigint[];
BEGIN
    FOR item IN SELECT i.interest, i.share, i.vector_kind, i.path FROM jsonb_to_recordset(interest_list) i (interest bigint, share double precision, vector_kind text, path text) LOOP
        wanted := least(ceil(1.5 * asked.k * item.share) + 16, 400);
        IF centres[item.interest] IS NOT NULL THEN
            arm := search_arm(item.vector_kind, asked.space_id, centres[item.interest], asked.filter, wanted, NULL, false);
            RETURN QUERY SELECT item.interest, u.product_id, -u.distance
            FROM unnest(arm.product_ids, arm.distances) WITH ORDINALITY u (product_id, distance, place) WHERE u.place <= wanted ORDER BY u.place;
        ELSIF item.path IS NOT NULL THEN
            narrowed := search_conditions(filters_together(asked.filters, jsonb_build_object('category', '/' || item.path)), asked.excluded);
            ids := trending_ids(asked.space_id, narrowed, '{}', wanted);
            ids := ids || search_browse(asked.space_id, narrowed, 'popularity', ids, wanted - cardinality(ids), NULL);
            RETURN QUERY SELECT item.interest, u.product_id, NULL::double precision FROM unnest(ids) u (product_id);
        END IF;
    END LOOP;
END $$;

-- What everybody likes: what trends, and what is popular.
CREATE OR REPLACE FUNCTION everybodys(asked recommendation) RETURNS TABLE (product_id bigint)
LANGUAGE plpgsql STABLE ROWS 50 SET search_path FROM CURRENT AS $$
DECLARE
    hottest CONSTANT bigint[] := trending_ids(asked.space_id, asked.filter, '{}', asked.k);
BEGIN
    RETURN QUERY SELECT unnest(hottest || search_browse(asked.space_id, asked.filter, 'popularity', hottest, asked.k, NULL));
END $$;

-- What goes with what the shopper dealt with: partners of what was bought and of what was viewed, by the interest of
-- the product that they go with.
CREATE OR REPLACE FUNCTION linked_products(history personal_history, members bigint[], member_interests bigint[])
RETURNS TABLE (interest bigint, product_id bigint, link double precision, because bigint[])
LANGUAGE sql STABLE SET search_path FROM CURRENT AS $$
    WITH held AS MATERIALIZED (
        SELECT m.product_id, m.interest, coalesce(h.repurchase, 0) > 0 AS bought,
            coalesce(h.taste / greatest(max(h.taste) OVER (), 1e-9), 0) + coalesce(h.recent / greatest(max(h.recent) OVER (), 1e-9), 0) AS weight
        FROM unnest(members, member_interests) m (product_id, interest)
        LEFT JOIN unnest((history).product_ids, (history).tastes, (history).recents, (history).repurchases) h (product_id, taste, recent, repurchase) USING (product_id)
    ), partner AS (
        SELECT a.* FROM partners_of('bought_together', ARRAY(SELECT h.product_id FROM held h WHERE h.bought)) a
        UNION ALL
        SELECT a.* FROM partners_of('viewed_after', ARRAY(SELECT h.product_id FROM held h WHERE NOT h.bought)) a
    )
    SELECT h.interest, p.partner_id, sum(h.weight * p.score), (array_agg(h.product_id ORDER BY h.weight * p.score DESC, h.product_id))[:3]
    FROM partner p JOIN held h USING (product_id) GROUP BY h.interest, p.partner_id
$$;

-- All candidates in the order of the page: within an interest by their scores, interests taking turns by their shares
-- (as seats are given by Sainte-Laguë's method). A product counts for the interest that it fits best.
CREATE OR REPLACE FUNCTION for_you_candidates(asked recommendation, history personal_history, OUT product_ids bigint[], OUT scores double precision[], OUT reasons jsonb[])
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
#variable_conflict use_column
DECLARE
    found_here jsonb;
    centres halfvec[];
    gate double precision;
    members bigint[];
    member_interests bigint[];
BEGIN
    SELECT jsonb_agg(jsonb_build_object('interest', i.interest, 'share', i.share, 'vector_kind', i.vector_kind, 'members', i.members,
            'path', (SELECT c.path FROM category c WHERE c.category_id = i.kind)) ORDER BY i.interest),
        array_agg(i.centre ORDER BY i.interest)
    INTO found_here, centres FROM interests(asked.space_id, history) i;
    IF found_here IS NULL THEN RETURN; END IF;
    -- Not the gate of search: here a shopper asks to be known. Kinds alone say less of a taste than vectors do.
    gate := (history).events / ((history).events + 1.0) * CASE WHEN array_remove(centres, NULL) = '{}' THEN 0.25 ELSE 1 END;
    SELECT array_agg(m.value::bigint), array_agg((i.value -> 'interest')::bigint) INTO members, member_interests
    FROM jsonb_array_elements(found_here) i CROSS JOIN jsonb_array_elements_text(i.value -> 'members') m;
    WITH interest AS MATERIALIZED (
        -- What everybody likes has the share that the history leaves it: the less is known, the more.
        SELECT i.interest, i.share * gate AS share, i.members FROM jsonb_to_recordset(found_here) i (interest bigint, share double precision, members jsonb)
        UNION ALL SELECT 0, 1 - gate, '[]'
    ), near AS MATERIALIZED (
        SELECT n.*, (n.similarity - min(n.similarity) OVER w) / greatest(max(n.similarity) OVER w - min(n.similarity) OVER w, 0.02) AS closeness
        FROM (SELECT * FROM near_interests(asked, found_here, centres) UNION ALL SELECT 0, e.product_id, NULL FROM everybodys(asked) e) n WINDOW w AS (PARTITION BY n.interest)
    ), linked AS MATERIALIZED (
        SELECT l.*, l.link / max(l.link) OVER () AS strength FROM linked_products(history, members, member_interests) l ORDER BY l.link DESC LIMIT 1000
    ), again AS MATERIALIZED (
        SELECT m.interest, m.product_id, h.repurchase AS strength
        FROM unnest(members, member_interests) m (product_id, interest)
        JOIN unnest((history).product_ids, (history).repurchases) h (product_id, repurchase) USING (product_id) WHERE h.repurchase > 0
    ), pool AS MATERIALIZED (
        SELECT c.interest, c.product_id, max(c.closeness) AS closeness, max(c.similarity) AS similarity, max(c.link) AS link, max(c.again) AS again
        FROM (SELECT n.interest, n.product_id, n.closeness, n.similarity, NULL::double precision AS link, NULL::double precision AS again FROM near n
              UNION ALL SELECT l.interest, l.product_id, NULL, NULL, l.strength, NULL FROM linked l
              UNION ALL SELECT a.interest, a.product_id, NULL, NULL, NULL, a.strength FROM again a) c
        WHERE c.product_id <> ALL (asked.excluded) GROUP BY c.interest, c.product_id
    ), liked AS MATERIALIZED (
        SELECT p.*, known_liking(g.popularity, t.heat, m.moment) AS liking
        FROM pool p CROSS JOIN (SELECT trend_moment(trend_half_life()) OFFSET 0) m (moment)
        CROSS JOIN LATERAL (SELECT g.popularity FROM product g WHERE g.product_id = p.product_id OFFSET 0) g
        LEFT JOIN LATERAL (SELECT t.heat FROM trend t WHERE t.product_id = p.product_id OFFSET 0) t ON true
    ), scored AS (
        SELECT DISTINCT ON (s.product_id) s.* FROM (
            -- Of what nobody dealt with yet: the mean of what lies near the same interest, as if five more had none.
            SELECT l.*, for_you_score(l.closeness, l.link, l.again, coalesce(l.liking, sum(l.liking) OVER w / (count(*) OVER w + 5))
                / greatest(max(l.liking) OVER (), 1e-9), gate) AS score
            FROM liked l WINDOW w AS (PARTITION BY l.interest)) s
        ORDER BY s.product_id, s.score DESC, s.interest DESC
    ), placed AS (
        SELECT s.*, i.share, i.members, (row_number() OVER (PARTITION BY s.interest ORDER BY s.score DESC, s.product_id) - 0.5) / i.share AS place
        FROM scored s JOIN interest i USING (interest)
    ), page AS MATERIALIZED (
        SELECT * FROM placed ORDER BY place, interest = 0, interest LIMIT 4 * asked.k + 50
    )
    SELECT array_agg(p.product_id ORDER BY p.place, p.interest = 0, p.interest), array_agg(p.score ORDER BY p.place, p.interest = 0, p.interest),
        array_agg(jsonb_build_object('interest', p.interest, 'share', round(p.share::numeric, 3), 'because', b.because) || jsonb_strip_nulls(jsonb_build_object(
            'similarity', p.similarity::real, 'linked', p.link::real, 'again', p.again::real)) ORDER BY p.place, p.interest = 0, p.interest)
    INTO product_ids, scores, reasons
    FROM page p
    LEFT JOIN linked l ON l.product_id = p.product_id AND l.interest = p.interest
    CROSS JOIN LATERAL (SELECT coalesce(jsonb_agg(g.external_id ORDER BY n.place), '[]') AS because
        FROM unnest(CASE WHEN p.again > 0 THEN ARRAY[p.product_id] WHEN l.because IS NOT NULL THEN l.because
                    ELSE ARRAY(SELECT m.value::bigint FROM jsonb_array_elements_text(p.members) WITH ORDINALITY m (value, place) ORDER BY m.place LIMIT 3) END)
            WITH ORDINALITY n (product_id, place) JOIN product g ON g.product_id = n.product_id) b;
END $$;

CREATE OR REPLACE FUNCTION for_you(
    client text DEFAULT NULL, session text DEFAULT NULL, filters jsonb DEFAULT '{}', k integer DEFAULT 24, options jsonb DEFAULT '{}'
) RETURNS TABLE (rank integer, product_id bigint, external_id text, variant_id bigint, image_id bigint, score real, why jsonb)
LANGUAGE plpgsql VOLATILE ROWS 24 COST 10000 SET search_path FROM CURRENT
SET jit = off SET enable_seqscan = off SET max_parallel_workers_per_gather = 0
SET hnsw.iterative_scan = relaxed_order SET hnsw.ef_search = 100 SET hnsw.max_scan_tuples = 40000
AS $$
DECLARE
    asked recommendation := recommendation('for_you', NULL, client, session, filters, k, options);
    chosen record := for_you_candidates(asked, personal_history(asked.client, asked.session));
BEGIN
    RETURN QUERY SELECT h.* FROM recommendation_page(asked, chosen.product_ids, chosen.scores, chosen.reasons) h;
END $$;
COMMENT ON FUNCTION for_you IS 'What a shopper may like: one to four interests of the history, each with its share of the list; what trends for who has none. Needs the app role: it reads raw events.';
