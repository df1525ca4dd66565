-- A shopper's taste, from the history: values liked more or less than the catalogue has them, and two vectors.

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
    sample CONSTANT double precision := (SELECT s.products FROM value_share s WHERE s.value = '');
    total CONSTANT double precision := (SELECT sum(t.taste) FROM unnest((history).tastes) t (taste));
    prior CONSTANT double precision := ((history).weights ->> 'prior')::double precision;
BEGIN
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

-- The middle of what the shopper dealt with, by weight: pictures where the history has any in the space, else captions.
CREATE OR REPLACE FUNCTION personal_vectors(
    space_id integer, history personal_history, OUT kind text, OUT taste halfvec, OUT recent halfvec
)
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT SET enable_seqscan = off SET jit = off AS $$
DECLARE
    dimension CONSTANT integer := (SELECT s.dimension FROM space s WHERE s.space_id = personal_vectors.space_id);
BEGIN
    IF dimension IS NULL THEN RETURN; END IF;
    FOREACH kind IN ARRAY '{image,caption}'::text[] LOOP
        -- Weights of at most 1, so that no sum leaves the range of half precision.
        EXECUTE format('SELECT l2_normalize(sum(e.embedding * array_fill((h.taste / h.tastes)::real, ARRAY[%1$s])::halfvec(%1$s)) FILTER (WHERE h.taste > 0.001 * h.tastes)), '
            'l2_normalize(sum(e.embedding * array_fill((h.recent / h.recents)::real, ARRAY[%1$s])::halfvec(%1$s)) FILTER (WHERE h.recent > 0.01 * h.recents)) '
            'FROM (SELECT h.*, greatest(max(h.taste) OVER (), 1e-9) AS tastes, greatest(max(h.recent) OVER (), 1e-9) AS recents '
            'FROM unnest($1, $2, $3) h (product_id, taste, recent)) h '
            'CROSS JOIN LATERAL (SELECT avg(x.embedding) AS embedding FROM %2$I x WHERE x.product_id = h.product_id) e '
            'WHERE e.embedding IS NOT NULL', dimension, format('%s_vector_%s', kind, space_id))
        INTO taste, recent USING (history).product_ids, (history).tastes, (history).recents;
        IF taste IS NOT NULL THEN RETURN; END IF;
    END LOOP;
    kind := NULL;
END $$;

-- A history with all that is derived from it.
CREATE OR REPLACE FUNCTION personal_taste(space_id integer, history personal_history) RETURNS personal_history
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
BEGIN
    IF (history).events = 0 THEN RETURN history; END IF;
    SELECT v.* INTO history.liked, history.preferences FROM personal_values(history) v;
    SELECT v.* INTO history.kind, history.taste, history.recent FROM personal_vectors(space_id, history) v;
    RETURN history;
END $$;
