-- What a shopper's history says of some products: the features that personal search, its fitting and its evaluation use.

-- The values that products share with others, such as brand=acme, in one form: category and attributes too. Long texts
-- are no values.
CREATE OR REPLACE FUNCTION product_values(product_ids bigint[]) RETURNS TABLE (product_id bigint, value text)
LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT p.product_id, v.value
    FROM unnest(product_ids) g (product_id)
    CROSS JOIN LATERAL (SELECT p.product_id, p.brand, p.attributes FROM product p WHERE p.product_id = g.product_id OFFSET 0) p
    CROSS JOIN LATERAL (
        SELECT 'brand=' || lower(p.brand) AS value WHERE length(p.brand) <= 60
        UNION ALL
        SELECT 'category=' || a.category_id FROM product_category pc
        CROSS JOIN LATERAL (SELECT c.lineage FROM category c WHERE c.category_id = pc.category_id OFFSET 0) c
        CROSS JOIN unnest(c.lineage) a (category_id) WHERE pc.product_id = p.product_id
        UNION ALL
        SELECT 'attributes.' || lower(m.key) || '=' || lower(e.value #>> '{}')
        FROM jsonb_each(p.attributes) m
        CROSS JOIN LATERAL jsonb_array_elements(CASE jsonb_typeof(m.value) WHEN 'array' THEN m.value ELSE jsonb_build_array(m.value) END) e (value)
        WHERE jsonb_typeof(e.value) NOT IN ('object', 'array', 'null') AND length(e.value #>> '{}') <= 60 AND length(m.key) <= 60) v;
END;

-- In units of how much the products given differ; no less than so much, for what all have alike says nothing.
CREATE OR REPLACE FUNCTION standardised(numbers double precision[], least_deviation double precision) RETURNS double precision[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT array_agg(coalesce((n.value - s.mean) / greatest(s.deviation, least_deviation), 0) ORDER BY n.place)
    FROM unnest(numbers) WITH ORDINALITY n (value, place)
    CROSS JOIN (SELECT avg(v.value) AS mean, stddev_pop(v.value) AS deviation FROM unnest(numbers) v (value)) s;
END;

-- How near products are to a shopper's taste, of a long time and of late, by the cosine of the product's nearest picture
-- or caption. NULL where it has none.
CREATE OR REPLACE FUNCTION personal_nearness(
    space_id integer, history personal_history, product_ids bigint[], OUT tastes double precision[], OUT recents double precision[]
)
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
BEGIN
    IF (history).kind IS NULL THEN RETURN; END IF;
    EXECUTE format('SELECT array_agg(n.taste ORDER BY g.place), array_agg(n.recent ORDER BY g.place) FROM unnest($1) WITH ORDINALITY g (product_id, place) '
        'CROSS JOIN LATERAL (SELECT max(-(x.embedding <#> $2)) AS taste, max(-(x.embedding <#> $3)) AS recent FROM %I x WHERE x.product_id = g.product_id) n',
        format('%s_vector_%s', (history).kind, space_id)) INTO tastes, recents USING product_ids, (history).taste, (history).recent;
END $$;

-- The features of some products, in the order given.
CREATE OR REPLACE FUNCTION personal_parts(space_id integer, history personal_history, product_ids bigint[])
RETURNS TABLE (product_id bigint, popularity double precision, taste double precision, session_taste double precision, attributes double precision, repurchase double precision)
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT SET enable_seqscan = off SET jit = off AS $$
#variable_conflict use_column
DECLARE
    near record := personal_nearness(space_id, history, product_ids);
    given CONSTANT bigint[] := product_ids;
    tastes CONSTANT double precision[] := standardised(near.tastes, 0.02);
    recents CONSTANT double precision[] := standardised(near.recents, 0.02);
BEGIN
    RETURN QUERY
    WITH preferred AS MATERIALIZED (
        SELECT v.product_id, sum(l.preference) AS preference
        FROM (SELECT DISTINCT v.product_id, v.value FROM product_values(given) v) v
        JOIN unnest((history).liked, (history).preferences) l (value, preference) USING (value) GROUP BY v.product_id
    )
    SELECT g.product_id, ln(1 + p.popularity::double precision), coalesce(g.taste, 0), coalesce(g.recent, 0), coalesce(a.preference, 0), coalesce(b.repurchase, 0)
    FROM unnest(given, tastes, recents) WITH ORDINALITY g (product_id, taste, recent, place)
    CROSS JOIN LATERAL (SELECT p.popularity FROM product p WHERE p.product_id = g.product_id OFFSET 0) p
    LEFT JOIN preferred a ON a.product_id = g.product_id
    LEFT JOIN unnest((history).product_ids, (history).repurchases) b (product_id, repurchase) ON b.product_id = g.product_id
    ORDER BY g.place;
END $$;

CREATE OR REPLACE FUNCTION personal_features(
    client text, session text, product_ids bigint[], as_of timestamptz DEFAULT NULL, weights jsonb DEFAULT NULL
) RETURNS TABLE (product_id bigint, popularity double precision, taste double precision, session_taste double precision, attributes double precision, repurchase double precision)
LANGUAGE sql STABLE SET search_path FROM CURRENT AS $$
    SELECT f.* FROM (SELECT max(s.space_id) FROM space s WHERE s.status = 'active') s (space_id)
    CROSS JOIN LATERAL personal_parts(s.space_id, personal_taste(s.space_id,
        personal_history(personal_features.client, session, as_of, weights)), personal_features.product_ids) f
$$;
COMMENT ON FUNCTION personal_features IS 'What a shopper''s history says of some products, as personal search, its fitting and its evaluation use it; as of a moment.';
