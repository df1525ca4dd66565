-- A shopper's history as search uses it: the latest events, joined to products, each with its weight.

-- What an event says of its product in units of a purchase, before it fades. A basket that was emptied again says nothing.
CREATE OR REPLACE FUNCTION action_weight(action_name text, quantity numeric) RETURNS double precision
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE action_name WHEN 'purchase' THEN 1 WHEN 'add_to_cart' THEN 0.6 WHEN 'remove_from_cart' THEN -0.6 WHEN 'wishlist' THEN 0.4 ELSE 0.2 END::double precision
    * (1 + ln(least(greatest(coalesce(quantity, 1), 1), 8)::double precision));

-- The events that say something of a shopper, the latest first. A session's count where they have no client: those of a
-- client are its own already. Of those of one moment the order is by id; that is only made of what is read, however many they are. Who opted out has none, whatever was written before.
-- What is about something else than a product is passed over, and if asked for what the catalogue does not know: as far as ten times as many events go back.
CREATE OR REPLACE FUNCTION latest_events(
    client text, session text, until timestamptz, most integer, known_alone boolean,
    OUT object_ids text[], OUT actions text[], OUT times timestamptz[], OUT quantities numeric[]
)
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT SET enable_seqscan = off SET enable_bitmapscan = off SET jit = off AS $$
BEGIN
    IF num_nonnulls(client, session) = 0 THEN RETURN; END IF;
    IF NOT has_table_privilege('event', 'SELECT') THEN
        RAISE insufficient_privilege USING MESSAGE = 'personal search reads the events of shoppers, which this login may not',
            HINT = format('Leave client and session out, or log in as a member of %s_app.', current_schema());
    END IF;
    IF opted_out(client, session) THEN RETURN; END IF;
    SELECT array_agg(e.object_id), array_agg(e.action_name), array_agg(e.timestamp), array_agg(e.quantity)
    INTO object_ids, actions, times, quantities
    FROM (
        SELECT * FROM (
            (SELECT e.event_id, e.object_id, e.action_name, e.timestamp, e.quantity
             FROM (SELECT * FROM event e WHERE e.client_id = client AND e.timestamp <= until
                     AND e.action_name IN ('click', 'view', 'wishlist', 'add_to_cart', 'remove_from_cart', 'purchase')
                   ORDER BY e.timestamp DESC LIMIT 10 * most) e
             WHERE e.object_id_field = 'external_id' AND (NOT known_alone OR EXISTS (SELECT FROM product p WHERE p.external_id = e.object_id OFFSET 0))
             ORDER BY e.timestamp DESC LIMIT most)
            UNION ALL
            (SELECT e.event_id, e.object_id, e.action_name, e.timestamp, e.quantity
             FROM (SELECT * FROM event e WHERE e.session_id = session AND e.client_id IS NULL AND e.timestamp <= until
                     AND e.action_name IN ('click', 'view', 'wishlist', 'add_to_cart', 'remove_from_cart', 'purchase')
                   ORDER BY e.timestamp DESC LIMIT 10 * most) e
             WHERE e.object_id_field = 'external_id' AND (NOT known_alone OR EXISTS (SELECT FROM product p WHERE p.external_id = e.object_id OFFSET 0))
             ORDER BY e.timestamp DESC LIMIT most)) e
        ORDER BY e.timestamp DESC, e.event_id LIMIT most) e;
END $$;

-- The same, so that what the catalogue does not know takes nobody's place: where as many were read as may be, and some are unknown, they are read once more without these.
CREATE OR REPLACE FUNCTION latest_known_events(
    client text, session text, until timestamptz, most integer,
    INOUT object_ids text[], INOUT actions text[], INOUT times timestamptz[], INOUT quantities numeric[]
)
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT SET enable_seqscan = off SET enable_bitmapscan = off SET jit = off AS $$
BEGIN
    IF cardinality(times) < most OR NOT EXISTS (
        SELECT FROM unnest(object_ids) o (object_id) WHERE NOT EXISTS (SELECT FROM product p WHERE p.external_id = o.object_id OFFSET 0)) THEN RETURN; END IF;
    SELECT l.* INTO object_ids, actions, times, quantities FROM latest_events(client, session, until, most, true) l;
