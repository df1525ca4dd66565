-- What a shopper's history says of some products: the features that personal search, its fitting and its evaluation use.

-- How near products are to a shopper's taste, of a long time and of late, by the cosine: as the search saw it of the
-- picture that it found, else of the product's nearest picture or caption. In the order of the products given; NULL of those that have none.
CREATE OR REPLACE FUNCTION personal_nearness(
    space_id integer, history personal_history, given bigint[], arms search_arms, OUT tastes double precision[], OUT recents double precision[]
)
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
BEGIN
    IF history.kind IS NULL THEN RETURN; END IF;
    -- One arm alone found them all, in this order.
    IF (arms).near_ids[:cardinality(given)] = given THEN
        tastes := (arms).tastes[:cardinality(given)];
        recents := (arms).recents[:cardinality(given)];
        RETURN;
    END IF;
    EXECUTE concat('SELECT array_agg(', CASE WHEN (arms).near_ids IS NULL THEN 'n.taste ORDER BY g.place), array_agg(n.recent ORDER BY g.place) FROM '
        ELSE 'coalesce(s.taste, n.taste) ORDER BY g.place), array_agg(coalesce(s.recent, n.recent) ORDER BY g.place) FROM ' END,
        'unnest($1) WITH ORDINALITY g (product_id, place) ',
        CASE WHEN (arms).near_ids IS NOT NULL THEN 'LEFT JOIN unnest($4, $5, $6) s (product_id, taste, recent) ON s.product_id = g.product_id ' END,
        format('LEFT JOIN LATERAL (SELECT max(-(x.embedding <#> $2)) AS taste, max(-(x.embedding <#> $3)) AS recent FROM %I x WHERE x.product_id = g.product_id%s) n ON true',
            format('%s_vector_%s', history.kind, space_id), CASE WHEN (arms).near_ids IS NOT NULL THEN ' AND s.product_id IS NULL' END))
    INTO tastes, recents USING given, history.taste, history.recent, (arms).near_ids, (arms).tastes, (arms).recents;
END $$;

-- How much more or less a shopper deals with each value that some products have than would be expected of anybody:
-- ln((amount + prior) / (expected + prior)), as a gamma prior shrinks a ratio of rates; and the sum of each product, in the
-- order of those given. None where nobody counted yet. A value that the shares do not know has no text.
CREATE OR REPLACE FUNCTION personal_preferences(
    history personal_history, given bigint[], OUT sums double precision[], OUT numbers bigint[], OUT texts text[], OUT preferences double precision[]
)
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT SET enable_mergejoin = off SET enable_nestloop = off SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    least_share CONSTANT double precision := (SELECT s.share FROM value_share s WHERE s.value = '');
    prior CONSTANT double precision := (history.weights ->> 'prior')::double precision;
    total CONSTANT double precision := history.total * history.fading;
BEGIN
    IF least_share IS NULL OR history.events = 0 THEN RETURN; END IF;
    WITH own AS MATERIALIZED (
        SELECT k.product_id, unnest(k.numbers) AS number FROM product_numbers(given) k
    ), judged AS MATERIALIZED (
        SELECT v.number, s.value, ln((coalesce(l.amount, 0) * history.fading + prior) / (total * coalesce(s.share, least_share) + prior)) AS preference
        FROM (SELECT DISTINCT o.number FROM own o) v LEFT JOIN unnest(history.liked, history.amounts) l (number, amount) ON l.number = v.number
        LEFT JOIN LATERAL (SELECT s.value, s.share FROM value_share s WHERE s.number = v.number LIMIT 1) s ON true
    )
    SELECT s.sums, j.* INTO sums, numbers, texts, preferences
    FROM (SELECT array_agg(coalesce(p.preference, 0) ORDER BY g.place) AS sums FROM unnest(given) WITH ORDINALITY g (product_id, place)
          LEFT JOIN (SELECT o.product_id, sum(j.preference) AS preference FROM own o JOIN judged j ON j.number = o.number GROUP BY o.product_id) p
              ON p.product_id = g.product_id) s,
        (SELECT array_agg(j.number), array_agg(j.value), array_agg(j.preference) FROM judged j) j;
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
    history CONSTANT personal_history := personal_taste(active, client, session, as_of, weights);
    near CONSTANT record := personal_nearness(active, history, given, NULL);
    own CONSTANT record := personal_preferences(history, given);
BEGIN
    RETURN QUERY
    SELECT g.product_id, ln(1 + p.popularity::double precision), likeness_units(g.taste, avg(g.taste) OVER w, stddev_pop(g.taste) OVER w),
        likeness_units(g.recent, avg(g.recent) OVER w, stddev_pop(g.recent) OVER w), coalesce(g.preference, 0), coalesce(b.repurchase, 0)
    FROM unnest(given, near.tastes, near.recents, own.sums) WITH ORDINALITY g (product_id, taste, recent, preference, place)
    CROSS JOIN LATERAL (SELECT p.popularity FROM product p WHERE p.product_id = g.product_id OFFSET 0) p
    LEFT JOIN unnest(history.product_ids, history.repurchases) b (product_id, repurchase) ON b.product_id = g.product_id
    WINDOW w AS () ORDER BY g.place;
END $$;
COMMENT ON FUNCTION personal_features IS 'What a shopper''s history says of some products, as personal search, its fitting and its evaluation use it; as of a moment.';
