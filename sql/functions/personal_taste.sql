-- A shopper's taste, from the history: two vectors, and some of the pictures that they are the middle of.

-- The sum of vectors of single precision, without counting them as the extension's own does.
CREATE OR REPLACE AGGREGATE vector_total (vector) (SFUNC = vector_add, STYPE = vector);
COMMENT ON AGGREGATE vector_total(vector) IS 'The sum of vectors.';

-- A vector of so many dimensions, all alike, from an eighth of it: to fill all of it one by one costs three times as much.
CREATE OR REPLACE FUNCTION vector_filled(eighth vector, dimension integer) RETURNS vector
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN subvector(eighth || eighth || eighth || eighth || eighth || eighth || eighth || eighth, 1, dimension);

-- The middle of what the shopper dealt with, by weight: pictures where the history has any in the space, else captions.
-- Of many products those that weigh most, whose middle hardly differs; a few of them are kept as examples.
CREATE OR REPLACE FUNCTION personal_vectors(
    space_id integer, history personal_history, OUT kind text, OUT taste halfvec, OUT recent halfvec, OUT examples bigint[], OUT pictures halfvec[]
)
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT SET enable_seqscan = off SET jit = off AS $$
#variable_conflict use_column
DECLARE
    dimension CONSTANT integer := (SELECT s.dimension FROM space s WHERE s.space_id = personal_vectors.space_id);
    eighth CONSTANT integer[] := ARRAY[(dimension + 7) / 8];
    -- The first weigh most.
    first CONSTANT bigint[] := history.product_ids[:48];
    items bigint[];
    vectors halfvec[];
BEGIN
    IF dimension IS NULL THEN RETURN; END IF;
    FOREACH kind IN ARRAY '{image,caption}'::text[] LOOP
        EXECUTE format('SELECT array_agg(x.product_id), array_agg(x.embedding) FROM %I x WHERE x.product_id = ANY ($1)', format('%s_vector_%s', kind, space_id))
        INTO items, vectors USING first;
        -- As vectors of single precision, and weights not too small: products that come out as 0 are an error.
        WITH item AS MATERIALIZED (
            SELECT i.product_id, vector_total(i.embedding::vector) AS embedding, count(*) AS pictures
            FROM unnest(items, vectors) i (product_id, embedding) GROUP BY i.product_id
        ), weighed AS MATERIALIZED (
            SELECT i.product_id, i.embedding, h.place, array_fill((greatest(h.taste / m.taste, 1e-6) / i.pictures)::real, eighth)::vector AS taste,
                array_fill((greatest(h.recent / m.recent, 1e-6) / i.pictures)::real, eighth)::vector AS recent
            FROM unnest(first, history.tastes[:48], history.recents[:48]) WITH ORDINALITY h (product_id, taste, recent, place) JOIN item i USING (product_id)
            CROSS JOIN (SELECT max(t.taste) AS taste, greatest(max(t.recent), 1e-6) AS recent FROM unnest(history.tastes[:48], history.recents[:48]) t (taste, recent) WHERE t.taste > 0) m
            WHERE h.taste > 0
        )
        SELECT l2_normalize(vector_total(w.embedding * vector_filled(w.taste, dimension)))::halfvec,
            l2_normalize(vector_total(w.embedding * vector_filled(w.recent, dimension)))::halfvec,
            array_agg(w.product_id) FILTER (WHERE w.place <= 16), array_agg(l2_normalize(w.embedding)::halfvec) FILTER (WHERE w.place <= 16)
        INTO taste, recent, examples, pictures FROM weighed w;
        IF taste IS NOT NULL THEN RETURN; END IF;
    END LOOP;
    kind := NULL;
END $$;

-- A history with all that is derived from it.
CREATE OR REPLACE FUNCTION personal_taste(space_id integer, history personal_history) RETURNS personal_history
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
BEGIN
    IF history.events = 0 THEN RETURN history; END IF;
    SELECT v.* INTO history.kind, history.taste, history.recent, history.examples, history.pictures FROM personal_vectors(space_id, history) v;
    RETURN history;
END $$;
