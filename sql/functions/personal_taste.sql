-- A shopper's taste, from the history: how much of it has each value, and two vectors.

-- How much of what the shopper dealt with has each value, by the products that weigh most, and how much that is in all.
CREATE OR REPLACE FUNCTION personal_values(history personal_history, OUT liked text[], OUT amounts double precision[], OUT total double precision)
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT SET enable_seqscan = off SET enable_bitmapscan = off AS $$
DECLARE
    ids bigint[];
    tastes double precision[];
BEGIN
    SELECT array_agg(h.product_id), array_agg(h.taste), sum(h.taste) INTO ids, tastes, total
    FROM (SELECT h.* FROM unnest(history.product_ids, history.tastes) h (product_id, taste) WHERE h.taste > 0 ORDER BY h.taste DESC, h.product_id LIMIT 100) h;
    SELECT array_agg(v.value), array_agg(v.amount) INTO liked, amounts
    FROM (SELECT v.value, sum(h.taste) AS amount FROM product_values(ids) v JOIN unnest(ids, tastes) h (product_id, taste) USING (product_id) GROUP BY v.value) v;
END $$;

-- The middle of what the shopper dealt with, by weight: pictures where the history has any in the space, else captions.
-- Of many products those that weigh most, whose middle hardly differs; a few of them are kept as examples.
CREATE OR REPLACE FUNCTION personal_vectors(
    space_id integer, history personal_history, OUT kind text, OUT taste halfvec, OUT recent halfvec, OUT examples bigint[], OUT pictures halfvec[]
)
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT SET enable_seqscan = off SET jit = off AS $$
DECLARE
    dimension CONSTANT integer := (SELECT s.dimension FROM space s WHERE s.space_id = personal_vectors.space_id);
    ids bigint[];
    tastes real[];
    recents real[];
BEGIN
    IF dimension IS NULL THEN RETURN; END IF;
    SELECT array_agg(m.product_id), array_agg(m.taste), array_agg(m.recent) INTO ids, tastes, recents
    FROM (SELECT h.product_id, greatest(h.taste / max(h.taste) OVER (), 1e-6)::real AS taste,
            greatest(h.recent / greatest(max(h.recent) OVER (), 1e-6), 1e-6)::real AS recent
          FROM unnest(history.product_ids, history.tastes, history.recents) h (product_id, taste, recent) WHERE h.taste > 0
          ORDER BY h.taste + h.recent DESC, h.product_id LIMIT 48) m;
    FOREACH kind IN ARRAY '{image,caption}'::text[] LOOP
        -- As vectors of single precision, and weights not too small: products that come out as 0 are an error.
        EXECUTE format('SELECT l2_normalize(sum(e.embedding * array_fill(h.taste, ARRAY[%1$s])::vector(%1$s)))::halfvec(%1$s), '
            'l2_normalize(sum(e.embedding * array_fill(h.recent, ARRAY[%1$s])::vector(%1$s)))::halfvec(%1$s)'
            ', array_agg(h.product_id) FILTER (WHERE h.place <= 16), array_agg(e.embedding::halfvec(%1$s)) FILTER (WHERE h.place <= 16) '
            'FROM unnest($1, $2, $3) WITH ORDINALITY h (product_id, taste, recent, place) '
            'JOIN (SELECT x.product_id, avg(x.embedding::vector) AS embedding FROM %2$I x WHERE x.product_id = ANY ($1) GROUP BY x.product_id) e USING (product_id)',
            dimension, format('%s_vector_%s', kind, space_id)) INTO taste, recent, examples, pictures USING ids, tastes, recents;
        IF taste IS NOT NULL THEN RETURN; END IF;
    END LOOP;
    kind := NULL;
END $$;

-- A history with all that is derived from it.
CREATE OR REPLACE FUNCTION personal_taste(space_id integer, history personal_history) RETURNS personal_history
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
BEGIN
    IF history.events = 0 THEN RETURN history; END IF;
    SELECT v.* INTO history.liked, history.amounts, history.total FROM personal_values(history) v;
    SELECT v.* INTO history.kind, history.taste, history.recent, history.examples, history.pictures FROM personal_vectors(space_id, history) v;
    RETURN history;
END $$;
