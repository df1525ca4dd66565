-- Retention: months past their age are summed up and dropped, months to come are made.

CREATE OR REPLACE FUNCTION set_retention(relation text, months integer) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path FROM CURRENT AS $$
BEGIN
    IF relation IS NULL OR relation NOT IN ('event', 'query') THEN
        PERFORM argument_error(format('there is no retention of %s', coalesce(to_json(left(relation, 50))::text, 'NULL')), 'Give event or query.');
    ELSIF months NOT BETWEEN 1 AND 1200 THEN
        PERFORM argument_error(format('the retention is %s months', months), 'Give 1 to 1,200 months, or NULL to keep everything.');
    END IF;
    DELETE FROM setting s WHERE s.name = set_retention.relation || '_retention_months';
    IF months IS NOT NULL THEN
        INSERT INTO setting (name, value) VALUES (set_retention.relation || '_retention_months', to_jsonb(months));
    END IF;
END $$;
COMMENT ON FUNCTION set_retention IS 'For how many months, beside the present one, events or queries are kept; NULL: for good. A worker drops what is older.';

-- What stays of a month of events: products and actions by day where enough shoppers did it, else by the month, else nothing.
CREATE OR REPLACE FUNCTION keep_event_days(partition regclass, month date) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path FROM CURRENT AS $$
DECLARE
    fewest CONSTANT integer := greatest(least(history_setting('aggregate_clients', 5), 1000000), 1)::integer;
BEGIN
    EXECUTE format($sql$
        WITH kept AS MATERIALIZED (
            SELECT (e.timestamp AT TIME ZONE 'UTC')::date AS day, e.object_id, e.action_name, count(*) AS events, sum(e.quantity) AS quantity,
                count(DISTINCT coalesce(e.client_id, e.session_id)) AS clients,
                count(DISTINCT coalesce(e.client_id, e.session_id)) NOT BETWEEN 1 AND $1 - 1 AS is_kept
            FROM %1$s e WHERE e.object_id IS NOT NULL AND e.object_id_field = 'external_id'
            GROUP BY 1, 2, 3
        ), summed AS (
            SELECT k.day, k.object_id, k.action_name, k.events, k.clients, k.quantity FROM kept k WHERE k.is_kept
            UNION ALL
            SELECT $2, e.object_id, e.action_name, count(*), count(DISTINCT coalesce(e.client_id, e.session_id)), sum(e.quantity)
            FROM %1$s e JOIN kept k ON NOT k.is_kept AND k.object_id = e.object_id AND k.action_name = e.action_name
                AND k.day = (e.timestamp AT TIME ZONE 'UTC')::date
            WHERE e.object_id_field = 'external_id'
            GROUP BY 2, 3 HAVING count(DISTINCT coalesce(e.client_id, e.session_id)) >= $1
        )
        INSERT INTO event_day AS d (day, object_id, action_name, events, clients, quantity)
        SELECT s.day, s.object_id, s.action_name, sum(s.events), sum(s.clients), sum(s.quantity) FROM summed s GROUP BY 1, 2, 3
        ON CONFLICT (day, object_id, action_name) DO UPDATE SET events = d.events + excluded.events, clients = d.clients + excluded.clients,
            quantity = coalesce(d.quantity + excluded.quantity, d.quantity, excluded.quantity)$sql$, partition)
    USING fewest, month;
END $$;

-- What waits in quarantine for somebody's decision names shoppers: it stays no longer than what was written in its place.
-- Whom somebody releases or forgets at this moment is not waited for.
CREATE OR REPLACE FUNCTION drop_aged_quarantine() RETURNS void
LANGUAGE sql VOLATILE SET search_path FROM CURRENT AS $$
    DELETE FROM quarantine q WHERE q.quarantine_id IN (
        SELECT h.quarantine_id FROM quarantine h JOIN (
            SELECT r.relation, (history_bounds(r.relation)).kept FROM (VALUES ('query'), ('event')) r (relation)) b USING (relation)
        WHERE h.quarantined_at < b.kept FOR UPDATE OF h SKIP LOCKED)
$$;

-- Runs as its owner, who alone may drop a partition. One month a call, for dropping locks the whole history until the
-- end of the transaction; if that lock is not free at once, another call will do it. What rollups read of the month is
-- counted before, whoever calls, by as many calls as it takes.
CREATE OR REPLACE FUNCTION tend_events() RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT SET lock_timeout = '200ms' SET client_min_messages = warning AS $$
DECLARE
    due record;
BEGIN
    IF NOT pg_try_advisory_xact_lock(hashtextextended(current_schema() || '.tend_events', 0)) THEN RETURN false; END IF;
    PERFORM ensure_partitions();
    PERFORM drop_aged_quarantine();
    SELECT n.*, count(*) OVER () > 1 AS more INTO due FROM (
        SELECT p.relname AS parent, c.oid::regclass AS partition, to_date(right(c.relname, 7), 'YYYY_MM') AS month
        FROM pg_class p JOIN pg_inherits i ON i.inhparent = p.oid JOIN pg_class c ON c.oid = i.inhrelid
        WHERE p.oid IN ('event'::regclass, 'query'::regclass) AND c.relname ~ ('^' || p.relname || '_\d{4}_\d{2}$')) n
    WHERE n.month < ((history_bounds(n.parent)).kept AT TIME ZONE 'UTC')::date
    ORDER BY n.month, n.parent LIMIT 1;
    -- Two that roll up one day would meet in its key.
    IF NOT FOUND OR NOT pg_try_advisory_xact_lock(hashtextextended(current_schema() || '.tend_rollups', 0)) THEN RETURN false; END IF;
    BEGIN
        -- What comes late waits, and then finds the month gone; all other months are written meanwhile.
        EXECUTE format('LOCK TABLE %s IN SHARE MODE', due.partition);
        IF NOT roll_up_before_drop(due.month) THEN RETURN true; END IF;
    EXCEPTION WHEN lock_not_available THEN
        RETURN false;
    END;
    -- Apart: what was rolled up stays so, although somebody is reading.
    BEGIN
        IF due.parent = 'event' THEN PERFORM keep_event_days(due.partition, due.month); END IF;
        EXECUTE format('DROP TABLE %s', due.partition);
    EXCEPTION WHEN lock_not_available THEN
        RETURN false;
    END;
    RETURN due.more;
END $$;
COMMENT ON FUNCTION tend_events IS 'Make the coming months of the history, and drop one month that is past its retention, rolled up and summed up in event_day before; true if more are due.';
