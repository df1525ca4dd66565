-- A shopper's own data, to be handed over.

-- What may be another shopper's stays out: rows without a client count where no other client used the session.
CREATE OR REPLACE FUNCTION own_links(names text[], OUT sessions text[], OUT queries uuid[])
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
DECLARE
    relation regclass;
BEGIN
    SELECT l.sessions, l.queries INTO sessions, queries FROM shopper_links(names) l;
    FOR relation IN SELECT s.relation FROM shopper_columns() s WHERE s.keyed AND s.name = 'session_id' LOOP
        EXECUTE format('SELECT ARRAY(SELECT s.value FROM unnest($1) s (value) WHERE NOT EXISTS (
            SELECT FROM %s t WHERE t.session_id = s.value AND t.client_id::text <> ALL ($2)))', relation)
        INTO sessions USING sessions, names;
    END LOOP;
END $$;

-- Runs as its owner, because it looks into every table.
CREATE OR REPLACE FUNCTION export_rows(clients text[]) RETURNS TABLE (place text, record jsonb)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
    names CONSTANT text[] := shopper_names(clients);
    links record;
    relation regclass;
BEGIN
    PERFORM check_clients(clients);
    SELECT * INTO links FROM own_links(names);
    FOR relation IN SELECT DISTINCT s.relation FROM shopper_columns() s WHERE s.keyed LOOP
        RETURN QUERY EXECUTE format('SELECT %L, to_jsonb(t) FROM %s t WHERE %s', relation, relation, own_rows(relation)) USING names, links.sessions, links.queries;
    END LOOP;
END $$;
COMMENT ON FUNCTION export_rows IS 'All rows of these clients, one by one, with the table they are in.';

CREATE OR REPLACE FUNCTION export_client(client text) RETURNS jsonb
LANGUAGE sql STABLE SET search_path FROM CURRENT AS $$
    SELECT jsonb_build_object('client', client, 'exported_at', now(), 'opted_out', opted_out(client),
        'tables', coalesce((SELECT jsonb_object_agg(t.place, t.records) FROM (
            SELECT e.place, jsonb_agg(e.record ORDER BY e.record ->> 'timestamp') AS records FROM export_rows(ARRAY[client]) e GROUP BY e.place) t), '{}'))
$$;
COMMENT ON FUNCTION export_client IS 'Everything that is stored of a client, as one JSON document: {"tables": {"event": [...], "query": [...]}}.';
