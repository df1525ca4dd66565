-- Cells: small parts of a space, in districts, in regions, so that a search reads the vectors near it and no others.

-- The district of a cell can be told from its number.
CREATE OR REPLACE FUNCTION district_of(cell_id integer) RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN cell_id >> 8;

-- The cell of a vector (an expression): the nearest in the two nearest districts of the two nearest regions of the
-- last training.
CREATE OR REPLACE FUNCTION nearest_cell_sql(kind text, space_id integer, vector text) RETURNS text
LANGUAGE sql STABLE SET search_path FROM CURRENT AS $$
    SELECT replace(replace(replace(
        'SELECT c.cell_id FROM ('
        'SELECT d.cell_id FROM ('
        'SELECT r.cell_id FROM cell r WHERE <of> AND r.parent_id = 0 AND r.generation = <newest> ORDER BY r.centroid <nearest> LIMIT 2) r '
        'CROSS JOIN LATERAL (SELECT x.cell_id, x.centroid <nearest> AS distance FROM cell x WHERE <of> AND x.parent_id = r.cell_id OFFSET 0) d '
        'ORDER BY d.distance LIMIT 2) d '
        'CROSS JOIN LATERAL (SELECT x.cell_id, x.centroid <nearest> AS distance FROM cell x WHERE <of> AND x.parent_id = d.cell_id OFFSET 0) c '
        'ORDER BY c.distance LIMIT 1',
        '<of>', format('space_id = %s AND kind = %L', space_id, kind)),
        '<nearest>', format('OPERATOR(%I.<#>) %s', vector_schema(), vector)),
        '<newest>', (SELECT coalesce(max(g.generation), 0)::text FROM cell_generation g
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

-- Lloyd's algorithm on the unit sphere, below each parent on its own: the centroids of cell_draft become the mean
-- of the samples nearest to them, of the first so many of each parent.
CREATE OR REPLACE FUNCTION train_level(rounds integer, samples_of_each integer) RETURNS void
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    FOR round IN 1 .. rounds LOOP
        EXECUTE 'CREATE TEMP TABLE cell_next ON COMMIT DROP AS '
            'SELECT n.parent_id, n.place, l2_normalize(avg(s.embedding)) AS centroid FROM cell_sample s '
            'CROSS JOIN LATERAL (SELECT c.parent_id, c.place FROM cell_draft c WHERE c.parent_id = s.parent_id '
            'ORDER BY c.centroid <#> s.embedding LIMIT 1) n WHERE s.place <= $1 GROUP BY 1, 2' USING samples_of_each;
        EXECUTE 'TRUNCATE cell_draft';
        EXECUTE 'INSERT INTO cell_draft SELECT * FROM cell_next WHERE l2_norm(centroid) > 0.5';
        EXECUTE 'DROP TABLE cell_next';
        EXECUTE 'ANALYZE cell_draft';
    END LOOP;
END $$;

-- Trains a new generation: cells of some 32 vectors each, some 8 to a district, on a sample of four to a cell.
CREATE OR REPLACE FUNCTION train_cells(kind text, space_id integer) RETURNS integer
LANGUAGE plpgsql SET search_path FROM CURRENT SET client_min_messages = error SET jit = off SET enable_seqscan = off AS $$
DECLARE
    vectors text := format('%s_vector_%s', kind, space_id);
    total bigint;
    wanted integer[];
    samples integer;
    made integer;
    number integer;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended(current_schema() || '.train_cells.' || vectors, 0));
    EXECUTE format('SELECT count(*) FROM %I', vectors) INTO total;
    wanted[3] := greatest(total / 32, 16);
    wanted[2] := ceil(wanted[3] / 8.0);
    wanted[1] := ceil(sqrt(wanted[2]));
    made := coalesce((SELECT max(g.generation) FROM cell_generation g
        WHERE g.space_id = train_cells.space_id AND g.kind = train_cells.kind), 0) + 1;
    PERFORM forget_placing();
    INSERT INTO cell_generation (space_id, kind, generation, trained_on) VALUES (train_cells.space_id, train_cells.kind, made, total);
    EXECUTE format('CREATE TEMP TABLE cell_sample ON COMMIT DROP AS SELECT 0 AS parent_id, row_number() OVER (ORDER BY hashint8(v.product_id)) AS place, '
        'v.embedding FROM %I v TABLESAMPLE BERNOULLI (%s) REPEATABLE (%s)',
        vectors, least(100, 100.0 * 4 * wanted[3] / greatest(total, 1)), made);
    EXECUTE 'SELECT count(*) FROM cell_sample' INTO samples;
    EXECUTE 'CREATE TEMP TABLE cell_draft (parent_id integer, place bigint, centroid halfvec) ON COMMIT DROP';
    EXECUTE 'CREATE INDEX ON cell_draft (parent_id)';
    FOR level IN 1 .. 3 LOOP
        EXECUTE 'TRUNCATE cell_draft';
        -- As many below a parent as its share of the samples asks for, and as a district has numbers for.
        EXECUTE 'INSERT INTO cell_draft SELECT s.parent_id, s.place, s.embedding '
            'FROM (SELECT x.*, count(*) OVER (PARTITION BY x.parent_id) AS all_of_it FROM cell_sample x) s '
            'WHERE s.place <= greatest(1, least(255, round(s.all_of_it * $1 / $2::real)))' USING wanted[level], samples;
        EXECUTE 'ANALYZE cell_draft';
        PERFORM train_level(CASE level WHEN 3 THEN 3 ELSE 5 END, (ARRAY[100 * wanted[1], 80 * wanted[2] / wanted[1], samples])[level]);
        number := district_of(next_cell_id(kind, space_id) - 1) + 1;
        EXECUTE format('INSERT INTO cell (space_id, kind, cell_id, parent_id, generation, centroid) '
            'SELECT $1, $2, %s, d.parent_id, $3, d.centroid FROM cell_draft d ORDER BY d.parent_id, d.place',
            CASE level WHEN 3 THEN 'd.parent_id + row_number() OVER (PARTITION BY d.parent_id ORDER BY d.place)'
                 ELSE format('(%s + row_number() OVER (ORDER BY d.parent_id, d.place)) * 256', number) END)
        USING space_id, kind, made;
        EXECUTE 'ANALYZE cell';  -- passed over where it is another role's
        EXIT WHEN level = 3;
        EXECUTE 'CREATE TEMP TABLE cell_below ON COMMIT DROP AS '
            'SELECT n.cell_id AS parent_id, row_number() OVER (PARTITION BY n.cell_id ORDER BY s.place) AS place, s.embedding '
            'FROM cell_sample s CROSS JOIN LATERAL (SELECT c.cell_id FROM cell c '
            'WHERE c.space_id = $1 AND c.kind = $2 AND c.parent_id = s.parent_id AND c.generation = $3 '
            'ORDER BY c.centroid <#> s.embedding LIMIT 1) n' USING space_id, kind, made;
        EXECUTE 'DROP TABLE cell_sample';
        EXECUTE 'ALTER TABLE cell_below RENAME TO cell_sample';
    END LOOP;
    -- A centre that moved away from all its samples has nothing below it, and nothing could lie there.
    FOR level IN 1 .. 2 LOOP
        DELETE FROM cell c WHERE c.space_id = train_cells.space_id AND c.kind = train_cells.kind AND c.generation = made
          AND c.cell_id = district_of(c.cell_id) << 8 AND NOT EXISTS (
            SELECT FROM cell b WHERE b.space_id = c.space_id AND b.kind = c.kind AND b.parent_id = c.cell_id);
    END LOOP;
    EXECUTE 'DROP TABLE cell_sample, cell_draft';
    RETURN made;
END $$;

-- Numbers are never used twice: a sketch may still hold one whose cell is gone.
CREATE OR REPLACE FUNCTION next_cell_id(kind text, space_id integer) RETURNS integer
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
DECLARE
    highest integer;
BEGIN
    EXECUTE format('SELECT max(s.cell_id) FROM %I s', format('%s_sketch_%s', kind, space_id)) INTO highest;
    RETURN greatest(highest, (SELECT max(c.cell_id) FROM cell c
        WHERE c.space_id = next_cell_id.space_id AND c.kind = next_cell_id.kind), 0) + 1;
END $$;

-- Moves the sketches of the next products after one into the newest cells; returns the last product, NULL at the end.
CREATE OR REPLACE FUNCTION assign_cells(kind text, space_id integer, after bigint, rows_at_once integer DEFAULT 2000) RETURNS bigint
LANGUAGE plpgsql SET search_path FROM CURRENT SET jit = off SET enable_seqscan = off SET gin_pending_list_limit = '256kB' AS $$
DECLARE
    sketches text := format('%s_sketch_%s', kind, space_id);
    batch bigint[];
BEGIN
    PERFORM pg_advisory_xact_lock(place_lock());
    EXECUTE format('SELECT array_agg(b.product_id) FROM (SELECT s.product_id FROM %I s WHERE s.product_id > $1 '
        'ORDER BY s.product_id LIMIT $2) b', sketches) INTO batch USING after, rows_at_once;
    EXECUTE format(
        'WITH moved AS (UPDATE %1$I s SET cell_id = n.cell_id FROM (SELECT DISTINCT unnest($1)) b (product_id) '
        'CROSS JOIN LATERAL (SELECT x.product_id, x.%2$I, x.embedding FROM %3$I x WHERE x.product_id = b.product_id OFFSET 0) e '
        'CROSS JOIN LATERAL (%4$s) n '
        'WHERE s.product_id = e.product_id AND s.%2$I = e.%2$I AND s.cell_id < $2 RETURNING s.*) INSERT INTO %5$I %6$s',
        sketches, kind || '_id', format('%s_vector_%s', kind, space_id), nearest_cell_sql(kind, space_id, 'e.embedding'),
        format('%s_price_%s', kind, space_id), placed_prices_sql(kind, 'moved'))
    USING batch, first_cell(kind, space_id);
    RETURN batch[cardinality(batch)];
END $$;

-- Whether a space is due to be trained by a worker, and by which numbers: whoever asks holds the training until the transaction ends.
CREATE OR REPLACE FUNCTION next_training(
    kind text, space_id integer, OUT due boolean, OUT total bigint, OUT generation integer, OUT district integer
)
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
#variable_conflict use_variable
DECLARE
    vectors text := format('%s_vector_%s', kind, space_id);
BEGIN
    due := pg_try_advisory_xact_lock(hashtextextended(current_schema() || '.train_cells.' || vectors, 0)) AND cells_due(kind, space_id);
    IF NOT due THEN RETURN; END IF;
    EXECUTE format('SELECT count(*) FROM %I', vectors) INTO total;
    generation := coalesce((SELECT max(g.generation) FROM cell_generation g
        WHERE g.space_id = next_training.space_id AND g.kind = next_training.kind), 0) + 1;
    PERFORM forget_placing();
    INSERT INTO cell_generation (space_id, kind, generation, trained_on) VALUES (space_id, kind, generation, total);
    district := district_of(next_cell_id(kind, space_id) - 1) + 1;
END $$;

-- Moves the sketches of some vectors into cells that a worker chose, in that order, beside another batch of the same worker; false while anybody else is at it. Of what was trained
-- or written since nothing is moved, nor what another has locked: whoever locks several does so in the order of their keys.
CREATE OR REPLACE FUNCTION place_sketches(kind text, space_id integer, products bigint[], items bigint[], cells integer[]) RETURNS boolean
LANGUAGE plpgsql SET search_path FROM CURRENT SET jit = off SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off
SET gin_pending_list_limit = '1MB' AS $$
DECLARE
    sketches text := format('%s_sketch_%s', kind, space_id);
BEGIN
    IF NOT pg_try_advisory_xact_lock_shared(hashtextextended(current_schema() || '.tune_cells.' || sketches, 0)) THEN RETURN false; END IF;
    PERFORM pg_advisory_xact_lock_shared(place_lock());
    -- Each by its key: where statistics tell of other rows, all that lies in the cells before would be compared with each.
    EXECUTE format('WITH free AS MATERIALIZED (SELECT s.found_at, n.cell_id FROM unnest($1, $2, $3) n (product_id, item_id, cell_id) '
        'CROSS JOIN LATERAL (SELECT s.ctid AS found_at, s.cell_id FROM %1$I s WHERE s.product_id = n.product_id AND s.%2$I = n.item_id OFFSET 0 FOR NO KEY UPDATE SKIP LOCKED) s '
        'WHERE s.cell_id < $4 AND n.cell_id >= $4), moved AS ('
        'UPDATE %1$I s SET cell_id = f.cell_id FROM free f WHERE s.ctid = f.found_at RETURNING s.*) '
        'INSERT INTO %3$I SELECT p.* FROM (%4$s) p ORDER BY 1, 2', sketches, kind || '_id', format('%s_price_%s', kind, space_id), placed_prices_sql(kind, 'moved'))
    USING products, items, cells, first_cell(kind, space_id);
    RETURN true;
END $$;

-- After a large load: entries that wait to be indexed, which every search reads.
CREATE OR REPLACE FUNCTION index_sketches(kind text, space_id integer) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    PERFORM gin_clean_pending_list(to_regclass(format('%I', format('%s_sketch_%s_%s_idx', kind, space_id, i.indexed))))
    FROM unnest('{terms,placed}'::text[]) i (indexed);
END $$;

-- Whether nobody is left who began before the last training and may know only the cells before.
CREATE OR REPLACE FUNCTION cells_settled(kind text, space_id integer) RETURNS boolean
LANGUAGE sql STABLE SET search_path FROM CURRENT AS $$
    SELECT coalesce(max(g.made_by) < pg_snapshot_xmin(pg_current_snapshot())::text::bigint, false) FROM cell_generation g
    WHERE g.space_id = cells_settled.space_id AND g.kind = cells_settled.kind
$$;

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
    IF in_use OR NOT pg_try_advisory_xact_lock(place_lock()) THEN RETURN false; END IF;
    DELETE FROM cell_generation g
    WHERE g.space_id = forget_cells.space_id AND g.kind = forget_cells.kind AND g.generation < newest.generation;
    EXECUTE format('DELETE FROM %I p WHERE p.district < $1', format('%s_price_%s', kind, space_id)) USING district_of(first);
    RETURN true;
END $$;

-- Whether the cells should be trained: there are enough vectors for cells, and none yet, or for half as many. What came since the last training
-- lies in the order in which it came, and lists are read from all over the table.
CREATE OR REPLACE FUNCTION cells_due(kind text, space_id integer) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
DECLARE
    least_due bigint := greatest(5000, 1 + 2 * (SELECT g.trained_on FROM cell_generation g
        WHERE g.space_id = cells_due.space_id AND g.kind = cells_due.kind ORDER BY g.generation DESC LIMIT 1));
    total bigint := rows_of(format('%s_sketch_%s', kind, space_id), 200);
BEGIN
    IF total >= least_due THEN
        -- A table may have room for many more rows than are in it.
        EXECUTE format('SELECT count(*) FROM %I', format('%s_vector_%s', kind, space_id)) INTO total;
    END IF;
    RETURN total >= least_due;
END $$;

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

-- Where sketches say that their vectors lie is wrong once a dump is restored, or the table of vectors written anew: searches find them by key then, which
-- takes longer. One step of what mends it, if a sample says that it is due: the sketches on the next pages; call it with what it returned until it returns NULL.
CREATE OR REPLACE FUNCTION locate_vectors(kind text, space_id integer, after bigint DEFAULT 0, pages integer DEFAULT 50) RETURNS bigint
LANGUAGE plpgsql SET search_path FROM CURRENT SET enable_hashjoin = off SET enable_mergejoin = off SET gin_pending_list_limit = '256kB' AS $$
DECLARE
    sketches CONSTANT text := format('%s_sketch_%s', kind, space_id);
    vectors CONSTANT text := format('%s_vector_%s', kind, space_id);
    upto CONSTANT bigint := after + pages;
    moved double precision;
BEGIN
    IF after = 0 THEN
        EXECUTE format('SELECT avg((v.found IS NULL)::integer) FROM (SELECT s.product_id, s.%1$I, s.vector_at FROM %3$s LIMIT 250) s LEFT JOIN LATERAL ('
            'SELECT true AS found FROM %2$I v WHERE v.ctid = s.vector_at AND v.product_id = s.product_id AND v.%1$I = s.%1$I OFFSET 0) v ON true',
            kind || '_id', vectors, search_sampled_sql(kind, space_id, greatest(rows_of(sketches, 200), 1))) INTO moved;
        IF coalesce(moved, 0) <= 0.1 THEN RETURN NULL; END IF;
    END IF;
    IF NOT pg_try_advisory_xact_lock(hashtextextended(current_schema() || '.tune_cells.' || sketches, 0)) OR NOT pg_try_advisory_xact_lock(place_lock()) THEN RETURN NULL; END IF;
    -- Nobody is waited for, as when sketches are placed. What another writes meanwhile is found by its key until the next time.
    EXECUTE format('WITH free AS MATERIALIZED (SELECT s.ctid AS found_at, s.product_id, s.%3$I, v.vector_at FROM %1$I s CROSS JOIN LATERAL ('
        'SELECT x.ctid AS vector_at FROM %2$I x WHERE x.product_id = s.product_id AND x.%3$I = s.%3$I OFFSET 0) v '
        'WHERE s.ctid >= %4$L AND s.ctid < %5$L AND s.vector_at IS DISTINCT FROM v.vector_at FOR NO KEY UPDATE OF s SKIP LOCKED), '
        'placed AS (UPDATE %6$I p SET vector_at = f.vector_at FROM free f WHERE p.product_id = f.product_id AND p.%3$I = f.%3$I) '
        'UPDATE %1$I s SET vector_at = f.vector_at FROM free f WHERE s.ctid = f.found_at',
        sketches, vectors, kind || '_id', format('(%s,0)', after), format('(%s,0)', upto), format('%s_price_%s', kind, space_id));
    RETURN CASE WHEN upto < pg_relation_size(to_regclass(quote_ident(sketches))) / current_setting('block_size')::integer THEN upto END;
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
        after := 0;
        WHILE after IS NOT NULL LOOP
            after := locate_vectors(kind, target, after);
        END LOOP;
    END LOOP;
    PERFORM place_noted();
END $$;
COMMENT ON FUNCTION tune_search IS 'Train the cells of a space where they are due and sort its sketches into them, as a worker does by itself.';
