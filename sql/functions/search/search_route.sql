-- The router: how an arm finds its rows, from a sample of the sketches.

-- The plans:
--   exact      every vector that an index lists for the filter, or of a small table: where these are few, or where
--              the order of sketches says too little
--   scan       every sketch, of a table that is not large
--   list       the sketches that an index lists for the filter: by terms, by products of such prices, or by prices that are placed
--   districts  those that have the filter's terms or prices in the districts nearest to the query, of which there are enough
--   cells      every sketch of the cells nearest to the query, checked one after the other
--   hnsw       the nearest by the HNSW index, and a second opinion from the nearest cells: the graph alone leaves
--              some queries with nothing right
-- Costs are microseconds, measured per row (docs/discussions.md).
CREATE OR REPLACE FUNCTION search_route(
    kind text, space_id integer, vector halfvec, filter search_filter, wanted integer
) RETURNS search_route
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
DECLARE
    small CONSTANT bigint := 4000;
    second_opinion double precision;  -- so many matching rows
    has_hnsw boolean := false;
    has_cells boolean := false;
    others_cost CONSTANT double precision := 1200;  -- what districts and cells cost at the least
    check_cost double precision := CASE WHEN (filter).terms_alone THEN 2 ELSE 4 END;
    price_cost double precision := CASE WHEN (filter).terms IS NULL THEN 2.8 ELSE 2 END;
    priced bigint;
    checks double precision;  -- what it costs to check so many that enough pass
    enough double precision;
    by_terms double precision;
    by_prices double precision := 'Infinity';
    by_cells double precision := 'Infinity';
    by_districts double precision := 'Infinity';
    is_placed boolean := false;  -- prices are, and they alone list what the filter keeps
    near integer;
    listed double precision;  -- rows that have the filter's terms
    share_near double precision;
    by_near double precision := 'Infinity';
    route search_route;
    sample record;
BEGIN
    route.total := rows_of(format('%s_sketch_%s', kind, space_id), 200);
    route.source := 'sketches';
    route.pass := 1;
    route.share := 1;
    IF route.total < small THEN
        route.plan := CASE WHEN (filter).prices IS NULL THEN 'scan' ELSE 'list' END;
        route.source := CASE WHEN (filter).prices IS NULL THEN 'sketches' ELSE 'prices' END;
        route.pass := CASE WHEN (filter).is_empty OR (filter).terms_alone THEN 1 WHEN (filter).prices IS NULL THEN 0.3 ELSE 0.8 END;
        RETURN route;
    END IF;
    IF (filter).price_condition IS NOT NULL AND (filter).terms IS NULL AND NOT (filter).needs_product AND route.total <= search_small() AND prices_are_placed(kind, space_id) THEN
        -- How many have such a price is told where the query lies, sooner than by a sample of all.
        route := search_in_priced_districts(kind, space_id, vector, filter, wanted, route);
        route.share := route.matching::double precision / route.total;
        IF route.share <= search_priced_most(route.total) THEN RETURN route; END IF;
        route.source := 'sketches';
        route.cells := NULL;
        route.pass := route.share;
    ELSIF NOT (filter).is_empty THEN
        sample := search_sample(kind, space_id, filter, route.total, wanted);
        route.pass := sample.pass;
        route.share := sample.by_terms::double precision / greatest(sample.seen, 1) * sample.pass;
        listed := route.total * (sample.by_terms + 1.0) / greatest(sample.seen, 1);
        near := sample.near;
    END IF;
    route.matching := route.share * route.total;
    enough := search_enough(route.matching, wanted, route.total);
    second_opinion := search_second_opinion(route.share, wanted, route.total)
        -- What neither terms nor prices tell may be scarce where the query lies.
        * CASE WHEN search_is_told(filter) THEN 1 ELSE 1.7 END;
    checks := check_cost * search_row_limit(wanted);
    by_terms := CASE WHEN (filter).terms_alone THEN 0 ELSE checks / route.pass END + CASE WHEN (filter).terms IS NULL
        THEN 0.25 * route.total ELSE 0.4 * listed END;
    IF by_terms > others_cost THEN
        has_hnsw := search_has_index(kind, space_id);
        has_cells := EXISTS (SELECT FROM cell_generation g WHERE g.space_id = search_route.space_id AND g.kind = search_route.kind);
    END IF;
    -- The graph serves what is broad better: its neighbours come from many districts.
    IF has_cells AND near IS NOT NULL AND NOT (has_hnsw AND route.share > 0.15) THEN
        -- Each district is looked up as well.
        by_districts := others_cost + CASE WHEN (filter).terms_alone THEN 0 ELSE checks / route.pass END
            + near / cardinality(sample.cells)::double precision * (0.6 * listed + (2 + 2 * (filter).placed_width) * route.total / 256);
    END IF;
    IF has_cells AND (filter).price_condition IS NOT NULL AND NOT (has_hnsw AND route.share > search_priced_most(route.total)) THEN
        is_placed := prices_are_placed(kind, space_id);
        IF is_placed THEN by_districts := others_cost + least(enough, route.matching) + 3 * route.total / 256 * least(enough / greatest(route.matching, 1), 1); END IF;
    END IF;
    IF route.share > 0 AND (has_hnsw OR has_cells) THEN
        by_cells := others_cost + 800 + checks / route.share + 0.35 * CASE WHEN has_hnsw THEN second_opinion ELSE enough END / route.share;
    END IF;
    -- Where the query lies far more may have the terms than elsewhere: there the graph and few cells find it sooner than lists of all that has them.
    IF has_hnsw AND has_cells AND (filter).terms IS NOT NULL AND route.share < 0.3 AND least(by_districts, by_cells, by_terms) > search_near_least() THEN
        share_near := search_share_near(kind, space_id, vector, filter) * route.pass;
        IF share_near >= 0.3 THEN by_near := search_near_cost(share_near, others_cost, checks, second_opinion); END IF;
        by_cells := least(by_cells, by_near);
    END IF;
    -- The sample is rough: prices are counted unless they are far too many.
    IF is_placed AND search_placed_cost() * route.matching < 3 * least(by_terms, by_cells, by_districts) THEN
        priced := search_count_priced(filter, (least(by_terms, by_cells, by_districts) / search_placed_cost())::bigint);
        by_prices := coalesce(search_placed_cost() * priced, 'Infinity');
    ELSIF NOT is_placed AND (filter).prices IS NOT NULL AND price_cost * route.matching < 4 * least(by_terms, by_cells, by_districts) THEN
        route.products := search_priced(filter, (least(by_terms, by_cells, by_districts) / price_cost)::bigint);
        by_prices := coalesce(price_cost * cardinality(route.products), 'Infinity');
    END IF;
    CASE search_cheapest(by_districts, by_cells, by_prices, by_terms)
        WHEN 'districts' THEN
            IF is_placed THEN
                RETURN search_in_priced_districts(kind, space_id, vector, filter, wanted, route);
            END IF;
            route := search_in_districts(kind, space_id, vector, filter, sample.cells, sample.near, sample.by_terms::double precision / greatest(sample.seen, 1), wanted, route);
            route.plan := coalesce(route.plan, 'list');
        WHEN 'cells' THEN
            route.plan := CASE WHEN has_hnsw THEN 'hnsw' ELSE 'cells' END;
            route.source := 'cells';
            route.pass := CASE WHEN by_near <= by_cells THEN share_near ELSE route.share END;
            IF has_cells THEN
                route.cells := search_nearest_cells(kind, space_id, vector, route.total,
                    (CASE WHEN has_hnsw THEN second_opinion ELSE enough END) / route.pass);
            END IF;
        WHEN 'prices' THEN
            route.plan := 'list';
            route.source := CASE WHEN is_placed THEN 'placed' ELSE 'prices' END;
            route.matching := coalesce(priced, route.matching);
            route.pass := CASE WHEN (filter).needs_product THEN 0.8 ELSE 0.95 END;  -- little of it fails the rest
        ELSE
            route.plan := 'list';
    END CASE;
    IF route.source <> 'prices' THEN route.products := NULL; END IF;
    RETURN route;
