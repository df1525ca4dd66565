-- The arms of a search: the nearest products by picture and by caption.

CREATE OR REPLACE FUNCTION search_may_miss(wanted integer) RETURNS double precision
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN 0.1 * wanted;

-- Which part of what is normally distributed lies so many deviations or more to one side of the middle. Of the furthest it is told no smaller, as
-- the server refuses to calculate with what is next to nothing.
CREATE OR REPLACE FUNCTION share_beyond(deviations double precision) RETURNS double precision
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN 0.5 * erfc(least(deviations, 25) / sqrt(2));

-- How many of the nearest those compared may have missed: as if what lies further down the sketches' order were spread like
-- their second half, whose distances are taken for normal, and twice as much of it mattered. Where what is sought hardly
-- differs from all the rest, that order says little, and the best may lie anywhere. Of what is all at one distance, as
-- copies are, none is missed.
CREATE OR REPLACE FUNCTION search_missed(compared bigint, middle double precision, deviation double precision, last double precision) RETURNS double precision
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN deviation < 1e-5 AND middle - last < 1e-5 THEN 0
    ELSE compared * 2 * share_beyond(greatest((middle - last) / greatest(deviation, 1e-6), 0)) END;

-- The same of what was compared, in the order in which it was listed, when `last` is the distance of the last that is wanted.
CREATE OR REPLACE FUNCTION search_missed_of(compared double precision[], last double precision) RETURNS double precision
LANGUAGE plpgsql IMMUTABLE SET search_path FROM CURRENT AS $$
DECLARE
    total CONSTANT integer := cardinality(compared);
BEGIN
    RETURN (SELECT search_missed(total, avg(c.distance), stddev_pop(c.distance), last) FROM unnest(compared[total / 2 + 1:]) c (distance));
END $$;

-- Whether the last that is wanted may be there by chance: most of the last quarter was found by the graph alone or the cells alone, or,
-- where only sketches were asked, what was compared leaves any doubt.
CREATE OR REPLACE FUNCTION search_is_doubtful(found_by integer[], compared double precision[], last double precision, wanted integer) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE SET search_path FROM CURRENT AS $$
BEGIN
    IF found_by IS NULL THEN RETURN search_missed_of(compared, last) > 0.05; END IF;
    RETURN (SELECT count(*) FILTER (WHERE f.found_by = 3) < 0.5 * count(*) FROM unnest(found_by[wanted - wanted / 4:wanted]) f (found_by));
END $$;

-- Whether the graph lost its way: it found less than half of the page.
CREATE OR REPLACE FUNCTION search_is_from_cells(found_by integer[], wanted integer) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE SET search_path FROM CURRENT AS $$
BEGIN
    RETURN found_by IS NOT NULL AND (SELECT count(*) FILTER (WHERE f.found_by <> 2) < 0.5 * wanted FROM unnest(found_by[:wanted]) f (found_by));
END $$;

-- Whether the graph and the cells of a large shop agree so little that neither can be trusted: less than seven tenths of the page were found by both.
CREATE OR REPLACE FUNCTION search_is_disputed(found_by integer[], route search_route, wanted integer) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE SET search_path FROM CURRENT AS $$
BEGIN
    RETURN found_by IS NOT NULL AND (route).total > search_small() AND (SELECT count(*) FILTER (WHERE f.found_by = 3) < 0.7 * wanted FROM unnest(found_by[:wanted]) f (found_by));
END $$;

-- Whether the graph was asked because far more passes near the query than elsewhere.
CREATE OR REPLACE FUNCTION search_is_near(route search_route) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN (route).plan = 'hnsw' AND (route).pass > 1.2 * (route).share;

-- How many of the nearest a large shop may have left uncompared of what matches, between two estimates: as if the rest of it were spread like the second half of
-- what was compared, which says too much, as sketches tell what is far, and like a sample of everything. Where what is nearest stands out one of them
-- is small. Of a few distances no tail beyond four deviations is believed. What chance has is looked up once.
CREATE OR REPLACE FUNCTION search_left_out(
    kind text, space_id integer, vector halfvec, route search_route, compared double precision[], last double precision,
    INOUT chance double precision[], OUT left_out double precision
)
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
DECLARE
    total CONSTANT integer := cardinality(compared);
    rest CONSTANT double precision := search_listed_rows(route) - total;
    tail double precision;
    by_chance double precision;
