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
    IF has_cells AND (filter).price_condition IS NOT NULL AND NOT (has_hnsw AND route.share > 0.3) THEN
        is_placed := prices_are_placed(kind, space_id);
        IF is_placed THEN by_districts := others_cost + least(enough, route.matching) + 3 * route.total / 256 * least(enough / greatest(route.matching, 1), 1); END IF;
    END IF;
    IF route.share > 0 AND (has_hnsw OR has_cells) THEN
        by_cells := others_cost + 800 + checks / route.share + 0.35 * CASE WHEN has_hnsw THEN second_opinion ELSE enough END / route.share;
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
            route.pass := route.share;
            IF has_cells THEN
                route.cells := search_nearest_cells(kind, space_id, vector, route.total,
                    (CASE WHEN has_hnsw THEN second_opinion ELSE enough END) / route.share);
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
    RETURN (SELECT 0 || array_agg(n.cell_id) FROM (
        SELECT c.cell_id FROM (
            SELECT d.cell_id FROM (
                SELECT r.cell_id FROM cell r WHERE r.space_id = search_nearest_cells.space_id
                  AND r.kind = search_nearest_cells.kind AND r.parent_id = 0
                ORDER BY r.centroid <#> vector LIMIT 20 + ceil(2 * share * sqrt(trained_on / 256.0))) r
            CROSS JOIN LATERAL (SELECT x.cell_id, x.centroid <#> vector AS distance FROM cell x
                WHERE x.space_id = search_nearest_cells.space_id AND x.kind = search_nearest_cells.kind
                  AND x.parent_id = r.cell_id OFFSET 0) d
            ORDER BY d.distance LIMIT 40 + ceil(2.5 * share * trained_on / 256)) d
        CROSS JOIN LATERAL (SELECT x.cell_id, x.centroid <#> vector AS distance FROM cell x
            WHERE x.space_id = search_nearest_cells.space_id AND x.kind = search_nearest_cells.kind
              AND x.parent_id = d.cell_id OFFSET 0) c
        ORDER BY c.distance LIMIT ceil(share * trained_on / 32)) n);
END $$;

-- The districts that lie as near to a vector as so many of a sample's cells, the nearest first; NULL where not so many of these are left. The
-- sample stands for the rest. No nested loops: a planner that knows nothing of the rows would look at all districts for each of the sample's cells.
CREATE OR REPLACE FUNCTION search_nearest_districts(
    kind text, space_id integer, vector halfvec, cells integer[], near integer
) RETURNS integer[]
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT SET enable_bitmapscan = off SET enable_nestloop = off AS $$
DECLARE
    nowhere_yet boolean;
    districts integer[];
BEGIN
    WITH around AS MATERIALIZED (
        SELECT district_of(d.cell_id) AS district, d.distance FROM cell r CROSS JOIN LATERAL (
            SELECT x.cell_id, x.centroid <#> vector AS distance FROM cell x
            WHERE x.space_id = r.space_id AND x.kind = r.kind AND x.parent_id = r.cell_id OFFSET 0) d
        WHERE r.space_id = search_nearest_districts.space_id AND r.kind = search_nearest_districts.kind AND r.parent_id = 0)
    SELECT array_agg(a.district ORDER BY a.distance) INTO districts FROM around a
    WHERE a.distance <= (SELECT d.distance FROM unnest(cells) s (cell_id) JOIN around d ON d.district = district_of(s.cell_id)
        ORDER BY d.distance OFFSET near LIMIT 1);
    IF districts IS NULL THEN RETURN NULL; END IF;
    -- District 0 is of vectors that have no cell yet. Where there are none, the index may still list what was moved.
    EXECUTE format('SELECT EXISTS (SELECT FROM %I s WHERE s.cell_id = 0)', format('%s_sketch_%s', kind, space_id)) INTO nowhere_yet;
    RETURN CASE WHEN nowhere_yet THEN '{0}' ELSE '{}' END::integer[] || districts;
END $$;

-- All districts, the nearest to a vector first.
CREATE OR REPLACE FUNCTION search_all_districts(kind text, space_id integer, vector halfvec) RETURNS integer[]
LANGUAGE sql STABLE SET search_path FROM CURRENT SET enable_bitmapscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
    SELECT array_agg(d.district ORDER BY d.distance) FROM (
        SELECT district_of(x.cell_id) AS district, x.centroid <#> vector AS distance FROM cell r CROSS JOIN LATERAL (
            SELECT x.cell_id, x.centroid FROM cell x WHERE x.space_id = r.space_id AND x.kind = r.kind AND x.parent_id = r.cell_id OFFSET 0) x
        WHERE r.space_id = search_all_districts.space_id AND r.kind = search_all_districts.kind AND r.parent_id = 0 OFFSET 0) d
