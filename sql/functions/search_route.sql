-- The router: how an arm finds its rows, from a sample of the sketches.

-- The plans:
--   scan   every sketch, of a small table
--   list   the sketches that an index lists for the filter: by terms or by prices
--   cells  those of them in the cells nearest to the query, of which there are enough
--   hnsw   the nearest by the HNSW index, and a second opinion from the nearest cells: the graph alone leaves
--          some queries with nothing right
-- Costs are microseconds, measured per row (docs/discussions.md).
CREATE OR REPLACE FUNCTION search_route(
    kind text, space_id integer, vector halfvec, filter search_filter, wanted integer
) RETURNS search_route
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
DECLARE
    small CONSTANT bigint := 4000;
    broad CONSTANT double precision := 0.2;
    enough CONSTANT bigint := 2000 + 50 * wanted;
    checks CONSTANT double precision := 3 * (60 + 4 * wanted);
    sketches text := format('%s_sketch_%s', kind, space_id);
    has_hnsw boolean := search_has_index(kind, space_id);
    has_cells boolean := EXISTS (SELECT FROM cell_generation g
        WHERE g.space_id = search_route.space_id AND g.kind = search_route.kind);
    route search_route;
    sample record;
    by_terms double precision;
    by_prices double precision;
    by_cells double precision;
BEGIN
    route.total := rows_of(sketches, 200);
    route.source := 'sketches';
    route.pass := 1;
    IF route.total < small THEN
        route.plan := 'scan';
        RETURN route;
    ELSIF (filter).is_empty THEN
        route.share := 1;
        route.matching := route.total;
    ELSE
        sample := search_sample(kind, space_id, vector, filter, route.total, enough);
        route.share := sample.hits::double precision / greatest(sample.seen, 1) * sample.pass;
        route.matching := route.share * route.total;
    END IF;
    IF route.share >= broad AND (has_hnsw OR has_cells) THEN
        route.plan := CASE WHEN has_hnsw THEN 'hnsw' ELSE 'cells' END;
        route.pass := route.share;
        IF has_cells THEN
            route.cells := search_nearest_cells(kind, space_id, vector, route.total,
                (CASE WHEN has_hnsw THEN enough ELSE 2 * enough END) / route.share, NULL);
        END IF;
        RETURN route;
    END IF;
    -- Of the rows listed by terms, or by prices, so many pass the whole filter.
    route.pass := (sample.hits + 0.5) / (sample.by_terms + 0.5) * sample.pass;
    by_terms := CASE WHEN (filter).terms IS NULL THEN 0.25 * route.total
                     ELSE 0.4 * route.total * (sample.by_terms + 1) / greatest(sample.seen, 1) END + checks / route.pass;
    by_prices := CASE WHEN (filter).prices IS NULL THEN 'Infinity'
                      ELSE 1.2 * route.total * (sample.hits + 1) / greatest(sample.by_terms, 1) END;
    by_cells := CASE WHEN has_cells AND sample.radius IS NOT NULL
                     THEN 1500 + 0.2 * enough / route.share + checks / route.pass ELSE 'Infinity' END;
    route.plan := 'list';
    IF by_cells < least(by_terms, by_prices) THEN
        route.plan := 'cells';
        route.cells := search_nearest_cells(kind, space_id, vector, route.total,
            enough / route.share, sample.radius);
    ELSIF by_prices < by_terms THEN
        route.source := 'prices';
        route.pass := sample.pass;
    END IF;
    RETURN route;
END $$;

-- About 1,500 sketches, always the same ones: how many have the filter's terms, how many of these its prices,
-- which part of those passes the whole filter, and how far around the query as many lie as should be read.
CREATE OR REPLACE FUNCTION search_sample(
    kind text, space_id integer, vector halfvec, filter search_filter, total bigint, enough bigint,
    OUT seen integer, OUT by_terms integer, OUT hits integer, OUT pass double precision, OUT radius double precision
)
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
DECLARE
    item text := CASE kind WHEN 'image' THEN 'i' ELSE 't' END;
    parts integer := least(64, ceil(1500.0 * 64 * 64 / total));
    deep integer;
    rows_hit bigint[];
    items_hit bigint[];
    cells_hit integer[];
