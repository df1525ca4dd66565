-- What an import needs to know of its staging tables, and from their owner.

-- Runs as its owner: emptying and analysing are an owner's rights, and importing is the shop's own work.
CREATE OR REPLACE FUNCTION import_clear() RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path FROM CURRENT AS $$
    TRUNCATE import_row, import_link, import_member, import_reject;
$$;
COMMENT ON FUNCTION import_clear IS 'Empty the staging tables.';

-- A few thousand rows tell what is asked here: whether a column is a key, and how many rows there are.
CREATE OR REPLACE FUNCTION import_analyze() RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT SET default_statistics_target = 20 AS $$
BEGIN
    ANALYZE import_row (record, role, product_key, sku);
    ANALYZE import_link (sku, product_key);
    ANALYZE import_member (anchor, record, product_key, part);
END $$;
COMMENT ON FUNCTION import_analyze IS 'Tell the planner what the staging tables hold.';

-- Such a row may be about any product: while there is one, nothing counts as missing from the file.
CREATE OR REPLACE FUNCTION import_unreadable() RETURNS bigint
LANGUAGE sql STABLE SET search_path FROM CURRENT AS $$
    SELECT count(*) FROM import_row r
    WHERE r.role = 'rejected' AND r.product_key IS NULL AND r.sku IS NULL
$$;
COMMENT ON FUNCTION import_unreadable IS 'Refused rows of the staged file whose product is not known.';
