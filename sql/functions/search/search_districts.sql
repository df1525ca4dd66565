-- Districts: which of them lie near a query, and how many are listed.

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

-- The route through districts by prices: how many of them there are of such a price in the nearest tells how many districts are listed. Some hundreds tell enough.
CREATE OR REPLACE FUNCTION search_in_priced_districts(
    kind text, space_id integer, vector halfvec, filter search_filter, wanted integer, before search_route
) RETURNS search_route
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
DECLARE
    route search_route := before;
    districts CONSTANT integer[] := search_all_districts(kind, space_id, vector);
    looked_at double precision := least(40, ceil(cardinality(districts) / 8.0));
    -- How many prices a product has.
    prices_of_each CONSTANT double precision := greatest(rows_of(format('%s_price_%s', kind, space_id), 130)::double precision / (before).total, 1);
    most CONSTANT integer := 500 * prices_of_each;
    others integer[];
    seen record;
    matching double precision;
    near double precision;
    is_scarce boolean := (before).total > search_small();
BEGIN
    EXECUTE concat('SELECT sum(o.rows)::bigint AS rows, count(*) AS found, max(o.place) AS place FROM (SELECT ',
        CASE WHEN prices_of_each > 1.02 THEN 'count(*) AS rows, max(o.place) AS place' ELSE '1 AS rows, o.place' END,
        format(' FROM (SELECT d.place, o.product_id, o.%2$I FROM unnest($1) WITH ORDINALITY d (district, place) '
            'CROSS JOIN LATERAL (SELECT o.* FROM %1$I o WHERE o.district = d.district AND (%3$s) OFFSET 0) o LIMIT %4$s) o',
            format('%s_price_%s', kind, space_id), kind || '_id', (filter).price_condition, most),
        CASE WHEN prices_of_each > 1.02 THEN format(' GROUP BY o.product_id, o.%I', kind || '_id') END, ') o')
    INTO seen USING districts[:looked_at];
    IF seen.rows >= most THEN looked_at := seen.place - 0.5; END IF;
    matching := least(greatest(seen.found, 0.5) / looked_at * cardinality(districts), (before).total);
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