BEGIN
    EXECUTE format(
        'SELECT count(*), count(*) FILTER (WHERE x.has_terms), count(*) FILTER (WHERE x.hit), '
        'array_agg(x.cell_id) FILTER (WHERE x.hit), array_agg(x.product_id) FILTER (WHERE x.hit), '
        'array_agg(x.%1$I) FILTER (WHERE x.hit) FROM (SELECT x.*, x.has_terms AND %4$s AS hit FROM ('
        'SELECT s.cell_id, s.product_id, s.%1$I, %3$s AS has_terms FROM %2$I s '
        'WHERE (hashint8(s.%1$I) & 63) = 0 AND ((hashint8(s.%1$I) >> 6) & 63) < %5$s OFFSET 0) x OFFSET 0) x',
        kind || '_id', format('%s_sketch_%s', kind, space_id), coalesce((filter).terms, 'true'),
        CASE WHEN (filter).prices IS NULL THEN 'true'
             ELSE format('EXISTS (SELECT FROM variant v WHERE v.product_id = x.product_id AND %s OFFSET 0)', (filter).prices) END,
        parts)
    INTO seen, by_terms, hits, cells_hit, rows_hit, items_hit;
    pass := 1;
    IF hits = 0 THEN RETURN; END IF;
    EXECUTE format('SELECT avg((%s)::integer) FROM (SELECT * FROM unnest($1, $2) %s (product_id, %s_id) LIMIT 48) %s',
        search_check_sql(kind, filter, true, space_id), item, kind, item)
    INTO pass USING rows_hit, items_hit;
    pass := greatest(pass, 0.01);
    -- The sample stands for the rest: the distance within which its share of enough rows lies.
    deep := greatest(ceil(enough / pass * seen / total), 4);
    IF hits > deep THEN
        SELECT c.centroid <#> vector INTO radius FROM unnest(cells_hit) h (cell_id)
        JOIN cell c ON c.space_id = search_sample.space_id AND c.kind = search_sample.kind AND c.cell_id = h.cell_id
        ORDER BY c.centroid <#> vector OFFSET deep LIMIT 1;
    END IF;
END $$;

-- The cells nearest to a vector: within a radius if one is given, else those that hold some number of rows.
CREATE OR REPLACE FUNCTION search_nearest_cells(
    kind text, space_id integer, vector halfvec, total bigint, row_count double precision, radius double precision
) RETURNS integer[]
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
DECLARE
    share double precision := least(row_count / greatest(total, 1), 1);
    parents integer := (SELECT count(*) FROM cell c WHERE c.space_id = search_nearest_cells.space_id
        AND c.kind = search_nearest_cells.kind AND c.parent_id IS NULL);
    trained_on bigint := (SELECT max(g.trained_on) FROM cell_generation g WHERE g.space_id = search_nearest_cells.space_id
        AND g.kind = search_nearest_cells.kind);
BEGIN
    -- Cell 0 is of vectors that have none yet.
    RETURN (SELECT 0 || array_agg(n.cell_id) FROM (
        SELECT c.cell_id FROM (
            SELECT p.cell_id FROM cell p WHERE p.space_id = search_nearest_cells.space_id
              AND p.kind = search_nearest_cells.kind AND p.parent_id IS NULL
            ORDER BY p.centroid <#> vector LIMIT least(parents, 16 + ceil(3 * share * parents))) p
        CROSS JOIN LATERAL (SELECT x.cell_id, x.centroid <#> vector AS distance FROM cell x
            WHERE x.space_id = search_nearest_cells.space_id AND x.kind = search_nearest_cells.kind
              AND x.parent_id = p.cell_id OFFSET 0) c
        WHERE radius IS NULL OR c.distance <= radius
        ORDER BY c.distance
        LIMIT CASE WHEN radius IS NULL THEN ceil(share * trained_on / 32) END) n);
END $$;

-- HNSW serves a table that is too large to read whole and whose index is usable.
CREATE OR REPLACE FUNCTION search_has_index(kind text, space_id integer) RETURNS boolean
LANGUAGE sql STABLE SET search_path FROM CURRENT AS $$
    SELECT EXISTS (
        SELECT FROM pg_index x JOIN pg_class c ON c.oid = x.indexrelid JOIN pg_am a ON a.oid = c.relam
        WHERE x.indrelid = to_regclass(format('%s_vector_%s', kind, space_id))
          AND a.amname = 'hnsw' AND x.indisvalid AND x.indpred IS NULL)
$$;
