-- What a shopper's history says of some products: the features that personal search, its fitting and its evaluation use.

-- The values that products share with others, such as brand=acme, in one form: category and attributes too. Long texts
-- are no values; one that stands twice (two categories under one) comes twice.
-- One look at each product, for that is what reranking costs; in PL/pgSQL, because its plans are kept.
CREATE OR REPLACE FUNCTION product_values(product_ids bigint[]) RETURNS TABLE (product_id bigint, value text)
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
#variable_conflict use_column
DECLARE
    given_ids CONSTANT bigint[] := product_ids;
BEGIN
    RETURN QUERY
    WITH given AS MATERIALIZED (
        SELECT p.product_id, p.brand, p.attributes FROM product p WHERE p.product_id = ANY (given_ids)
    ), filed AS MATERIALIZED (
        SELECT pc.product_id, pc.category_id FROM product_category pc WHERE pc.product_id = ANY (given_ids)
    ), member AS MATERIALIZED (
        SELECT g.product_id, m.key, m.value FROM given g CROSS JOIN LATERAL jsonb_each(g.attributes) m WHERE length(m.key) <= 60
    )
    SELECT g.product_id, 'brand=' || lower(g.brand) AS value FROM given g WHERE length(g.brand) <= 60
    UNION ALL
    -- A category lies in those above it.
    SELECT f.product_id, a.value FROM filed f
    JOIN (SELECT d.category_id, 'category=' || u.above AS value FROM (SELECT DISTINCT f.category_id FROM filed f) d
          CROSS JOIN LATERAL (SELECT c.lineage FROM category c WHERE c.category_id = d.category_id OFFSET 0) c
          CROSS JOIN unnest(c.lineage) u (above)) a USING (category_id)
    UNION ALL
    SELECT m.product_id, 'attributes.' || lower(m.key || '=' || (m.value #>> '{}')) FROM member m
    WHERE jsonb_typeof(m.value) IN ('string', 'number', 'boolean') AND length(m.value #>> '{}') <= 60
    UNION ALL
    SELECT m.product_id, 'attributes.' || lower(m.key || '=' || (e.value #>> '{}')) FROM member m
    CROSS JOIN LATERAL jsonb_array_elements(CASE jsonb_typeof(m.value) WHEN 'array' THEN m.value END) e (value)
    WHERE jsonb_typeof(m.value) = 'array' AND jsonb_typeof(e.value) IN ('string', 'number', 'boolean') AND length(e.value #>> '{}') <= 60;
END $$;

-- How near products are to a shopper's taste, of a long time and of late, by the cosine: as the search saw it of the
-- picture that it found, else of the product's nearest picture or caption. NULL where it has none.
CREATE OR REPLACE FUNCTION personal_nearness(
    space_id integer, history personal_history, product_ids bigint[], arms search_arms, OUT tastes double precision[], OUT recents double precision[]
)
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
DECLARE
    unseen CONSTANT bigint[] := CASE WHEN arms.near_ids IS NULL THEN product_ids ELSE ARRAY(SELECT unnest(product_ids) EXCEPT SELECT unnest(arms.near_ids)) END;
    ids bigint[] := arms.near_ids;
    long double precision[] := arms.tastes;
    short double precision[] := arms.recents;
    others record;
BEGIN
    IF history.kind IS NULL THEN RETURN; END IF;
    IF unseen <> '{}' THEN
        EXECUTE format('SELECT array_agg(n.product_id) AS ids, array_agg(n.taste) AS tastes, array_agg(n.recent) AS recents FROM (SELECT x.product_id, '
            'max(-(x.embedding <#> $2)) AS taste, max(-(x.embedding <#> $3)) AS recent FROM %I x WHERE x.product_id = ANY ($1) GROUP BY x.product_id) n',
            format('%s_vector_%s', history.kind, space_id)) INTO others USING unseen, history.taste, history.recent;
        ids := ids || others.ids;
        long := long || others.tastes;
        short := short || others.recents;
    END IF;
    SELECT array_agg(n.taste ORDER BY g.place), array_agg(n.recent ORDER BY g.place) INTO tastes, recents
    FROM unnest(product_ids) WITH ORDINALITY g (product_id, place) LEFT JOIN unnest(ids, long, short) n (product_id, taste, recent) ON n.product_id = g.product_id;
END $$;

-- Each value of some products, and how much more or less the shopper deals with it than would be expected of anybody:
-- ln((amount + prior) / (expected + prior)), as a gamma prior shrinks a ratio of rates. None where nobody counted yet.
-- A row of each product and value.
CREATE OR REPLACE FUNCTION personal_preferences(
    history personal_history, given bigint[], OUT product_ids bigint[], OUT held text[], OUT preferences double precision[]
)
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
DECLARE
    least_share CONSTANT double precision := (SELECT s.share FROM value_share s WHERE s.value = '');
    prior CONSTANT double precision := (history.weights ->> 'prior')::double precision;
BEGIN
    IF least_share IS NULL OR history.total IS NULL THEN RETURN; END IF;
    WITH own AS MATERIALIZED (
        SELECT v.product_id, v.value FROM product_values(given) v
    ), judged AS MATERIALIZED (
        SELECT v.value, ln((coalesce(l.amount, 0) + prior) / (history.total * coalesce(s.share, least_share) + prior)) AS preference
        FROM (SELECT DISTINCT o.value FROM own o) v
        LEFT JOIN unnest(history.liked, history.amounts) l (value, amount) USING (value)
        LEFT JOIN LATERAL (SELECT s.share FROM value_share s WHERE s.value = v.value OFFSET 0) s ON true
    )
    SELECT array_agg(o.product_id), array_agg(o.value), array_agg(j.preference) INTO product_ids, held, preferences
    FROM own o JOIN judged j USING (value);
END $$;

-- Likeness in units of how much some products differ in it; where they hardly do, it says little.
CREATE OR REPLACE FUNCTION likeness_units(likeness double precision, mean double precision, deviation double precision) RETURNS double precision
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN coalesce((likeness - mean) / greatest(deviation, 0.02), 0);

-- In browsing, popularity is what the others are added to; beside words and pictures it is not used.
CREATE OR REPLACE FUNCTION personal_features(
    client text, session text, product_ids bigint[], as_of timestamptz DEFAULT NULL, weights jsonb DEFAULT NULL
) RETURNS TABLE (product_id bigint, popularity double precision, taste double precision, session_taste double precision, attributes double precision, repurchase double precision)
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT SET enable_seqscan = off SET enable_bitmapscan = off SET jit = off AS $$
#variable_conflict use_column
DECLARE
    given CONSTANT bigint[] := product_ids;
    active CONSTANT integer := (SELECT s.space_id FROM space s WHERE s.status = 'active');
    history CONSTANT personal_history := personal_taste(active, personal_history(client, session, as_of, weights));
    near CONSTANT record := personal_nearness(active, history, given, NULL);
    own CONSTANT record := personal_preferences(history, given);
BEGIN
    RETURN QUERY
    SELECT g.product_id, ln(1 + p.popularity::double precision), likeness_units(g.taste, avg(g.taste) OVER w, stddev_pop(g.taste) OVER w),
        likeness_units(g.recent, avg(g.recent) OVER w, stddev_pop(g.recent) OVER w), coalesce(a.preference, 0), coalesce(b.repurchase, 0)
    FROM unnest(given, near.tastes, near.recents) WITH ORDINALITY g (product_id, taste, recent, place)
    CROSS JOIN LATERAL (SELECT p.popularity FROM product p WHERE p.product_id = g.product_id OFFSET 0) p
    LEFT JOIN (SELECT v.product_id, sum(v.preference) AS preference FROM unnest(own.product_ids, own.preferences) v (product_id, preference) GROUP BY v.product_id) a
        ON a.product_id = g.product_id
    LEFT JOIN unnest(history.product_ids, history.repurchases) b (product_id, repurchase) ON b.product_id = g.product_id
    WINDOW w AS () ORDER BY g.place;
END $$;
COMMENT ON FUNCTION personal_features IS 'What a shopper''s history says of some products, as personal search, its fitting and its evaluation use it; as of a moment.';
