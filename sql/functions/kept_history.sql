-- What is worked out of shoppers' histories, kept for their next search by a worker.

-- Of the events, in their order, and of the weights by which they are taken. Each by itself: what an array of NULLs is mixed with is lost.
CREATE OR REPLACE FUNCTION history_fingerprint(object_ids text[], actions text[], times timestamptz[], quantities numeric[], used jsonb) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN hash_array_extended(ARRAY[hash_array_extended(object_ids, 0), hash_array_extended(actions, 0), hash_array_extended(times, 0),
    hash_array_extended(quantities, 0), hashtextextended(used::text, 0)], 0);

-- What was kept of these very events, within a day: for so long pictures and values of products may have changed since. Old
-- events fade all alike. NULL where there is none.
CREATE OR REPLACE FUNCTION kept_history(client text, space_id integer, fingerprint bigint, until timestamptz) RETURNS personal_history
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
DECLARE
    made_at timestamptz;
    history personal_history;
BEGIN
    SELECT k.made_at, k.events, k.gate, k.weights, k.product_ids, k.external_ids, k.tastes, k.recents, k.repurchases, k.kind, k.taste, k.recent,
        k.liked, k.amounts, k.total
    INTO made_at, history.events, history.gate, history.weights, history.product_ids, history.external_ids, history.tastes, history.recents,
        history.repurchases, history.kind, history.taste, history.recent, history.liked, history.amounts, history.total
    FROM kept_history k
    WHERE k.client_id = client AND k.space_id = kept_history.space_id AND k.fingerprint = kept_history.fingerprint AND k.made_at > until - interval '1 day';
    history.fading := exp(-ln(2) * least(extract(epoch FROM until - made_at)::double precision / 86400 / (history.weights ->> 'half_life_days')::double precision, 60));
    RETURN history;
END $$;

CREATE OR REPLACE FUNCTION keep_history(client text, space_id integer) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path FROM CURRENT AS $$
DECLARE
    until CONSTANT timestamptz := clock_timestamp();
    used CONSTANT jsonb := personal_weights();
    latest CONSTANT record := latest_events(client, NULL, until, most_events(used));
    history personal_history := history_of(latest.object_ids, latest.actions, latest.times, latest.quantities, until, used);
BEGIN
    IF history.events > 0 THEN history := with_values(with_vectors(space_id, history)); END IF;
    DELETE FROM kept_history k WHERE k.client_id = client;
    INSERT INTO kept_history (client_id, space_id, made_at, fingerprint, events, gate, weights, product_ids, external_ids, tastes, recents, repurchases,
        kind, taste, recent, liked, amounts, total)
    VALUES (client, space_id, until, history_fingerprint(latest.object_ids, latest.actions, latest.times, latest.quantities, used), history.events, history.gate,
        history.weights, history.product_ids, history.external_ids, history.tastes, history.recents, history.repurchases,
        history.kind, history.taste, history.recent, history.liked, history.amounts, history.total)
    ON CONFLICT DO NOTHING; -- another did it at this moment
END $$;

-- Keeps the histories of shoppers who were active in the last minute and did something since theirs was kept, and drops what is too old
-- to be used. Runs as its owner: a worker reads no shopper's events.
CREATE OR REPLACE FUNCTION tend_histories(most integer DEFAULT 10) RETURNS integer
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path FROM CURRENT SET jit = off SET enable_seqscan = off AS $$
DECLARE
    active CONSTANT integer := (SELECT s.space_id FROM space s WHERE s.status = 'active');
    due text[];
BEGIN
    IF active IS NULL OR NOT pg_try_advisory_xact_lock(hashtextextended(current_schema() || '.tend_histories', 0)) THEN RETURN 0; END IF;
    DELETE FROM kept_history k WHERE k.made_at < now() - interval '1 day' OR k.space_id <> active;
    due := ARRAY(
        SELECT r.client_id
        FROM (SELECT e.client_id, max(e.received_at) FILTER (WHERE e.action_name <> 'impression') AS did_at, max(e.received_at) AS seen_at FROM event e
              WHERE e.received_at > now() - interval '1 minute' AND e.timestamp BETWEEN now() - interval '1 hour' AND now() + interval '1 hour'
                AND e.client_id IS NOT NULL
              GROUP BY e.client_id) r
        LEFT JOIN kept_history k USING (client_id)
        -- An event that was being written while the history was read is not in it.
        WHERE k.client_id IS NULL OR k.made_at < r.did_at + interval '2 seconds'
        ORDER BY r.seen_at, r.client_id LIMIT most);
    PERFORM keep_history(d.client, active) FROM unnest(due) d (client);
    RETURN CASE WHEN cardinality(due) < most THEN 0 ELSE cardinality(due) END;
END $$;
COMMENT ON FUNCTION tend_histories IS 'Keep what is worked out of the histories of shoppers who are active now, for their next search; a worker calls it.';
