-- Monthly partitions of the history; made ahead, because a month cannot be cut out of a filled default partition.

CREATE OR REPLACE FUNCTION ensure_partitions(
    first_month date DEFAULT (current_date - interval '1 month')::date,
    last_month date DEFAULT (current_date + interval '12 months')::date
) RETURNS void
LANGUAGE plpgsql SET search_path FROM CURRENT SET client_min_messages = warning AS $$
DECLARE
    parent text;
    month timestamptz;
BEGIN
    FOREACH parent IN ARRAY ARRAY['query', 'event'] LOOP
        FOR month IN SELECT generate_series(
            date_trunc('month', first_month::timestamp), last_month::timestamp, '1 month'
        ) AT TIME ZONE 'UTC' LOOP
            EXECUTE format(
                'CREATE TABLE IF NOT EXISTS %I.%I PARTITION OF %I.%I FOR VALUES FROM (%L) TO (%L)',
                current_schema(), parent || to_char(month AT TIME ZONE 'UTC', '_YYYY_MM'),
                current_schema(), parent,
                month, (month AT TIME ZONE 'UTC' + interval '1 month') AT TIME ZONE 'UTC'
            );
        END LOOP;
    END LOOP;
END $$;
COMMENT ON FUNCTION ensure_partitions IS 'Create the monthly partitions of query and event that are missing between two dates.';
