-- The clock of variants: whether a statement has updated any since prices and stock were folded.

-- The function is never called: its condition does the work, at the cost of the statement alone, however many rows it has.
CREATE OR REPLACE FUNCTION move_variant_clock() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    RETURN NULL;
END $$;

-- Of all updates, not of prices alone: a trigger of the shop's own may write a price under any of them. New and deleted variants are noted.
CREATE OR REPLACE TRIGGER variant_clock BEFORE UPDATE ON variant
    FOR EACH STATEMENT WHEN (nextval('variant_clock') IS NULL) EXECUTE FUNCTION move_variant_clock();
-- Also for who loads with triggers switched off.
ALTER TABLE variant ENABLE ALWAYS TRIGGER variant_clock;

-- Whether nobody has updated a variant since prices and stock were folded.
CREATE OR REPLACE FUNCTION facet_prices_hold() RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
BEGIN
    RETURN EXISTS (SELECT FROM facet_horizon h
        WHERE h.server = (SELECT c.system_identifier FROM pg_control_system() c) AND h.clock = pg_sequence_last_value('variant_clock'));
END $$;

-- Where the clock stands, or NULL while others may be writing what is not seen yet. A writer locks the table before it
-- moves the clock, and lets go when all see what it wrote: so the clock is read first, then the locks, and the rows with a later
-- snapshot, which a stricter isolation does not take.
CREATE OR REPLACE FUNCTION settled_variant_clock() RETURNS bigint
LANGUAGE plpgsql VOLATILE SET search_path FROM CURRENT AS $$
DECLARE
    now_at CONSTANT bigint := pg_sequence_last_value('variant_clock');
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' OR EXISTS (
        SELECT FROM pg_locks l
        WHERE l.locktype = 'relation' AND l.relation = to_regclass('variant') AND l.database = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())
          AND l.mode IN ('RowExclusiveLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock')
          AND l.pid IS DISTINCT FROM pg_backend_pid()) THEN
        RETURN NULL;
    END IF;
    RETURN now_at;
END $$;
