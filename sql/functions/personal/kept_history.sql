-- A history as it was kept for the next search, with what happened since.

-- Of the events, in their order, and of the weights by which they are taken. Each by itself: what an array of NULLs is mixed with is lost.
CREATE OR REPLACE FUNCTION history_fingerprint(object_ids text[], actions text[], times timestamptz[], quantities numeric[], used jsonb) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN hash_array_extended(ARRAY[hash_array_extended(object_ids, 0), hash_array_extended(actions, 0), hash_array_extended(times, 0),
    hash_array_extended(quantities, 0), hashtextextended(used::text, 0)], 0);

-- How many events may have happened since; of a shopper with more events than are read, the fingerprint leaves out as many of the oldest.
CREATE OR REPLACE FUNCTION events_since() RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN 20;

-- How many of the events that are read the fingerprint covers: of very many not the oldest, which newer ones push out.
CREATE OR REPLACE FUNCTION events_hashed(read integer, used jsonb) RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path FROM CURRENT
AS $$ SELECT least(read, greatest(most_events(used) - events_since(), 1)) $$;

-- A history with some later events: the same as if it were worked out of all of them, but that of many products those that weighed most
-- count with the new ones. NULL where one is of a product that had left a basket: how far below nothing that was is not known any more.
CREATE OR REPLACE FUNCTION history_with(space_id integer, history personal_history, later personal_history, made_at timestamptz, until timestamptz) RETURNS personal_history
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT SET enable_mergejoin = off SET enable_nestloop = off SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    used CONSTANT jsonb := history.weights;
    faded CONSTANT double precision := exp(-ln(2) * extract(epoch FROM until - made_at)::double precision / 86400 / (used ->> 'half_life_days')::double precision);
    passed CONSTANT double precision := exp(-ln(2) * least(later.events / (used ->> 'session_half_life')::double precision, 60));
    dimension CONSTANT integer := (SELECT s.dimension FROM space s WHERE s.space_id = history_with.space_id);
    found record;
    returned boolean;
BEGIN
    SELECT array_agg(l.product_id), array_agg(l.external_id), array_agg(l.taste), array_agg(l.recent), array_agg(l.repurchase), bool_or(l.returned)
    INTO history.product_ids, history.external_ids, history.tastes, history.recents, history.repurchases, returned
    FROM (SELECT l.*
          FROM (SELECT h.product_id, min(h.external_id) AS external_id, sum(h.taste) AS taste, sum(h.recent) AS recent, ln(sum(exp(h.repurchase)) - count(*) + 1) AS repurchase,
                    count(*) > 1 AND least(min(h.taste), min(h.recent)) <= 0 AS returned
                FROM (SELECT * FROM unnest(later.product_ids, later.external_ids, later.tastes, later.recents, later.repurchases) n (product_id, external_id, taste, recent, repurchase)
                      UNION ALL
                      SELECT o.product_id, o.external_id, o.taste * faded, o.recent * passed, o.repurchase
                      FROM unnest(history.product_ids, history.external_ids, history.tastes, history.recents, history.repurchases) o (product_id, external_id, taste, recent, repurchase)) h
                GROUP BY h.product_id) l
          ORDER BY l.taste > 0 DESC, round((l.taste / greatest(max(l.taste) OVER (), 1e-30) + l.recent / greatest(max(l.recent) OVER (), 1e-30)) * 1e9) DESC, l.product_id) l;
    IF returned THEN RETURN NULL; END IF;
    history.events := history.events + later.events;
    history.gate := coalesce(history.events / nullif(history.events + (used ->> 'gate')::double precision, 0), 0);
    IF history.kind IS NULL THEN
        history := with_vectors(space_id, history);
    ELSE
        -- What was is one product more, over a long time and of late each.
        found := history_vectors(history.kind, space_id, later.product_ids);
        SELECT m.* INTO history.taste, history.recent, history.taste_norm, history.recent_norm
        FROM history_middle(found.items || ARRAY[-1, -2]::bigint[], found.vectors || ARRAY[history.taste, history.recent], later.product_ids || ARRAY[-1, -2]::bigint[],
            later.tastes || ARRAY[history.taste_norm * faded, 1e-30], later.recents || ARRAY[0, history.recent_norm * passed], dimension) m;
    END IF;
    history.total := history.total * faded + (SELECT sum(l.taste) FROM unnest(later.tastes) l (taste));
    SELECT array_agg(v.number), array_agg(v.amount) INTO history.liked, history.amounts
    FROM (SELECT l.number, sum(l.amount) AS amount
          FROM (SELECT o.number, o.amount * faded AS amount FROM unnest(history.liked, history.amounts) o (number, amount)
                UNION ALL
                SELECT unnest(k.numbers), t.taste FROM unnest(later.product_ids, later.tastes) t (product_id, taste) JOIN product_numbers(later.product_ids) k USING (product_id)) l
          GROUP BY l.number) v;
    RETURN with_preferences(history);
END $$;

-- What was kept of a shopper within a week, with the events since, if the others are those that it was made of. For so long pictures and
-- values of products may have changed, and all fades by a twentieth. What was taken out of a basket is less than nothing by
-- itself: then all is worked out anew. NULL where there is none.
CREATE OR REPLACE FUNCTION kept_history(
    client text, space_id integer, object_ids text[], actions text[], times timestamptz[], quantities numeric[], until timestamptz, used jsonb
) RETURNS personal_history
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
DECLARE
    kept record;
    history personal_history;
    later personal_history;
    since integer := 0;
    hashed integer;
BEGIN
    SELECT k.* INTO kept FROM kept_history k
    WHERE k.client_id = client AND k.space_id = kept_history.space_id AND k.events > 0
        AND k.made_at > until - least(7, 0.08 * (used ->> 'half_life_days')::double precision) * interval '1 day';
    IF kept.events_read IS NULL OR times IS NULL THEN RETURN NULL; END IF;
    WHILE times[since + 1] > kept.last_at AND since <= events_since() LOOP since := since + 1; END LOOP;
    hashed := events_hashed(kept.events_read, used);
    IF since > events_since() OR 'remove_from_cart' = ANY (actions[:since]) OR cardinality(times) - since <> least(kept.events_read, most_events(used) - since)
        OR kept.fingerprint <> history_fingerprint(object_ids[since + 1:since + hashed], actions[since + 1:since + hashed], times[since + 1:since + hashed],
            quantities[since + 1:since + hashed], used) THEN
        RETURN NULL;
    END IF;
    SELECT kept.events, kept.gate, kept.weights, kept.product_ids, kept.external_ids, kept.tastes, kept.recents, kept.repurchases, kept.kind, kept.taste, kept.recent,
        kept.taste_norm, kept.recent_norm, kept.liked, kept.amounts, kept.total, kept.preferences
    INTO history.events, history.gate, history.weights, history.product_ids, history.external_ids, history.tastes, history.recents,
        history.repurchases, history.kind, history.taste, history.recent, history.taste_norm, history.recent_norm,
        history.liked, history.amounts, history.total, history.preferences;
    -- A product of which there were events already has come.
    IF history.events < kept.events_read
        AND EXISTS (SELECT FROM unnest(object_ids[since + 1:]) o (object_id) JOIN product p ON p.external_id = o.object_id WHERE o.object_id <> ALL (history.external_ids)) THEN
        RETURN NULL;
    END IF;
    IF since = 0 THEN RETURN history; END IF;
    later := history_of(object_ids[:since], actions[:since], times[:since], quantities[:since], until, used);
    RETURN CASE WHEN later.events > 0 THEN history_with(space_id, history, later, kept.made_at, until) ELSE history END;
END $$;
