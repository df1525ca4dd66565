-- Where a worker stopped looking for shoppers of whom nothing is kept; and statistics that name nobody where ANALYZE would not forget.

CREATE TABLE history_sweep (
    one boolean PRIMARY KEY DEFAULT true,
    client_id text NOT NULL,
    CONSTRAINT history_sweep_one CHECK (one)
);
COMMENT ON TABLE history_sweep IS 'Up to which shopper, by the order of their ids, tend_histories has looked for histories to keep; no row where it begins anew.';

-- These tables are often empty, and ANALYZE leaves the statistics of an empty table as they were. Nothing is planned by them. To give a
-- column its type again takes away those that are there.
DO $$
DECLARE
    text_column record;
BEGIN
    FOR text_column IN
        SELECT a.attrelid::regclass AS relation, a.attname AS name, format_type(a.atttypid, a.atttypmod) AS type
        FROM pg_attribute a
        WHERE a.attrelid IN ('history_sweep'::regclass, 'kept_history'::regclass, 'quarantine'::regclass, 'event_row'::regclass)
          AND a.attnum > 0 AND NOT a.attisdropped AND a.atttypid IN ('text'::regtype, 'text[]'::regtype, 'jsonb'::regtype)
    LOOP
        EXECUTE format('ALTER TABLE %s ALTER %I TYPE %s, ALTER %2$I SET STATISTICS 0', text_column.relation, text_column.name, text_column.type);
    END LOOP;
END $$;

-- Functions whose arguments changed.
DROP FUNCTION IF EXISTS search_compared_sql(text, integer, search_filter, integer);
DROP FUNCTION IF EXISTS search_best_sql(text, text, text, text, integer);
