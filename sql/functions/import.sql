-- What an import needs from the owner of its staging tables, and the text that a product is found by.

-- Runs as its owner: emptying and analysing are an owner's rights, and importing is the shop's own work.
CREATE OR REPLACE FUNCTION import_clear() RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path FROM CURRENT AS $$
    TRUNCATE import_row, import_link, import_member, import_reject;
$$;
COMMENT ON FUNCTION import_clear IS 'Empty the staging tables.';

CREATE OR REPLACE FUNCTION import_analyze() RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
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

-- About what a text encoder reads at most (64 to 77 tokens): the title, then whole sentences or, failing
-- that, whole words of the description.
CREATE OR REPLACE FUNCTION caption_text(title text, description text) RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path FROM CURRENT AS $$
DECLARE
    room integer := 260 - length(title);
    start text;
    cut text;
BEGIN
    start := btrim(translate(left(description, 400), E'\n\r\t', '   '));
    IF start = '' OR room < 20 THEN RETURN left(title, 260); END IF;
    IF length(start) > room THEN
        start := left(start, room + 1);
        cut := substring(start from '^(.*(?:[.!?](?=\s|$)|[。！？]))');
        IF cut IS NULL OR length(cut) < room / 3 THEN
            cut := coalesce(substring(start from '^(.*\S)\s'), left(start, room));
        END IF;
        start := cut;
    END IF;
    RETURN title || CASE WHEN title ~ '[.!?。！？:]$' THEN ' ' ELSE '. ' END || start;
END $$;
COMMENT ON FUNCTION caption_text IS 'The caption of a product: its title and the first part of its description.';
