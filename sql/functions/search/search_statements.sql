-- The statements of an arm: what is listed, which of it is compared with the query, and which of that passes the filter.

-- Whether the candidates are the first of the sketches' order, and not some of these that pass.
CREATE OR REPLACE FUNCTION search_is_listed(route search_route) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN (route).plan <> 'hnsw' AND (route).pass >= 0.9;

-- Whether what has such prices is listed where it is placed.
CREATE OR REPLACE FUNCTION search_is_placed(route search_route) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN (route).source = 'placed';

-- The part of the rows compared that is to come from the sketches' order: beside a graph that finds many, less, the less the fewer there are in all.
CREATE OR REPLACE FUNCTION search_listed_part(route search_route) RETURNS numeric
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN (route).plan <> 'hnsw' THEN 1 WHEN (route).pass < 0.2 THEN 0.85 WHEN (route).pass < 0.7 AND (route).total < 300000 THEN 0.4 ELSE 0.6 END;

-- Whether the graph and the cells are both asked.
CREATE OR REPLACE FUNCTION search_has_two(route search_route) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN (route).plan = 'hnsw' AND (route).cells IS NOT NULL;

-- Whether terms or prices tell what a filter keeps: what they do not tell may be scarce where the query lies.
CREATE OR REPLACE FUNCTION search_is_told(filter search_filter) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN (filter).is_empty OR (filter).terms IS NOT NULL OR (filter).prices IS NOT NULL;

-- Whether candidates are checked before their vectors are read, because few of them pass, and whether by their sketches' terms, which are at hand there
-- and say nearly all. Beside a graph, which has read many of the vectors, few more are read of those that may not pass.
CREATE OR REPLACE FUNCTION search_is_checked(route search_route, filter search_filter) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN (route).pass < CASE WHEN NOT search_has_two(route) THEN 0.9 WHEN search_is_told(filter) THEN 0.3 ELSE 0.95 END;

CREATE OR REPLACE FUNCTION search_is_checked_by_terms(route search_route, filter search_filter) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN search_is_checked(route, filter) AND (filter).terms_alone AND (route).source = 'cells';

-- What of a filter is left to check of what a route lists: nothing where it lists by the filter's terms and these are believed, as whoever asked looks at the page in the end.
CREATE OR REPLACE FUNCTION search_left_to_check(route search_route, filter search_filter) RETURNS search_filter
LANGUAGE plpgsql IMMUTABLE SET search_path FROM CURRENT AS $$
BEGIN
    IF (filter).believed AND ((route).source = 'sketches' OR search_is_checked_by_terms(route, filter)) THEN filter.listed_check := ''; END IF;
    RETURN filter;
END $$;

-- How many rows of the sketches' order are looked at so that enough of them pass, also where what is nearest passes less than the whole.
CREATE OR REPLACE FUNCTION search_list_limit(route search_route, filter search_filter, row_limit integer) RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN search_is_listed(route) THEN least(3 * row_limit, row_limit + 2000)
    ELSE least(row_limit * search_listed_part(route)
        * CASE WHEN NOT search_is_checked(route, filter) THEN 1 WHEN search_has_two(route) AND (route).pass >= 0.3 THEN 3 ELSE 1.5 END
        / greatest((route).pass, 0.001), 1000000) END::integer;

-- How many rows a route lists, by its estimates; of one that reads part of them, how many there are in all.
CREATE OR REPLACE FUNCTION search_listed_rows(route search_route) RETURNS double precision
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN coalesce(cardinality((route).products), (route).matching / CASE WHEN (route).source IN ('prices', 'placed') THEN 1 ELSE greatest((route).pass, 0.01) END, (route).total);

-- How much of a list is compared before all of it is: of a long one more, for to compare the whole takes far longer.
CREATE OR REPLACE FUNCTION search_most_compared(route search_route, filter search_filter, row_limit integer) RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN search_list_limit(route, filter, row_limit) * CASE WHEN (route).plan = 'list' AND search_listed_rows(route) > 12 * search_list_limit(route, filter, row_limit) THEN 2 ELSE 1 END;

