-- A shopper's taste, from the history: two vectors, and the values that the shopper deals with.

-- The sum of vectors of single precision, without counting them as the extension's own does.
CREATE OR REPLACE AGGREGATE vector_total (vector) (SFUNC = vector_add, STYPE = vector);
COMMENT ON AGGREGATE vector_total(vector) IS 'The sum of vectors.';

-- A vector of so many dimensions, all alike, from an eighth of it: to fill all of it one by one costs three times as much.
CREATE OR REPLACE FUNCTION vector_filled(eighth vector, dimension integer) RETURNS vector
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN subvector(eighth || eighth || eighth || eighth || eighth || eighth || eighth || eighth, 1, dimension);

-- The middle of some pictures, by the weights of their products, over a long time and of late, and how long the sums were that it comes
-- from. As vectors of single precision, and weights not too small: products that come out as 0 are an error. Parsed when it is
-- made, so that it may run as the owner.
CREATE OR REPLACE FUNCTION history_middle(
    items bigint[], vectors halfvec[], product_ids bigint[], tastes double precision[], recents double precision[], dimension integer
) RETURNS TABLE (taste halfvec, recent halfvec, taste_norm double precision, recent_norm double precision)
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
    WITH item AS MATERIALIZED (
        SELECT i.product_id, vector_total(i.embedding::vector) AS embedding, count(*) AS pictures
        FROM unnest(items, vectors) i (product_id, embedding) GROUP BY i.product_id
    ), most AS MATERIALIZED (
        SELECT max(t.taste) AS taste, greatest(max(t.recent), 1e-6) AS recent FROM unnest(tastes, recents) t (taste, recent) WHERE t.taste > 0
    ), weighed AS MATERIALIZED (
        SELECT i.embedding, array_fill((greatest(h.taste / m.taste, 1e-6) / i.pictures)::real, ARRAY[(dimension + 7) / 8])::vector AS taste,
            array_fill((greatest(h.recent / m.recent, 1e-6) / i.pictures)::real, ARRAY[(dimension + 7) / 8])::vector AS recent
        FROM unnest(product_ids, tastes, recents) h (product_id, taste, recent) JOIN item i USING (product_id) CROSS JOIN most m
        WHERE h.taste > 0
    ), total AS MATERIALIZED (
        SELECT vector_total(w.embedding * vector_filled(w.taste, dimension)) AS taste, vector_total(w.embedding * vector_filled(w.recent, dimension)) AS recent
        FROM weighed w
    )
    SELECT l2_normalize(t.taste)::halfvec, l2_normalize(t.recent)::halfvec, vector_norm(t.taste) * m.taste, vector_norm(t.recent) * m.recent
    FROM total t CROSS JOIN most m;
END;

-- The pictures (or captions) of some products, one by one.
CREATE OR REPLACE FUNCTION history_vectors(kind text, space_id integer, product_ids bigint[], OUT items bigint[], OUT vectors halfvec[])
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT SET enable_seqscan = off SET jit = off AS $$
BEGIN
    EXECUTE format('SELECT array_agg(x.product_id), array_agg(x.embedding) FROM %I x WHERE x.product_id = ANY ($1)', format('%s_vector_%s', kind, space_id))
    INTO items, vectors USING product_ids;
END $$;

-- What the shopper dealt with looks like: pictures where the history has any in the space, else captions.
-- Of many products those that weigh most, whose middle hardly differs.
CREATE OR REPLACE FUNCTION with_vectors(space_id integer, history personal_history) RETURNS personal_history
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
DECLARE
    dimension CONSTANT integer := (SELECT s.dimension FROM space s WHERE s.space_id = with_vectors.space_id);
    -- The first weigh most.
    first CONSTANT bigint[] := history.product_ids[:48];
    found record;
BEGIN
    IF dimension IS NULL THEN RETURN history; END IF;
    FOREACH history.kind IN ARRAY '{image,caption}'::text[] LOOP
        found := history_vectors(history.kind, space_id, first);
        SELECT m.* INTO history.taste, history.recent, history.taste_norm, history.recent_norm
        FROM history_middle(found.items, found.vectors, first, history.tastes[:48], history.recents[:48], dimension) m;
        IF history.taste IS NOT NULL THEN RETURN history; END IF;
    END LOOP;
    history.kind := NULL;
    RETURN history;
