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
    enough CONSTANT bigint := 6000 + 100 * wanted;  -- matching rows in the cells that are read
    second_opinion CONSTANT bigint := 2000 + 50 * wanted;
    checks CONSTANT double precision := 8 * search_row_limit(wanted);
    has_hnsw boolean := search_has_index(kind, space_id);
    has_cells boolean := EXISTS (SELECT FROM cell_generation g
        WHERE g.space_id = search_route.space_id AND g.kind = search_route.kind);
    route search_route;
    sample record;
    by_terms double precision;
    by_prices double precision := 'Infinity';
    by_cells double precision := 'Infinity';
    unlisted boolean;
BEGIN
    route.total := rows_of(format('%s_sketch_%s', kind, space_id), 200);
    route.source := 'sketches';
    route.pass := 1;
    route.share := 1;
    IF route.total < small THEN
        route.plan := 'scan';
        route.pass := CASE WHEN (filter).is_empty OR (filter).prices IS NULL THEN 1 ELSE 0.1 END;
        RETURN route;
    ELSIF NOT (filter).is_empty THEN
        sample := search_sample(kind, space_id, vector, filter, route.total, enough);
        route.pass := sample.pass;
        route.share := sample.by_terms::double precision / greatest(sample.seen, 1) * sample.pass;
    END IF;
    route.matching := route.share * route.total;
    IF route.share >= (CASE WHEN (filter).terms IS NULL THEN 0.15 ELSE 0.5 END) AND (has_hnsw OR has_cells) THEN
        route.plan := CASE WHEN has_hnsw THEN 'hnsw' ELSE 'cells' END;
        route.source := 'cells';
        route.pass := route.share;
        IF has_cells THEN
            route.cells := search_nearest_cells(kind, space_id, vector, route.total,
                (CASE WHEN has_hnsw THEN second_opinion ELSE enough END) / route.share, NULL);
        END IF;
        RETURN route;
    END IF;
    by_terms := checks / route.pass + CASE WHEN (filter).terms IS NULL THEN 0.25 * route.total
        ELSE 0.4 * route.total * (sample.by_terms + 1) / greatest(sample.seen, 1) END;
    IF has_cells AND sample.radius IS NOT NULL THEN
        -- Where many rows have the terms, every row of the cells is read and checked later; else the indexes of terms
        -- and of cells are joined.
        unlisted := (filter).terms IS NULL OR route.share > 0.15;
        by_cells := 1500 + CASE WHEN unlisted THEN checks / route.share + 0.2 * enough / route.share
            ELSE (checks + 0.02 * route.matching + 0.6 * enough) / route.pass + 0.08 * enough / route.share END;
    END IF;
    IF (filter).prices IS NOT NULL THEN
        by_prices := 1.5 * search_price_count(filter, (least(by_terms, by_cells) / 1.5)::bigint);
    END IF;
    route.plan := 'list';
    IF by_cells < least(by_terms, by_prices) THEN
        route.plan := 'cells';
        route.cells := search_nearest_cells(kind, space_id, vector, route.total, enough / route.share, sample.radius);
        IF unlisted THEN
            route.source := 'cells';
            route.pass := route.share;
        END IF;
    ELSIF by_prices < by_terms THEN
        route.source := 'prices';
        route.pass := 0.5;
    END IF;
    RETURN route;
END $$;

-- Where the graph and the nearest cells had too little that passes: the cells within which enough has the
-- filter's terms, or, where there are none, more and more of the nearest; all of it in the end.
CREATE OR REPLACE FUNCTION search_route_further(
    kind text, space_id integer, vector halfvec, filter search_filter, wanted integer, before search_route, attempts integer
) RETURNS search_route
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
DECLARE
    route search_route := before;
    sample record;
BEGIN
    route.source := 'sketches';
    route.plan := 'list';
    route.cells := NULL;
    route.pass := 1;
    IF (filter).terms IS NOT NULL THEN
        sample := search_sample(kind, space_id, vector, filter, route.total, 6000 + 100 * wanted);
        IF sample.radius IS NOT NULL THEN
            route.plan := 'cells';
            route.pass := sample.pass;
            route.cells := search_nearest_cells(kind, space_id, vector, route.total, route.total, sample.radius);
        END IF;
    ELSIF attempts < 3 AND cardinality(before.cells) > 0 THEN
        route.plan := 'hnsw';
        route.source := 'cells';
        route.pass := before.pass / 2;
        route.cells := search_nearest_cells(kind, space_id, vector, route.total,
            (5 ^ attempts) * (2000 + 50 * wanted) / route.share, NULL);
    END IF;
    RETURN route;
END $$;

-- How many rows are compared by their vectors before the best of them are trusted.
CREATE OR REPLACE FUNCTION search_row_limit(wanted integer) RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN 120 + 6 * wanted;

-- About 1,500 sketches, always the same ones: how many have the filter's terms, which part of some of these
-- passes the whole filter, and how far around the query as many lie as should be read.
CREATE OR REPLACE FUNCTION search_sample(
    kind text, space_id integer, vector halfvec, filter search_filter, total bigint, enough bigint,
    OUT seen integer, OUT by_terms integer, OUT pass double precision, OUT radius double precision
)
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
DECLARE
    item text := CASE kind WHEN 'image' THEN 'i' ELSE 't' END;
    parts integer := least(64, ceil(1500.0 * 64 * 64 / total));
    deep integer;
    cells_hit integer[];
BEGIN
    EXECUTE format(
        'WITH s AS MATERIALIZED (SELECT s.cell_id, s.product_id, s.%1$I, %3$s AS hit FROM %2$I s '
        'WHERE (hashint8(s.%1$I) & 63) = 0 AND cardinality(s.terms) < 300 AND ((hashint8(s.%1$I) >> 6) & 63) < %4$s) '
        'SELECT count(*), count(*) FILTER (WHERE s.hit), array_agg(s.cell_id) FILTER (WHERE s.hit), '
        '(SELECT (count(*) FILTER (WHERE %5$s) + 0.25) / (count(*) + 0.25) FROM (SELECT * FROM s WHERE s.hit LIMIT 64) %6$s) FROM s',
        kind || '_id', format('%s_sketch_%s', kind, space_id), coalesce((filter).terms, 'true'),
        parts, search_check_sql(kind, filter, true, space_id), item)
    INTO seen, by_terms, cells_hit, pass;
    -- The sample stands for the rest: the distance within which its share of enough rows lies.
    deep := greatest(ceil(enough / pass * seen / total), 4);
    IF by_terms > deep THEN
        SELECT c.centroid <#> vector INTO radius FROM unnest(cells_hit) h (cell_id)
        JOIN cell c ON c.space_id = search_sample.space_id AND c.kind = search_sample.kind AND c.cell_id = h.cell_id
        ORDER BY c.centroid <#> vector OFFSET deep LIMIT 1;
    END IF;
END $$;

-- How many variants have such a price; infinitely many if more than asked for.
CREATE OR REPLACE FUNCTION search_price_count(filter search_filter, most bigint) RETURNS double precision
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
DECLARE
    counted bigint;
BEGIN
    EXECUTE concat('SELECT count(*) FROM (SELECT v.product_id FROM variant v WHERE ', (filter).prices, ' LIMIT ', most, ') v')
    INTO counted;
    RETURN CASE WHEN counted < most THEN counted ELSE 'Infinity'::double precision END;
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
