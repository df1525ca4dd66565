-- What recommendations know of products beside events: their vectors, their neighbours and what kind of thing they are.

-- What kind of thing a product is: the category at this level of the tree above its deepest one, such as women/dresses at
-- level 2. Of several as deep, the one with the fewest levels above and the smallest number.
CREATE OR REPLACE FUNCTION product_kinds(product_ids bigint[], level integer DEFAULT NULL) RETURNS TABLE (product_id bigint, category_id bigint)
LANGUAGE sql STABLE SET search_path FROM CURRENT AS $$
    SELECT g.product_id, n.lineage[least(at.level, cardinality(n.lineage))]
    FROM unnest(product_ids) g (product_id) CROSS JOIN (SELECT coalesce(product_kinds.level, look_level()) OFFSET 0) at (level)
    CROSS JOIN LATERAL (
        SELECT c.lineage FROM product_category pc CROSS JOIN LATERAL (SELECT c.lineage FROM category c WHERE c.category_id = pc.category_id OFFSET 0) c
        WHERE pc.product_id = g.product_id ORDER BY cardinality(c.lineage) DESC, c.lineage LIMIT 1) n
$$;
COMMENT ON FUNCTION product_kinds IS 'What kind of thing each product is: its category at a level of the tree.';

-- The mean vectors of products, in their order, NULL where one has none: of pictures if any of them has one, else of captions.
CREATE OR REPLACE FUNCTION mean_vectors(space_id integer, product_ids bigint[], OUT kind text, OUT vectors halfvec[])
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT SET enable_seqscan = off AS $$
BEGIN
    IF space_id IS NULL THEN RETURN; END IF;
    FOREACH kind IN ARRAY '{image,caption}'::text[] LOOP
        EXECUTE format('SELECT array_agg(m.embedding ORDER BY g.place) FROM unnest($1) WITH ORDINALITY g (product_id, place) '
            'CROSS JOIN LATERAL (SELECT l2_normalize(avg(e.embedding))::halfvec AS embedding FROM %I e WHERE e.product_id = g.product_id) m '
            'WHERE true', format('%s_vector_%s', kind, space_id)) INTO vectors USING product_ids;
        IF array_remove(vectors, NULL) <> '{}' THEN RETURN; END IF;
    END LOOP;
    kind := NULL;
END $$;

-- The products that look like one, the nearest first, or read like it where it has no picture.
CREATE OR REPLACE FUNCTION nearest_products(space_id integer, product_id bigint, wanted integer) RETURNS bigint[]
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
DECLARE
    own record := mean_vectors(space_id, ARRAY[product_id]);
    arm record;
BEGIN
    IF own.kind IS NULL THEN RETURN '{}'; END IF;
    arm := search_arm(own.kind, space_id, own.vectors[1], search_conditions('{}', ARRAY[product_id]), wanted, NULL, false);
    RETURN coalesce(arm.product_ids[:wanted], '{}');
END $$;

-- Which kinds of things complete which, from the products bought together. At most once a day: it reads all of them.
CREATE OR REPLACE FUNCTION tend_affinities(every interval DEFAULT '1 day') RETURNS void
LANGUAGE plpgsql SET search_path FROM CURRENT SET jit = off AS $$
DECLARE
    known CONSTANT double precision := (SELECT h.total FROM recommendation_horizon h WHERE h.kind = 'bought_together');
BEGIN
    IF known IS NULL OR EXISTS (SELECT FROM recommendation_horizon h WHERE h.kind = 'affinity' AND (h.total = known
        OR h.recounted_at > now() - every AND known BETWEEN 0.8 * h.total AND 1.25 * h.total)) THEN RETURN; END IF;
    INSERT INTO recommendation_horizon AS h (kind, total) VALUES ('affinity', known)
    ON CONFLICT (kind) DO UPDATE SET (recounted_at, total) = (now(), excluded.total);
    WITH kind AS MATERIALIZED (
        SELECT k.product_id, k.category_id FROM product_kinds(ARRAY(SELECT DISTINCT a.product_id FROM association a WHERE a.kind = 'bought_together')) k
    ), pair AS MATERIALIZED (
        SELECT own.category_id, other.category_id AS partner_id, sum(a.times) AS times
        FROM association a JOIN kind own ON own.product_id = a.product_id JOIN kind other ON other.product_id = a.partner_id
        WHERE a.kind = 'bought_together' GROUP BY own.category_id, other.category_id
    ), expected AS (
        SELECT p.*, sum(p.times) OVER (PARTITION BY p.category_id) * sum(p.times) OVER (PARTITION BY p.partner_id)
            / greatest(sum(p.times) OVER (), 1) AS chance FROM pair p
    ), learned AS MATERIALIZED (
        SELECT e.category_id, e.partner_id, e.times, ((e.times + 5) / (e.chance + 5))::real AS lift FROM expected e WHERE e.category_id <> e.partner_id
    ), gone AS (
        DELETE FROM category_affinity f WHERE NOT EXISTS (SELECT FROM learned l WHERE (l.category_id, l.partner_id) = (f.category_id, f.partner_id))
    )
    INSERT INTO category_affinity AS f (category_id, partner_id, times, lift) SELECT l.category_id, l.partner_id, l.times, l.lift FROM learned l
    ON CONFLICT (category_id, partner_id) DO UPDATE SET (times, lift) = (excluded.times, excluded.lift);
END $$;

-- At which level of its tree a shop's categories say what kind of thing a product is: 2 for women/dresses, 1 for dresses/maxi.
CREATE OR REPLACE FUNCTION look_level() RETURNS integer
LANGUAGE sql STABLE SET search_path FROM CURRENT AS $$
    SELECT least(greatest(coalesce((SELECT CASE jsonb_typeof(s.value) WHEN 'number' THEN (s.value)::numeric::integer END
        FROM setting s WHERE s.name = 'look_level'), 2), 1), 10)
$$;
COMMENT ON FUNCTION look_level IS 'The level of the category tree that says what kind of thing a product is; the setting look_level.';
