-- Logging what shoppers did: one event, or a list of them in one round trip.

CREATE OR REPLACE FUNCTION log_event(
    action_name text, client text DEFAULT NULL, object_id text DEFAULT NULL, session text DEFAULT NULL,
    query_id uuid DEFAULT NULL, "position" integer DEFAULT NULL, propensity double precision DEFAULT NULL,
    sku text DEFAULT NULL, quantity numeric DEFAULT NULL, amount numeric DEFAULT NULL, currency text DEFAULT NULL, order_id text DEFAULT NULL,
    event_id text DEFAULT NULL, "timestamp" timestamptz DEFAULT NULL, message text DEFAULT NULL, event_attributes jsonb DEFAULT '{}',
    application text DEFAULT NULL, object_id_field text DEFAULT 'external_id'
) RETURNS uuid
LANGUAGE plpgsql VOLATILE SET search_path FROM CURRENT AS $$
#variable_conflict use_variable
DECLARE
    e event;
    fault text[];
BEGIN
    e.event_id := event_uuid(event_id);
    e.timestamp := "timestamp";
    e.application := application;
    e.action_name := action_name;
    e.query_id := query_id;
    e.client_id := client;
    e.session_id := session;
    e.object_id := object_id;
    e.object_id_field := object_id_field;
    e.position := "position";
    e.propensity := propensity;
    e.sku := sku;
    e.quantity := quantity;
    e.amount := amount;
    e.currency := currency;
    e.order_id := order_id;
    e.message := message;
    e.event_attributes := event_attributes;
    IF e.event_id IS NULL THEN
        e.event_id := gen_random_uuid();
        e.timestamp := coalesce(e.timestamp, now());
    END IF;
    fault := event_fault(e);
    IF fault IS NOT NULL THEN PERFORM argument_error(fault[2], fault[3]); END IF;
    PERFORM write_events(ARRAY[e]);
    RETURN e.event_id;
END $$;
COMMENT ON FUNCTION log_event IS 'Write what a shopper did (impression, click, view, add_to_cart, remove_from_cart, wishlist, purchase, ...); returns its event_id. The same id and timestamp again changes nothing.';

-- An event as an object whose keys are the arguments of log_event; number is its place in the list, from 1.
CREATE OR REPLACE FUNCTION event_of(item jsonb, number bigint) RETURNS event
LANGUAGE plpgsql IMMUTABLE SET search_path FROM CURRENT AS $$
DECLARE
    known CONSTANT text[] := '{action_name,client,object_id,session,query_id,position,propensity,sku,quantity,amount,currency,order_id,event_id,timestamp,message,event_attributes,application,object_id_field}';
    wrong text;
    e event;
    fault text[];
BEGIN
    IF jsonb_typeof(item) <> 'object' THEN
        PERFORM argument_error(format('event %s of the list is no object', number), 'For example {"action_name": "click", "client": "u-42", "object_id": "MH01"}.');
    END IF;
    SELECT k.key INTO wrong FROM jsonb_object_keys(item) k (key) WHERE k.key <> ALL (known) LIMIT 1;
    IF FOUND THEN
        PERFORM argument_error(format('event %s of the list has the unknown key %s', number, to_json(left(wrong, 50))),
            format('The keys are %s.', array_to_string(known, ', ')));
    END IF;
    BEGIN
        e := jsonb_populate_record(NULL::event, item - 'client' - 'session' || jsonb_build_object(
            'client_id', item -> 'client', 'session_id', item -> 'session', 'event_id', event_uuid(item ->> 'event_id')));
    EXCEPTION WHEN data_exception THEN
        PERFORM argument_error(format('event %s of the list cannot be read: %s', number, SQLERRM), 'The keys and their types are those of log_event.');
    END;
    fault := event_fault(e);
    IF fault IS NOT NULL THEN PERFORM argument_error(format('event %s of the list: %s', number, fault[2]), fault[3]); END IF;
    RETURN e;
END $$;

CREATE OR REPLACE FUNCTION log_events(events jsonb, OUT written integer, OUT skipped integer, OUT quarantined integer)
LANGUAGE plpgsql VOLATILE SET search_path FROM CURRENT AS $$
DECLARE
    rows event[];
    done record;
BEGIN
    IF jsonb_typeof(events) IS DISTINCT FROM 'array' THEN
        PERFORM argument_error('events must be a JSON array of objects', 'For example [{"action_name": "click", "client": "u-42", "object_id": "MH01"}].');
    END IF;
    rows := ARRAY(SELECT event_of(a.item, a.number) FROM jsonb_array_elements(events) WITH ORDINALITY a (item, number));
    done := write_events(rows);
    written := done.written;
    quarantined := done.quarantined;
    skipped := cardinality(rows) - written - quarantined;
END $$;
COMMENT ON FUNCTION log_events IS 'Write a list of events, objects with the arguments of log_event as keys, all or none. skipped are those that were there already.';
