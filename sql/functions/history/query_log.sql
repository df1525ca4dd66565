-- Logging searches: the query with what it showed, and a shown page as impressions.

-- Shoppers paste whole pages into the box; an analyst needs the beginning.
CREATE OR REPLACE FUNCTION write_query(q query) RETURNS boolean
LANGUAGE plpgsql VOLATILE SET search_path FROM CURRENT AS $$
DECLARE
    bounds record := history_bounds('query');
    fault text := date_fault(q.timestamp, bounds.latest, bounds.oldest, bounds.kept);
BEGIN
    IF octet_length(q.client_id) > 512 OR octet_length(q.session_id) > 512 THEN
        PERFORM argument_error(format('the client or session id has %s bytes', greatest(octet_length(q.client_id), octet_length(q.session_id))),
            'Give at most 512; a longer id can be given as its hash.');
    ELSIF jsonb_typeof(q.filters) <> 'object' OR jsonb_typeof(q.query_attributes) <> 'object' THEN
        PERFORM argument_error('filters and query_attributes must be JSON objects', 'For example {"brand": "Acme"}.');
    END IF;
    q.client_id := known_id(q.client_id);
    q.session_id := known_id(q.session_id);
    q.user_query := left(q.user_query, 1000);
    q.received_at := now();
    IF fault IS NOT NULL THEN
        INSERT INTO quarantine (relation, record_id, timestamp, client_id, session_id, reason, record)
        VALUES ('query', q.query_id, q.timestamp, q.client_id, q.session_id, fault, jsonb_strip_nulls(to_jsonb(q)))
        ON CONFLICT DO NOTHING;
        RETURN false;
    END IF;
    PERFORM need_month('query', q.timestamp);
    INSERT INTO query (query_id, timestamp, application, client_id, session_id, user_query, filters, query_attributes, object_ids)
    VALUES (q.query_id, q.timestamp, q.application, q.client_id, q.session_id, q.user_query, q.filters, q.query_attributes, q.object_ids)
    ON CONFLICT DO NOTHING;
    RETURN FOUND;
END $$;

CREATE OR REPLACE FUNCTION log_query(
    user_query text, client text DEFAULT NULL, object_ids text[] DEFAULT NULL, session text DEFAULT NULL, filters jsonb DEFAULT '{}',
    query_attributes jsonb DEFAULT '{}', query_id text DEFAULT NULL, "timestamp" timestamptz DEFAULT NULL, application text DEFAULT NULL
) RETURNS uuid
LANGUAGE plpgsql VOLATILE SET search_path FROM CURRENT AS $$
#variable_conflict use_variable
DECLARE
    q query;
    given CONSTANT uuid := event_uuid(query_id);
BEGIN
    IF given IS NOT NULL AND "timestamp" IS NULL THEN
        PERFORM pg_advisory_xact_lock(hashtextextended(given::text, 0));
        IF EXISTS (SELECT FROM query k WHERE k.query_id = given AND k.timestamp BETWEEN now() - interval '31 days' AND now() + interval '1 day') THEN
            RETURN given;
        END IF;
    END IF;
    q.query_id := coalesce(given, gen_random_uuid());
    q.timestamp := coalesce("timestamp", now());
    q.application := application;
    q.client_id := client;
    q.session_id := session;
    q.user_query := user_query;
    q.filters := coalesce(filters, '{}');
    q.query_attributes := coalesce(query_attributes, '{}');
    q.object_ids := object_ids;
    PERFORM write_query(q);
    RETURN q.query_id;
END $$;
COMMENT ON FUNCTION log_query IS 'Write a search and what it showed (external_ids in order; an empty list: nothing was found); returns its query_id, which its events then name.';

-- page is what search_page answered. Its further pages are logged with the query_id of the first: they add impressions.
CREATE OR REPLACE FUNCTION log_page(
    page jsonb, user_query text DEFAULT NULL, client text DEFAULT NULL, session text DEFAULT NULL, filters jsonb DEFAULT '{}',
    query_attributes jsonb DEFAULT '{}', query_id text DEFAULT NULL, "timestamp" timestamptz DEFAULT NULL, application text DEFAULT NULL
) RETURNS uuid
LANGUAGE plpgsql VOLATILE SET search_path FROM CURRENT AS $$
#variable_conflict use_variable
DECLARE
    hits CONSTANT jsonb := page -> 'hits';
    id uuid := event_uuid(query_id);
    -- With a given query_id a page that is logged again has the same events.
    repeatable CONSTANT boolean := id IS NOT NULL;
BEGIN
    IF jsonb_typeof(hits) IS DISTINCT FROM 'array' THEN
        PERFORM argument_error('page must be what search_page answered: an object with hits', 'Give the answer of search_page as it came.');
    END IF;
    IF id IS NULL OR coalesce((hits -> 0 -> 'rank')::integer, 1) = 1 THEN
        id := log_query(user_query, client, ARRAY(SELECT h.hit ->> 'external_id' FROM jsonb_array_elements(hits) WITH ORDINALITY h (hit, place) ORDER BY h.place),
            session, filters, jsonb_strip_nulls(jsonb_build_object('total', page -> 'total', 'milliseconds', page -> 'milliseconds')) || coalesce(query_attributes, '{}'),
            id::text, "timestamp", application);
    END IF;
    PERFORM write_events(ARRAY(
        SELECT jsonb_populate_record(NULL::event, jsonb_build_object('action_name', 'impression', 'query_id', id, 'client_id', client, 'session_id', session,
            'object_id', h.hit -> 'external_id', 'position', h.hit -> 'rank', 'propensity', coalesce(h.hit #> '{why,propensity}', '1'),
            'application', application, 'timestamp', coalesce("timestamp", CASE WHEN NOT repeatable THEN now() END),
            'event_id', CASE WHEN repeatable THEN event_uuid(concat_ws('/', 'impression', id, h.hit ->> 'rank', h.hit ->> 'external_id')) END))
        FROM jsonb_array_elements(hits) h (hit)));
    RETURN id;
END $$;
COMMENT ON FUNCTION log_page IS 'Write a page that was shown (what search_page answered): the search, and an impression of each hit with its position and propensity. Returns the query_id.';
