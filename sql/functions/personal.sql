-- What a shopper's history says of some products: taste, attributes, repurchases; the features of personal search.

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

-- How much more, or less, a value is liked than the catalogue has it: the difference of two log-odds, drawn to 0 by so
-- many events (prior) that have it as often as the catalogue does.
CREATE OR REPLACE FUNCTION value_preference(weight double precision, total double precision, share double precision, prior double precision)
RETURNS double precision
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT ln(p.part / (1 - p.part)) - ln(q.part / (1 - q.part))
    FROM (SELECT least(greatest(share, 1e-6), 0.999)) q (part)
    CROSS JOIN LATERAL (SELECT least((weight + prior * q.part) / (total + prior), 0.9999)) p (part);
END;

-- The values of what a shopper dealt with, each with its preference. None where nobody counted the catalogue yet.
CREATE OR REPLACE FUNCTION personal_values(history personal_history, OUT liked text[], OUT preferences double precision[])
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT SET enable_seqscan = off AS $$
DECLARE
    sample CONSTANT integer := (SELECT s.products FROM value_share s WHERE s.value = '');
    total CONSTANT double precision := (SELECT sum(t.taste) FROM unnest((history).tastes) t (taste));
    prior CONSTANT double precision := ((history).weights ->> 'prior')::double precision;
BEGIN
    liked := '{}';
    preferences := '{}';
    IF sample IS NULL OR total IS NULL OR total = 0 THEN RETURN; END IF;
    WITH held AS MATERIALIZED (
        SELECT v.value, least(sum(h.taste), total) AS weight
        FROM unnest((history).product_ids, (history).tastes) h (product_id, taste)
        JOIN (SELECT DISTINCT v.product_id, v.value FROM product_values((history).product_ids) v) v USING (product_id)
        WHERE h.taste > 0 GROUP BY v.value
    )
    SELECT array_agg(h.value), array_agg(value_preference(h.weight, total, coalesce(s.products, 0.5) / sample, prior))
    INTO liked, preferences
    FROM held h LEFT JOIN LATERAL (SELECT s.products::double precision FROM value_share s WHERE s.value = h.value OFFSET 0) s ON true;
END $$;

-- How near products are to what a shopper dealt with lately and over a long time, by the cosine: pictures where the
-- history has any in the space, else captions. A product's nearest picture counts. NULL where it has none.
CREATE OR REPLACE FUNCTION personal_nearness(
    space_id integer, history personal_history, product_ids bigint[], OUT kind text, OUT tastes double precision[], OUT recents double precision[]
)
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT SET enable_seqscan = off SET jit = off AS $$
DECLARE
    dimension CONSTANT integer := (SELECT s.dimension FROM space s WHERE s.space_id = personal_nearness.space_id);
    long halfvec;
    recent halfvec;
BEGIN
    IF dimension IS NULL THEN RETURN; END IF;
    FOREACH kind IN ARRAY '{image,caption}'::text[] LOOP
        -- Normalised first, so that no weight leaves the range of half precision.
        EXECUTE format('SELECT l2_normalize(sum(e.embedding * array_fill((h.taste / h.tastes)::real, ARRAY[%1$s])::halfvec(%1$s))), '
            'l2_normalize(sum(e.embedding * array_fill((h.recent / h.recents)::real, ARRAY[%1$s])::halfvec(%1$s)) FILTER (WHERE h.recent > 0.01 * h.recents)) '
            'FROM (SELECT h.*, greatest(max(h.taste) OVER (), 1e-9) AS tastes, greatest(max(h.recent) OVER (), 1e-9) AS recents '
            'FROM unnest($1, $2, $3) h (product_id, taste, recent)) h '
            'CROSS JOIN LATERAL (SELECT avg(x.embedding) AS embedding FROM %2$I x WHERE x.product_id = h.product_id) e '
            'WHERE e.embedding IS NOT NULL AND h.taste > 0', dimension, format('%s_vector_%s', kind, space_id))
        INTO long, recent USING (history).product_ids, (history).tastes, (history).recents;
        EXIT WHEN long IS NOT NULL;
    END LOOP;
    IF long IS NULL THEN
        kind := NULL;
        RETURN;
    END IF;
    EXECUTE format('SELECT array_agg(n.long ORDER BY g.place), array_agg(n.recent ORDER BY g.place) FROM unnest($1) WITH ORDINALITY g (product_id, place) '
        'CROSS JOIN LATERAL (SELECT max(-(x.embedding <#> $2)) AS long, max(-(x.embedding <#> $3)) AS recent FROM %I x WHERE x.product_id = g.product_id) n',
        format('%s_vector_%s', kind, space_id)) INTO tastes, recents USING product_ids, long, recent;
END $$;

-- In units of how much the products given differ; no less than so much, for what all have alike says nothing.
CREATE OR REPLACE FUNCTION standardised(numbers double precision[], least_deviation double precision) RETURNS double precision[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT array_agg(coalesce((n.value - s.mean) / greatest(s.deviation, least_deviation), 0) ORDER BY n.place)
    FROM unnest(numbers) WITH ORDINALITY n (value, place)
    CROSS JOIN (SELECT avg(v.value) AS mean, stddev_pop(v.value) AS deviation FROM unnest(numbers) v (value)) s;
END;

-- The features of some products, in the order given.
CREATE OR REPLACE FUNCTION personal_parts(space_id integer, history personal_history, product_ids bigint[])
RETURNS TABLE (product_id bigint, popularity double precision, taste double precision, session_taste double precision, attributes double precision, repurchase double precision)
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT SET enable_seqscan = off SET jit = off AS $$
#variable_conflict use_column
DECLARE
    near record := personal_nearness(space_id, history, product_ids);
    held record := personal_values(history);
BEGIN
    RETURN QUERY
    WITH preferred AS MATERIALIZED (
        SELECT v.product_id, sum(l.preference) AS preference
        FROM (SELECT DISTINCT v.product_id, v.value FROM product_values(personal_parts.product_ids) v) v
        JOIN unnest(held.liked, held.preferences) l (value, preference) USING (value) GROUP BY v.product_id
    )
    SELECT g.product_id, ln(1 + p.popularity::double precision), coalesce(g.taste, 0), coalesce(g.recent, 0), coalesce(a.preference, 0), coalesce(b.repurchase, 0)
    FROM unnest(personal_parts.product_ids, standardised(near.tastes, 0.02), standardised(near.recents, 0.02)) WITH ORDINALITY g (product_id, taste, recent, place)
    CROSS JOIN LATERAL (SELECT p.popularity FROM product p WHERE p.product_id = g.product_id OFFSET 0) p
    LEFT JOIN preferred a ON a.product_id = g.product_id
    LEFT JOIN unnest((history).product_ids, (history).repurchases) b (product_id, repurchase) ON b.product_id = g.product_id
    ORDER BY g.place;
END $$;

CREATE OR REPLACE FUNCTION personal_features(
    client text, session text, product_ids bigint[], as_of timestamptz DEFAULT NULL, weights jsonb DEFAULT NULL
) RETURNS TABLE (product_id bigint, popularity double precision, taste double precision, session_taste double precision, attributes double precision, repurchase double precision)
LANGUAGE sql STABLE SET search_path FROM CURRENT AS $$
    SELECT f.* FROM personal_parts((SELECT s.space_id FROM space s WHERE s.status = 'active'),
        personal_history(personal_features.client, session, as_of, weights), personal_features.product_ids) f
$$;
COMMENT ON FUNCTION personal_features IS 'What a shopper''s history says of some products, as personal search, its fitting and its evaluation use it; as of a moment.';
