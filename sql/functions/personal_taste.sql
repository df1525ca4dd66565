-- A shopper's taste, from the history: two vectors, and the values that the shopper deals with.

-- The sum of vectors of single precision, without counting them as the extension's own does.
CREATE OR REPLACE AGGREGATE vector_total (vector) (SFUNC = vector_add, STYPE = vector);
COMMENT ON AGGREGATE vector_total(vector) IS 'The sum of vectors.';

-- A vector of so many dimensions, all alike, from an eighth of it: to fill all of it one by one costs three times as much.
CREATE OR REPLACE FUNCTION vector_filled(eighth vector, dimension integer) RETURNS vector
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN subvector(eighth || eighth || eighth || eighth || eighth || eighth || eighth || eighth, 1, dimension);

-- The middle of some pictures, by the weights of their products, over a long time and of late. As vectors of single precision, and
-- weights not too small: products that come out as 0 are an error. Parsed when it is made, so that it may run as the owner.
CREATE OR REPLACE FUNCTION history_middle(
    items bigint[], vectors halfvec[], product_ids bigint[], tastes double precision[], recents double precision[], dimension integer
) RETURNS TABLE (taste halfvec, recent halfvec)
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
    WITH item AS MATERIALIZED (
        SELECT i.product_id, vector_total(i.embedding::vector) AS embedding, count(*) AS pictures
        FROM unnest(items, vectors) i (product_id, embedding) GROUP BY i.product_id
    ), weighed AS MATERIALIZED (
        SELECT i.embedding, array_fill((greatest(h.taste / m.taste, 1e-6) / i.pictures)::real, ARRAY[(dimension + 7) / 8])::vector AS taste,
            array_fill((greatest(h.recent / m.recent, 1e-6) / i.pictures)::real, ARRAY[(dimension + 7) / 8])::vector AS recent
        FROM unnest(product_ids, tastes, recents) h (product_id, taste, recent) JOIN item i USING (product_id)
        CROSS JOIN (SELECT max(t.taste) AS taste, greatest(max(t.recent), 1e-6) AS recent FROM unnest(tastes, recents) t (taste, recent) WHERE t.taste > 0) m
        WHERE h.taste > 0
    )
    SELECT l2_normalize(vector_total(w.embedding * vector_filled(w.taste, dimension)))::halfvec,
        l2_normalize(vector_total(w.embedding * vector_filled(w.recent, dimension)))::halfvec
    FROM weighed w;
END;

-- What the shopper dealt with looks like: pictures where the history has any in the space, else captions.
-- Of many products those that weigh most, whose middle hardly differs.
CREATE OR REPLACE FUNCTION with_vectors(space_id integer, history personal_history) RETURNS personal_history
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT SET enable_seqscan = off SET jit = off AS $$
DECLARE
    dimension CONSTANT integer := (SELECT s.dimension FROM space s WHERE s.space_id = with_vectors.space_id);
    -- The first weigh most.
    first CONSTANT bigint[] := history.product_ids[:48];
    found record;
BEGIN
    IF dimension IS NULL THEN RETURN history; END IF;
    FOREACH history.kind IN ARRAY '{image,caption}'::text[] LOOP
        EXECUTE format('SELECT array_agg(x.product_id) AS items, array_agg(x.embedding) AS vectors FROM %I x WHERE x.product_id = ANY ($1)', format('%s_vector_%s', history.kind, space_id))
        INTO found USING first;
        SELECT m.* INTO history.taste, history.recent
        FROM history_middle(found.items, found.vectors, first, history.tastes[:48], history.recents[:48], dimension) m;
        IF history.taste IS NOT NULL THEN RETURN history; END IF;
    END LOOP;
    history.kind := NULL;
    RETURN history;
END $$;

-- How much the shopper deals with each value, by the products that weigh most, and with all of them.
CREATE OR REPLACE FUNCTION with_values(history personal_history) RETURNS personal_history
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT SET enable_mergejoin = off SET enable_nestloop = off SET plan_cache_mode = force_generic_plan AS $$
BEGIN
    WITH told AS MATERIALIZED (
        SELECT h.product_id, h.taste FROM unnest(history.product_ids, history.tastes) h (product_id, taste)
        ORDER BY h.taste DESC, h.product_id LIMIT 100
    ), liked AS (
        SELECT u.number, sum(u.taste) AS amount
        FROM (SELECT t.taste, unnest(k.numbers) AS number FROM told t
              JOIN product_numbers(ARRAY(SELECT t.product_id FROM told t)) k USING (product_id)) u
        GROUP BY u.number
    )
    SELECT l.*, t.* INTO history.liked, history.amounts, history.total
    FROM (SELECT array_agg(l.number), array_agg(l.amount) FROM liked l) l, (SELECT sum(t.taste) FROM told t) t;
    RETURN history;
END $$;

-- A shopper's history with all that is derived from it: as it was kept, where the shopper did nothing since.
CREATE OR REPLACE FUNCTION personal_taste(
    space_id integer, client text, session text, as_of timestamptz DEFAULT NULL, weights jsonb DEFAULT NULL
) RETURNS personal_history
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
DECLARE
    until CONSTANT timestamptz := coalesce(as_of, clock_timestamp());
    used CONSTANT jsonb := personal_weights() || coalesce(weights, '{}');
    latest CONSTANT record := latest_events(client, session, until, most_events(used));
    history personal_history;
BEGIN
    IF as_of IS NULL AND client IS NOT NULL THEN
        history := kept_history(client, space_id, history_fingerprint(latest.object_ids, latest.actions, latest.times, latest.quantities, used), until);
        IF history.events IS NOT NULL THEN RETURN history; END IF;
    END IF;
    history := history_of(latest.object_ids, latest.actions, latest.times, latest.quantities, until, used);
    IF history.events = 0 THEN RETURN history; END IF;
    RETURN with_values(with_vectors(space_id, history));
END $$;
