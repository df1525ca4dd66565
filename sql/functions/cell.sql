-- Cells: regions of a space in two levels, so that a search reads the vectors near it and leaves the rest.

-- The cell of a vector (an expression): the nearest centre below the two nearest parents of the last training.
CREATE OR REPLACE FUNCTION nearest_cell_sql(kind text, space_id integer, vector text) RETURNS text
LANGUAGE sql STABLE SET search_path FROM CURRENT AS $$
    SELECT format(
        'SELECT c.cell_id FROM (SELECT p.cell_id FROM cell p WHERE p.space_id = %1$s AND p.kind = %2$L '
        'AND p.parent_id IS NULL AND p.generation = %5$s ORDER BY p.centroid OPERATOR(%3$I.<#>) %4$s LIMIT 2) p '
        'CROSS JOIN LATERAL (SELECT * FROM cell x WHERE x.space_id = %1$s AND x.kind = %2$L '
        'AND x.parent_id = p.cell_id AND x.generation = %5$s OFFSET 0) c ORDER BY c.centroid OPERATOR(%3$I.<#>) %4$s LIMIT 1',
        space_id, kind, vector_schema(), vector,
        (SELECT coalesce(max(g.generation), 0) FROM cell_generation g
         WHERE g.space_id = nearest_cell_sql.space_id AND g.kind = nearest_cell_sql.kind))
$$;

-- How many rows a table has, nearly, whether or not it was ever analysed.
CREATE OR REPLACE FUNCTION rows_of(name text, row_bytes integer) RETURNS bigint
LANGUAGE sql STABLE SET search_path FROM CURRENT AS $$
    SELECT (pg_relation_size(c.oid) / current_setting('block_size')::integer
        * CASE WHEN c.reltuples > 0 AND c.relpages > 0 THEN c.reltuples / c.relpages
               ELSE current_setting('block_size')::integer / row_bytes::real END)::bigint
    FROM pg_class c WHERE c.oid = to_regclass(quote_ident(name))
$$;

-- Lloyd's algorithm on the unit sphere, below each parent on its own: centroids become the mean of the samples
-- nearest to them. The samples are in the temporary table cell_sample.
CREATE OR REPLACE FUNCTION train_level(rounds integer) RETURNS void
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    FOR round IN 1 .. rounds LOOP
        EXECUTE 'CREATE TEMP TABLE cell_next ON COMMIT DROP AS '
            'SELECT n.parent_id, n.cell_id, l2_normalize(avg(s.embedding)) AS centroid FROM cell_sample s '
            'CROSS JOIN LATERAL (SELECT c.parent_id, c.cell_id FROM cell_draft c WHERE c.parent_id = s.parent_id '
            'ORDER BY c.centroid <#> s.embedding LIMIT 1) n GROUP BY 1, 2';
        EXECUTE 'TRUNCATE cell_draft';
        EXECUTE 'INSERT INTO cell_draft SELECT * FROM cell_next WHERE l2_norm(centroid) > 0.5';
        EXECUTE 'DROP TABLE cell_next';
        EXECUTE 'ANALYZE cell_draft';
    END LOOP;
END $$;