-- How many the graph is asked for, all at once (hnsw.ef_search): more where few of them pass, and of a large graph, which loses its way oftener.
CREATE OR REPLACE FUNCTION search_graph_limit(route search_route, filter search_filter, row_limit integer) RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN (route).cells IS NULL THEN search_list_limit(route, filter, row_limit)
    ELSE least(CASE WHEN (route).total <= search_small() THEN greatest(0.5 * row_limit, 90) WHEN (filter).is_empty THEN greatest(0.6 * row_limit, 150) ELSE greatest(0.6 * row_limit, 300) END
        / sqrt(least(greatest(4 * (route).pass, 0.02), 1)), 1000) END::integer;

-- The products that a filter's prices list, $6 where the route knows them: in a SELECT, for the planner weighs each element of an array that it sees.
CREATE OR REPLACE FUNCTION search_priced_sql(route search_route, filter search_filter) RETURNS text
LANGUAGE sql IMMUTABLE
RETURN CASE WHEN (route).products IS NULL THEN concat('ARRAY(SELECT o.product_id FROM ', (filter).prices, ')') ELSE '(SELECT $6)::bigint[]' END;

-- The sketches that a route reads: s, of the cells or districts $3; NULL where it asks the graph alone.
CREATE OR REPLACE FUNCTION search_listed_sql(kind text, space_id integer, route search_route, filter search_filter) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path FROM CURRENT AS $$
    SELECT CASE
        WHEN (route).plan = 'hnsw' AND (route).cells IS NULL THEN NULL
        WHEN search_is_placed(route) THEN priced_sketches_sql(kind, space_id, (filter).price_condition, (route).cells IS NOT NULL)
        WHEN (route).plan = 'districts' THEN concat(
            -- A few districts at a time: GIN compares every key's next row with all the others.
            '(SELECT b.*, ', (filter).placed_keys, ' FROM (SELECT array_agg(d.district) AS near FROM unnest($3) WITH ORDINALITY d (district, place) '
            'GROUP BY d.place / ', greatest(16 / (filter).placed_width, 1), ') b OFFSET 0) b '
            'CROSS JOIN LATERAL (SELECT s.* FROM ', t.name, ' s WHERE ', (filter).placed, ' OFFSET 0) s')
        WHEN (route).source = 'cells' THEN concat(t.name, ' s', CASE WHEN (route).cells IS NOT NULL THEN ' WHERE s.cell_id = ANY ($3)' END)
        ELSE concat(t.name, ' s WHERE ', concat_ws(' AND ', 'true', (filter).terms, CASE WHEN (route).source = 'prices'
            THEN concat('s.product_id = ANY (', search_priced_sql(route, filter), ')') END)) END
    FROM (SELECT quote_ident(format('%s_sketch_%s', kind, space_id))) t (name)
$$;

-- The sketch of a row i or t.
CREATE OR REPLACE FUNCTION search_sketch_sql(kind text, space_id integer, item text, condition text) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path FROM CURRENT
RETURN concat('EXISTS (SELECT FROM ', quote_ident(format('%s_sketch_%s', kind, space_id)), ' s WHERE s.product_id = ', item, '.product_id AND s.', kind, '_id = ', item, '.', kind, '_id',
    ' AND ' || condition, ' OFFSET 0)');

-- What candidates are checked for before their vectors are read.
CREATE OR REPLACE FUNCTION search_passing_sql(kind text, space_id integer, route search_route, filter search_filter, item text) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path FROM CURRENT
RETURN CASE WHEN NOT search_is_checked(route, filter) THEN ''
    WHEN search_is_checked_by_terms(route, filter) THEN ' WHERE ' || search_sketch_sql(kind, space_id, item, (filter).terms)
    ELSE ' WHERE ' || search_check_sql(kind, filter, true, space_id) END;

