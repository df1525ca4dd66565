-- Keeps the rollups: days that are over and whose searches can lead to nothing more, and days that rows came late for.

-- How many rows a day's rollup is made from: its searches, and the events of it and of the next day.
CREATE OR REPLACE FUNCTION rollup_rows(first_day date, last_day date) RETURNS TABLE (day date, queries bigint, events bigint)
LANGUAGE sql STABLE SET search_path FROM CURRENT AS $$
    WITH asked AS (
        SELECT utc_day(q.timestamp) AS day, count(*) AS n FROM query q
        WHERE q.timestamp >= day_began(first_day) AND q.timestamp < day_began(last_day + 1) GROUP BY 1
    ), done AS (
        SELECT utc_day(e.timestamp) AS day, count(*) AS n FROM event e
        WHERE e.timestamp >= day_began(first_day) AND e.timestamp < day_began(last_day + 2) GROUP BY 1
    )
    SELECT d.day, coalesce(a.n, 0), coalesce(t.n, 0) + coalesce(n.n, 0)
    FROM (SELECT first_day + g FROM generate_series(0, last_day - first_day) g) d (day)
    LEFT JOIN asked a USING (day) LEFT JOIN done t USING (day) LEFT JOIN done n ON n.day = d.day + 1
$$;

CREATE OR REPLACE FUNCTION roll_up(first_day date, last_day date) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    DELETE FROM query_day d WHERE d.day BETWEEN first_day AND last_day;
    DELETE FROM position_day d WHERE d.day BETWEEN first_day AND last_day;
    DELETE FROM category_day d WHERE d.day BETWEEN first_day AND last_day;
    INSERT INTO query_day SELECT * FROM count_queries(first_day, last_day);
    INSERT INTO position_day SELECT * FROM count_positions(first_day, last_day);
    INSERT INTO category_day SELECT * FROM count_categories(first_day, last_day);
    INSERT INTO rollup_day AS r SELECT c.day, c.queries, c.events FROM rollup_rows(first_day, last_day) c
    ON CONFLICT (day) DO UPDATE SET queries = EXCLUDED.queries, events = EXCLUDED.events, is_stale = false, rolled_at = now();
END $$;

-- Fewer rows than a rollup was made from are what is left of a dropped month, as when its retention was lifted and one
-- came late: counted from them, the rollup would be lost. Where a shopper was forgotten, the day is stale.
CREATE OR REPLACE FUNCTION rows_were_added(held rollup_day, queries bigint, events bigint) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN queries >= (held).queries AND events >= (held).events AND (queries, events) <> ((held).queries, (held).events);

-- Of a month whose rows were dropped, be it of one table alone, the rollup stays as it is.
CREATE OR REPLACE FUNCTION has_both_months(day date) RETURNS boolean
LANGUAGE sql STABLE SET search_path FROM CURRENT AS $$
    SELECT to_regclass('query' || to_char(day, '_YYYY_MM')) IS NOT NULL AND to_regclass('event' || to_char(day, '_YYYY_MM')) IS NOT NULL
$$;

-- Days that a rollup holds and that rows were written for, or forgotten of, since.
CREATE OR REPLACE FUNCTION rollup_late_days() RETURNS SETOF date
LANGUAGE sql STABLE SET search_path FROM CURRENT AS $$
    WITH touched AS (
        SELECT DISTINCT utc_day(q.timestamp) AS day FROM query q WHERE q.received_at >= now() - interval '2 days'
        UNION
        SELECT DISTINCT utc_day(e.timestamp) - g FROM event e, generate_series(0, 1) g WHERE e.received_at >= now() - interval '2 days'
    )
    SELECT l.day FROM (
        SELECT r.day FROM rollup_day r WHERE r.is_stale
        UNION
        SELECT r.day FROM rollup_day r JOIN touched t USING (day) CROSS JOIN LATERAL rollup_rows(r.day, r.day) c
        WHERE rows_were_added(r, c.queries, c.events)
        UNION
        -- Written now, of days before the first that a rollup holds.
        SELECT t.day FROM touched t WHERE t.day < not_rolled_from() AND NOT EXISTS (SELECT FROM rollup_day r WHERE r.day = t.day)) l
    WHERE has_both_months(l.day)
