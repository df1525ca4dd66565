-- Forgetting a shopper: every row, what others' rows say of the shopper, and what only the shopper searched for.

-- Whose sessions and searches are the shopper's: those that some row of the shopper's names.
CREATE OR REPLACE FUNCTION shopper_links(names text[], OUT sessions text[], OUT queries uuid[], OUT late text[])
LANGUAGE plpgsql VOLATILE SET search_path FROM CURRENT AS $$
DECLARE
    keyed record;
    found record;
BEGIN
    sessions := '{}'; queries := '{}'; late := '{}';
    FOR keyed IN
        SELECT s.relation, bool_or(s.name = 'session_id') AS has_session, bool_or(s.name = 'query_id') AS has_query,
            EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = s.relation AND a.attname = 'timestamp') AS has_time
        FROM shopper_columns() s WHERE s.keyed GROUP BY s.relation
    LOOP
        CONTINUE WHEN NOT (keyed.has_session OR keyed.has_query);
        EXECUTE format($sql$
            WITH own AS MATERIALIZED (SELECT DISTINCT %s AS session_id, %s AS query_id, %s AS is_late FROM %s t WHERE t.client_id::text = ANY ($1))
            SELECT coalesce(array_agg(DISTINCT o.session_id) FILTER (WHERE o.session_id IS NOT NULL), '{}') AS sessions,
                coalesce(array_agg(DISTINCT o.query_id) FILTER (WHERE o.query_id IS NOT NULL), '{}') AS queries,
                ARRAY(SELECT DISTINCT k.key FROM own l CROSS JOIN LATERAL (VALUES ('s' || l.session_id), ('q' || l.query_id)) k (key)
                    WHERE l.is_late AND k.key IS NOT NULL) AS late
            FROM own o$sql$,
            CASE WHEN keyed.has_session THEN 't.session_id' ELSE 'NULL::text' END, CASE WHEN keyed.has_query THEN 't.query_id' ELSE 'NULL::uuid' END,
            CASE WHEN keyed.has_time THEN $sql$t.timestamp > now() - interval '1 day'$sql$ ELSE 'false' END, keyed.relation)
        INTO found USING names;
        sessions := sessions || found.sessions; queries := queries || found.queries; late := late || found.late;
    END LOOP;
END $$;

-- Waits for whoever is writing of the shopper, and keeps others from it until the end. Writers that come now do not wait:
-- they find the lock taken and leave their rows out. Of sessions and searches only the last day's are locked, and at most
-- 1,000, because each takes a place in the server's lock table.
CREATE OR REPLACE FUNCTION lock_shopper(names text[], OUT keys text[])
LANGUAGE plpgsql VOLATILE SET search_path FROM CURRENT AS $$
DECLARE
    own CONSTANT text[] := ARRAY(SELECT 'c' || n.name FROM unnest(names) n (name));
    staging regclass;
BEGIN
    PERFORM pg_advisory_xact_lock(l.key) FROM (SELECT shopper_lock(o.key) AS key FROM unnest(own) o (key) ORDER BY 1) l;
    -- Tables without a key are what imports pass through; those lock them first, too.
    FOR staging IN
        SELECT s.relation FROM shopper_columns() s JOIN pg_class c ON c.oid = s.relation
        WHERE s.name = 'client_id' AND c.relkind = 'r' AND NOT EXISTS (SELECT FROM pg_index x WHERE x.indrelid = c.oid AND x.indisprimary)
    LOOP
        EXECUTE format('LOCK TABLE %s IN ROW EXCLUSIVE MODE', staging);
    END LOOP;
    LOOP
        -- Who holds one of these may be waiting for imports: where one is not free, this round's locks are given up.
        BEGIN
            PERFORM pg_advisory_xact_lock(shopper_lock('imports'));
            keys := own || (SELECT l.late[:1000] FROM shopper_links(names) l);
            EXIT WHEN (SELECT bool_and(pg_try_advisory_xact_lock(shopper_lock(k.key))) FROM unnest(keys) k (key))
                AND cardinality(shopper_buckets(keys)) = (SELECT count(*) FROM (
                    SELECT FROM forget_gate g WHERE g.bucket = ANY (shopper_buckets(keys)) FOR UPDATE SKIP LOCKED) g);
            RAISE EXCEPTION SQLSTATE 'VT000';
        EXCEPTION WHEN SQLSTATE 'VT000' THEN
            PERFORM pg_sleep(0.002);
        END;
    END LOOP;
END $$;

-- The condition under which a row t of a keyed table is the shopper's, with $1 names, $2 sessions, $3 searches.
CREATE OR REPLACE FUNCTION own_rows(relation regclass) RETURNS text
LANGUAGE sql STABLE SET search_path FROM CURRENT AS $$
    SELECT 't.client_id::text = ANY ($1)' || coalesce(' OR t.client_id IS NULL AND (' || string_agg(
        format('t.%I = ANY (%s)', a.attname, CASE a.attname WHEN 'session_id' THEN '$2' ELSE '$3' END), ' OR ' ORDER BY a.attname) || ')', '')
    FROM pg_attribute a WHERE a.attrelid = relation AND a.attname IN ('session_id', 'query_id') AND NOT a.attisdropped