BEGIN
    left_out := 0;
    IF (route).plan NOT IN ('list', 'districts') OR (route).total <= search_small() OR rest <= 0 THEN RETURN; END IF;
    tail := (SELECT search_missed(1, avg(c.distance), stddev_pop(c.distance), last) / 2 FROM unnest(compared[total / 2 + 1:]) c (distance));
    IF coalesce(tail, 0) < 1e-9 THEN RETURN; END IF;
    IF chance IS NULL THEN chance := search_chance(kind, space_id, vector, (route).total); END IF;
    -- Of prices that were counted more are listed than the sample let expect.
    by_chance := search_by_chance(chance, last, greatest((route).matching, cardinality((route).products)));
    left_out := CASE (route).plan WHEN 'districts' THEN least(by_chance, sqrt(rest * tail * by_chance)) ELSE sqrt(rest * greatest(tail, 3e-5) * by_chance) END;
END $$;

-- The same by the sketches' order alone, where all that matches was listed: as if what lies further down were spread like the second half of what was
-- compared. In five times as many, for of these fewer may be left out.
CREATE OR REPLACE FUNCTION search_left_below(compared double precision[], missed double precision, listed double precision) RETURNS double precision
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN 5 * greatest(listed - cardinality(compared), 0) * missed / (2 * greatest(cardinality(compared), 1));

-- One arm: products in the order of their nearest picture or caption, at least `wanted` if so many match and no
-- deadline forbids it, and the pictures or captions that these are. The report says how they were found. `spare` may add some more of those that were compared anyway.
-- How near they are to a taste is seen in passing.
CREATE OR REPLACE FUNCTION search_arm(
    kind text, space_id integer, vector halfvec, filter search_filter, wanted integer, deadline timestamptz, explain boolean,
    spare integer DEFAULT 0, taste halfvec DEFAULT NULL, recent halfvec DEFAULT NULL, OUT product_ids bigint[], OUT distances double precision[],
    OUT report jsonb, OUT complete boolean, OUT share double precision, OUT tastes double precision[], OUT recents double precision[],
    OUT item_ids bigint[]
)
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
DECLARE
    row_limit integer := search_row_limit(wanted);
    check_limit integer := 2 * wanted + 16;
    route search_route;
    sketch bit varying;
    listed bigint[];  -- products in the order of their sketches, and what was found of each
    listed_items bigint[];
    listed_at tid[];
    listed_all boolean;
    taken integer;  -- how many of them are compared
    known double precision[];  -- of the first of them the distances, and how near they are to a taste
    known_tastes double precision[];
    known_recents double precision[];
    fresh integer[];  -- the districts that are listed, where others were before,
    found_before record;  -- and what was found there
    listed_distances double precision[];  -- of what was compared for its sketch, in the order of these
    listed_tastes double precision[];
    listed_recents double precision[];
    compared bigint;
    places bigint[];
    found_by integer[];
    checked bigint;
    most_checked integer;
    missed double precision;
    left_out double precision;
    chance double precision[];  -- how far anything is
    exhausted boolean;
    is_lost boolean := false;
    is_far boolean := false;  -- from everything, or hardly nearer than much else: all that matches is listed, and as much compared as its distances ask for
    is_disputed boolean := false;
    attempts integer := 0;
    scanned bigint;
    bitmaps CONSTANT text := current_setting('enable_bitmapscan');
    reach CONSTANT text := coalesce(current_setting('hnsw.ef_search', true), '40');
    scanned_in_all bigint;  -- counted where somebody asks for it: the count is another scan
