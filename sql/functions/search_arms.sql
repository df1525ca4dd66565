-- The arms of a search: the nearest products by picture and by caption.

-- The rows that a route looks at, the nearest by their sketches: $1 is the vector, $2 its sketch, $3 the cells.
CREATE OR REPLACE FUNCTION search_candidates_sql(
    kind text, space_id integer, route search_route, filter search_filter, row_limit integer
) RETURNS text
LANGUAGE plpgsql IMMUTABLE SET search_path FROM CURRENT AS $$
DECLARE
    item text := CASE kind WHEN 'image' THEN 'i' ELSE 't' END;
    item_id text := kind || '_id';
    sketches text := quote_ident(format('%s_sketch_%s', kind, space_id));
    listed text;
    -- So many are listed that enough of them pass the whole filter.
    list_limit integer := least(row_limit * CASE (route).plan WHEN 'hnsw' THEN 0.6 ELSE 1 END
        / greatest((route).pass, 0.001), 1000000);
BEGIN
    listed := concat('SELECT s.product_id, s.', item_id, ' FROM ', sketches, ' s WHERE ',
        concat_ws(' AND ', 'true', CASE WHEN (route).cells IS NOT NULL THEN 's.cell_id = ANY ($3)' END,
            CASE WHEN (route).source = 'prices' THEN concat('s.product_id = ANY (ARRAY(SELECT v.product_id FROM variant v WHERE ',
                (filter).prices, '))') END,
            CASE WHEN (route).source <> 'cells' THEN (filter).terms END),
        ' ORDER BY s.sketch <~> $2');
    IF (route).plan = 'hnsw' THEN
        RETURN concat('SELECT v.product_id, v.', item_id, ' FROM (SELECT v.product_id, v.', item_id, ' FROM ',
            quote_ident(format('%s_vector_%s', kind, space_id)), ' v ORDER BY v.embedding <#> $1 LIMIT ',
            CASE WHEN (route).cells IS NULL THEN list_limit ELSE greatest(row_limit / 2, 100) END, ') v',
            CASE WHEN (route).cells IS NOT NULL THEN concat(' UNION (', listed, ' LIMIT ', list_limit, ')') END);
    ELSIF (route).pass < 0.5 THEN
        -- Few of those listed pass the whole filter: they are checked before their vectors are read.
        RETURN concat('SELECT ', item, '.product_id, ', item, '.', item_id, ' FROM (', listed,
            ' LIMIT ', 2 * list_limit, ') ', item,
            ' WHERE ', search_check_sql(kind, filter, true, space_id), ' LIMIT ', row_limit);
    END IF;
    RETURN concat(listed, ' LIMIT ', row_limit);
END $$;

-- Candidates compared by their vectors and checked in the order of their distance, as far as needed; then the
-- best row of each product. Arrays, so that both arms can be joined in one statement.
CREATE OR REPLACE FUNCTION search_arm_sql(
    kind text, space_id integer, route search_route, filter search_filter, wanted integer, row_limit integer, check_limit integer
) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path FROM CURRENT AS $$
    SELECT concat('WITH candidates AS MATERIALIZED (',
        search_candidates_sql(kind, space_id, route, filter, row_limit),
        '), scored AS MATERIALIZED (SELECT c.product_id, c.', kind, '_id, e.distance, c.place ',
        'FROM (SELECT c.*, row_number() OVER () AS place FROM candidates c) c ',
        'CROSS JOIN LATERAL (SELECT x.embedding <#> $1 AS distance FROM ', quote_ident(format('%s_vector_%s', kind, space_id)),
        ' x WHERE x.product_id = c.product_id AND x.', kind, '_id = c.', kind, '_id OFFSET 0) e), ',
        'nearest AS MATERIALIZED (SELECT ', a.item, '.* FROM (SELECT * FROM scored c ORDER BY c.distance, c.product_id OFFSET 0) ', a.item,
        ' WHERE ', search_check_sql(kind, filter, (route).plan <> 'hnsw', space_id), ' LIMIT ', check_limit, '), ',
        'best AS (SELECT DISTINCT ON (n.product_id) n.* FROM nearest n ORDER BY n.product_id, n.distance, n.', kind, '_id) ',
        'SELECT coalesce(array_agg(b.product_id ORDER BY b.distance, b.product_id), ''{}''), ',
        'array_agg(b.distance ORDER BY b.distance, b.product_id), ',
        '(SELECT count(*) FROM candidates), (SELECT count(*) FROM nearest), ',
        '(SELECT max(d.place) FROM (SELECT b.place FROM best b ORDER BY b.distance LIMIT ', wanted, ') d) FROM best b')
    FROM (SELECT CASE kind WHEN 'image' THEN 'i' ELSE 't' END) a (item)