-- What is left to check of those compared: what the graph alone found may have no sketch, as its product is not shown.
CREATE OR REPLACE FUNCTION search_unchecked_sql(kind text, space_id integer, route search_route, filter search_filter, item text) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path FROM CURRENT
RETURN concat_ws(' AND ', 'true',
    CASE WHEN (route).plan = 'hnsw' AND NOT search_is_checked_by_terms(route, filter) THEN
        concat('(', CASE WHEN search_has_two(route) THEN concat(item, '.found_by > 1 OR ') END, search_sketch_sql(kind, space_id, item, NULL), ')') END,
    CASE WHEN search_is_checked_by_terms(route, filter) OR NOT search_is_checked(route, filter) THEN search_check_sql(kind, search_left_to_check(route, filter), true, space_id) END);

-- The candidates with their distances from the vector ($1), in statements of their own: of what is listed, and those nearest by the graph, whose
-- vectors are at hand there and are not read again. Where few of them pass they are checked before. found_by: 1 the graph, 2 the cells, 3 both.
CREATE OR REPLACE FUNCTION search_candidates_sql(kind text, space_id integer, route search_route, filter search_filter) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path FROM CURRENT AS $$
    SELECT CASE
        WHEN (route).plan <> 'hnsw' THEN concat('candidates AS MATERIALIZED (', a.listed, '), scored AS MATERIALIZED (SELECT c.product_id, c.', a.id, ', e.distance, c.place, e.taste, e.recent FROM candidates c CROSS JOIN LATERAL (', search_distance_sql(kind, space_id), ') e) ')
        WHEN search_has_two(route) THEN concat('near AS MATERIALIZED (', a.listed, '), ', a.graph, ', scored AS MATERIALIZED (SELECT c.product_id, c.', a.id, ', coalesce(c.distance, e.distance) AS distance, c.place, coalesce(c.taste, e.taste) AS taste, ',
            'coalesce(c.recent, e.recent) AS recent, CASE WHEN c.distance IS NULL THEN 2 WHEN c.place IS NULL THEN 1 ELSE 3 END AS found_by ',
            'FROM (SELECT * FROM near FULL JOIN graph USING (product_id, ', a.id, ')) c LEFT JOIN LATERAL (', search_distance_sql(kind, space_id, 'c.distance IS NULL'), ') e ON true WHERE coalesce(c.distance, e.distance) IS NOT NULL) ')
        ELSE concat(a.graph, ', scored AS MATERIALIZED (SELECT g.*, row_number() OVER () AS place FROM graph g) ') END
    FROM (SELECT kind || '_id',
        concat('SELECT ', k.item, '.*, row_number() OVER () AS place FROM (SELECT ', k.item, '.* FROM listed ', k.item, k.passing,
            CASE WHEN k.passing <> '' THEN ' LIMIT $8' END, ') ', k.item),
        concat('graph AS MATERIALIZED (SELECT ', k.item, '.* FROM (SELECT v.product_id, v.', kind, '_id, v.embedding <#> $1 AS distance, v.embedding <#> $4 AS taste, v.embedding <#> $5 AS recent FROM ', k.vectors,
            ' v ORDER BY v.embedding <#> $1 LIMIT $9) ', k.item, k.passing, ')')
        FROM (SELECT i.item, search_passing_sql(kind, space_id, route, filter, i.item), quote_ident(format('%s_vector_%s', kind, space_id))
            FROM (SELECT CASE kind WHEN 'image' THEN 'i' ELSE 't' END) i (item)) k (item, passing, vectors)) a (id, listed, graph)
$$;

-- The vector of a candidate c: where its sketch says that it lies, which takes a third of a look-up by key; or by key, where another lies there by now.
CREATE OR REPLACE FUNCTION search_vector_sql(kind text, space_id integer, wanted text, condition text DEFAULT 'true') RETURNS text
LANGUAGE sql IMMUTABLE SET search_path FROM CURRENT AS $$
    SELECT concat('SELECT ', v.wanted, ' AND x.ctid = c.vector_at UNION ALL SELECT ', v.wanted, ' LIMIT 1')
    FROM (SELECT concat(wanted, ' FROM ', quote_ident(format('%s_vector_%s', kind, space_id)), ' x WHERE x.product_id = c.product_id AND x.', kind, '_id = c.', kind, '_id AND ', condition)) v (wanted)
