-- Embedding spaces: each has its own pair of typed vector tables, made here and nowhere else.

CREATE OR REPLACE FUNCTION create_vector_table(kind text, space_id integer, dimension integer)
RETURNS void
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    name text := format('%s_vector_%s', kind, space_id);
    item text := kind || '_id';
    role_name text;
BEGIN
    EXECUTE format(
        'CREATE TABLE %1$I (
            product_id bigint NOT NULL,
            %2$I bigint NOT NULL,
            embedding halfvec(%3$s) NOT NULL,
            input_version bigint NOT NULL,
            content bytea NOT NULL,
            encoded_at timestamptz NOT NULL DEFAULT now(),
            PRIMARY KEY (product_id, %2$I),
            FOREIGN KEY (product_id, %2$I) REFERENCES %4$I ON DELETE CASCADE,
            CONSTRAINT %5$I CHECK (abs(l2_norm(embedding) - 1) < 0.01)
        )', name, item, dimension, kind, name || '_unit_length');
    EXECUTE format(
        'CREATE INDEX %I ON %I USING hnsw (embedding halfvec_ip_ops) WITH (m = 16, ef_construction = 64)',
        name || '_hnsw_idx', name);
    EXECUTE format('COMMENT ON TABLE %I IS %L', name,
        format('Vectors of every %s in space %s; content is the SHA-256 of what was encoded.', kind, space_id));
    FOR role_name IN SELECT r.rolname FROM pg_roles r
        WHERE r.rolname IN (current_schema() || '_app', current_schema() || '_analyst') LOOP
        EXECUTE format('GRANT SELECT ON %I TO %I', name, role_name);
    END LOOP;
    FOR role_name IN SELECT r.rolname FROM pg_roles r WHERE r.rolname = current_schema() || '_worker' LOOP
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO %I', name, role_name);
    END LOOP;
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
    SELECT coalesce(create_space.name, format('%s-%s',
               regexp_replace(lower(create_space.model), '^.*/|[^a-z0-9./-]+', '', 'g'),
               (SELECT coalesce(max(s.space_id), 0) + 1 FROM space s))),
           create_space.model, create_space.revision, create_space.dimension,
           create_space.preprocessing,
           CASE WHEN EXISTS (SELECT FROM space s WHERE s.status = 'active')
                THEN 'building' ELSE 'active' END
    RETURNING space_id INTO found_id;
    PERFORM create_vector_table('image', found_id, create_space.dimension);
    PERFORM create_vector_table('caption', found_id, create_space.dimension);
    INSERT INTO work_queue (product_id, kind, item_id, space_id, input_version, priority)
    SELECT i.product_id, 'image', i.image_id, found_id, i.input_version, 1
    FROM image i JOIN product p USING (product_id) WHERE p.status = 'active'
    UNION ALL
    SELECT c.product_id, 'caption', c.caption_id, found_id, c.input_version, 1
    FROM caption c JOIN product p USING (product_id) WHERE p.status = 'active';
    PERFORM notify_work();
    RETURN found_id;
END $$;
COMMENT ON FUNCTION create_space IS 'Register an embedding space, create its vector tables and queue the whole catalogue for it; an existing one is returned as it is.';
