-- One look of an arm: what its route lists is compared with the query, and the nearest of it checked.

-- A search_finds has, in the order of their distances, the products that passed, the picture or caption that each was found by (items), its place in the order
-- of the sketches, how near it is to a taste, and who found it (1 the graph, 2 the cells, 3 both); compared are the distances of all that was
-- compared for its sketch, in the order of these, and taken is how many of a list; looked_at is how many in all.
-- A search_look has the route; how many rows are to be compared and products checked; of districts those that were not listed before
-- (fresh), and what was found in the others, or by the graph and the cells where these disputed (before); is_far: what is sought is far from everything, or hardly
-- nearer than much else, so that all that matches is listed, and as much compared as its distances ask for; is_lost: the graph did not know the way.

-- What was found, with what was found before: of each product the nearest picture or caption alone.
CREATE OR REPLACE FUNCTION search_finds_once(finds search_finds, before search_finds) RETURNS search_finds
LANGUAGE plpgsql IMMUTABLE SET search_path FROM CURRENT AS $$
BEGIN
    IF (before).product_ids IS NOT NULL THEN
        finds.places := array_fill(0::bigint, ARRAY[cardinality((before).product_ids)]) || finds.places;
        finds.product_ids := (before).product_ids || finds.product_ids;
        finds.distances := (before).distances || finds.distances;
        finds.item_ids := (before).item_ids || finds.item_ids;
        finds.tastes := (before).tastes || finds.tastes;
        finds.recents := (before).recents || finds.recents;
        finds.found_by := NULL;
    ELSIF finds.checked = (SELECT count(DISTINCT p.product_id) FROM unnest(finds.product_ids) p (product_id)) THEN
        RETURN finds;
    END IF;
    SELECT n.* INTO finds.product_ids, finds.distances, finds.item_ids, finds.places, finds.tastes, finds.recents, finds.found_by
    FROM search_nearest_of_each(finds.product_ids, finds.distances, finds.item_ids, finds.places, finds.tastes, finds.recents, finds.found_by) n;
    RETURN finds;
END $$;

-- What a route lists, compared in parts: the first by its sketches, and more where these leave a doubt.
CREATE OR REPLACE FUNCTION search_in_list(
    kind text, space_id integer, vector halfvec, sketch bit varying, filter search_filter, wanted integer, spare integer, taste halfvec, recent halfvec, look search_look
) RETURNS search_finds
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
DECLARE
    route CONSTANT search_route := (look).route;
    row_limit CONSTANT integer := (look).row_limit;
    before CONSTANT search_finds := CASE WHEN (look).fresh IS NOT NULL OR (look).is_disputed THEN (look).before END;
    products bigint[];
    items bigint[];
    places tid[];
    is_all boolean;
    excluded CONSTANT bigint[] := coalesce((filter).excluded, '{}');
    taken integer := row_limit;
    -- Of those compared already.
    known double precision[];
    known_tastes double precision[];
    known_recents double precision[];
    finds search_finds;
BEGIN
    EXECUTE search_list_sql(kind, space_id, route, filter, row_limit) INTO products, items, places, is_all
    USING vector, sketch, coalesce((look).fresh, route.cells), taste, recent, route.products;
    finds.chance := (look).chance;
    finds.most_checked := greatest((look).check_limit, spare);
    LOOP
        EXECUTE search_compared_sql(kind, space_id, route, filter, finds.most_checked, taste IS NOT NULL)
        INTO finds.product_ids, finds.distances, finds.item_ids, finds.places, finds.tastes, finds.recents, finds.found_by, finds.compared, finds.looked_at, known_tastes, known_recents
        USING vector, sketch, NULL::integer[], taste, recent, NULL::bigint[], products[:taken], items[:taken], places[:taken], known, known_tastes, known_recents, excluded;
        finds.checked := cardinality(finds.product_ids);
        finds := search_finds_once(finds, before);
        finds.missed := search_missed_of(finds.compared, finds.distances[wanted]);
        SELECT l.* INTO finds.chance, finds.left_out FROM search_left_out(kind, space_id, vector, route, finds.compared, finds.distances[wanted], finds.chance) l;
        IF (look).is_far THEN finds.left_out := greatest(finds.left_out, search_left_below(finds.compared, finds.missed, search_listed_rows(route))); END IF;
        -- Where the best come from far down the list, better ones may lie below its first part.
        EXIT WHEN taken >= search_most_compared(route, filter, row_limit) OR cardinality(products) <= taken OR cardinality(finds.product_ids) >= wanted
            AND (SELECT max(p.place) FROM unnest(finds.places[:wanted]) p (place)) <= taken / 2
            AND finds.missed <= search_may_miss(wanted) AND finds.left_out <= 3 * search_may_miss(wanted);
        known := finds.compared;
        taken := CASE WHEN taken = row_limit THEN search_list_limit(route, filter, row_limit) ELSE search_most_compared(route, filter, row_limit) END;
    END LOOP;
    finds.taken := taken;
    finds.exhausted := cardinality(products) <= taken AND is_all;
    RETURN finds;
END $$;

-- What the graph and the cells find, or all that a route lists, compared at once.
CREATE OR REPLACE FUNCTION search_at_once(
    kind text, space_id integer, vector halfvec, sketch bit varying, filter search_filter, spare integer, taste halfvec, recent halfvec, look search_look
) RETURNS search_finds
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
DECLARE
    route CONSTANT search_route := (look).route;
    row_limit CONSTANT integer := (look).row_limit;
    most_compared CONSTANT integer := greatest(row_limit, 4 * (look).check_limit, 2 * spare);
    most_checked CONSTANT integer := greatest((look).check_limit, spare);
    excluded CONSTANT bigint[] := coalesce((filter).excluded, '{}');
    listed CONSTANT integer := search_list_limit(route, filter, row_limit);
    near CONSTANT integer := row_limit * search_listed_part(route);
    reached CONSTANT integer := search_graph_limit(route, filter, row_limit);
    finds search_finds;
BEGIN
    IF search_is_unfiltered(route, filter) THEN
        EXECUTE format('SELECT * FROM %I($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)', unfiltered_name(kind, space_id)) INTO finds
        USING vector, sketch, route.cells, taste, recent, route.products, listed, near, reached, most_checked, excluded;
    ELSE
        EXECUTE CASE route.plan WHEN 'exact' THEN search_exact_sql(kind, space_id, route, filter, most_compared, most_checked) ELSE search_arm_sql(kind, space_id, route, filter) END
        INTO finds.product_ids, finds.distances, finds.item_ids, finds.places, finds.tastes, finds.recents, finds.found_by, finds.compared, finds.looked_at, finds.exhausted
        USING vector, sketch, route.cells, taste, recent, route.products, listed, near, reached, most_checked, excluded;
    END IF;
    IF route.plan = 'exact' THEN finds.exhausted := finds.looked_at < most_compared; END IF;
    finds.checked := cardinality(finds.product_ids);
    finds.most_checked := most_checked;
    finds.chance := (look).chance;
    finds.left_out := 0;
    RETURN search_finds_once(finds, CASE WHEN (look).is_disputed THEN (look).before END);
END $$;