$$;

-- How near it is to what is asked ($1) and to a shopper's taste ($4, $5).
CREATE OR REPLACE FUNCTION search_distance_sql(kind text, space_id integer, condition text DEFAULT 'true') RETURNS text
LANGUAGE sql IMMUTABLE SET search_path FROM CURRENT
RETURN search_vector_sql(kind, space_id, 'x.embedding <#> $1 AS distance, x.embedding <#> $4 AS taste, x.embedding <#> $5 AS recent', condition);

-- How many rows of placed prices are listed for so many vectors: one for each price that a product has in the range, and for each training that is not forgotten.
CREATE OR REPLACE FUNCTION search_placed_limit(kind text, space_id integer, listed integer) RETURNS integer
LANGUAGE sql STABLE SET search_path FROM CURRENT
RETURN ceil(listed * 1.25 * greatest(rows_of(format('%s_price_%s', kind, space_id), 130)::real / greatest(rows_of(format('%s_sketch_%s', kind, space_id), 200), 1), 1))::integer;

-- What a route lists, the nearest by their sketches ($2) first: products, their pictures or captions, where the vectors of these lie, and whether that is all.
CREATE OR REPLACE FUNCTION search_list_sql(kind text, space_id integer, route search_route, filter search_filter, row_limit integer) RETURNS text
LANGUAGE sql STABLE SET search_path FROM CURRENT AS $$
    SELECT concat('SELECT coalesce(array_agg(l.product_id), ''{}''), array_agg(l.', a.id, '), array_agg(l.vector_at), count(*) < ', a.most,
        CASE WHEN search_is_placed(route) THEN concat(' AND coalesce(max(l.listed), 0) < ', search_placed_limit(kind, space_id, a.most)) END, ' FROM (',
        CASE WHEN search_is_placed(route) THEN concat('SELECT n.* FROM (SELECT DISTINCT ON (n.product_id, n.', a.id, ') n.* FROM (SELECT n.*, count(*) OVER () AS listed FROM (SELECT s.product_id, s.', a.id, ', s.vector_at, s.sketch <~> $2 AS far FROM ',
                a.listed, ' ORDER BY far LIMIT ', search_placed_limit(kind, space_id, a.most), ') n) n ORDER BY n.product_id, n.', a.id, ', n.far) n ORDER BY n.far, n.product_id LIMIT ', a.most)
            ELSE concat('SELECT s.product_id, s.', a.id, ', s.vector_at FROM ', a.listed, ' ORDER BY s.sketch <~> $2 LIMIT ', a.most) END, ') l')
    FROM (SELECT kind || '_id', search_listed_sql(kind, space_id, route, filter), search_most_compared(route, filter, row_limit)) a (id, listed, most)
$$;

-- What an arm's statement answers of its rows "scored": the first so many that pass a check and are not excluded, in the order of their distance.
CREATE OR REPLACE FUNCTION search_best_sql(kind text, found_by text, condition text, check_limit text, excluded text) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path FROM CURRENT AS $$
    SELECT concat('SELECT coalesce(array_agg(b.product_id), ''{}''), array_agg(b.distance), array_agg(b.', kind, '_id), array_agg(b.place), array_agg(-b.taste), array_agg(-b.recent), ',
        found_by, ' FROM (SELECT ', k.item, '.* FROM (SELECT * FROM scored c ORDER BY c.distance, c.product_id, c.', kind, '_id OFFSET 0) ', k.item, ' WHERE ', k.item, '.product_id <> ALL (', excluded, ') AND ', condition, ' LIMIT ', check_limit, ') b')
    FROM (SELECT CASE kind WHEN 'image' THEN 'i' ELSE 't' END) k (item)
