-- What a shopper's history says of some products: the features that personal search, its fitting and its evaluation use.

-- How near products are to a shopper's taste, of a long time and of late, by the cosine: as the search saw it of the
-- picture that it found, else of the product's nearest picture or caption. In no order; without those that have none.
CREATE OR REPLACE FUNCTION personal_nearness(
    space_id integer, history personal_history, given bigint[], arms search_arms,
    OUT product_ids bigint[], OUT tastes double precision[], OUT recents double precision[]
)
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
DECLARE
    unseen CONSTANT bigint[] := CASE WHEN arms.near_ids IS NULL THEN given WHEN arms.near_ids @> given THEN '{}'
        ELSE ARRAY(SELECT unnest(given) EXCEPT SELECT unnest(arms.near_ids)) END;
    others record;
BEGIN
    IF history.kind IS NULL THEN RETURN; END IF;
    product_ids := arms.near_ids;
    tastes := arms.tastes;
    recents := arms.recents;
    IF unseen <> '{}' THEN
        EXECUTE format('SELECT array_agg(n.product_id) AS ids, array_agg(n.taste) AS tastes, array_agg(n.recent) AS recents FROM (SELECT x.product_id, '
            'max(-(x.embedding <#> $2)) AS taste, max(-(x.embedding <#> $3)) AS recent FROM %I x WHERE x.product_id = ANY ($1) GROUP BY x.product_id) n',
            format('%s_vector_%s', history.kind, space_id)) INTO others USING unseen, history.taste, history.recent;
        product_ids := product_ids || others.ids;
        tastes := tastes || others.tastes;
        recents := recents || others.recents;
    END IF;
END $$;

-- How much more or less a shopper deals with each value that some products have than would be expected of anybody:
-- ln((amount + prior) / (expected + prior)), as a gamma prior shrinks a ratio of rates; and the sum of each product. How much
-- the shopper deals with it say the products that weigh most in the history. None where nobody counted yet. A value that the
-- shares do not know has no text.
CREATE OR REPLACE FUNCTION personal_preferences(
    history personal_history, given bigint[], OUT product_ids bigint[], OUT sums double precision[],
    OUT numbers bigint[], OUT texts text[], OUT preferences double precision[]
)
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT SET enable_mergejoin = off SET enable_nestloop = off SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    least_share CONSTANT double precision := (SELECT s.share FROM value_share s WHERE s.value = '');
    prior CONSTANT double precision := (history.weights ->> 'prior')::double precision;
BEGIN
    IF least_share IS NULL OR history.events = 0 THEN RETURN; END IF;
    WITH told AS MATERIALIZED (
        SELECT h.product_id, h.taste FROM unnest(history.product_ids, history.tastes) h (product_id, taste)
        ORDER BY h.taste DESC, h.product_id LIMIT 100
    ), known AS MATERIALIZED (
        SELECT k.product_id, k.numbers FROM product_numbers(ARRAY(SELECT t.product_id FROM told t UNION SELECT unnest(given))) k
    ), own AS MATERIALIZED (
        SELECT k.product_id, unnest(k.numbers) AS number FROM unnest(given) g (product_id) JOIN known k USING (product_id)
    ), liked AS (
        SELECT u.number, sum(u.taste) AS amount FROM (SELECT t.taste, unnest(k.numbers) AS number FROM told t JOIN known k USING (product_id)) u GROUP BY u.number
    ), judged AS MATERIALIZED (
        SELECT v.number, s.value, ln((coalesce(l.amount, 0) + prior) / (m.total * coalesce(s.share, least_share) + prior)) AS preference
        FROM (SELECT DISTINCT o.number FROM own o) v LEFT JOIN liked l USING (number)
        LEFT JOIN LATERAL (SELECT s.value, s.share FROM value_share s WHERE s.number = v.number LIMIT 1) s ON true
        CROSS JOIN (SELECT sum(t.taste) AS total FROM told t) m
    ), summed AS (
        SELECT a.product_id, sum(a.preference) AS preference
        FROM (SELECT o.product_id, j.preference FROM own o JOIN judged j USING (number) UNION ALL SELECT g.product_id, 0 FROM unnest(given) g (product_id)) a
        GROUP BY a.product_id
    )
    SELECT s.*, j.* INTO product_ids, sums, numbers, texts, preferences
    FROM (SELECT array_agg(s.product_id), array_agg(s.preference) FROM summed s) s,
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
    history CONSTANT personal_history := personal_taste(active, personal_history(client, session, as_of, weights));
    near CONSTANT record := personal_nearness(active, history, given, NULL);
    own CONSTANT record := personal_preferences(history, given);
BEGIN
    RETURN QUERY
    SELECT g.product_id, ln(1 + p.popularity::double precision), likeness_units(g.taste, avg(g.taste) OVER w, stddev_pop(g.taste) OVER w),
        likeness_units(g.recent, avg(g.recent) OVER w, stddev_pop(g.recent) OVER w), coalesce(a.preference, 0), coalesce(b.repurchase, 0)
    FROM (SELECT u.product_id, u.place, n.taste, n.recent FROM unnest(given) WITH ORDINALITY u (product_id, place)
          LEFT JOIN unnest(near.product_ids, near.tastes, near.recents) n (product_id, taste, recent) ON n.product_id = u.product_id) g
    CROSS JOIN LATERAL (SELECT p.popularity FROM product p WHERE p.product_id = g.product_id OFFSET 0) p
    LEFT JOIN unnest(own.product_ids, own.sums) a (product_id, preference) ON a.product_id = g.product_id
    LEFT JOIN unnest(history.product_ids, history.repurchases) b (product_id, repurchase) ON b.product_id = g.product_id
    WINDOW w AS () ORDER BY g.place;
END $$;
COMMENT ON FUNCTION personal_features IS 'What a shopper''s history says of some products, as personal search, its fitting and its evaluation use it; as of a moment.';
