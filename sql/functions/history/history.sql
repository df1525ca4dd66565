-- Monthly partitions of the history; made ahead, because a month cannot be cut out of a filled default partition.

-- Runs as its owner: a worker makes the coming months, an import of old events makes theirs.
CREATE OR REPLACE FUNCTION ensure_partitions(
    first_month date DEFAULT (current_date - interval '1 month')::date,
    last_month date DEFAULT (current_date + interval '12 months')::date
) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT SET client_min_messages = warning AS $$
DECLARE
    shop text := current_schema();
    parent text;
    month timestamp;
    partition text;
    known record;
BEGIN
    IF first_month IS NULL OR last_month IS NULL OR last_month < first_month
        OR last_month > current_date + interval '10 years'
        OR first_month < last_month - interval '100 years' THEN
        RAISE EXCEPTION 'no partitions from % to %', coalesce(first_month::text, 'NULL'),
                coalesce(last_month::text, 'NULL')
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'Give the first and the last day of the history: at most 100 years, and at most 10 years ahead.';
    END IF;
    -- Two that make the same month at once would meet in the catalog.
    PERFORM pg_advisory_xact_lock(hashtextextended(shop || '.ensure_partitions', 0));
    FOREACH parent IN ARRAY ARRAY['query', 'event'] LOOP
        FOR month IN SELECT generate_series(
            date_trunc('month', first_month::timestamp), last_month::timestamp, '1 month'
        ) LOOP
            partition := parent || to_char(month, '_YYYY_MM');
            CONTINUE WHEN to_regclass(format('%I.%I', shop, partition)) IS NOT NULL;
            -- Made apart and then attached: that lets searches and events go on meanwhile.
            BEGIN
                EXECUTE format('CREATE TABLE %1$I.%2$I (LIKE %1$I.%3$I INCLUDING DEFAULTS INCLUDING CONSTRAINTS)',
                    shop, partition, parent);
                EXECUTE format('ALTER TABLE %1$I.%3$I ATTACH PARTITION %1$I.%2$I FOR VALUES FROM (%4$L) TO (%5$L)',
                    shop, partition, parent,
                    month AT TIME ZONE 'UTC', (month + interval '1 month') AT TIME ZONE 'UTC');
            EXCEPTION WHEN invalid_object_definition THEN
                CONTINUE; -- a wider partition that the operator made covers the month
            END;
            FOR known IN
                SELECT r.rolname, string_agg(a.privilege_type, ', ' ORDER BY a.privilege_type) AS rights
                FROM pg_class c, aclexplode(c.relacl) a JOIN pg_roles r ON r.oid = a.grantee
                WHERE c.oid = format('%I.%I', shop, parent)::regclass AND a.grantee <> c.relowner AND a.privilege_type = 'SELECT'
                GROUP BY r.rolname
            LOOP
                EXECUTE format('GRANT %s ON %I.%I TO %I', known.rights, shop, partition, known.rolname);
            END LOOP;
        END LOOP;
    END LOOP;
END $$;
COMMENT ON FUNCTION ensure_partitions IS 'Create the monthly partitions (in UTC) of query and event that are missing between two dates.';