END $$;

-- What these events say of their products. The products that weigh most come first.
CREATE OR REPLACE FUNCTION history_of(
    object_ids text[], actions text[], times timestamptz[], quantities numeric[], until timestamptz, used jsonb
) RETURNS personal_history
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT SET enable_seqscan = off SET enable_bitmapscan = off SET jit = off AS $$
DECLARE
    half_life CONSTANT double precision := (used ->> 'half_life_days')::double precision * 86400;
    session_half_life CONSTANT double precision := (used ->> 'session_half_life')::double precision;
    history personal_history;
BEGIN
    WITH known AS MATERIALIZED (
        SELECT p.product_id, e.object_id, e.action_name, date_part('epoch', until - e.timestamp) AS age,
            action_weight(e.action_name, e.quantity) AS weight, row_number() OVER (ORDER BY e.number) - 1 AS place
        FROM unnest(object_ids, actions, times, quantities) WITH ORDINALITY e (object_id, action_name, timestamp, quantity, number)
        CROSS JOIN LATERAL (SELECT p.product_id FROM product p WHERE p.external_id = e.object_id OFFSET 0) p
    ), liked AS MATERIALIZED (
        -- No older than 60 half-lives: smaller numbers are an error.
        SELECT k.product_id, min(k.object_id) AS external_id, count(*) AS events,
            greatest(sum(k.weight * exp(-ln(2) * least(k.age / half_life, 60))), 0) AS taste,
            greatest(sum(k.weight * exp(-ln(2) * least(k.place / session_half_life, 60))), 0) AS recent,
            ln(1 + count(*) FILTER (WHERE k.action_name = 'purchase'))::double precision AS repurchase
        FROM known k GROUP BY k.product_id
    )
    SELECT sum(l.events), array_agg(l.product_id), array_agg(l.external_id), array_agg(l.taste), array_agg(l.recent), array_agg(l.repurchase)
    INTO history.events, history.product_ids, history.external_ids, history.tastes, history.recents, history.repurchases
    -- In parts of the greatest: while nothing happens, what is long past fades, and the order stays.
    FROM (SELECT l.* FROM liked l CROSS JOIN (SELECT greatest(max(l.taste), 1e-30) AS taste, greatest(max(l.recent), 1e-30) AS recent FROM liked l) m
          ORDER BY l.taste > 0 DESC, round((l.taste / m.taste + l.recent / m.recent) * 1e9) DESC, l.product_id) l;
    history.events := coalesce(history.events, 0);
    history.gate := coalesce(history.events / nullif(history.events + (used ->> 'gate')::double precision, 0), 0);
    history.weights := used;
    RETURN history;
END $$;

-- The products of a shopper's history alone, without what is derived from them (personal_taste).
CREATE OR REPLACE FUNCTION personal_history(client text, session text, as_of timestamptz DEFAULT NULL, weights jsonb DEFAULT NULL) RETURNS personal_history
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
DECLARE
    -- Not now(): in a long transaction that lies behind what others wrote.
    until CONSTANT timestamptz := coalesce(as_of, clock_timestamp());
    used CONSTANT jsonb := personal_weights() || coalesce(weights, '{}');
    latest record := latest_events(client, session, until, most_events(used), false);
BEGIN
    latest := latest_known_events(client, session, until, most_events(used), latest.object_ids, latest.actions, latest.times, latest.quantities);
    RETURN history_of(latest.object_ids, latest.actions, latest.times, latest.quantities, until, used);
END $$;

CREATE OR REPLACE FUNCTION personal_gate(client text, session text, as_of timestamptz DEFAULT NULL, weights jsonb DEFAULT NULL) RETURNS double precision
LANGUAGE sql STABLE SET search_path FROM CURRENT
RETURN (personal_history(client, session, as_of, weights)).gate;
COMMENT ON FUNCTION personal_gate IS 'How much a shopper''s history may say, from 0 (none known) towards 1: n / (n + m) of n events.';
