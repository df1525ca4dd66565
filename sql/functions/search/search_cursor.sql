-- Cursors: which products of a search were shown already, so that a page goes on where the last one ended.

-- A cursor holds the products themselves: whatever happens to the catalogue meanwhile, none comes twice, and one that
-- moved up is shown next, not skipped. A checksum, the search that it belongs to, the total of the first page, and the
-- product_ids in ascending order, each as its distance from the one before, in hexadecimal.
CREATE OR REPLACE FUNCTION make_cursor(fingerprint text, total bigint, shown bigint[]) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path FROM CURRENT AS $$
    SELECT left(md5(c.content), 8) || '.' || c.content
    FROM (SELECT concat_ws('.', fingerprint, coalesce(total::text, ''), string_agg(to_hex(d.step), '-' ORDER BY d.product_id)) AS content
          FROM (SELECT s.product_id, s.product_id - lag(s.product_id, 1, 0::bigint) OVER (ORDER BY s.product_id) AS step
                FROM (SELECT DISTINCT unnest(shown)) s (product_id)) d) c
$$;

CREATE OR REPLACE FUNCTION read_cursor(cursor text, fingerprint text, OUT total bigint, OUT shown bigint[])
LANGUAGE plpgsql IMMUTABLE SET search_path FROM CURRENT AS $$
DECLARE
    parts text[] := string_to_array(cursor, '.');
BEGIN
    shown := '{}';
    IF cursor IS NULL THEN RETURN; END IF;
    IF length(cursor) > 200000 OR cursor !~ '^[0-9a-f]{8}\.[0-9a-f]{12}\.[0-9]{0,15}\.[0-9a-f]{1,16}(-[0-9a-f]{1,16})*$'
        OR parts[1] <> left(md5(substr(cursor, 10)), 8) THEN
        RAISE EXCEPTION USING ERRCODE = 'VT001', MESSAGE = format('the cursor %s is damaged', to_json(left(cursor, 60))),
            HINT = 'Give the cursor of the last page as it came, or none to begin again.';
    ELSIF parts[2] <> fingerprint THEN
        RAISE EXCEPTION USING ERRCODE = 'VT001', MESSAGE = 'the cursor belongs to another search',
            HINT = 'Query, terms, filters and options must be those of the first page (k may differ); begin again without a cursor.';
    END IF;
    total := nullif(parts[3], '')::bigint;
    SELECT array_agg(s.product_id) INTO shown
    FROM (SELECT sum(('x' || lpad(d.step, 16, '0'))::bit(64)::bigint) OVER (ORDER BY d.place)::bigint AS product_id
          FROM unnest(string_to_array(parts[4], '-')) WITH ORDINALITY d (step, place)) s;
END $$;

-- What a cursor must not be taken from one search to another for. Who asks is not in it: a page goes on as well for
-- another shopper, or for one whose history has begun meanwhile.
CREATE OR REPLACE FUNCTION search_fingerprint(query text, terms jsonb, filters jsonb, options jsonb) RETURNS text
LANGUAGE sql IMMUTABLE
RETURN left(md5(jsonb_build_array(query, terms, filters, NULL, NULL, options - '{explain,deadline_ms,facets,total,strength,as_of}'::text[])::text), 12);
