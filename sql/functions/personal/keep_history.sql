-- Keeping what is worked out of shoppers' histories for their next search, as a worker does.

CREATE OR REPLACE FUNCTION keep_history(client text, space_id integer) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path FROM CURRENT AS $$
DECLARE
    until CONSTANT timestamptz := clock_timestamp();
    used CONSTANT jsonb := personal_weights();
    latest CONSTANT record := latest_events(client, NULL, until, most_events(used), false);
    known CONSTANT record := latest_known_events(client, NULL, until, most_events(used), latest.object_ids, latest.actions, latest.times, latest.quantities);
    read CONSTANT integer := coalesce(cardinality(latest.times), 0);
    hashed CONSTANT integer := events_hashed(read, used);
    history CONSTANT personal_history := whole_history(space_id, known.object_ids, known.actions, known.times, known.quantities, until, used);
    is_refused CONSTANT boolean := hold_shoppers(ARRAY['c' || client]) IS NOT NULL;
BEGIN
    -- Held before the old row is locked, or who forgets would wait for that row, and this for who forgets; what is inserted is held again, and counts once.
    PERFORM set_config('shopper_guard.held', greatest(current_setting('shopper_guard.held')::integer - 1, 0)::text, true);
    IF is_refused THEN RETURN; END IF;  -- being forgotten at this moment
    DELETE FROM kept_history k WHERE k.client_id = client;
    INSERT INTO kept_history (client_id, space_id, made_at, fingerprint, events_read, last_at, events, gate, weights, product_ids, external_ids, tastes, recents, repurchases,
        kind, taste, recent, taste_norm, recent_norm, liked, amounts, total, preferences)
    VALUES (client, space_id, until, history_fingerprint(latest.object_ids[:hashed], latest.actions[:hashed], latest.times[:hashed], latest.quantities[:hashed], used),
        read, coalesce(latest.times[1], '-infinity'), history.events, history.gate,
        history.weights, history.product_ids, history.external_ids, history.tastes, history.recents, history.repurchases,
        history.kind, history.taste, history.recent, history.taste_norm, history.recent_norm, history.liked, history.amounts, history.total, history.preferences)
    ON CONFLICT DO NOTHING; -- another did it at this moment
END $$;

-- How much is worth keeping: a shorter history is worked out nearly as quickly as it is read.
CREATE OR REPLACE FUNCTION events_worth_keeping() RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN 20;

-- Remembers up to whom a worker looked. Not as an update: only what is inserted is kept from naming whom somebody forgets at this moment.
CREATE OR REPLACE FUNCTION stop_sweep_at(client text) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path FROM CURRENT AS $$
BEGIN
    DELETE FROM history_sweep;
    INSERT INTO history_sweep (client_id) SELECT client WHERE client IS NOT NULL ON CONFLICT DO NOTHING;
END $$;

-- The next shoppers, by their ids, with events of the last month whose history is kept in no form that a search would take: they came with an
-- import, or no worker ran, or the weights are others now, or it is soon too old. Where it stopped looking is remembered; after the last it begins anew.
CREATE OR REPLACE FUNCTION sweep_histories(space_id integer, most integer, looks integer DEFAULT 100) RETURNS text[]
LANGUAGE plpgsql VOLATILE SET search_path FROM CURRENT SET jit = off SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off AS $$
DECLARE
    until CONSTANT timestamptz := clock_timestamp();
    used CONSTANT jsonb := personal_weights();
    stopped_at CONSTANT text := (SELECT s.client_id FROM history_sweep s);
    reached text := coalesce(stopped_at, '');
    due text[] := '{}';
    latest record;
BEGIN
    FOR look IN 1..looks LOOP
        EXIT WHEN cardinality(due) >= most;
        reached := (SELECT e.client_id FROM event e
               WHERE e.client_id > reached AND e.timestamp > until - interval '30 days' AND e.timestamp <= until
                 AND e.action_name IN ('click', 'view', 'wishlist', 'add_to_cart', 'remove_from_cart', 'purchase')
               ORDER BY e.client_id LIMIT 1);
        EXIT WHEN reached IS NULL;
        latest := latest_events(reached, NULL, until, most_events(used), false);
        CONTINUE WHEN coalesce(cardinality(latest.times), 0) < events_worth_keeping();
        IF NOT EXISTS (SELECT FROM kept_history k WHERE k.client_id = reached AND k.made_at > until - interval '6 days')
            OR (kept_history(reached, space_id, latest.object_ids, latest.actions, latest.times, latest.quantities, until, used)).events IS NULL THEN
            due := due || reached;
        END IF;
    END LOOP;
    IF reached IS DISTINCT FROM stopped_at THEN PERFORM stop_sweep_at(reached); END IF;
    RETURN due;
END $$;

-- Keeps the histories of shoppers who were active in the last minute and did something since theirs was kept, then of others, and drops what
-- is too old to be used. Runs as its owner: a worker reads no shopper's events.
CREATE OR REPLACE FUNCTION tend_histories(most integer DEFAULT 10) RETURNS integer
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path FROM CURRENT SET jit = off SET enable_seqscan = off AS $$
DECLARE
    active CONSTANT integer := (SELECT s.space_id FROM space s WHERE s.status = 'active');
    due text[];
BEGIN
    IF active IS NULL OR NOT pg_try_advisory_xact_lock(hashtextextended(current_schema() || '.tend_histories', 0)) THEN RETURN 0; END IF;
    DELETE FROM kept_history k WHERE k.made_at < now() - interval '7 days' OR k.space_id <> active OR k.made_at < (SELECT s.settled_at FROM price_sweep s);
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
    IF cardinality(due) < most THEN due := due || sweep_histories(active, most - cardinality(due)); END IF;
    PERFORM keep_history(d.client, active) FROM unnest(due) d (client);
    RETURN CASE WHEN cardinality(due) < most THEN 0 ELSE cardinality(due) END;
END $$;
COMMENT ON FUNCTION tend_histories IS 'Keep what is worked out of the histories of shoppers who are active now, then of others of the last month, for their next search; a worker calls it.';
