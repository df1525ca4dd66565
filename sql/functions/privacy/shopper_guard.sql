-- What is written of a shopper while the shopper is being forgotten, or after an opt-out, is not kept.

-- Keys name whose a row is: c and the client; where there is none, s and the session, q and the search.
CREATE OR REPLACE FUNCTION shopper_lock(key text) RETURNS bigint
LANGUAGE sql STABLE SET search_path FROM CURRENT
RETURN hashtextextended(current_schema() || '.shopper.' || key, 0);

CREATE OR REPLACE FUNCTION shopper_hash(key text) RETURNS bytea
LANGUAGE sql STABLE SET search_path FROM CURRENT AS $$
    SELECT sha256(s.outer_key || sha256(s.inner_key || '\x00'::bytea || convert_to(key, 'UTF8'))) FROM client_secret s
$$;

-- Holds off the forgetting of these until the end of the transaction; tells which are being forgotten already.
-- Nobody waits for a shopper: forgetting one may itself wait for a long import. Beyond 64 keys in a transaction, the
-- lock table is spared and one lock stands for all; only such imports wait for a forgetting.
CREATE OR REPLACE FUNCTION hold_shoppers(keys text[]) RETURNS text[]
LANGUAGE plpgsql VOLATILE SET search_path FROM CURRENT AS $$
DECLARE
    shop CONSTANT text := current_schema();
    refused text[];
    key text;
    held CONSTANT integer := coalesce(nullif(current_setting('shopper_guard.held', true), '')::integer, 0) + cardinality(keys);
BEGIN
    PERFORM set_config('shopper_guard.held', least(held, 1000)::text, true);
    IF held > 64 THEN
        PERFORM pg_advisory_xact_lock_shared(shopper_lock('imports'));
        RETURN NULL;
    END IF;
    -- One by one, and shopper_lock written out: a query with a list is planned anew each time, and felt with each event.
    FOREACH key IN ARRAY keys LOOP
        IF NOT pg_try_advisory_xact_lock_shared(hashtextextended(shop || '.shopper.' || key, 0)) THEN refused := refused || key; END IF;
    END LOOP;
    RETURN refused;
END $$;

-- A snapshot that is older than a forgetting does not see it; the counter's row, changed meanwhile, is a serialization
-- failure then. Nobody waits here, so that nobody waits in a circle.
CREATE OR REPLACE FUNCTION pass_gate(keys text[]) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path FROM CURRENT AS $$
DECLARE
    buckets CONSTANT bigint[] := shopper_buckets(keys);
BEGIN
    IF (SELECT count(*) FROM (SELECT FROM forget_gate g WHERE g.bucket = ANY (buckets) FOR SHARE SKIP LOCKED) g) < cardinality(buckets) THEN
        RAISE EXCEPTION USING ERRCODE = 'serialization_failure', MESSAGE = 'a shopper is being forgotten at this moment',
            HINT = 'Run the transaction again.';
    END IF;
END $$;

CREATE OR REPLACE FUNCTION shopper_buckets(keys text[]) RETURNS bigint[]
LANGUAGE sql STABLE SET search_path FROM CURRENT AS $$
    SELECT array_agg(DISTINCT shopper_lock(k.key) & 255) FROM unnest(keys) k (key)
$$;

-- Those that were forgotten after this transaction (or import) began, or opted out.
CREATE OR REPLACE FUNCTION unwanted_shoppers(keys text[]) RETURNS text[]
LANGUAGE plpgsql VOLATILE SET search_path FROM CURRENT AS $$
DECLARE
    -- An import is one writing of many transactions.
    since CONSTANT timestamptz := least(now(), nullif(current_setting('shopper_guard.since', true), '')::timestamptz);
    secret client_secret;
    refused text[];
    key text;
    hash bytea;
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN PERFORM pass_gate(keys); END IF;
    IF NOT EXISTS (SELECT FROM forgotten) AND NOT EXISTS (SELECT FROM opt_out) THEN RETURN NULL; END IF;
    SELECT * INTO secret FROM client_secret;
    IF cardinality(keys) <= 64 THEN
        FOREACH key IN ARRAY keys LOOP
            hash := sha256(secret.outer_key || sha256(secret.inner_key || '\x00'::bytea || convert_to(key, 'UTF8')));
            IF EXISTS (SELECT FROM forgotten f WHERE f.shopper_hash = hash AND f.forgotten_at >= since)
                OR EXISTS (SELECT FROM opt_out o WHERE o.shopper_hash = hash) THEN refused := refused || key; END IF;
        END LOOP;
        RETURN refused;
    END IF;
    RETURN (SELECT array_agg(k.key) FROM unnest(keys) k (key)
        CROSS JOIN LATERAL (SELECT sha256(secret.outer_key || sha256(secret.inner_key || '\x00'::bytea || convert_to(k.key, 'UTF8'))) OFFSET 0) h (hash)
        WHERE EXISTS (SELECT FROM forgotten f WHERE f.shopper_hash = h.hash AND f.forgotten_at >= since)
           OR EXISTS (SELECT FROM opt_out o WHERE o.shopper_hash = h.hash));
