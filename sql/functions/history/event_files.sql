-- Files of events: what an import copied into event_row is checked and written, a chunk at a time.

-- faults are what was refused, as [{"line", "column", "message", "hint"}].
CREATE OR REPLACE FUNCTION write_event_rows(OUT written integer, OUT quarantined integer, OUT faults jsonb)
LANGUAGE plpgsql VOLATILE SET search_path FROM CURRENT AS $$
DECLARE
    rows event[];
    done record;
BEGIN
    WITH read AS MATERIALIZED (
        SELECT r.line, ROW(event_uuid(r.event_id), r.timestamp, r.application, r.action_name, r.query_id, r.client_id, r.session_id, r.object_id,
            r.object_id_field, r.position, r.sku, r.quantity, r.amount, r.currency, r.order_id, r.message, r.event_attributes, r.propensity, now())::event AS e
        FROM event_row r
    ), checked AS MATERIALIZED (
        SELECT d.line, d.e, event_fault(d.e) AS fault FROM read d
    )
    SELECT coalesce(array_agg(c.e ORDER BY c.line) FILTER (WHERE c.fault IS NULL), '{}'),
        coalesce(jsonb_agg(jsonb_build_object('line', c.line, 'column', c.fault[1], 'message', c.fault[2], 'hint', c.fault[3]) ORDER BY c.line)
            FILTER (WHERE c.fault IS NOT NULL), '[]')
    INTO rows, faults FROM checked c;
    done := write_events(rows);
    written := done.written;
    quarantined := done.quarantined;
END $$;

-- Runs as its owner, for only the owner may truncate.
CREATE OR REPLACE FUNCTION clear_event_rows() RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    TRUNCATE event_row;
END $$;
COMMENT ON FUNCTION clear_event_rows IS 'Empty the table through which a file of events is imported.';
