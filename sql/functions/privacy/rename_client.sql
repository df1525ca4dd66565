-- A client under another name: for a shop that begins to hash its ids, changes the key, or joins two accounts.

-- Runs as its owner, for nobody else may change history. Where a table has room for one row of a client only, the row
-- that bears the new name already is the one that stays.
CREATE OR REPLACE FUNCTION rename_client(former text, present text) RETURNS TABLE (place text, renamed bigint)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
    relation regclass;
BEGIN
    PERFORM check_clients(ARRAY[former, present]);
    IF cardinality(hold_shoppers(ARRAY['c' || former, 'c' || present])) > 0 THEN
        RAISE EXCEPTION USING ERRCODE = 'serialization_failure', MESSAGE = 'a shopper is being forgotten at this moment', HINT = 'Run the transaction again.';
    END IF;
    -- The wish to have no history goes with the name.
    INSERT INTO opt_out (shopper_hash, opted_out_at)
    SELECT shopper_hash('c' || present), o.opted_out_at FROM opt_out o WHERE o.shopper_hash = shopper_hash('c' || former) ON CONFLICT DO NOTHING;
    FOR relation IN SELECT s.relation FROM shopper_columns() s JOIN pg_class c ON c.oid = s.relation WHERE s.name = 'client_id' AND c.relkind <> 'm' LOOP
        BEGIN
            RETURN QUERY EXECUTE format('WITH renamed AS (UPDATE %s t SET client_id = $2 WHERE t.client_id = $1 RETURNING t.tableoid)
                SELECT r.tableoid::regclass::text, count(*) FROM renamed r GROUP BY 1 ORDER BY 1', relation) USING former, present;
        EXCEPTION WHEN unique_violation THEN
            EXECUTE format('DELETE FROM %s t WHERE t.client_id = $1', relation) USING former;
        END;
    END LOOP;
END $$;
COMMENT ON FUNCTION rename_client IS 'Give all rows of a client another client id; returns how many, by table.';