END $$;

-- Runs as its owner, who alone sees who opted out and may delete. Its arguments: which columns the table has, and its
-- primary key. Whatever statements it keeps pass over the new rows once and join nothing, for their plans are made for
-- the first statement of a session and used for the next, of a million rows.
CREATE OR REPLACE FUNCTION guard_shoppers() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
    keys text[];
    refused text[];
    whose CONSTANT text := CASE WHEN TG_ARGV[0] = 'client' THEN $sql$'c' || i.client_id$sql$
        ELSE $sql$CASE WHEN i.client_id IS NULL THEN 's' || i.session_id ELSE 'c' || i.client_id END$sql$ END;
BEGIN
    IF TG_ARGV[0] = 'client' THEN
        SELECT array_agg(n.key) INTO keys FROM (SELECT DISTINCT 'c' || i.client_id FROM inserted i) n (key) WHERE n.key IS NOT NULL;
    ELSE
        SELECT array_agg(n.key) INTO keys FROM (
            SELECT DISTINCT CASE WHEN i.client_id IS NULL THEN 's' || i.session_id ELSE 'c' || i.client_id END FROM inserted i) n (key)
        WHERE n.key IS NOT NULL;
    END IF;
    IF TG_ARGV[0] = 'query' THEN
        keys := keys || ARRAY(SELECT DISTINCT 'q' || i.query_id FROM inserted i WHERE i.client_id IS NULL AND i.query_id IS NOT NULL);
    END IF;
    IF coalesce(cardinality(keys), 0) = 0 THEN RETURN NULL; END IF;
    refused := hold_shoppers(keys);
    refused := refused || unwanted_shoppers(keys);
    IF cardinality(refused) > 0 THEN
        EXECUTE format('DELETE FROM %I.%I t USING inserted i WHERE (%s) AND (%s = ANY ($1)%s)', TG_TABLE_SCHEMA, TG_TABLE_NAME,
            (SELECT string_agg(format('t.%1$I = i.%1$I', k.name), ' AND ') FROM unnest(TG_ARGV[1:]) k (name)), whose,
            CASE WHEN TG_ARGV[0] = 'query' THEN $sql$ OR i.client_id IS NULL AND 'q' || i.query_id = ANY ($1)$sql$ END)
        USING refused;
    END IF;
    RETURN NULL;
END $$;

-- Puts the guard before every table that is keyed by a client and has a primary key; those that have it are left in peace.
CREATE OR REPLACE FUNCTION ensure_shopper_guards() RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path FROM CURRENT AS $$
DECLARE
    keyed record;
BEGIN
    FOR keyed IN
        SELECT c.oid::regclass AS relation, string_agg(quote_literal(k.attname), ', ' ORDER BY k.attnum) AS keys,
            CASE WHEN bool_or(q.attname IS NOT NULL) AND bool_or(s.attname IS NOT NULL) THEN 'query'
                WHEN bool_or(s.attname IS NOT NULL) THEN 'session' ELSE 'client' END AS shape
        FROM pg_class c
        JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'client_id' AND NOT a.attisdropped
        JOIN pg_index x ON x.indrelid = c.oid AND x.indisprimary
        JOIN pg_attribute k ON k.attrelid = c.oid AND k.attnum = ANY (x.indkey)
        LEFT JOIN pg_attribute s ON s.attrelid = c.oid AND s.attname = 'session_id' AND NOT s.attisdropped
        LEFT JOIN pg_attribute q ON q.attrelid = c.oid AND q.attname = 'query_id' AND NOT q.attisdropped
        WHERE c.relnamespace = quote_ident(current_schema())::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
          AND NOT EXISTS (SELECT FROM pg_trigger t WHERE t.tgrelid = c.oid AND t.tgname = 'shopper_guard')
        GROUP BY c.oid
    LOOP
        EXECUTE format('CREATE TRIGGER shopper_guard AFTER INSERT ON %s REFERENCING NEW TABLE AS inserted FOR EACH STATEMENT EXECUTE FUNCTION guard_shoppers(%L, %s)',
            keyed.relation, keyed.shape, keyed.keys);
    END LOOP;
END $$;

-- At the end of the transaction, because what begins until then is not to be kept either.
CREATE OR REPLACE FUNCTION forgotten_now() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    UPDATE forgotten f SET forgotten_at = clock_timestamp() WHERE f.shopper_hash = NEW.shopper_hash;
    RETURN NULL;
END $$;

DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_trigger t WHERE t.tgrelid = 'forgotten'::regclass AND t.tgname = 'forgotten_now') THEN
        CREATE CONSTRAINT TRIGGER forgotten_now AFTER INSERT OR UPDATE ON forgotten DEFERRABLE INITIALLY DEFERRED
        FOR EACH ROW WHEN (NEW.forgotten_at = 'infinity') EXECUTE FUNCTION forgotten_now();
    END IF;
END $$;
