-- What a shopper's history says of some products: the features that personal search, its fitting and its evaluation use.

-- How near products are to a shopper's taste, of a long time and of late, by the cosine: as the search saw it of the
-- picture that it found, else of the product's nearest picture or caption. In no order; those that have none are not among them.
CREATE OR REPLACE FUNCTION personal_nearness(
    space_id integer, history personal_history, given bigint[], arms search_arms, OUT product_ids bigint[], OUT tastes double precision[], OUT recents double precision[]
)
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT SET enable_seqscan = off SET jit = off AS $$
DECLARE
    others bigint[] := given;
    found record;
BEGIN
    IF history.kind IS NULL THEN RETURN; END IF;
    IF (arms).near_ids IS NOT NULL THEN
        product_ids := (arms).near_ids;
        tastes := (arms).tastes;
        recents := (arms).recents;
        IF product_ids[:cardinality(given)] = given THEN RETURN; END IF;
        others := ARRAY(SELECT unnest(given) EXCEPT SELECT unnest(product_ids));
        IF others = '{}' THEN RETURN; END IF;
    END IF;
    EXECUTE format('SELECT array_agg(n.product_id) AS product_ids, array_agg(n.taste) AS tastes, array_agg(n.recent) AS recents
        FROM (SELECT x.product_id, max(-(x.embedding <#> $2)) AS taste, max(-(x.embedding <#> $3)) AS recent
              FROM %I x WHERE x.product_id = ANY ($1) GROUP BY x.product_id) n', format('%s_vector_%s', history.kind, space_id))
    INTO found USING others, history.taste, history.recent;
    product_ids := product_ids || found.product_ids;
    tastes := tastes || found.tastes;
    recents := recents || found.recents;
END $$;

-- How much more or less a shopper deals with the values that some products have than would be expected of anybody: as values are
-- kept, or from the catalogue.
CREATE OR REPLACE FUNCTION personal_preferences(history personal_history, given bigint[]) RETURNS TABLE (product_id bigint, preference double precision)
LANGUAGE plpgsql STABLE ROWS 200 SET search_path FROM CURRENT SET enable_seqscan = off AS $$
#variable_conflict use_column
DECLARE
    -- Typed, which unpacks them once and not at each product.
    known CONSTANT sparsevec := history.preferences::sparsevec(1000000000);
    weight CONSTANT double precision := least(history.total / (history.weights ->> 'prior')::double precision, 50000);
    -- Between the two ratios next to it, by how near each is.
    below_ratio double precision;
    above_ratio double precision;
    below sparsevec;
    above sparsevec;
    nearer double precision;
    kept integer;
BEGIN
    IF known IS NULL THEN RETURN; END IF;
    SELECT c.ratio, c.preferences::sparsevec(1000000000) INTO below_ratio, below FROM common_preference c WHERE c.ratio <= weight ORDER BY c.ratio DESC LIMIT 1;
    SELECT c.ratio, c.preferences::sparsevec(1000000000) INTO above_ratio, above FROM common_preference c WHERE c.ratio > weight ORDER BY c.ratio LIMIT 1;
    IF above IS NULL THEN RETURN; END IF;
    nearer := (weight - below_ratio) / (above_ratio - below_ratio);
    RETURN QUERY
    SELECT k.product_id, -(k.profile <#> known) - (k.profile <#> below) * (1 - nearer) - (k.profile <#> above) * nearer FROM product_value k WHERE k.product_id = ANY (given);
    GET DIAGNOSTICS kept = ROW_COUNT;
    IF kept = cardinality(given) THEN RETURN; END IF;
    RETURN QUERY
    SELECT n.product_id, -(n.profile <#> known) - (n.profile <#> below) * (1 - nearer) - (n.profile <#> above) * nearer
    FROM (SELECT v.product_id, value_profile(array_agg(value_number(v.value))) AS profile FROM product_values(without_values(given)) v GROUP BY v.product_id) n;
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
BEGIN
    RETURN QUERY
    SELECT g.product_id, ln(1 + p.popularity::double precision), likeness_units(n.taste, avg(n.taste) OVER w, stddev_pop(n.taste) OVER w),
        likeness_units(n.recent, avg(n.recent) OVER w, stddev_pop(n.recent) OVER w), coalesce(v.preference, 0), coalesce(b.repurchase, 0)
    FROM unnest(given) WITH ORDINALITY g (product_id, place)
    CROSS JOIN LATERAL (SELECT p.popularity FROM product p WHERE p.product_id = g.product_id OFFSET 0) p
    LEFT JOIN unnest(near.product_ids, near.tastes, near.recents) n (product_id, taste, recent) ON n.product_id = g.product_id
    LEFT JOIN personal_preferences(history, given) v ON v.product_id = g.product_id
    LEFT JOIN unnest(history.product_ids, history.repurchases) b (product_id, repurchase) ON b.product_id = g.product_id
    WINDOW w AS () ORDER BY g.place;
END $$;
COMMENT ON FUNCTION personal_features IS 'What a shopper''s history says of some products, as personal search, its fitting and its evaluation use it; as of a moment.';