$$;

-- One arm: products in the order of their nearest picture or caption, at least `wanted` if so many match and no
-- deadline forbids it. The report says how they were found.
CREATE OR REPLACE FUNCTION search_arm(
    kind text, space_id integer, vector halfvec, filter search_filter, wanted integer, deadline timestamptz,
    OUT product_ids bigint[], OUT distances double precision[], OUT report jsonb, OUT complete boolean, OUT share double precision
)
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
DECLARE
    row_limit integer := search_row_limit(wanted);
    check_limit integer := 2 * wanted + 16;
    route search_route;
    sketch bit varying;
    candidates bigint;
    checked bigint;
    deepest bigint;
    attempts integer := 0;
BEGIN
    complete := true;
    IF vector IS NULL THEN RETURN; END IF;
    EXECUTE concat('SELECT ', sketch_sql('$1', vector_dims(vector))) INTO sketch USING vector;
    route := search_route(kind, space_id, vector, filter, wanted);
    share := route.share;
    LOOP
        attempts := attempts + 1;
        EXECUTE search_arm_sql(kind, space_id, route, filter, wanted, row_limit, check_limit)
        INTO product_ids, distances, candidates, checked, deepest USING vector, sketch, (route).cells;
        complete := true;
        IF route.plan = 'hnsw' AND checked < check_limit AND NOT (filter).is_empty THEN
            -- Few of the nearest pass the filter: what does lies further away than its share of all has it.
            route := search_route_further(kind, space_id, vector, filter, wanted, route, attempts);
            row_limit := row_limit * 2;
        ELSIF cardinality(product_ids) >= wanted AND (route.plan = 'hnsw' OR candidates < row_limit
            OR deepest <= 0.5 * row_limit OR route.pass < 0.5 OR attempts >= 5) THEN
            EXIT;
        ELSIF cardinality(product_ids) >= wanted THEN
            -- The best come from far down the list: better ones may lie below its end.
            row_limit := row_limit * 3;
        ELSIF checked = check_limit THEN
            -- Products with very many pictures crowd the others out.
            check_limit := check_limit * 8;
            row_limit := greatest(row_limit, check_limit);
        ELSIF candidates < row_limit AND route.plan <> 'hnsw' AND route.cells IS NULL AND route.pass >= 0.5 THEN
            EXIT;  -- all were looked at
        ELSIF route.plan = 'hnsw' OR route.cells IS NOT NULL THEN
            -- The estimate was wrong: look everywhere.
            route.plan := 'list';
            route.source := 'sketches';
            route.pass := 1;
            route.cells := NULL;
            row_limit := row_limit * 4;
        ELSE
            route.pass := 1;
            row_limit := row_limit * 16;
        END IF;
        complete := deadline IS NULL OR clock_timestamp() < deadline;
        EXIT WHEN NOT complete;
    END LOOP;
    report := jsonb_strip_nulls(jsonb_build_object('plan', route.plan, 'source', nullif(route.source, 'sketches'),
        'cells', cardinality(route.cells), 'rows', route.total, 'matching', route.matching, 'compared', candidates,
        'attempts', nullif(attempts, 1)));
END $$;
