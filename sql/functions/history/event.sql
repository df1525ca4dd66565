-- Events: their ids, what is wrong with one, and the one place where rows of the history are written.

-- A UUID as it is; any other text as the UUID that its SHA-256 gives (version 8, RFC 9562), always the same.
CREATE OR REPLACE FUNCTION event_uuid(id text) RETURNS uuid
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE
    WHEN id ~ '^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$' THEN id::uuid
    WHEN id <> '' THEN overlay(overlay(left(encode(sha256(convert_to(id, 'UTF8')), 'hex'), 32) PLACING '8' FROM 13) PLACING 'a' FROM 17)::uuid END;
COMMENT ON FUNCTION event_uuid IS 'The event_id that a shop''s own id of an event stands for: order-7-line-1 always gives the same.';

-- Visitors of whom nothing is known must not become one shopper. What is blank is what Python's str.strip leaves nothing of,
-- written out, for a regular expression's \s is another one in every locale.
CREATE OR REPLACE FUNCTION known_id(id text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN btrim(id, E' \t\n\u000b\f\r\u001c\u001d\u001e\u001f\u0085\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a'
    '\u2028\u2029\u202f\u205f\u3000') <> '' THEN id END;

CREATE OR REPLACE FUNCTION history_setting(name text, otherwise numeric) RETURNS numeric
LANGUAGE sql STABLE SET search_path FROM CURRENT AS $$
    SELECT coalesce((SELECT CASE WHEN jsonb_typeof(s.value) = 'number' THEN s.value::numeric END FROM setting s
        WHERE s.name = history_setting.name), otherwise)
$$;

-- Between which moments an event or search is believed: later is in the future, before `oldest` no clock was right, and
-- before `kept` the rows are dropped already.
CREATE OR REPLACE FUNCTION history_bounds(relation text, OUT latest timestamptz, OUT oldest timestamptz, OUT kept timestamptz)
LANGUAGE sql VOLATILE SET search_path FROM CURRENT AS $$
    SELECT clock_timestamp() + least(history_setting('history_future_seconds', 300), 31536000)::double precision * interval '1 second',
        now() - least(greatest(history_setting('history_oldest_years', 20), 1), 100)::double precision * interval '1 year',
        coalesce(date_trunc('month', now(), 'UTC') - greatest(least(history_setting(relation || '_retention_months', NULL), 1200), 1)::integer * interval '1 month', '-infinity')
$$;

-- Why rows of that moment cannot be history; NULL if they can.
CREATE OR REPLACE FUNCTION date_fault(happened timestamptz, latest timestamptz, oldest timestamptz, kept timestamptz) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN happened > latest THEN 'future' WHEN happened < oldest THEN 'too old' WHEN happened < kept THEN 'past retention' END;

-- What is wrong with an event, as {column, message, hint}; NULL if nothing is. Ids are bounded because they are indexed.
-- STABLE like format(): an IMMUTABLE function that calls it is not inlined, and a bulk import calls it often.
CREATE OR REPLACE FUNCTION event_fault(e event) RETURNS text[]
LANGUAGE sql STABLE PARALLEL SAFE
RETURN CASE
    WHEN known_id(e.action_name) IS NULL OR length(e.action_name) > 100 THEN
        ARRAY['action_name', 'an event needs an action_name of 1 to 100 characters', 'For example click, view, add_to_cart or purchase.']
    WHEN octet_length(e.client_id) > 512 THEN
        ARRAY['client_id', format('the client id has %s bytes', octet_length(e.client_id)), 'Give at most 512; a longer id can be given as its hash.']
    WHEN octet_length(e.session_id) > 512 THEN
        ARRAY['session_id', format('the session id has %s bytes', octet_length(e.session_id)), 'Give at most 512; a longer id can be given as its hash.']
    WHEN octet_length(e.object_id) > 1000 OR octet_length(e.sku) > 1000 OR octet_length(e.order_id) > 1000 THEN
        ARRAY['object_id', 'object_id, sku or order_id has more than 1,000 bytes', 'Give the keys that the catalogue and the orders have.']
    WHEN e."position" < 1 THEN
        ARRAY['position', format('the position is %s', e."position"), 'Count positions from 1.']
    WHEN e.propensity <= 0 OR e.propensity > 1 THEN
        ARRAY['propensity', format('the propensity is %s', e.propensity), 'Give a probability above 0, at most 1.']
    WHEN e.quantity IN ('NaN', 'Infinity', '-Infinity') OR e.amount IN ('NaN', 'Infinity', '-Infinity') THEN
        ARRAY['quantity', 'the quantity or amount is no finite number', 'Give a number, or leave it out.']
    WHEN e.currency !~ '^[A-Z]{3}$' THEN
        ARRAY['currency', format('the currency is %s', to_json(left(e.currency, 20))), 'Give an ISO 4217 code, such as EUR.']
    WHEN jsonb_typeof(e.event_attributes) <> 'object' THEN
        ARRAY['event_attributes', 'event_attributes is no JSON object', 'For example {"page": "home"}.']
    END;

-- A month's partition that nobody made ahead is made now; what exists costs a look into the catalog.
CREATE OR REPLACE FUNCTION need_month(relation text, happened timestamptz) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path FROM CURRENT AS $$
DECLARE
    day date := (happened AT TIME ZONE 'UTC')::date;
BEGIN
    IF to_regclass(relation || to_char(day, '_YYYY_MM')) IS NULL THEN PERFORM ensure_partitions(day, day); END IF;
END $$;

-- Those of some events that were not written before, as far as an id without a timestamp tells.
CREATE OR REPLACE FUNCTION new_events(rows event[]) RETURNS event[]
LANGUAGE plpgsql VOLATILE SET search_path FROM CURRENT AS $$
BEGIN
    -- Two that write one id at the same moment: the second waits, and then finds it, although the other may have begun later.
    -- A thousand locks serve all ids: the server has room for some thousands in all.
    PERFORM pg_advisory_xact_lock(hashtext(current_schema() || '.new_events'), i.bucket)
    FROM (SELECT DISTINCT (hashtextextended(r.event_id::text, 0) & 1023)::integer AS bucket FROM unnest(rows) r
          WHERE r.timestamp IS NULL AND r.event_id IS NOT NULL ORDER BY 1) i;
    RETURN ARRAY(SELECT r FROM unnest(rows) r
        WHERE r.timestamp IS NOT NULL OR r.event_id IS NULL OR NOT EXISTS (
            SELECT FROM event k WHERE k.event_id = r.event_id AND k.timestamp BETWEEN now() - interval '31 days' AND now() + interval '1 day'));
END $$;

-- Writes events that have no fault. One with an id but no timestamp happened now, unless the id was written in the last
-- 31 days; absurd dates go to quarantine. What is not counted was there already, or belongs to a shopper without history.
CREATE OR REPLACE FUNCTION write_events(rows event[], OUT written integer, OUT quarantined integer)
LANGUAGE plpgsql VOLATILE SET search_path FROM CURRENT AS $$
#variable_conflict use_column
DECLARE
    first_at timestamptz;
    last_at timestamptz;
    undated boolean;
    bounds record;
BEGIN
    SELECT 'infinity'::timestamptz AS latest, '-infinity'::timestamptz AS oldest, '-infinity'::timestamptz AS kept INTO bounds;
    SELECT least(min(r.timestamp), now()), greatest(max(r.timestamp), now()), coalesce(bool_or(r.timestamp IS NULL AND r.event_id IS NOT NULL), false)
    INTO first_at, last_at, undated FROM unnest(rows) r;
    -- Of the last days everything is believed and kept.
    IF first_at < now() - interval '28 days' OR last_at > now() THEN bounds := history_bounds('event'); END IF;
    IF undated THEN rows := new_events(rows); END IF;
    PERFORM need_month('event', m.month) FROM (
        SELECT DISTINCT date_trunc('month', coalesce(r.timestamp, now()), 'UTC') AS month FROM unnest(rows) r
        WHERE date_fault(r.timestamp, bounds.latest, bounds.oldest, bounds.kept) IS NULL) m;
    quarantined := 0;
    IF date_fault(first_at, bounds.latest, bounds.oldest, bounds.kept) IS NOT NULL OR last_at > bounds.latest THEN
        quarantined := quarantine_events(rows, bounds.latest, bounds.oldest, bounds.kept);
    END IF;
    -- In one order whoever writes, so that two who write the same events never wait for each other.
    INSERT INTO event AS e (event_id, timestamp, application, action_name, query_id, client_id, session_id, object_id, object_id_field, position,
        propensity, sku, quantity, amount, currency, order_id, message, event_attributes)
    SELECT coalesce(r.event_id, gen_random_uuid()), coalesce(r.timestamp, now()), r.application, r.action_name, r.query_id, known_id(r.client_id),
        known_id(r.session_id), known_id(r.object_id), coalesce(r.object_id_field, 'external_id'), r.position, r.propensity, r.sku, r.quantity, r.amount,
        r.currency, r.order_id, r.message, coalesce(r.event_attributes, '{}')
    FROM unnest(rows) r
    WHERE date_fault(r.timestamp, bounds.latest, bounds.oldest, bounds.kept) IS NULL
    ORDER BY r.timestamp, r.event_id
    ON CONFLICT DO NOTHING;
    GET DIAGNOSTICS written = ROW_COUNT;
END $$;

CREATE OR REPLACE FUNCTION quarantine_events(rows event[], latest timestamptz, oldest timestamptz, kept timestamptz) RETURNS integer
LANGUAGE plpgsql VOLATILE SET search_path FROM CURRENT AS $$
#variable_conflict use_column
DECLARE
    held integer;
BEGIN
    INSERT INTO quarantine (relation, record_id, timestamp, client_id, session_id, reason, record)
    SELECT 'event', i.record_id, r.timestamp, known_id(r.client_id), known_id(r.session_id), f.fault,
        jsonb_strip_nulls(to_jsonb(r) || jsonb_build_object('event_id', i.record_id))
    FROM unnest(rows) r
    CROSS JOIN LATERAL (SELECT date_fault(r.timestamp, quarantine_events.latest, quarantine_events.oldest, quarantine_events.kept)) f (fault)
    CROSS JOIN LATERAL (SELECT coalesce(r.event_id, gen_random_uuid())) i (record_id)
    WHERE f.fault IS NOT NULL
    ORDER BY r.timestamp, r.event_id
    ON CONFLICT DO NOTHING;
    GET DIAGNOSTICS held = ROW_COUNT;
    RETURN held;
END $$;

CREATE OR REPLACE VIEW unknown_object AS
SELECT u.object_id, u.events, u.first_at, u.last_at
FROM (SELECT e.object_id, count(*) AS events, min(e.timestamp) AS first_at, max(e.timestamp) AS last_at
      FROM event e WHERE e.object_id IS NOT NULL AND e.object_id_field = 'external_id' GROUP BY e.object_id) u
WHERE NOT EXISTS (SELECT FROM product p WHERE p.external_id = u.object_id);
COMMENT ON VIEW unknown_object IS 'Events of products that the catalogue does not have, by object_id; they count once it has them.';