BEGIN
    complete := true;
    IF vector IS NULL THEN RETURN; END IF;
    sketch := sketch_of(vector);
    route := search_route(kind, space_id, vector, filter, wanted);
    share := route.share;
    -- So few are compared sooner than ordered by their sketches first.
    IF route.plan IN ('scan', 'list') AND search_listed_rows(route) <= 1000 THEN route.plan := 'exact'; END IF;
    LOOP
        attempts := attempts + 1;
        -- To go on after the first so many takes half as long again.
        IF route.plan = 'hnsw' THEN PERFORM set_config('hnsw.ef_search', least(greatest(search_graph_limit(route, filter, row_limit), 1), 1000)::text, true); END IF;
        -- A bitmap does not tell the index what is dead: what the sorting into cells left behind would be read by every search until a vacuum.
        IF route.source = 'cells' THEN PERFORM set_config('enable_bitmapscan', 'off', true); END IF;
        IF route.plan <> 'exact' AND search_is_listed(route) THEN
            IF route.plan <> 'districts' THEN fresh := NULL; END IF;
            EXECUTE search_list_sql(kind, space_id, route, filter, row_limit) INTO listed, listed_items, listed_at, listed_all
            USING vector, sketch, coalesce(fresh, (route).cells), taste, recent, (route).products;
            taken := row_limit;
            known := NULL;
            known_tastes := NULL;
            known_recents := NULL;
            most_checked := greatest(check_limit, spare);
            LOOP
                EXECUTE search_compared_sql(kind, space_id, route, filter, most_checked, taste IS NOT NULL)
                INTO product_ids, distances, item_ids, places, tastes, recents, found_by, listed_distances, compared, listed_tastes, listed_recents
                USING vector, sketch, NULL::integer[], taste, recent, NULL::bigint[], listed[:taken], listed_items[:taken], listed_at[:taken], known, known_tastes, known_recents;
                checked := cardinality(product_ids);
                IF fresh IS NOT NULL OR is_disputed THEN
                    SELECT n.* INTO product_ids, distances, item_ids, places, tastes, recents, found_by
                    FROM search_nearest_of_each(found_before.product_ids || product_ids, found_before.distances || distances, found_before.item_ids || item_ids,
                        array_fill(0::bigint, ARRAY[cardinality(found_before.product_ids)]) || places, found_before.tastes || tastes, found_before.recents || recents, NULL) n;
                ELSIF checked > (SELECT count(DISTINCT p.product_id) FROM unnest(product_ids) p (product_id)) THEN
                    SELECT n.* INTO product_ids, distances, item_ids, places, tastes, recents, found_by FROM search_nearest_of_each(product_ids, distances, item_ids, places, tastes, recents, found_by) n;
                END IF;
                missed := search_missed_of(listed_distances, distances[wanted]);
                SELECT l.* INTO chance, left_out FROM search_left_out(kind, space_id, vector, route, listed_distances, distances[wanted], chance) l;
                IF is_far THEN left_out := greatest(left_out, search_left_below(listed_distances, missed, search_listed_rows(route))); END IF;
                -- Where the best come from far down the list, better ones may lie below its first part.
                EXIT WHEN taken >= search_most_compared(route, filter, row_limit) OR cardinality(listed) <= taken OR cardinality(product_ids) >= wanted
                    AND (SELECT max(p.place) FROM unnest(places[:wanted]) p (place)) <= taken / 2
                    AND missed <= search_may_miss(wanted) AND left_out <= 3 * search_may_miss(wanted);
                known := listed_distances;
                known_tastes := listed_tastes;
                known_recents := listed_recents;
                taken := CASE WHEN taken = row_limit THEN search_list_limit(route, filter, row_limit) ELSE search_most_compared(route, filter, row_limit) END;
            END LOOP;
            exhausted := cardinality(listed) <= taken AND listed_all;
        ELSE
            missed := NULL;
            left_out := 0;
            most_checked := greatest(check_limit, spare);
            EXECUTE CASE route.plan WHEN 'exact' THEN search_exact_sql(kind, space_id, route, filter, greatest(row_limit, 4 * check_limit, 2 * spare), most_checked)
                ELSE search_arm_sql(kind, space_id, route, filter, row_limit, most_checked) END
            INTO product_ids, distances, item_ids, places, tastes, recents, found_by, listed_distances, compared, exhausted USING vector, sketch, (route).cells, taste, recent, (route).products;
            IF route.plan = 'exact' THEN exhausted := compared < greatest(row_limit, 4 * check_limit, 2 * spare); END IF;
            checked := cardinality(product_ids);
            IF is_disputed THEN
                SELECT n.* INTO product_ids, distances, item_ids, places, tastes, recents, found_by
                FROM search_nearest_of_each(found_before.product_ids || product_ids, found_before.distances || distances, found_before.item_ids || item_ids,
                    array_fill(0::bigint, ARRAY[cardinality(found_before.product_ids)]) || places, found_before.tastes || tastes, found_before.recents || recents, NULL) n;
            ELSIF checked > (SELECT count(DISTINCT p.product_id) FROM unnest(product_ids) p (product_id)) THEN
                SELECT n.* INTO product_ids, distances, item_ids, places, tastes, recents, found_by FROM search_nearest_of_each(product_ids, distances, item_ids, places, tastes, recents, found_by) n;
            END IF;
        END IF;
        IF route.plan = 'hnsw' THEN PERFORM set_config('hnsw.ef_search', reach, true); END IF;
        IF route.source = 'cells' THEN PERFORM set_config('enable_bitmapscan', bitmaps, true); END IF;
        complete := true;
        IF explain THEN
            EXECUTE coalesce('SELECT count(*) FROM ' || search_listed_sql(kind, space_id, route, filter), 'SELECT 0') INTO scanned
            USING vector, sketch, coalesce(fresh, (route).cells), taste, recent, (route).products;
            scanned_in_all := coalesce(scanned_in_all, 0) + scanned;
        END IF;
        IF route.source = 'cells' AND checked < check_limit AND NOT (filter).is_empty THEN
            -- Few of the nearest pass the filter: what does lies further away than its share of all has it.
            route := search_route_further(kind, space_id, vector, filter, wanted, route, checked,
                search_list_limit(route, filter, row_limit) + CASE route.plan WHEN 'hnsw' THEN search_graph_limit(route, filter, row_limit) ELSE 0 END, attempts);
        ELSIF cardinality(product_ids) >= wanted AND (route.source = 'cells' OR route.plan = 'districts') AND NOT (filter).is_empty AND route.total <= search_small() AND attempts < 4
            AND search_is_doubtful(found_by, listed_distances, distances[wanted], wanted) AND search_is_noise(kind, space_id, vector, route, distances[wanted], wanted) THEN
            -- What is far from everything is found by comparing all, which costs tens of milliseconds at most, or, if it stands out at all, as much
            -- of what has the terms or prices as its distances ask for.
            is_far := route.plan = 'districts' AND search_listed_rows(route) <= 20000 AND search_is_listed(route) AND missed <= 0.4 * wanted;
            route.source := CASE WHEN route.plan = 'districts' AND search_listed_rows(route) <= 20000 THEN route.source ELSE 'all' END;
            route.plan := CASE WHEN is_far THEN 'list' ELSE 'exact' END;
            route.cells := NULL;
            row_limit := CASE WHEN is_far THEN 3 * row_limit ELSE greatest(row_limit, least(3 * wanted / greatest(route.share, 1e-6), route.total)) END;
        ELSIF route.plan = 'districts' AND cardinality(product_ids) >= wanted AND left_out > wanted AND search_listed_rows(route) <= 60000 THEN
            -- What is nearest may lie anywhere among all that has the terms, and the order of sketches says too little of it. More would take too long.
            route.plan := 'exact';
            route.cells := NULL;
            row_limit := greatest(row_limit, least(3 * wanted / greatest(route.pass, 1e-6), route.total));
        ELSIF route.plan = 'districts' AND attempts = 1 AND cardinality(product_ids) >= wanted AND route.total > search_small()
            AND (search_is_at_edge(kind, space_id, route, product_ids[:wanted], item_ids[:wanted]) OR search_is_lost(route.reached, distances[wanted], wanted)) THEN
            -- What was listed is not listed again.
            SELECT product_ids, distances, item_ids, tastes, recents INTO found_before;
            fresh := route.cells;
            route := search_route_wider(kind, space_id, vector, filter, wanted, route, attempts);
            fresh := route.cells[cardinality(fresh) + 1:];
        ELSIF route.plan = 'hnsw' AND cardinality(product_ids) >= wanted AND search_is_disputed(found_by, route, wanted) THEN
            -- What the cells hold was compared in part, as the sketches order it, and the graph tells that much of it was left out.
            SELECT product_ids, distances, item_ids, tastes, recents INTO found_before;
            is_disputed := true;
            IF search_is_near(route) AND (filter).placed IS NOT NULL THEN
                -- What has the terms is few, and can be listed after all.
                route := search_route_further(kind, space_id, vector, filter, wanted, route, checked, compared, attempts);
            ELSE
                route.plan := 'cells';
                row_limit := 4 * row_limit;
                is_lost := search_is_from_cells(found_by, wanted);
                IF is_lost THEN route.cells := search_nearest_cells(kind, space_id, vector, route.total, 7 * search_second_opinion(route.pass, wanted, route.total) / route.pass); END IF;
            END IF;
        ELSIF cardinality(product_ids) >= wanted THEN
            EXIT WHEN is_disputed AND exhausted;
            EXIT WHEN attempts >= 4 OR route.plan = 'exact' OR exhausted AND route.cells IS NULL
                OR route.plan = 'hnsw' AND NOT search_is_from_cells(found_by, wanted);
            -- Those beside a graph that passes much were compared whether or not they pass.
            missed := coalesce(missed, search_missed_of(listed_distances, distances[wanted])) * CASE WHEN route.plan = 'hnsw' AND NOT search_is_checked(route, filter) THEN route.pass ELSE 1 END;
            EXIT WHEN route.plan = 'hnsw' AND missed <= search_may_miss(wanted);
            EXIT WHEN route.plan <> 'hnsw' AND missed <= CASE WHEN exhausted OR is_lost THEN 1 WHEN route.cells IS NULL THEN 2 ELSE 3 END * search_may_miss(wanted) AND left_out <= 5 * search_may_miss(wanted)
                AND (exhausted OR (SELECT max(p.place) FROM unnest(places[:wanted]) p (place)) <= CASE WHEN attempts = 1 THEN 0.6 ELSE 0.7 END * compared);
            IF route.plan = 'hnsw' THEN
                -- The graph lost its way: most of the best come from the cells, which were to be a second opinion.
                is_lost := true;
                route.plan := 'cells';
                route.cells := search_nearest_cells(kind, space_id, vector, route.total, 7 * search_second_opinion(route.pass, wanted, route.total) / route.pass);
            ELSIF NOT is_far AND route.plan = 'list' AND route.source <> 'cells' AND search_is_listed(route) AND search_listed_rows(route) BETWEEN 6 * taken AND 20000 AND missed <= 0.4 * wanted THEN
                -- What is nearest differs little from much else, but the order of sketches may still tell it from the most of it.
                is_far := true;
                row_limit := greatest(row_limit, search_listed_rows(route) / 10);
            ELSIF route.source <> 'cells' AND search_listed_rows(route) <= 20000 THEN
                -- What is nearest hardly differs from much else; to list it once more by its sketches costs as much as to compare it.
                route.plan := 'exact';
                route.cells := NULL;
            ELSE
                -- All of the districts or cells was compared, and what is nearest hardly differs from much of it: others were left
                -- out by chance. To look into more of them costs far more than to compare more.
                IF exhausted AND route.cells IS NOT NULL AND missed > search_may_miss(wanted) THEN
                    route := search_route_wider(kind, space_id, vector, filter, wanted, route, attempts);
                    fresh := NULL;
                END IF;
                row_limit := greatest(row_limit, taken / 3) * CASE WHEN missed > 10 * search_may_miss(wanted) THEN 16 ELSE 4 END;
            END IF;
        ELSIF checked >= most_checked THEN
            -- Products with very many pictures crowd the others out.
            check_limit := check_limit * 8;
            row_limit := greatest(row_limit, check_limit);
        ELSIF exhausted AND route.cells IS NULL THEN
            EXIT;  -- all were looked at
        ELSIF route.plan = 'hnsw' OR route.cells IS NOT NULL THEN
            -- The estimate was wrong: look everywhere.
            route.plan := 'list';
            IF NOT search_is_placed(route) THEN route.source := 'sketches'; END IF;
            route.pass := 1;
            route.cells := NULL;
            row_limit := row_limit * 4;
        ELSE
            route.pass := 1;
            row_limit := least(row_limit::bigint * 16, 100000000);
        END IF;
        complete := deadline IS NULL OR clock_timestamp() < deadline;
        EXIT WHEN NOT complete;
    END LOOP;
    report := jsonb_strip_nulls(jsonb_build_object('plan', route.plan, 'source', nullif(route.source, 'sketches'),
        'cells', cardinality(route.cells), 'rows', route.total, 'matching', route.matching, 'scanned', scanned_in_all, 'compared', compared,
        'attempts', nullif(attempts, 1)));
END $$;
