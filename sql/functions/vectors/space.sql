-- Embedding spaces: each has its own pair of typed vector tables, made here and nowhere else.

-- Functions that run as their owner do not look into the extension's schema: they name it.
CREATE OR REPLACE FUNCTION vector_schema() RETURNS name
LANGUAGE sql STABLE SET search_path FROM CURRENT AS $$
    SELECT n.nspname FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace WHERE e.extname = 'vector'
$$;

-- The rights on a table that is made with its space, as grants/roles.sql has them; a role may be missing.
CREATE OR REPLACE FUNCTION grant_space_table(name text) RETURNS void
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    right_on record;
BEGIN
    FOR right_on IN
        SELECT g.role_name, g.rights
        FROM (VALUES ('_app', 'SELECT'), ('_analyst', 'SELECT'), ('_worker', 'SELECT, INSERT, UPDATE, DELETE')) s (suffix, rights)
        CROSS JOIN LATERAL (SELECT current_schema() || s.suffix AS role_name, s.rights) g
        JOIN pg_roles known ON known.rolname = g.role_name LOOP
        EXECUTE format('GRANT %s ON %I TO %I', right_on.rights, name, right_on.role_name);
    END LOOP;
END $$;

CREATE OR REPLACE FUNCTION create_vector_table(kind text, space_id integer, dimension integer)
RETURNS void
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    name text := format('%s_vector_%s', kind, space_id);
    item text := kind || '_id';
    -- Named in full: what runs as its owner does not look into the extension's schema.
    extension text := vector_schema();
BEGIN
    EXECUTE format(
        'CREATE TABLE %1$I (
            product_id bigint NOT NULL,
            %2$I bigint NOT NULL,
            embedding %6$I.halfvec(%3$s) NOT NULL,
            input_version bigint NOT NULL,
            content bytea NOT NULL,
            encoded_at timestamptz NOT NULL DEFAULT now(),
            PRIMARY KEY (product_id, %2$I),
            FOREIGN KEY (product_id, %2$I) REFERENCES %4$I ON DELETE CASCADE,
            CONSTRAINT %5$I CHECK (abs(%6$I.l2_norm(embedding) - 1) < 0.01)
        )', name, item, dimension, kind, name || '_unit_length', extension);
    EXECUTE format(
        'CREATE INDEX %I ON %I USING hnsw (embedding %I.halfvec_ip_ops) WITH (m = 16, ef_construction = 64)',
        name || '_hnsw_idx', name, extension);
    EXECUTE format('COMMENT ON TABLE %I IS %L', name,
        format('Vectors of every %s in space %s; content is the SHA-256 of what was encoded.', kind, space_id));
    PERFORM grant_space_table(name);
    PERFORM create_sketch_table(kind, space_id, dimension);
    PERFORM create_price_table(kind, space_id, dimension);
    PERFORM keep_unfiltered(kind, space_id);
END $$;

-- Runs as its owner: a worker may register its model's space, but may create nothing else.
CREATE OR REPLACE FUNCTION create_space(
    model text, revision text, dimension integer, preprocessing text, name text DEFAULT NULL
) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
#variable_conflict use_column
DECLARE
    found_id integer;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended(current_schema() || '.create_space', 0));
    SELECT s.space_id INTO found_id FROM space s
    WHERE (s.model, s.revision, s.dimension, s.preprocessing)
        = (create_space.model, create_space.revision, create_space.dimension, create_space.preprocessing);
    IF FOUND THEN RETURN found_id; END IF;
    INSERT INTO space (name, model, revision, dimension, preprocessing, status)
    SELECT coalesce(create_space.name, gen_random_uuid()::text), create_space.model, create_space.revision,
           create_space.dimension, create_space.preprocessing,
           CASE WHEN EXISTS (SELECT FROM space s WHERE s.status = 'active')
                THEN 'building' ELSE 'active' END
    RETURNING space_id INTO found_id;
    IF create_space.name IS NULL THEN
        -- The model's last name, as far as it can be typed, and the number that its tables have too.
        UPDATE space s SET name = format('%s-%s', coalesce(nullif(btrim(
                regexp_replace(lower(create_space.model), '^.*/|[^a-z0-9./-]+', '', 'g'), '-./'), ''), 'space'),
            found_id)
        WHERE s.space_id = found_id;
    END IF;
    PERFORM create_vector_table('image', found_id, create_space.dimension);
    PERFORM create_vector_table('caption', found_id, create_space.dimension);
    PERFORM wait_for_vectors(only_space => found_id);
    PERFORM enqueue_missing(only_space => found_id);
    RETURN found_id;