$$;

-- The route through districts by prices: how many of them there are of such a price in the nearest tells how many districts are listed.
CREATE OR REPLACE FUNCTION search_in_priced_districts(
    kind text, space_id integer, vector halfvec, filter search_filter, wanted integer, before search_route
) RETURNS search_route
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
DECLARE
    route search_route := before;
    districts CONSTANT integer[] := search_all_districts(kind, space_id, vector);
    looked_at CONSTANT integer := least(40, ceil(cardinality(districts) / 8.0));
    others integer[];
    found bigint;
    matching double precision;
    near double precision;
    is_scarce boolean := (before).total > search_small();
BEGIN
    EXECUTE format('SELECT count(*) FROM (SELECT FROM unnest($1) d (district) CROSS JOIN LATERAL (SELECT o.* FROM %I o WHERE o.district = d.district AND (%s) OFFSET 0) o GROUP BY o.product_id, o.%I) o',
        format('%s_price_%s', kind, space_id), (filter).price_condition, kind || '_id') INTO found USING districts[:looked_at];
    matching := greatest(found, 0.5) / looked_at * cardinality(districts);
    near := search_enough(matching, wanted, before.total) / matching * cardinality(districts);
    route.source := 'placed';
    route.pass := 0.95;  -- little of it has another price by now
    route.matching := matching;
    IF near >= cardinality(districts) THEN
        -- The sample had told of more than there is.
        route.plan := 'list';
        RETURN route;
    END IF;
    IF is_scarce AND search_has_index(kind, space_id) THEN
        SELECT r.distances, r.districts INTO route.reached, others FROM search_reached(kind, space_id, vector, filter) r;
        is_scarce := cardinality(route.reached) < 70 * matching / before.total;
        near := near / CASE WHEN is_scarce THEN 1.0 WHEN cardinality(route.reached) < 2 * wanted THEN 2 ELSE 3 END;
    END IF;
    route.plan := 'districts';
    route.cells := districts[:ceil(least(near, cardinality(districts)))];
    route.near := CASE WHEN is_scarce THEN cardinality(route.cells) END;
    route.cells := route.cells || ARRAY(SELECT unnest(others) EXCEPT SELECT unnest(route.cells));
    RETURN route;
END $$;

-- Of the 100 vectors that the graph finds nearest: the distances of those that have the filter's terms or prices, and the districts of all of them,
-- whose centres may lie elsewhere.
CREATE OR REPLACE FUNCTION search_reached(
    kind text, space_id integer, vector halfvec, filter search_filter, OUT distances double precision[], OUT districts integer[]
)
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
DECLARE
    reach CONSTANT text := coalesce(current_setting('hnsw.ef_search', true), '40');
BEGIN
    PERFORM set_config('hnsw.ef_search', '100', true);
    EXECUTE concat(format('SELECT coalesce(array_agg(v.distance) FILTER (WHERE s.hit), ''{}''), array_agg(DISTINCT s.district) '
        'FROM (SELECT v.product_id, v.%1$I, v.embedding <#> $1 AS distance FROM %2$I v ORDER BY v.embedding <#> $1 LIMIT 100) v '
        'CROSS JOIN LATERAL (SELECT district_of(s.cell_id) AS district, ', kind || '_id', format('%s_vector_%s', kind, space_id)),
        coalesce((filter).terms, 'EXISTS (SELECT FROM listed_price o WHERE o.product_id = s.product_id AND (' || (filter).price_condition || ') OFFSET 0)'),
        format(' AS hit FROM %2$I s WHERE s.product_id = v.product_id AND s.%1$I = v.%1$I OFFSET 0) s', kind || '_id', format('%s_sketch_%s', kind, space_id)))
    INTO distances, districts USING vector;
    PERFORM set_config('hnsw.ef_search', reach, true);
