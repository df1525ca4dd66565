-- Words and pictures become known query vectors through a worker: the request bus, seen from a client.

CREATE OR REPLACE FUNCTION normalize_query(query text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN lower(btrim(regexp_replace(normalize(query, NFC), '\s+', ' ', 'g')));
COMMENT ON FUNCTION normalize_query IS 'Words as they are encoded and known: NFC, spaces collapsed, lower case.';

CREATE OR REPLACE FUNCTION query_key(query text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN pg_catalog.encode(sha256(convert_to(normalize_query(query), 'UTF8')), 'hex');
COMMENT ON FUNCTION query_key IS 'Under which key the vector of these words is known.';

CREATE OR REPLACE FUNCTION check_query(query text) RETURNS void
LANGUAGE plpgsql IMMUTABLE SET search_path FROM CURRENT AS $$
BEGIN
    IF length(query) > 1000 THEN
        RAISE EXCEPTION USING ERRCODE = 'VT001',
            MESSAGE = format('the query has %s characters', length(query)),
            HINT = 'A query has at most 1,000 characters.';
    ELSIF normalize_query(query) = '' THEN
        RAISE EXCEPTION USING ERRCODE = 'VT001', MESSAGE = 'the query is empty',
            HINT = 'Give words, or NULL to browse.';
    END IF;
END $$;

CREATE OR REPLACE FUNCTION is_address(named text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN named ~* '^https?://';

-- What the image rules allow is for the worker to say, who fetches it; this is what can be seen of it here.
CREATE OR REPLACE FUNCTION check_address(address text) RETURNS void
LANGUAGE plpgsql IMMUTABLE SET search_path FROM CURRENT AS $$
BEGIN
    IF length(address) > 2000 THEN
        RAISE EXCEPTION USING ERRCODE = 'VT001', MESSAGE = format('the picture''s address has %s characters', length(address)),
            HINT = 'An address has at most 2,000 characters.';
    ELSIF address !~* '^https?://[^/?#]' THEN
        RAISE EXCEPTION USING ERRCODE = 'VT001', MESSAGE = format('%s is no picture''s web address', to_json(left(address, 80))),
            HINT = 'Give one that begins with http:// or https:// and a host, or the picture''s bytes as image.';
    ELSIF address ~ '[\u0001-\u0020\u007f-\u00a0\\]' THEN
        RAISE EXCEPTION USING ERRCODE = 'VT001', MESSAGE = 'the picture''s address holds a space, a control character or a backslash',
            HINT = 'Write it as %20 and the like, as browsers show it.';
    ELSIF address ~ '^[^/]*//[^/?#]*@' THEN
        RAISE EXCEPTION USING ERRCODE = 'VT001', MESSAGE = 'the picture''s address has a user name in it',
            HINT = 'Give one that everybody may read.';
    END IF;
END $$;

CREATE OR REPLACE FUNCTION picture_key(named text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN is_address(named) THEN pg_catalog.encode(sha256(convert_to(named, 'UTF8')), 'hex') ELSE named END;
COMMENT ON FUNCTION picture_key IS 'Under which key the vector of a picture is known that is named by its key or by its web address.';

-- The space of that name, else the active one.
CREATE OR REPLACE FUNCTION search_space(named text DEFAULT NULL, OUT space_id integer, OUT name text)
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
BEGIN
    SELECT s.space_id, s.name INTO space_id, name FROM space s
    WHERE CASE WHEN named IS NULL THEN s.status = 'active'
               ELSE s.name = named AND s.status <> 'retired' END;
    IF space_id IS NULL AND named IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'VT005', MESSAGE = 'the shop has no active embedding space',
            HINT = 'Run `vitrine work` once; a worker registers its model''s space.';
    ELSIF space_id IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'VT005',
            MESSAGE = format('there is no embedding space named %s', to_json(named)),
            HINT = coalesce('The spaces are ' || (SELECT string_agg(s.name, ', ' ORDER BY s.space_id)
                FROM space s WHERE s.status <> 'retired') || '.', 'There is none yet; run `vitrine work`.');
    END IF;
END $$;

-- Runs as its owner: who may search may ask for an encoding, and touches the request table in no other way.
CREATE OR REPLACE FUNCTION request_encoding(
    query text, image bytea, space text, image_url text,
    OUT space_id integer, OUT kind text, OUT key text, OUT known boolean
)
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
#variable_conflict use_column
BEGIN
    IF num_nonnulls(query, image, image_url) <> 1 THEN
        RAISE EXCEPTION USING ERRCODE = 'VT001', MESSAGE = 'encode takes words, a picture or a picture''s address, exactly one of them',
            HINT = format('CALL %1$s.encode(''black hooded jacket'') or CALL %1$s.encode(image => pg_read_binary_file(…)) or CALL %1$s.encode(image_url => ''https://…'').',
                quote_ident(current_schema()));
    ELSIF length(query) <= 1000 AND normalize_query(query) = '' THEN
        RAISE EXCEPTION USING ERRCODE = 'VT001', MESSAGE = 'the query to encode is empty',
            HINT = 'Give the words that are to be searched for later.';
    ELSIF octet_length(image) NOT BETWEEN 1 AND 20 * 1024 * 1024 THEN
        RAISE EXCEPTION USING ERRCODE = 'VT001',
            MESSAGE = format('the picture has %s bytes', octet_length(image)),
            HINT = 'A picture to search with has 1 byte to 20 MiB.';
    END IF;
    PERFORM check_query(request_encoding.query), check_address(image_url);
    kind := CASE WHEN query IS NULL THEN 'image' ELSE 'text' END;
    key := coalesce(query_key(request_encoding.query), pg_catalog.encode(sha256(image), 'hex'), picture_key(image_url));
    space_id := (SELECT s.space_id FROM search_space(space) s);
    known := EXISTS (SELECT FROM query_vector q WHERE q.space_id = request_encoding.space_id
        AND q.kind = request_encoding.kind AND q.key = request_encoding.key);
    IF known THEN RETURN; END IF;
    IF pg_is_in_recovery() OR current_setting('transaction_read_only')::boolean THEN
        RAISE EXCEPTION USING ERRCODE = 'VT009',
            MESSAGE = format('encode cannot ask a worker here: this %s is read-only',
                CASE WHEN pg_is_in_recovery() THEN 'server is a standby and' ELSE 'session' END),
            HINT = format('CALL %s.encode on the primary server, in a session that may write; what is known there is searched for on its standbys too.',
                quote_ident(current_schema()));
    END IF;
    -- One that failed before is tried anew; one that somebody waits for already is only kept from
    -- being forgotten (not with each call: many may ask for the same words at once). What failed may have been
    -- bytes that spell this address: their key is the same.
    INSERT INTO encoding_request AS r (space_id, kind, key, query, picture, image_url)
    VALUES (request_encoding.space_id, request_encoding.kind, request_encoding.key,
        normalize_query(request_encoding.query), image, image_url)
    ON CONFLICT (space_id, kind, key) DO UPDATE
        SET error = NULL, requested_at = now(), picture = excluded.picture, image_url = excluded.image_url,
            available_at = CASE WHEN r.error IS NULL THEN r.available_at ELSE now() END
        WHERE r.error IS NOT NULL OR r.requested_at < now() - interval '1 minute';
    PERFORM pg_notify(current_schema() || '_request', '');
END $$;
COMMENT ON FUNCTION request_encoding IS 'Ask the workers for the vector of words or a picture (its bytes, or its web address); encode() calls it and waits.';

-- Runs as its owner, like request_encoding: what became of one request.
CREATE OR REPLACE FUNCTION encoding_answer(
    space_id integer, kind text, key text, OUT known boolean, OUT error text
)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path FROM CURRENT AS $$
    SELECT EXISTS (SELECT FROM query_vector q WHERE q.space_id = encoding_answer.space_id
               AND q.kind = encoding_answer.kind AND q.key = encoding_answer.key),
           (SELECT r.error FROM encoding_request r WHERE r.space_id = encoding_answer.space_id
               AND r.kind = encoding_answer.kind AND r.key = encoding_answer.key)
$$;
COMMENT ON FUNCTION encoding_answer IS 'Whether a requested vector is known by now, or why it could not be made.';

-- A procedure that commits may have no SET clause, so it finds its schema by its own OID.
CREATE OR REPLACE PROCEDURE encode(
    query text DEFAULT NULL, image bytea DEFAULT NULL, space text DEFAULT NULL,
    timeout_ms integer DEFAULT 10000, INOUT key text DEFAULT NULL, image_url text DEFAULT NULL
)
LANGUAGE plpgsql AS $$
DECLARE
    routine oid;
    shop text;
    request record;
    answer record;
    in_block boolean;
    started timestamptz := clock_timestamp();
    waited interval;
BEGIN
    GET DIAGNOSTICS routine = PG_ROUTINE_OID;
    SELECT quote_ident(n.nspname) INTO shop
    FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
    WHERE p.oid = routine;
    -- With a handler around it COMMIT always fails; its words tell whether it would without one too.
    BEGIN
        COMMIT;
    EXCEPTION WHEN invalid_transaction_termination THEN
        in_block := SQLERRM = 'invalid transaction termination';
    END;
    IF in_block THEN
        RAISE EXCEPTION USING ERRCODE = 'VT008', MESSAGE = format('%s.encode cannot run inside a transaction', shop),
            HINT = 'It commits its request so that a worker sees it: call it outside BEGIN … COMMIT and outside functions, in autocommit mode.';
    ELSIF timeout_ms IS NULL OR timeout_ms NOT BETWEEN 1 AND 600000 THEN
        RAISE EXCEPTION USING ERRCODE = 'VT001', MESSAGE = format('timeout_ms is %s', coalesce(timeout_ms::text, 'NULL')),
            HINT = 'Give 1 to 600,000 milliseconds.';
    END IF;
    PERFORM set_config('synchronous_commit', 'off', true);
    EXECUTE format('SELECT * FROM %s.request_encoding($1, $2, $3, $4)', shop) INTO request USING query, image, space, image_url;
    key := request.key;
    IF request.known THEN RETURN; END IF;
    LOOP
        -- Each look is a transaction of its own: it sees what was committed and holds nothing up.
        COMMIT;
        EXECUTE format('SELECT * FROM %s.encoding_answer($1, $2, $3)', shop)
            INTO answer USING request.space_id, request.kind, request.key;
        IF answer.known THEN RETURN; END IF;
        IF answer.error IS NOT NULL THEN
            RAISE EXCEPTION USING ERRCODE = 'VT007',
                MESSAGE = format('the %s cannot be encoded: %s',
                    CASE request.kind WHEN 'text' THEN 'query' ELSE 'picture' END, answer.error);
        END IF;
        waited := clock_timestamp() - started;
        IF waited >= make_interval(secs => timeout_ms / 1000.0) THEN
            RAISE EXCEPTION USING ERRCODE = 'VT006',
                MESSAGE = format('no worker answered within %s ms', timeout_ms),
                HINT = 'Start one with `vitrine work`, or see `vitrine status` for the workers alive.';
        END IF;
        PERFORM pg_sleep(CASE WHEN waited < interval '1 second' THEN 0.001 ELSE 0.01 END);
    END LOOP;
END $$;
COMMENT ON PROCEDURE encode IS 'Have a worker encode words or a picture, which it fetches where image_url is given, so that search knows them; key is what terms name a picture by. Commits: call it outside a transaction block.';
