-- The arms of a search: the nearest products by picture and by caption.

-- One arm: products in the order of their nearest picture or caption, at least `wanted` if so many match and no
-- deadline forbids it, and the pictures or captions that these are. The report says how they were found. `spare` may add some more of those that were compared anyway.
-- How near they are to a taste is seen in passing. It looks where the router says, and further while what it found leaves a doubt.
CREATE OR REPLACE FUNCTION search_arm(
    kind text, space_id integer, vector halfvec, filter search_filter, wanted integer, deadline timestamptz, explain boolean,
    spare integer DEFAULT 0, taste halfvec DEFAULT NULL, recent halfvec DEFAULT NULL, OUT product_ids bigint[], OUT distances double precision[],
    OUT report jsonb, OUT complete boolean, OUT share double precision, OUT tastes double precision[], OUT recents double precision[],
    OUT item_ids bigint[]
)
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
DECLARE
    sketch bit varying;
    route search_route;
    look search_look;
    next search_look;
    finds search_finds;
    bitmaps CONSTANT text := current_setting('enable_bitmapscan');
    reach CONSTANT text := coalesce(current_setting('hnsw.ef_search', true), '40');
    scanned bigint;
    scanned_in_all bigint;  -- counted where somebody asks for it: the count is another scan
BEGIN
    complete := true;
    IF vector IS NULL THEN RETURN; END IF;
    sketch := sketch_of(vector);
    route := search_route(kind, space_id, vector, filter, wanted);
    share := route.share;
    -- So few are compared sooner than ordered by their sketches first.
    IF route.plan IN ('scan', 'list') AND search_listed_rows(route) <= 1000 THEN route.plan := 'exact'; END IF;
    look.route := route;
    look.row_limit := search_row_limit(wanted);
    look.check_limit := 2 * wanted + 16;
    look.attempts := 0;
    look.is_lost := false;
    look.is_far := false;
    look.is_disputed := false;
    LOOP
        look.attempts := look.attempts + 1;
        route := look.route;
        -- To go on after the first so many takes half as long again.
        IF route.plan = 'hnsw' THEN PERFORM set_config('hnsw.ef_search', least(greatest(search_graph_limit(route, filter, look.row_limit), 1), 1000)::text, true); END IF;
        -- A bitmap does not tell the index what is dead: what the sorting into cells left behind would be read by every search until a vacuum.
        IF route.source = 'cells' THEN PERFORM set_config('enable_bitmapscan', 'off', true); END IF;
        IF route.plan <> 'exact' AND search_is_listed(route) THEN
            finds := search_in_list(kind, space_id, vector, sketch, filter, wanted, spare, taste, recent, look);
        ELSE
            finds := search_at_once(kind, space_id, vector, sketch, filter, spare, taste, recent, look);
        END IF;
        IF route.plan = 'hnsw' THEN PERFORM set_config('hnsw.ef_search', reach, true); END IF;
        IF route.source = 'cells' THEN PERFORM set_config('enable_bitmapscan', bitmaps, true); END IF;
        complete := true;
        IF explain THEN
            EXECUTE coalesce('SELECT count(*) FROM ' || search_listed_sql(kind, space_id, route, filter), 'SELECT 0') INTO scanned
            USING vector, sketch, coalesce(look.fresh, route.cells), taste, recent, route.products;
            scanned_in_all := coalesce(scanned_in_all, 0) + scanned;
        END IF;
        look.chance := finds.chance;
        next := search_next_look(kind, space_id, vector, filter, wanted, look, finds);
        EXIT WHEN next.attempts IS NULL;
        look := next;
        complete := deadline IS NULL OR clock_timestamp() < deadline;
        EXIT WHEN NOT complete;
    END LOOP;
    product_ids := finds.product_ids;
    distances := finds.distances;
    item_ids := finds.item_ids;
    tastes := finds.tastes;
    recents := finds.recents;
    route := look.route;
    report := jsonb_strip_nulls(jsonb_build_object('plan', route.plan, 'source', nullif(route.source, 'sketches'),
        'cells', cardinality(route.cells), 'rows', route.total, 'matching', route.matching, 'scanned', scanned_in_all, 'compared', finds.looked_at,
        'attempts', nullif(look.attempts, 1)));
END $$;