END $$;

-- How much more or less than would be expected of anybody a shopper deals with a value, as a gamma prior shrinks a ratio of
-- rates: of so much in all, that much of a value of that share.
CREATE OR REPLACE FUNCTION value_preference(amount double precision, total double precision, share double precision, prior double precision) RETURNS double precision
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN ln((amount + prior) / (total * share + prior));

-- What the values known to a history say: of the commonest only what is more than common_preference has. Before the shares are
-- counted no value says anything.
CREATE OR REPLACE FUNCTION with_preferences(history personal_history) RETURNS personal_history
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT SET enable_mergejoin = off SET enable_nestloop = off SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    least_share CONSTANT double precision := (SELECT s.share FROM value_share s WHERE s.value = '');
    prior CONSTANT double precision := (history.weights ->> 'prior')::double precision;
BEGIN
    IF least_share IS NULL THEN RETURN history; END IF;
    SELECT value_vector(array_agg(l.number), array_agg(value_preference(l.amount, history.total, CASE WHEN s.is_common THEN 0 ELSE coalesce(s.share, least_share) END, prior)))
    INTO history.preferences
    FROM unnest(history.liked, history.amounts) l (number, amount)
    LEFT JOIN (SELECT s.number, s.share, s.is_common FROM value_share s WHERE s.number = ANY (history.liked)) s ON s.number = l.number;
    RETURN history;
END $$;

-- How much the shopper deals with each value, by the products that weigh most, and with all of them.
CREATE OR REPLACE FUNCTION with_values(history personal_history) RETURNS personal_history
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT SET enable_mergejoin = off SET enable_nestloop = off SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    first record;
BEGIN
    SELECT array_agg(t.product_id) AS ids, array_agg(t.taste) AS tastes, sum(t.taste) AS total INTO first
    FROM (SELECT h.product_id, h.taste FROM unnest(history.product_ids, history.tastes) h (product_id, taste) ORDER BY h.taste DESC, h.product_id LIMIT 100) t;
    history.total := first.total;
    SELECT array_agg(l.number), array_agg(l.amount) INTO history.liked, history.amounts
    FROM (SELECT u.number, sum(u.taste) AS amount
          FROM (SELECT t.taste, unnest(k.numbers) AS number FROM unnest(first.ids, first.tastes) t (product_id, taste) JOIN product_numbers(first.ids) k USING (product_id)) u
          GROUP BY u.number) l;
    RETURN with_preferences(history);
END $$;

-- A shopper's history with all that is derived from these events.
CREATE OR REPLACE FUNCTION whole_history(
    space_id integer, object_ids text[], actions text[], times timestamptz[], quantities numeric[], until timestamptz, used jsonb
) RETURNS personal_history
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
DECLARE
    history CONSTANT personal_history := history_of(object_ids, actions, times, quantities, until, used);
BEGIN
    RETURN CASE WHEN history.events > 0 THEN with_values(with_vectors(space_id, history)) ELSE history END;
END $$;

-- That of a shopper: as it was kept, with what happened since, or else worked out now.
CREATE OR REPLACE FUNCTION personal_taste(
    space_id integer, client text, session text, as_of timestamptz DEFAULT NULL, weights jsonb DEFAULT NULL
) RETURNS personal_history
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
DECLARE
    until CONSTANT timestamptz := coalesce(as_of, clock_timestamp());
    used CONSTANT jsonb := personal_weights() || coalesce(weights, '{}');
    latest record := latest_events(client, session, until, most_events(used), false);
    history personal_history;
BEGIN
    IF as_of IS NULL AND client IS NOT NULL THEN
        history := kept_history(client, space_id, latest.object_ids, latest.actions, latest.times, latest.quantities, until, used);
        IF history.events > 0 THEN RETURN history; END IF;
    END IF;
    latest := latest_known_events(client, session, until, most_events(used), latest.object_ids, latest.actions, latest.times, latest.quantities);
    RETURN whole_history(space_id, latest.object_ids, latest.actions, latest.times, latest.quantities, until, used);
END $$;
