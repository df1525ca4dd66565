-- Quarantine: events and searches with absurd dates, which somebody releases with a better date, or drops.

-- The date that a quarantined record is to have, checked as any other.
CREATE OR REPLACE FUNCTION released_date(held quarantine, "timestamp" timestamptz, shift interval) RETURNS timestamptz
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
DECLARE
    bounds record := history_bounds(held.relation);
    moment timestamptz := coalesce("timestamp", CASE WHEN isfinite(held.timestamp) THEN held.timestamp + coalesce(shift, interval '0') ELSE held.timestamp END);
    fault text := date_fault(moment, bounds.latest, bounds.oldest, bounds.kept);
BEGIN
    IF fault IS NOT NULL THEN
        PERFORM argument_error(format('record %s of the quarantine would be of %s, which is %s', held.quarantine_id, moment, fault),
            'Give a timestamp that can be right, or a shift that leads to one.');
    END IF;
    RETURN moment;
END $$;

CREATE OR REPLACE FUNCTION release_quarantined(ids bigint[], "timestamp" timestamptz DEFAULT NULL, shift interval DEFAULT NULL) RETURNS integer
LANGUAGE plpgsql VOLATILE SET search_path FROM CURRENT AS $$
#variable_conflict use_variable
DECLARE
    held quarantine;
    dated jsonb;
    released integer := 0;
BEGIN
    IF "timestamp" IS NOT NULL AND shift IS NOT NULL THEN
        PERFORM argument_error('a timestamp and a shift are two dates for one record', 'Give one of them.');
    END IF;
    FOR held IN DELETE FROM quarantine q WHERE q.quarantine_id = ANY (ids) RETURNING q.* LOOP
        dated := held.record || jsonb_build_object('timestamp', released_date(held, "timestamp", shift));
        IF held.relation = 'event' THEN
            PERFORM write_events(ARRAY[jsonb_populate_record(NULL::event, dated)]);
        ELSE
            PERFORM write_query(jsonb_populate_record(NULL::query, dated));
        END IF;
        released := released + 1;
    END LOOP;
    RETURN released;
END $$;
COMMENT ON FUNCTION release_quarantined IS 'Write quarantined records into the history, dated as they are, at a timestamp, or shifted by an interval; returns how many.';

CREATE OR REPLACE FUNCTION drop_quarantined(ids bigint[]) RETURNS integer
LANGUAGE plpgsql VOLATILE SET search_path FROM CURRENT AS $$
DECLARE
    dropped integer;
BEGIN
    DELETE FROM quarantine q WHERE q.quarantine_id = ANY (ids);
    GET DIAGNOSTICS dropped = ROW_COUNT;
    RETURN dropped;
END $$;
COMMENT ON FUNCTION drop_quarantined IS 'Remove quarantined records for good; returns how many.';