$$;

-- Of several pictures or captions of one product the nearest alone, in the order of their distance; of one that was found twice, the place where it was found first.
CREATE OR REPLACE FUNCTION search_nearest_of_each(
    INOUT product_ids bigint[], INOUT distances double precision[], INOUT item_ids bigint[], INOUT places bigint[], INOUT tastes double precision[],
    INOUT recents double precision[], INOUT found_by integer[]
)
LANGUAGE plpgsql IMMUTABLE SET search_path FROM CURRENT AS $$
BEGIN
    SELECT array_agg(n.product_id ORDER BY n.distance, n.product_id), array_agg(n.distance ORDER BY n.distance, n.product_id), array_agg(n.item_id ORDER BY n.distance, n.product_id),
        array_agg(n.place ORDER BY n.distance, n.product_id), array_agg(n.taste ORDER BY n.distance, n.product_id), array_agg(n.recent ORDER BY n.distance, n.product_id),
        CASE WHEN found_by IS NOT NULL THEN array_agg(n.arm ORDER BY n.distance, n.product_id) END
    INTO product_ids, distances, item_ids, places, tastes, recents, found_by
    FROM (SELECT DISTINCT ON (u.product_id) u.* FROM unnest(product_ids, distances, item_ids, places, tastes, recents, found_by)
          u (product_id, distance, item_id, place, taste, recent, arm) ORDER BY u.product_id, u.distance, u.item_id, u.place) n;
END $$;

-- Those listed ($7, $8, $9) are compared by their vectors, but for those whose distance is known ($10), and checked in the order of their distance, as far as
-- needed. How near they are to a shopper's taste ($4, $5), where there is one, is seen in passing, as their vectors are at hand, or known ($11, $12) as well.
-- What is listed by its placed prices may have left the shop since.
CREATE OR REPLACE FUNCTION search_compared_sql(
    kind text, space_id integer, route search_route, filter search_filter, check_limit integer, has_taste boolean
) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path FROM CURRENT AS $$
    SELECT concat('WITH scored AS MATERIALIZED (SELECT c.product_id, c.', k.id, ', coalesce(c.known, e.distance) AS distance, c.place, ',
        CASE WHEN has_taste THEN 'coalesce(c.taste, e.taste) AS taste, coalesce(c.recent, e.recent) AS recent' ELSE 'NULL::float8 AS taste, NULL::float8 AS recent' END,
        ' FROM unnest($7::bigint[], $8::bigint[], $9::tid[], $10::float8[]', CASE WHEN has_taste THEN ', $11::float8[], $12::float8[]' END,
        ') WITH ORDINALITY c (product_id, ', k.id, ', vector_at, known', CASE WHEN has_taste THEN ', taste, recent' END, ', place) '
        'LEFT JOIN LATERAL (', search_distance_sql(kind, space_id, 'c.known IS NULL'), ') e ON true) SELECT b.*, w.* FROM (',
        -- A sketch may lie there without its vector.
        search_best_sql(kind, 'NULL::integer[]', concat(k.item, '.distance IS NOT NULL AND ', search_check_sql(kind, search_left_to_check(route, filter), NOT search_is_placed(route), space_id)), check_limit::text, '$13'),
        ') b CROSS JOIN (SELECT coalesce(array_agg(c.distance ORDER BY c.place), ''{}''), count(c.distance)', CASE WHEN has_taste THEN ', array_agg(c.taste ORDER BY c.place), array_agg(c.recent ORDER BY c.place)' END, ' FROM scored c) w')
    FROM (SELECT kind || '_id', CASE kind WHEN 'image' THEN 'i' ELSE 't' END) k (id, item)
$$;