END $$;
COMMENT ON FUNCTION create_space IS 'Register an embedding space, create its vector tables and queue the whole catalogue for it; an existing one is returned as it is.';

-- Coverage counts the pictures and captions of active products: each is encoded as it is now, or
-- waits, or failed for good; what is none of these was lost, and enqueue_missing() finds it.
CREATE OR REPLACE FUNCTION space_coverage(
    space_id integer,
    OUT kind text, OUT total bigint, OUT encoded bigint, OUT waiting bigint, OUT failed bigint
) RETURNS SETOF record
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
BEGIN
    FOREACH kind IN ARRAY ARRAY['image', 'caption'] LOOP
        EXECUTE format(
            'SELECT count(*), count(*) FILTER (WHERE v.product_id IS NOT NULL AND q.product_id IS NULL),
                count(*) FILTER (WHERE q.product_id IS NOT NULL AND q.dead_at IS NULL), count(q.dead_at)
            FROM %1$I n
            JOIN product p USING (product_id)
            LEFT JOIN %3$I v USING (product_id, %2$I, input_version)
            LEFT JOIN work_queue q
                ON q.product_id = n.product_id AND q.kind = %1$L AND q.item_id = n.%2$I AND q.space_id = $1
            WHERE p.status = ''active''',
            kind, kind || '_id', format('%s_vector_%s', kind, space_id)
        ) INTO total, encoded, waiting, failed USING space_id;
        RETURN NEXT;
    END LOOP;
END $$;
COMMENT ON FUNCTION space_coverage IS 'How many pictures and captions of active products are encoded, waiting or failed in a space.';

CREATE OR REPLACE FUNCTION named_space(name text) RETURNS space
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
DECLARE
    chosen space;
BEGIN
    SELECT s.* INTO chosen FROM space s WHERE s.name = named_space.name;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no space named "%"', name
            USING ERRCODE = 'undefined_object',
                  HINT = coalesce(
                      (SELECT 'The spaces are ' || string_agg(s.name, ', ' ORDER BY s.space_id) || '.'
                       FROM space s),
                      'There is none yet: a worker makes its model''s when it starts.');
    END IF;
    RETURN chosen;
END $$;

CREATE OR REPLACE FUNCTION activate_space(name text, force boolean DEFAULT false) RETURNS integer
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    chosen space;
    missing bigint;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended(current_schema() || '.create_space', 0));
    chosen := named_space(name);
    IF chosen.status = 'active' THEN RETURN chosen.space_id; END IF;
    SELECT sum(c.total - c.encoded) INTO missing FROM space_coverage(chosen.space_id) c;
    IF missing > 0 AND NOT force THEN
        RAISE EXCEPTION 'space "%" lacks % vectors, so searches would miss products', name, missing
            USING ERRCODE = 'object_not_in_prerequisite_state',
                  HINT = 'Let a worker with its model finish, or force it.';
    END IF;
    -- The old one serves until this commits.
    UPDATE space s SET status = 'retired' WHERE s.status = 'active';
    UPDATE space s SET status = 'active' WHERE s.space_id = chosen.space_id;
    DELETE FROM work_queue q USING space s WHERE q.space_id = s.space_id AND s.status = 'retired';
    PERFORM enqueue_missing(only_space => chosen.space_id);
    RETURN chosen.space_id;
END $$;
COMMENT ON FUNCTION activate_space IS 'Let a space serve the searches; the one before is retired in the same transaction.';

CREATE OR REPLACE FUNCTION retire_space(name text) RETURNS integer
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    chosen space;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended(current_schema() || '.create_space', 0));
    chosen := named_space(name);
    IF chosen.status = 'active' THEN
        RAISE EXCEPTION 'space "%" serves the searches', name
            USING ERRCODE = 'object_in_use', HINT = 'Activate another one; that retires this one.';
    END IF;
    UPDATE space s SET status = 'retired' WHERE s.space_id = chosen.space_id;
    DELETE FROM work_queue q WHERE q.space_id = chosen.space_id;
    RETURN chosen.space_id;
END $$;
COMMENT ON FUNCTION retire_space IS 'Stop work for a space that does not serve; its vectors stay.';

CREATE OR REPLACE FUNCTION reopen_space(name text) RETURNS integer
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    chosen space;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended(current_schema() || '.create_space', 0));
    chosen := named_space(name);
    IF chosen.status = 'retired' THEN
        UPDATE space s SET status = 'building' WHERE s.space_id = chosen.space_id;
        PERFORM enqueue_missing(only_space => chosen.space_id);
    END IF;
    RETURN chosen.space_id;
END $$;
COMMENT ON FUNCTION reopen_space IS 'Take a retired space up again: what changed meanwhile is queued for it.';

CREATE OR REPLACE FUNCTION drop_space(name text) RETURNS void
LANGUAGE plpgsql SET search_path FROM CURRENT SET client_min_messages = warning AS $$
DECLARE
    chosen space;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended(current_schema() || '.create_space', 0));
    chosen := named_space(name);
    IF chosen.status <> 'retired' THEN
        RAISE EXCEPTION 'space "%" is not retired', name
            USING ERRCODE = 'object_in_use', HINT = 'Retire it first.';
    END IF;
    EXECUTE (SELECT format('DROP TABLE %s', string_agg(format('%I', t.name), ', '))
             FROM (SELECT format('%s_%s_%s', k.kind, p.part, chosen.space_id) AS name
                   FROM (VALUES ('image'), ('caption')) k (kind) CROSS JOIN (VALUES ('vector'), ('sketch'), ('price')) p (part)) t);
    EXECUTE (SELECT format('DROP FUNCTION IF EXISTS %s', string_agg(format('%I', unfiltered_name(k.kind, chosen.space_id)), ', ')) FROM (VALUES ('image'), ('caption')) k (kind));
    DELETE FROM encoding_request r WHERE r.space_id = chosen.space_id;
    DELETE FROM space s WHERE s.space_id = chosen.space_id;
END $$;
COMMENT ON FUNCTION drop_space IS 'Delete a retired space with all its vectors, to free their disk.';

-- The column holds vectors of every space, so its type alone cannot refuse a wrong one.
CREATE OR REPLACE FUNCTION query_vector_fits() RETURNS trigger
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    wanted integer;
BEGIN
    SELECT s.dimension INTO wanted FROM space s WHERE s.space_id = NEW.space_id;
    IF vector_dims(NEW.embedding) <> wanted THEN
        RAISE EXCEPTION 'a vector of % dimensions does not belong in space %, which has %',
            vector_dims(NEW.embedding), NEW.space_id, wanted
            USING ERRCODE = 'data_exception',
                  HINT = 'Encode the query with the model of that space.';
    ELSIF abs(l2_norm(NEW.embedding) - 1) >= 0.01 THEN
        RAISE EXCEPTION 'a query''s vector has length %, not 1', l2_norm(NEW.embedding)
            USING ERRCODE = 'data_exception', HINT = 'Divide it by its length.';
    END IF;
    RETURN NEW;
END $$;

CREATE OR REPLACE TRIGGER query_vector_fits
    BEFORE INSERT OR UPDATE OF space_id, embedding ON query_vector
    FOR EACH ROW EXECUTE FUNCTION query_vector_fits();
