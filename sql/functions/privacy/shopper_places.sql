-- Where a shopper may be found: every table of the schema, by the kinds of its columns; and how a place is searched for an id.

-- Whether an id can be told from other words: a word or a short number stands for other things in other places.
CREATE OR REPLACE FUNCTION is_telling(client text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN length(client) >= 16 OR client ~ '^\d{9,}$' OR client ~ '[[:alpha:]]' AND client ~ '[^[:alpha:][:space:]-]';

-- Columns of products' keys are left out where the id is a product's key as well.
CREATE OR REPLACE FUNCTION shopper_columns(client text DEFAULT NULL, OUT relation regclass, OUT keyed boolean, OUT name text, OUT kind text, OUT is_key boolean)
RETURNS SETOF record
LANGUAGE sql STABLE SET search_path FROM CURRENT AS $$
    SELECT c.oid::regclass, bool_or(a.attname = 'client_id') OVER (PARTITION BY c.oid), a.attname::text, k.kind,
        EXISTS (SELECT FROM pg_index x WHERE x.indrelid = c.oid AND x.indisprimary AND a.attnum = ANY (x.indkey))
    FROM pg_class c
    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    JOIN pg_type t ON t.oid = a.atttypid
    LEFT JOIN pg_type e ON e.oid = t.typelem AND t.typcategory = 'A'
    CROSS JOIN LATERAL (SELECT CASE WHEN a.attname = 'client_id' THEN 'client' WHEN t.typname IN ('json', 'jsonb') THEN 'document'
        WHEN t.typname = 'uuid' THEN 'uuid' WHEN t.typcategory = 'S' THEN 'text' WHEN e.typcategory = 'S' THEN 'list' END) k (kind)
    WHERE c.relnamespace = quote_ident(current_schema())::regnamespace AND c.relkind IN ('r', 'p', 'm') AND NOT c.relispartition
      AND c.relname NOT IN ('client_secret', 'forgotten', 'opt_out', 'forget_gate', 'alembic_version') AND k.kind IS NOT NULL
      AND NOT (a.attname IN ('object_id', 'object_ids', 'external_id', 'external_ids', 'sku', 'product', 'products') AND (
          EXISTS (SELECT FROM product p WHERE p.external_id = client) OR EXISTS (SELECT FROM variant v WHERE v.sku = client)))
$$;

-- The id as a word of its own.
CREATE OR REPLACE FUNCTION word_pattern(client text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN '(?<![[:alnum:]])' || regexp_replace(client, '([^[:alnum:]])', '\\\1', 'g') || '(?![[:alnum:]])';

-- The id as it stands inside a JSON text.
CREATE OR REPLACE FUNCTION in_json(client text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN substring(to_json(client)::text FROM 2 FOR length(to_json(client)::text) - 2);

CREATE OR REPLACE FUNCTION names_client() RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN 'client|customer|shopper|visitor|user|account|member|buyer';

-- The condition under which a row t holds an id in a column, in SQL; NULL where it cannot.
CREATE OR REPLACE FUNCTION column_holds(name text, kind text, client text) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path FROM CURRENT
RETURN CASE
    WHEN kind = 'client' THEN format('t.%I::text = %L', name, client)
    WHEN kind = 'uuid' THEN CASE WHEN client ~ '^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$' THEN format('t.%I = %L', name, client) END
    WHEN NOT is_telling(client) THEN CASE WHEN kind = 'document' THEN format(
        'strpos(t.%1$I::text, %2$L) > 0 AND jsonb_path_exists(t.%1$I::jsonb, %3$L, %4$L, true)', name, in_json(client),
        format('$.** ? (@.type() == "object").keyvalue() ? (@.key like_regex "%s" flag "i" && (@.value == $id || @.value == $number)).key', names_client()),
        jsonb_build_object('id', client, 'number', CASE WHEN client ~ '^\d{1,15}$' THEN to_jsonb(client::numeric) ELSE to_jsonb(client) END)) END
    -- A pattern of many characters is slow, and such an id is part of no other word.
    ELSE (SELECT CASE WHEN length(client) > 200 THEN format('strpos(%s, %L) > 0', v.value, v.sought)
            ELSE format('strpos(%1$s, %2$L) > 0 AND %1$s ~ %3$L', v.value, v.sought, word_pattern(v.sought)) END
        FROM (SELECT format(CASE kind WHEN 'document' THEN 't.%I::text' WHEN 'list' THEN 'array_to_string(t.%I, E''\n'')' ELSE 't.%I' END, name),
            CASE kind WHEN 'document' THEN in_json(client) ELSE client END) v (value, sought))
    END;

-- Under which names a shopper may stand in a table: the id as given, and as analysts' tables have it.
CREATE OR REPLACE FUNCTION shopper_names(clients text[]) RETURNS text[]
LANGUAGE sql STABLE SET search_path FROM CURRENT AS $$
    SELECT array_agg(DISTINCT n.name) FROM unnest(clients) c (client) CROSS JOIN LATERAL (VALUES (c.client), (client_pseudonym(c.client))) n (name)
$$;

CREATE OR REPLACE FUNCTION check_clients(clients text[]) RETURNS void
LANGUAGE plpgsql IMMUTABLE SET search_path FROM CURRENT AS $$
BEGIN
    IF coalesce(cardinality(clients), 0) = 0 OR EXISTS (SELECT FROM unnest(clients) c (client) WHERE known_id(c.client) IS NULL) THEN
        PERFORM argument_error('no client is given, or an empty one', 'Give the id that was given as client when searching and logging.');
    END IF;
END $$;

-- Runs as its owner, who alone sees every table.
CREATE OR REPLACE FUNCTION client_traces(clients text[]) RETURNS TABLE (place text, found bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
    searched record;
BEGIN
    PERFORM check_clients(clients);
    FOR searched IN
        SELECT s.relation, string_agg('(' || column_holds(s.name, s.kind, n.name) || ')', ' OR ') AS holds
        FROM unnest(shopper_names(clients)) n (name) CROSS JOIN LATERAL shopper_columns(n.name) s
        GROUP BY s.relation ORDER BY s.relation::text
    LOOP
        CONTINUE WHEN searched.holds IS NULL;
        RETURN QUERY EXECUTE format('SELECT t.tableoid::regclass::text, count(*) FROM %s t WHERE %s GROUP BY 1 ORDER BY 1', searched.relation, searched.holds);
    END LOOP;
    -- What the planner keeps of the commonest values.
    RETURN QUERY SELECT 'pg_stats of ' || s.tablename, count(*) FROM stale_statistics(clients) s GROUP BY 1 ORDER BY 1;
END $$;
COMMENT ON FUNCTION client_traces IS 'Every place where one of these clients is still found, as traces.';

CREATE OR REPLACE FUNCTION traces(client text) RETURNS TABLE (place text, found bigint)
LANGUAGE sql VOLATILE SET search_path FROM CURRENT AS $$
    SELECT * FROM client_traces(ARRAY[client])
$$;
COMMENT ON FUNCTION traces IS 'Every place where a client is still found, with the number of rows: all tables, partitions and rollups of the schema, by key and inside texts, lists and JSON. None after forget.';

-- Columns whose statistics hold one of these ids: as a client, or inside what else the tables say.
CREATE OR REPLACE FUNCTION stale_statistics(clients text[]) RETURNS TABLE (tablename text, attname text)
LANGUAGE sql STABLE SET search_path FROM CURRENT AS $$
    SELECT DISTINCT s.tablename::text, s.attname::text
    FROM unnest(clients) n (client)
    CROSS JOIN LATERAL (SELECT DISTINCT c.name, c.kind FROM shopper_columns(n.client) c) c
    JOIN pg_stats s ON s.schemaname = current_schema() AND s.attname = c.name
    JOIN pg_class r ON r.relname = s.tablename AND r.relnamespace = quote_ident(current_schema())::regnamespace AND r.relkind IN ('r', 'p', 'm')
    WHERE CASE WHEN c.kind = 'client' THEN n.client = ANY (s.most_common_vals::text::text[] || s.histogram_bounds::text::text[])
        ELSE is_telling(n.client) AND length(n.client) <= 200 AND strpos(concat_ws(' ', s.most_common_vals, s.histogram_bounds, s.most_common_elems), n.client) > 0
          AND concat_ws(' ', s.most_common_vals, s.histogram_bounds, s.most_common_elems) ~ word_pattern(n.client) END
$$;