-- Where few of what is listed pass, or the graph is asked: all in one statement, which is planned anew for each search, so that no more than has to be is in it.
CREATE OR REPLACE FUNCTION search_arm_sql(kind text, space_id integer, route search_route, filter search_filter) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path FROM CURRENT AS $$
    SELECT concat('WITH ', 'listed AS MATERIALIZED (SELECT s.product_id, s.' || kind || '_id, s.vector_at FROM ' || search_listed_sql(kind, space_id, route, filter)
            || ' ORDER BY s.sketch <~> $2 LIMIT $7), ',
        search_candidates_sql(kind, space_id, route, filter),
        'SELECT b.*, w.* FROM (', search_best_sql(kind, CASE WHEN search_has_two(route) THEN 'array_agg(b.found_by)' ELSE 'NULL::integer[]' END,
            search_unchecked_sql(kind, space_id, route, filter, CASE kind WHEN 'image' THEN 'i' ELSE 't' END), '$10', '$11'),
        ') b CROSS JOIN (SELECT coalesce(array_agg(c.distance ORDER BY c.place)', CASE WHEN search_has_two(route) THEN ' FILTER (WHERE c.found_by > 1)' END, ', ''{}''), count(*), ',
        -- Whether nothing was left out that the route reads. A sketch may lie there without its vector, so that those compared cannot be counted on.
        CASE WHEN (route).plan = 'hnsw' THEN 'false'
            ELSE '(SELECT count(*) FROM listed) < $7 AND (SELECT count(*) FROM candidates) < $8' END,
        ' FROM scored c) w')
$$;

-- All that a route lists, or all there is, compared by vectors alone, and the nearest of it checked: where the order of the sketches says too little. Only those that
-- are left are compared with a shopper's taste ($4, $5), by the place where their vectors were found. What prices list is looked up by its products.
CREATE OR REPLACE FUNCTION search_exact_sql(
    kind text, space_id integer, route search_route, filter search_filter, row_limit integer, check_limit integer
) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path FROM CURRENT AS $$
    SELECT concat('WITH scored AS MATERIALIZED (SELECT x.product_id, x.', a.id, ', (x.embedding <#> $1) + 0 AS distance, x.found_at FROM ',
        CASE WHEN a.by_sketches THEN concat('(SELECT s.product_id, s.', a.id, ', s.vector_at FROM ', search_listed_sql(kind, space_id, route, filter), ') c CROSS JOIN LATERAL (',
                search_vector_sql(kind, space_id, concat('x.product_id, x.', a.id, ', x.embedding, x.ctid AS found_at')), ') x')
            ELSE concat('(SELECT v.*, v.ctid AS found_at FROM ', a.vectors, ' v) x', CASE WHEN (route).source <> 'all' THEN concat(' WHERE x.product_id = ANY (', search_priced_sql(route, filter), ')') END) END,
        ' ORDER BY distance, x.product_id, x.', a.id, ' LIMIT ', row_limit, ') SELECT coalesce(array_agg(b.product_id), ''{}''), array_agg(b.distance), array_agg(b.', a.id, '), NULL, array_agg(-v.taste), array_agg(-v.recent), ',
        'NULL::integer[], ''{}'', (SELECT count(*) FROM scored), NULL::boolean',
        ' FROM (SELECT ', a.item, '.* FROM scored ', a.item, ' WHERE ', a.item, '.product_id <> ALL ($11) AND ', search_check_sql(kind, search_left_to_check(route, filter), a.by_sketches AND NOT search_is_placed(route), space_id), ' LIMIT ', check_limit, ') b '
        'LEFT JOIN LATERAL (SELECT v.embedding <#> $4 AS taste, v.embedding <#> $5 AS recent FROM ', a.vectors, ' v WHERE v.ctid = b.found_at AND $4 IS NOT NULL OFFSET 0) v ON true')
    FROM (SELECT CASE kind WHEN 'image' THEN 'i' ELSE 't' END, kind || '_id', quote_ident(format('%s_vector_%s', kind, space_id)),
        (route).source <> 'all' AND NOT ((route).source = 'prices' AND (filter).terms IS NULL)) a (item, id, vectors, by_sketches)
$$;