$$;

-- The days of a shopper who is about to be forgotten are to be rolled up again; of the day before an event too, whose
-- searches it may have ended, unless that lies in another month, which may have been dropped.
CREATE OR REPLACE FUNCTION doubt_rollups(names text[], sessions text[], queries uuid[]) RETURNS void
LANGUAGE sql VOLATILE SET search_path FROM CURRENT AS $$
    WITH own AS (
        SELECT utc_day(q.timestamp) AS day FROM query q WHERE q.client_id = ANY (names)
        UNION SELECT utc_day(q.timestamp) FROM query q WHERE q.session_id = ANY (sessions)
        UNION SELECT utc_day(q.timestamp) FROM query q WHERE q.query_id = ANY (queries)
        UNION SELECT utc_day(e.timestamp) FROM event e WHERE e.client_id = ANY (names)
        UNION SELECT utc_day(e.timestamp) FROM event e WHERE e.session_id = ANY (sessions)
        UNION SELECT utc_day(e.timestamp) FROM event e WHERE e.query_id = ANY (queries)
    )
    UPDATE rollup_day r SET is_stale = true
    FROM (SELECT o.day FROM own o UNION SELECT o.day - 1 FROM own o WHERE extract(day FROM o.day) > 1) d
    WHERE r.day = d.day AND NOT r.is_stale
$$;

-- A few days at a time, so that no call takes long; returns how many were rolled up. Two at once: the second does nothing.
CREATE OR REPLACE FUNCTION tend_rollups(most integer DEFAULT 7) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
    -- The searches of yesterday may still lead to something.
    last_day CONSTANT date := utc_day(now()) - 2;
    first_day date := not_rolled_from();
    late date;
    rolled integer := 0;
BEGIN
    IF NOT pg_try_advisory_xact_lock(hashtextextended(current_schema() || '.tend_rollups', 0)) THEN RETURN 0; END IF;
    FOR late IN SELECT d FROM rollup_late_days() d LIMIT most LOOP
        PERFORM roll_up(late, late);
        rolled := rolled + 1;
    END LOOP;
    WHILE rolled < most AND first_day <= last_day LOOP
        PERFORM roll_up(first_day, first_day);
        first_day := first_day + 1;
        rolled := rolled + 1;
    END LOOP;
    RETURN rolled;
END $$;
COMMENT ON FUNCTION tend_rollups IS 'Roll up the days of searches and events that are due, at most so many; returns how many were. Workers call it; cron may.';

-- Before rows of a month are dropped: the days that are counted from them, which are those of the month, the day before,
-- whose searches its first events may have ended, and 30 more, whose words are common if the month's searches had them.
-- Days come in order, for all before the last that is rolled up pass for counted. Two seconds a call, or one day; true: all are done.
CREATE OR REPLACE FUNCTION roll_up_before_drop(month date) RETURNS boolean
LANGUAGE plpgsql VOLATILE SET search_path FROM CURRENT AS $$
DECLARE
    last_day CONSTANT date := least((month + interval '1 month')::date + 29, utc_day(now()) - 2);
    enough CONSTANT timestamptz := clock_timestamp() + interval '2 seconds';
    uncounted date;
BEGIN
    FOR uncounted IN
        SELECT f.day + g FROM not_rolled_from() f (day), generate_series(0, last_day - f.day) g
        UNION
        SELECT c.day FROM rollup_rows(month - 1, last_day) c LEFT JOIN rollup_day r USING (day)
        WHERE CASE WHEN r.day IS NULL THEN c.queries > 0 OR c.events > 0 AND c.day >= month
            ELSE (r.is_stale OR rows_were_added(r, c.queries, c.events)) AND has_both_months(c.day) END
        ORDER BY 1
    LOOP
        PERFORM roll_up(uncounted, uncounted);
        IF clock_timestamp() > enough THEN RETURN false; END IF;
    END LOOP;
    RETURN true;
END $$;