-- Trains a new generation of cells, of some 32 vectors each, on a sample of a space's vectors.
CREATE OR REPLACE FUNCTION train_cells(kind text, space_id integer) RETURNS integer
LANGUAGE plpgsql SET search_path FROM CURRENT SET client_min_messages = error SET jit = off SET enable_seqscan = off AS $$
DECLARE
    vectors text := format('%s_vector_%s', kind, space_id);
    total bigint;
    cells integer;
    parents integer;
    children integer;
    made integer;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended(current_schema() || '.train_cells.' || vectors, 0));
    EXECUTE format('SELECT count(*) FROM %I', vectors) INTO total;
    cells := greatest(total / 32, 16);
    parents := ceil(sqrt(cells / 2.0));
    children := ceil(cells::real / parents);
    made := coalesce((SELECT max(g.generation) FROM cell_generation g
        WHERE g.space_id = train_cells.space_id AND g.kind = train_cells.kind), 0) + 1;
    EXECUTE format('CREATE TEMP TABLE cell_sample ON COMMIT DROP AS SELECT 0 AS parent_id, v.embedding FROM %I v '
        'TABLESAMPLE BERNOULLI (%s) REPEATABLE (%s) ORDER BY hashint8(v.product_id)',
        vectors, least(100, 100.0 * 4 * cells / greatest(total, 1)), made);
    EXECUTE 'CREATE TEMP TABLE cell_draft (parent_id integer, cell_id integer, centroid halfvec) ON COMMIT DROP';
    EXECUTE 'CREATE INDEX ON cell_draft (parent_id)';
    EXECUTE format('INSERT INTO cell_draft SELECT 0, row_number() OVER (), s.embedding FROM cell_sample s LIMIT %s', parents);
    EXECUTE 'CREATE TEMP TABLE cell_whole ON COMMIT DROP AS TABLE cell_sample';
    EXECUTE format('DELETE FROM cell_sample WHERE ctid NOT IN (SELECT ctid FROM cell_sample LIMIT %s)', 200 * parents);
    PERFORM train_level(6);
    INSERT INTO cell_generation (space_id, kind, generation, trained_on) VALUES (train_cells.space_id, train_cells.kind, made, total);
    EXECUTE format('INSERT INTO cell (space_id, kind, cell_id, generation, centroid) '
        'SELECT %s, %L, %s + row_number() OVER (ORDER BY d.cell_id), %s, d.centroid FROM cell_draft d',
        space_id, kind, next_cell_id(kind, space_id), made);
    EXECUTE format('TRUNCATE cell_sample');
    EXECUTE format('INSERT INTO cell_sample SELECT n.cell_id, w.embedding FROM cell_whole w CROSS JOIN LATERAL ('
        'SELECT c.cell_id FROM cell c WHERE c.space_id = %s AND c.kind = %L AND c.generation = %s AND c.parent_id IS NULL '
        'ORDER BY c.centroid <#> w.embedding LIMIT 1) n', space_id, kind, made);
    EXECUTE 'TRUNCATE cell_draft';
    -- As many children as a parent's share of the vectors asks for.
    EXECUTE format('INSERT INTO cell_draft SELECT s.parent_id, s.place, s.embedding FROM ('
        'SELECT x.*, row_number() OVER (PARTITION BY x.parent_id) AS place, count(*) OVER (PARTITION BY x.parent_id) AS all_of_it '
        'FROM cell_sample x) s WHERE s.place <= greatest(1, s.all_of_it / 4)');
    EXECUTE 'ANALYZE cell_draft';
    PERFORM train_level(4);
    EXECUTE format('INSERT INTO cell (space_id, kind, cell_id, parent_id, generation, centroid) '
        'SELECT %s, %L, %s + row_number() OVER (ORDER BY d.parent_id, d.cell_id), d.parent_id, %s, d.centroid FROM cell_draft d',
        space_id, kind, next_cell_id(kind, space_id), made);
    EXECUTE 'DROP TABLE cell_sample, cell_draft, cell_whole';
    EXECUTE 'ANALYZE cell';  -- passed over where it is another role's
    RETURN made;
END $$;

CREATE OR REPLACE FUNCTION next_cell_id(kind text, space_id integer) RETURNS integer
LANGUAGE sql STABLE SET search_path FROM CURRENT AS $$
    SELECT coalesce(max(c.cell_id), 0) FROM cell c WHERE c.space_id = next_cell_id.space_id AND c.kind = next_cell_id.kind
$$;

-- Moves the sketches of the next products after one into the newest cells; returns the last product, NULL at the end.
CREATE OR REPLACE FUNCTION assign_cells(kind text, space_id integer, after bigint, rows_at_once integer DEFAULT 2000) RETURNS bigint
LANGUAGE plpgsql SET search_path FROM CURRENT SET jit = off SET enable_seqscan = off AS $$
DECLARE
    sketches text := format('%s_sketch_%s', kind, space_id);
    batch bigint[];
BEGIN
    EXECUTE format('SELECT array_agg(b.product_id) FROM (SELECT s.product_id FROM %I s WHERE s.product_id > $1 '
        'ORDER BY s.product_id LIMIT $2) b', sketches) INTO batch USING after, rows_at_once;
    EXECUTE format(
        'UPDATE %1$I s SET cell_id = n.cell_id FROM (SELECT DISTINCT unnest($1)) b (product_id) '
        'CROSS JOIN LATERAL (SELECT x.product_id, x.%2$I, x.embedding FROM %3$I x WHERE x.product_id = b.product_id OFFSET 0) e '
        'CROSS JOIN LATERAL (%4$s) n '
        'WHERE s.product_id = e.product_id AND s.%2$I = e.%2$I AND s.cell_id < $2',
        sketches, kind || '_id', format('%s_vector_%s', kind, space_id), nearest_cell_sql(kind, space_id, 'e.embedding'))
    USING batch, first_cell(kind, space_id);
    RETURN batch[cardinality(batch)];