END $$;

-- Of what keeps more by its price, districts know less than the graph: in a small shop, where they alone are listed, what is nearest to some queries lies in others.
CREATE OR REPLACE FUNCTION search_priced_most(total bigint) RETURNS double precision
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path FROM CURRENT
RETURN CASE WHEN total > search_small() THEN 0.3 ELSE 0.2 END;

-- The choice alone, so that a benchmark can put another in its place.
CREATE OR REPLACE FUNCTION search_cheapest(
    by_districts double precision, by_cells double precision, by_prices double precision, by_terms double precision
) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE least(by_districts, by_cells, by_prices, by_terms)
    WHEN by_districts THEN 'districts' WHEN by_cells THEN 'cells' WHEN by_prices THEN 'prices' ELSE 'terms' END;

-- Where the graph and the nearest cells had too little that passes: the districts within which enough has the
-- filter's terms, or, where there are none, as many cells as this neighbourhood asks for; all of it in the end.
CREATE OR REPLACE FUNCTION search_route_further(
    kind text, space_id integer, vector halfvec, filter search_filter, wanted integer, before search_route,
    passing bigint, looked_at bigint, attempts integer
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
    IF cardinality(before.cells) > 0 AND (filter).placed IS NOT NULL THEN
        sample := search_sample(kind, space_id, filter, route.total, wanted);
        route := search_in_districts(kind, space_id, vector, filter, sample.cells, sample.near, sample.by_terms::double precision / greatest(sample.seen, 1), wanted, route);
        IF route.plan = 'districts' THEN route.pass := sample.pass; END IF;
    ELSIF cardinality(before.cells) > 0 AND attempts < 3 THEN
        route.pass := (passing + 0.5) / (looked_at + 1);
        route.source := 'cells';
        IF before.plan = 'hnsw' AND attempts = 1 AND route.pass >= 0.06 THEN
            -- The graph again, and as much beside it as if the whole passed no more of it than what is near.
            route.plan := 'hnsw';
            route.share := route.pass;
        ELSE
            route.plan := 'cells';
        END IF;
        route.cells := search_nearest_cells(kind, space_id, vector, route.total,
            CASE route.plan WHEN 'hnsw' THEN search_second_opinion(route.pass, wanted, route.total) ELSE attempts * (3000 + 60 * wanted) END / route.pass);
    END IF;
    RETURN route;
END $$;

-- Where the best of some districts or cells hardly differ from the rest of them, or lie at the edge of them: so many districts more that four
-- times as much has the filter's terms, and all of it the next time.
CREATE OR REPLACE FUNCTION search_route_wider(
    kind text, space_id integer, vector halfvec, filter search_filter, wanted integer, before search_route, attempts integer
) RETURNS search_route
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
DECLARE
    route search_route := before;
    sample record;
    around integer[];
BEGIN
    route.near := NULL;
    IF search_is_placed(before) AND before.plan = 'districts' AND attempts < 3 THEN
        around := (search_in_priced_districts(kind, space_id, vector, filter, 4 * wanted + 216, before)).cells;
        IF before.cells @> around THEN around := NULL; END IF;
    ELSIF before.plan = 'districts' AND attempts < 3 THEN
        -- Where the graph told the first time that half as many or fewer would do, all of those do now.
        sample := search_sample(kind, space_id, filter, before.total, CASE WHEN before.near IS NULL AND before.reached IS NOT NULL THEN wanted ELSE 4 * wanted + 216 END);
        around := search_nearest_districts(kind, space_id, vector, sample.cells, sample.near);
    END IF;
    IF around IS NOT NULL THEN
        route.cells := before.cells || ARRAY(SELECT unnest(around) EXCEPT SELECT unnest(before.cells));
    ELSE
        route.plan := 'list';
        route.source := CASE WHEN search_is_placed(before) THEN 'placed' ELSE 'sketches' END;
        route.cells := NULL;
        IF (filter).terms IS NOT NULL THEN route.pass := 1; END IF;
    END IF;
    RETURN route;
END $$;

-- The cells nearest to a vector, the nearest first, looked for in so many regions and districts near it.
CREATE OR REPLACE FUNCTION search_cells_around(
    kind text, space_id integer, vector halfvec, regions double precision, districts double precision, cells double precision
) RETURNS integer[]
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
BEGIN
    RETURN (SELECT array_agg(n.cell_id ORDER BY n.distance) FROM (
        SELECT c.cell_id, c.distance FROM (
            SELECT d.cell_id FROM (
                SELECT r.cell_id FROM cell r WHERE r.space_id = search_cells_around.space_id
                  AND r.kind = search_cells_around.kind AND r.parent_id = 0
                ORDER BY r.centroid <#> vector LIMIT regions) r
            CROSS JOIN LATERAL (SELECT x.cell_id, x.centroid <#> vector AS distance FROM cell x
                WHERE x.space_id = search_cells_around.space_id AND x.kind = search_cells_around.kind
                  AND x.parent_id = r.cell_id OFFSET 0) d
            ORDER BY d.distance LIMIT districts) d
        CROSS JOIN LATERAL (SELECT x.cell_id, x.centroid <#> vector AS distance FROM cell x
            WHERE x.space_id = search_cells_around.space_id AND x.kind = search_cells_around.kind
              AND x.parent_id = d.cell_id OFFSET 0) c
        ORDER BY c.distance LIMIT cells) n);
END $$;

-- The cells nearest to a vector that hold some number of rows.
CREATE OR REPLACE FUNCTION search_nearest_cells(
    kind text, space_id integer, vector halfvec, total bigint, row_count double precision
) RETURNS integer[]
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
DECLARE
    share double precision := least(row_count / greatest(total, 1), 1);
    trained_on bigint := (SELECT max(g.trained_on) FROM cell_generation g WHERE g.space_id = search_nearest_cells.space_id
        AND g.kind = search_nearest_cells.kind);
BEGIN
    -- Cell 0 is of vectors that have none yet. There are some 32 vectors to a cell and 8 cells to a district.
    RETURN 0 || search_cells_around(kind, space_id, vector, 20 + ceil(2 * share * sqrt(trained_on / 256.0)), 40 + ceil(2.5 * share * trained_on / 256), ceil(share * trained_on / 32));
END $$;

-- HNSW serves a table that is too large to read whole and whose index is usable.
CREATE OR REPLACE FUNCTION search_has_index(kind text, space_id integer) RETURNS boolean
LANGUAGE sql STABLE SET search_path FROM CURRENT AS $$
    SELECT EXISTS (
        SELECT FROM pg_index x JOIN pg_class c ON c.oid = x.indexrelid JOIN pg_am a ON a.oid = c.relam
        WHERE x.indrelid = to_regclass(format('%s_vector_%s', kind, space_id))
          AND a.amname = 'hnsw' AND x.indisvalid AND x.indpred IS NULL)
$$;
