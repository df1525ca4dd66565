-- A shopper's interests: one to four groups of what a history holds, each with its share.

-- The products of a history that say most, with their weights: what was liked lately and over a long time.
CREATE OR REPLACE FUNCTION history_weights(history personal_history, most integer, OUT product_ids bigint[], OUT weights double precision[])
LANGUAGE sql STABLE SET search_path FROM CURRENT AS $$
    SELECT coalesce(array_agg(h.product_id ORDER BY h.weight DESC, h.product_id), '{}'), coalesce(array_agg(h.weight ORDER BY h.weight DESC, h.product_id), '{}')
    FROM (SELECT u.product_id, u.taste / greatest(max(u.taste) OVER (), 1e-9) + u.recent / greatest(max(u.recent) OVER (), 1e-9) AS weight
          FROM unnest((history).product_ids, (history).tastes, (history).recents) u (product_id, taste, recent)
          WHERE u.taste > 0 OR u.recent > 0 ORDER BY weight DESC, u.product_id LIMIT most) h
$$;

-- Pairs of a history's products, by their places, that belong to one interest: vectors more alike than those of the
-- catalogue are by one and a half of their standard deviations; without vectors, things of one kind.
CREATE OR REPLACE FUNCTION alike_pairs(space_id integer, kind text, vectors halfvec[], kinds bigint[], OUT lefts integer[], OUT rights integer[])
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
DECLARE
    spread record;
    least_alike double precision := 2;
BEGIN
    IF kind IS NOT NULL THEN
        spread := similarity_spread(kind, space_id, (array_remove(vectors, NULL))[1]);
        least_alike := least(coalesce(spread.mean + 1.5 * spread.deviation, 0.8), 0.95);
    END IF;
    WITH item AS MATERIALIZED (
        SELECT u.vector, u.kind, u.place::integer AS place
        FROM unnest(coalesce(vectors, array_fill(NULL::halfvec, ARRAY[cardinality(kinds)])), kinds) WITH ORDINALITY u (vector, kind, place)
    )
    SELECT array_agg(a.place), array_agg(b.place) INTO lefts, rights
    FROM item a JOIN item b ON a.place = b.place OR CASE WHEN a.vector IS NOT NULL AND b.vector IS NOT NULL
        THEN -(a.vector <#> b.vector) >= least_alike ELSE a.kind = b.kind END;
END $$;

-- Leaders, the next always the one that stands for the most of what no leader stands for yet; none that stands for less
-- than a tenth of the whole. So the same history always has the same interests.
CREATE OR REPLACE FUNCTION interest_leaders(weights double precision[], lefts integer[], rights integer[], most integer DEFAULT 4) RETURNS integer[]
LANGUAGE plpgsql IMMUTABLE SET search_path FROM CURRENT AS $$
DECLARE
    total CONSTANT double precision := (SELECT sum(w.weight) FROM unnest(weights) w (weight));
    leaders integer[] := '{}';
    covered integer[] := '{}';
    best record;
BEGIN
    WHILE cardinality(leaders) < most LOOP
        SELECT p.l AS place, sum(weights[p.r]) AS mass INTO best
        FROM unnest(lefts, rights) p (l, r) WHERE p.r <> ALL (covered) AND p.l <> ALL (leaders) GROUP BY p.l ORDER BY mass DESC, p.l LIMIT 1;
        EXIT WHEN NOT FOUND OR cardinality(leaders) > 0 AND best.mass < 0.1 * total;
        leaders := leaders || best.place;
        covered := covered || ARRAY(SELECT p.r FROM unnest(lefts, rights) p (l, r) WHERE p.l = best.place);
    END LOOP;
    RETURN leaders;
END $$;

-- Which leader each product of the history follows: the nearest; without vectors the one of its kind, else the first.
CREATE OR REPLACE FUNCTION interest_followers(vectors halfvec[], kinds bigint[], leaders integer[]) RETURNS integer[]
LANGUAGE sql STABLE SET search_path FROM CURRENT AS $$
    SELECT array_agg(f.leader ORDER BY i.place)
    FROM unnest(coalesce(vectors, array_fill(NULL::halfvec, ARRAY[cardinality(kinds)])), kinds) WITH ORDINALITY i (vector, kind, place)
    CROSS JOIN LATERAL (
        SELECT l.number::integer AS leader FROM unnest(leaders) WITH ORDINALITY l (place, number)
        ORDER BY l.place = i.place DESC, CASE WHEN i.vector IS NOT NULL THEN i.vector <#> vectors[l.place] END NULLS LAST,
            i.kind IS NOT DISTINCT FROM kinds[l.place] DESC, l.number LIMIT 1) f
$$;

-- The interests, the greatest first: the share of each, its centre (NULL without vectors), its products by weight.
CREATE OR REPLACE FUNCTION interests(space_id integer, history personal_history)
RETURNS TABLE (interest bigint, share double precision, vector_kind text, centre halfvec, members bigint[], kind bigint)
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT SET enable_seqscan = off AS $$
DECLARE
    held record := history_weights(history, 60);
    known record;
    kinds bigint[];
    pairs record;
    followers integer[];
BEGIN
    IF held.product_ids = '{}' THEN RETURN; END IF;
    known := mean_vectors(space_id, held.product_ids);
    kinds := ARRAY(SELECT k.category_id FROM unnest(held.product_ids) WITH ORDINALITY g (product_id, place)
        LEFT JOIN product_kinds(held.product_ids) k USING (product_id) ORDER BY g.place);
    pairs := alike_pairs(space_id, known.kind, known.vectors, kinds);
    followers := interest_followers(known.vectors, kinds, interest_leaders(held.weights, pairs.lefts, pairs.rights));
    RETURN QUERY
    SELECT row_number() OVER (ORDER BY sum(f.weight) DESC, f.leader), sum(f.weight) / sum(sum(f.weight)) OVER (), known.kind,
        l2_normalize(sum(scaled(f.vector, f.weight)) FILTER (WHERE f.vector IS NOT NULL))::halfvec, array_agg(f.product_id ORDER BY f.weight DESC, f.product_id),
        (array_agg(f.kind ORDER BY f.weight DESC, f.product_id) FILTER (WHERE f.kind IS NOT NULL))[1]
    FROM unnest(held.product_ids, held.weights, coalesce(known.vectors, array_fill(NULL::halfvec, ARRAY[cardinality(kinds)])), kinds, followers) f (product_id, weight, vector, kind, leader)
    GROUP BY f.leader;
END $$;