END $$;

-- The route through districts: those whose centres lie near, the nearest first, and in a large shop those of what the graph reaches. Where about as much of that
-- has the filter's terms as elsewhere, half as many will do, and a third where twice the page has; where less has, better may lie beyond those near, so that it is told how many
-- these are.
CREATE OR REPLACE FUNCTION search_in_districts(
    kind text, space_id integer, vector halfvec, filter search_filter, sampled integer[], sampled_near integer, part double precision, wanted integer,
    before search_route
) RETURNS search_route
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
DECLARE
    route search_route := before;
    near integer := sampled_near;
    others integer[];
    is_scarce boolean := (before).total > search_small();
BEGIN
    IF is_scarce AND search_has_index(kind, space_id) THEN
        SELECT r.distances, r.districts INTO route.reached, others FROM search_reached(kind, space_id, vector, filter) r;
        is_scarce := cardinality(route.reached) < 70 * part;
        near := ceil(near / CASE WHEN is_scarce THEN 1.0 WHEN cardinality(route.reached) < 2 * wanted THEN 2 ELSE 3 END);
    END IF;
    route.cells := search_nearest_districts(kind, space_id, vector, sampled, near);
    IF route.cells IS NULL THEN RETURN route; END IF;
    route.plan := 'districts';
    route.near := CASE WHEN is_scarce THEN cardinality(route.cells) END;
    route.cells := route.cells || ARRAY(SELECT unnest(others) EXCEPT SELECT unnest(route.cells));
    RETURN route;
END $$;

-- Whether the graph lost its way, so that the districts of what it reached are others: of what it reached that has the filter's terms, as far as the page is long, most lies
-- no nearer than the last of the page.
CREATE OR REPLACE FUNCTION search_is_lost(reached double precision[], last double precision, wanted integer) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE SET search_path FROM CURRENT AS $$
BEGIN
    RETURN reached IS NOT NULL AND (SELECT 2 * count(*) < least(cardinality(reached), wanted) FROM unnest(reached) r (distance) WHERE r.distance <= last + 1e-6);
END $$;

-- Whether one of twelve that were found lies in the outer third of the districts that lie near: better may lie beyond them.
CREATE OR REPLACE FUNCTION search_is_at_edge(kind text, space_id integer, route search_route, product_ids bigint[], item_ids bigint[]) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
DECLARE
    edge boolean;
BEGIN
    IF (route).near IS NULL THEN RETURN false; END IF;
    EXECUTE format('SELECT 12 * count(*) >= cardinality($1) FROM unnest($1, $2) f (product_id, item_id) '
        'CROSS JOIN LATERAL (SELECT array_position($3, district_of(s.cell_id)) AS place FROM %2$I s WHERE s.product_id = f.product_id AND s.%1$I = f.item_id OFFSET 0) s '
        'WHERE 3 * s.place > 2 * $4 AND s.place <= $4', kind || '_id', format('%s_sketch_%s', kind, space_id))
    INTO edge USING product_ids, item_ids, (route).cells, (route).near;
    RETURN edge;
END $$;

-- HNSW serves a table that is too large to read whole and whose index is usable.
CREATE OR REPLACE FUNCTION search_has_index(kind text, space_id integer) RETURNS boolean
LANGUAGE sql STABLE SET search_path FROM CURRENT AS $$
    SELECT EXISTS (
        SELECT FROM pg_index x JOIN pg_class c ON c.oid = x.indexrelid JOIN pg_am a ON a.oid = c.relam
        WHERE x.indrelid = to_regclass(format('%s_vector_%s', kind, space_id))
          AND a.amname = 'hnsw' AND x.indisvalid AND x.indpred IS NULL)
$$;