END $$;

-- The lowest cell of the last training.
CREATE OR REPLACE FUNCTION first_cell(kind text, space_id integer) RETURNS integer
LANGUAGE sql STABLE SET search_path FROM CURRENT AS $$
    SELECT coalesce(min(c.cell_id), 0) FROM cell c
    WHERE c.space_id = first_cell.space_id AND c.kind = first_cell.kind AND c.generation = (
        SELECT max(g.generation) FROM cell_generation g
        WHERE g.space_id = first_cell.space_id AND g.kind = first_cell.kind)
$$;

-- Cells of earlier trainings go once no sketch lies in them and nobody can put one there any more: who began
-- before the new ones were made may still know only the old.
CREATE OR REPLACE FUNCTION forget_cells(kind text, space_id integer) RETURNS boolean
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    first integer := first_cell(kind, space_id);
    newest record;
    in_use boolean;
BEGIN
    SELECT g.generation, g.made_by INTO newest FROM cell_generation g
    WHERE g.space_id = forget_cells.space_id AND g.kind = forget_cells.kind ORDER BY g.generation DESC LIMIT 1;
    IF newest IS NULL OR newest.made_by >= pg_snapshot_xmin(pg_current_snapshot())::text::bigint THEN RETURN false; END IF;
    EXECUTE format('SELECT EXISTS (SELECT FROM %I s WHERE s.cell_id < $1)', format('%s_sketch_%s', kind, space_id))
    INTO in_use USING first;
    IF in_use THEN RETURN false; END IF;
    DELETE FROM cell_generation g
    WHERE g.space_id = forget_cells.space_id AND g.kind = forget_cells.kind AND g.generation < newest.generation;
    RETURN true;
END $$;

-- Whether the cells should be trained: there are enough vectors for cells, and none yet, or for four times as many.
CREATE OR REPLACE FUNCTION cells_due(kind text, space_id integer) RETURNS boolean
LANGUAGE sql STABLE SET search_path FROM CURRENT AS $$
    SELECT n.total >= 5000 AND n.total > 4 * coalesce((
        SELECT g.trained_on FROM cell_generation g WHERE g.space_id = cells_due.space_id AND g.kind = cells_due.kind
        ORDER BY g.generation DESC LIMIT 1), 0)
    FROM rows_of(format('%s_sketch_%s', kind, space_id), 200) n (total)
$$;

-- One step of what keeps cells in order; call it with what it returned until it returns NULL. Whoever comes
-- while another is at it has nothing to do.
CREATE OR REPLACE FUNCTION tune_cells(kind text, space_id integer, after bigint DEFAULT 0) RETURNS bigint
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    sketches text := format('%s_sketch_%s', kind, space_id);
    behind boolean;
    reached bigint;
BEGIN
    IF NOT pg_try_advisory_xact_lock(hashtextextended(current_schema() || '.tune_cells.' || sketches, 0)) THEN
        RETURN NULL;
    END IF;
    IF after = 0 AND cells_due(kind, space_id) THEN
        PERFORM train_cells(kind, space_id);
        RETURN 0;
    END IF;
    EXECUTE format('SELECT EXISTS (SELECT FROM %I s WHERE s.cell_id < $1)', sketches)
    INTO behind USING first_cell(kind, space_id);
    IF behind THEN
        reached := assign_cells(kind, space_id, after);
    END IF;
    IF reached IS NULL THEN
        PERFORM forget_cells(kind, space_id);
    END IF;
    RETURN reached;
END $$;

-- All of it at once, for whoever has no worker: psql, a bulk load, a benchmark.
CREATE OR REPLACE FUNCTION tune_search(name text DEFAULT NULL) RETURNS void
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    target integer := (SELECT s.space_id FROM search_space(name) s);
    kind text;
    after bigint;
BEGIN
    FOREACH kind IN ARRAY '{image,caption}'::text[] LOOP
        after := 0;
        WHILE after IS NOT NULL LOOP
            after := tune_cells(kind, target, after);
        END LOOP;
    END LOOP;
END $$;
COMMENT ON FUNCTION tune_search IS 'Train the cells of a space where they are due and sort its sketches into them, as a worker does by itself.';