$$;

CREATE OR REPLACE FUNCTION forget_rows(names text[], sessions text[], queries uuid[]) RETURNS TABLE (place text, removed bigint)
LANGUAGE plpgsql VOLATILE SET search_path FROM CURRENT AS $$
DECLARE
    relation regclass;
BEGIN
    FOR relation IN SELECT DISTINCT s.relation FROM shopper_columns() s JOIN pg_class c ON c.oid = s.relation WHERE s.keyed AND c.relkind <> 'm' LOOP
        RETURN QUERY EXECUTE format('WITH gone AS (DELETE FROM %s t WHERE %s RETURNING t.tableoid)
            SELECT g.tableoid::regclass::text, count(*) FROM gone g GROUP BY 1', relation, own_rows(relation)) USING names, sessions, queries;
    END LOOP;
END $$;

-- Without members of objects that name this client.
CREATE OR REPLACE FUNCTION without_client(document jsonb, client text) RETURNS jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path FROM CURRENT AS $$
    SELECT CASE jsonb_typeof(document)
        WHEN 'object' THEN (SELECT coalesce(jsonb_object_agg(e.key, without_client(e.value, client)), '{}') FROM jsonb_each(document) e
            WHERE NOT (e.key ~* names_client() AND e.value #>> '{}' = client))
        WHEN 'array' THEN (SELECT coalesce(jsonb_agg(without_client(e.value, client) ORDER BY e.number), '[]')
            FROM jsonb_array_elements(document) WITH ORDINALITY e (value, number))
        ELSE document END
$$;

-- The new value of a column that holds the id, in SQL.
CREATE OR REPLACE FUNCTION column_without(name text, kind text, client text) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path FROM CURRENT AS $$
    SELECT CASE
        WHEN kind = 'uuid' THEN 'NULL'
        WHEN kind = 'document' AND NOT is_telling(client) THEN format('without_client(t.%I::jsonb, %L)', name, client)
        WHEN kind = 'document' AND length(client) > 200 THEN format('replace(without_client(t.%I::jsonb, %L)::text, %L, %L)::jsonb', name, client, in_json(client), r.mark)
        WHEN kind = 'document' THEN format('regexp_replace(without_client(t.%I::jsonb, %L)::text, %L, %L, ''g'')::jsonb', name, client, word_pattern(in_json(client)), r.mark)
        WHEN kind = 'list' THEN format('ARRAY(SELECT CASE WHEN strpos(e.value, %2$L) > 0 THEN %3$L ELSE e.value END FROM unnest(t.%1$I) WITH ORDINALITY e (value, number) ORDER BY e.number)', name, client, r.mark)
        WHEN length(client) > 200 THEN format('replace(t.%I, %L, %L)', name, client, r.mark)
        ELSE format('regexp_replace(t.%I, %L, %L, ''g'')', name, word_pattern(client), r.mark) END
    -- Of a number in JSON a number has to remain.
    FROM (SELECT CASE WHEN client ~ '^\d+$' THEN '0' ELSE '[forgotten]' END) r (mark)
$$;

-- What rows of others say of the shopper is struck out; rows of nobody that name the shopper go.
CREATE OR REPLACE FUNCTION forget_mentions(client text) RETURNS TABLE (place text, removed bigint)
LANGUAGE plpgsql VOLATILE SET search_path FROM CURRENT AS $$
DECLARE
    mentioned record;
    is_there boolean;
BEGIN
    FOR mentioned IN
        SELECT s.relation, string_agg('(' || column_holds(s.name, s.kind, client) || ')', ' OR ') AS holds,
            string_agg(format('%1$I = CASE WHEN %2$s THEN %3$s ELSE t.%1$I END', s.name, column_holds(s.name, s.kind, client), column_without(s.name, s.kind, client)), ', ')
                FILTER (WHERE NOT s.is_key AND column_holds(s.name, s.kind, client) IS NOT NULL) AS cleaned
        FROM shopper_columns(client) s JOIN pg_class c ON c.oid = s.relation
        WHERE s.keyed AND s.kind <> 'client' AND c.relkind <> 'm'
        GROUP BY s.relation
    LOOP
        CONTINUE WHEN mentioned.holds IS NULL;
        -- One look through the table, instead of two, where nothing is found.
        EXECUTE format('SELECT EXISTS (SELECT FROM %s t WHERE %s)', mentioned.relation, mentioned.holds) INTO is_there;
        CONTINUE WHEN NOT is_there;
        RETURN QUERY EXECUTE format('WITH gone AS (DELETE FROM %s t WHERE t.client_id IS NULL AND (%s) RETURNING t.tableoid)
            SELECT g.tableoid::regclass::text, count(*) FROM gone g GROUP BY 1', mentioned.relation, mentioned.holds);
        CONTINUE WHEN mentioned.cleaned IS NULL;
        RETURN QUERY EXECUTE format('WITH cleaned AS (UPDATE %s t SET %s WHERE %s RETURNING t.tableoid)
            SELECT c.tableoid::regclass::text || '' (named in)'', count(*) FROM cleaned c GROUP BY 1', mentioned.relation, mentioned.cleaned, mentioned.holds);
    END LOOP;
END $$;

-- Statistics that name the shopper are made anew; what was deleted is not in them. Of what has become empty ANALYZE leaves the old ones: there it
-- meets a row of nobody, which is gone again at once. Other tables that are often empty have no statistics of whom they name.
CREATE OR REPLACE FUNCTION forget_statistics(names text[]) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path FROM CURRENT AS $$
DECLARE
    stale record;
    month text;
    place tid;
BEGIN
    FOR stale IN SELECT s.tablename, string_agg(quote_ident(s.attname), ', ') AS columns FROM stale_statistics(names) s GROUP BY s.tablename LOOP
        EXECUTE format('ANALYZE %I (%s)', stale.tablename, stale.columns);
    END LOOP;
    FOR stale IN
        SELECT s.tablename, string_agg(quote_ident(s.attname), ', ') AS columns FROM stale_statistics(names) s
        WHERE s.tablename ~ '^(event|query)(_\d{4}_\d\d)?$' GROUP BY s.tablename
    LOOP
        month := (SELECT min(c.relname) FROM pg_partition_tree(quote_ident(stale.tablename)::regclass) t JOIN pg_class c ON c.oid = t.relid
            WHERE c.relname ~ '_\d{4}_\d\d$');
        CONTINUE WHEN month IS NULL;
        EXECUTE format('INSERT INTO %I (timestamp%s) VALUES ($1%s) RETURNING ctid', month,
            CASE WHEN month LIKE 'event%' THEN ', action_name' END, CASE WHEN month LIKE 'event%' THEN ', ''view''' END)
        INTO place USING to_date(right(month, 7), 'YYYY_MM') + 14;
        EXECUTE format('ANALYZE %I (%s)', stale.tablename, stale.columns);
        EXECUTE format('DELETE FROM %I t WHERE t.ctid = $1', month) USING place;
    END LOOP;
END $$;

CREATE OR REPLACE FUNCTION forget_steps(clients text[]) RETURNS TABLE (place text, removed bigint)
LANGUAGE plpgsql VOLATILE SET search_path FROM CURRENT AS $$
DECLARE
    names CONSTANT text[] := shopper_names(clients);
    keys text[] := lock_shopper(names);
    links record;
    asked record;
    name text;
BEGIN
    SELECT * INTO links FROM shopper_links(names);
    SELECT * INTO asked FROM own_questions(names, links.sessions, links.queries);
    PERFORM doubt_rollups(names, links.sessions, links.queries);
    RETURN QUERY SELECT * FROM forget_rows(names, links.sessions, links.queries);
    RETURN QUERY SELECT * FROM forget_questions(asked.words, asked.pictures);
    FOREACH name IN ARRAY clients LOOP
        RETURN QUERY SELECT * FROM forget_mentions(name);
    END LOOP;
    PERFORM forget_statistics(names);
    DELETE FROM forgotten f WHERE f.forgotten_at < now() - interval '2 days';
    INSERT INTO forgotten (shopper_hash) SELECT DISTINCT shopper_hash(k.key) FROM unnest(keys) k (key)
    ON CONFLICT (shopper_hash) DO UPDATE SET forgotten_at = 'infinity';
    UPDATE forget_gate g SET forgets = forgets + 1 WHERE g.bucket = ANY (shopper_buckets(keys));
END $$;

-- Runs as its owner, for nobody else may delete history.
CREATE OR REPLACE FUNCTION forget_clients(clients text[]) RETURNS TABLE (place text, removed bigint)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    PERFORM check_clients(clients);
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        PERFORM argument_error(format('forget cannot run in a transaction that is %s', current_setting('transaction_isolation')),
            'It has to see what others wrote until this moment: call it in a transaction that is READ COMMITTED, the default.');
    END IF;
    RETURN QUERY SELECT s.place, sum(s.removed)::bigint FROM forget_steps(clients) s GROUP BY s.place HAVING sum(s.removed) > 0 ORDER BY s.place;
END $$;
COMMENT ON FUNCTION forget_clients IS 'Forget several clients, or one under several ids, at once, as forget.';

CREATE OR REPLACE FUNCTION forget(client text) RETURNS TABLE (place text, removed bigint)
LANGUAGE sql VOLATILE SET search_path FROM CURRENT AS $$
    SELECT * FROM forget_clients(ARRAY[client])
$$;
COMMENT ON FUNCTION forget IS 'Remove everything that is keyed by a client or names it, also what others began to write before this commits; returns the rows removed by table.';
