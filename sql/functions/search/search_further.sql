-- Where an arm looks next, if what it found leaves a doubt.

-- The next look, of a route and limits of its own; NULL where what was found is enough, or all there is.
CREATE OR REPLACE FUNCTION search_next_look(
    kind text, space_id integer, vector halfvec, filter search_filter, wanted integer, look search_look, finds search_finds
) RETURNS search_look
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
DECLARE
    route search_route := (look).route;
    row_limit integer := (look).row_limit;
    attempts CONSTANT integer := (look).attempts;
    is_full CONSTANT boolean := cardinality((finds).product_ids) >= wanted;
    may_miss CONSTANT double precision := search_may_miss(wanted);
    last CONSTANT double precision := (finds).distances[wanted];
    missed double precision := (finds).missed;
    most_missed double precision;
    deepest double precision;  -- the place in the list from which the last of the page may come
BEGIN
    IF route.source = 'cells' AND (finds).checked < (look).check_limit AND NOT (filter).is_empty THEN
        -- Few of the nearest pass the filter: what does lies further away than its share of all has it.
        route := search_route_further(kind, space_id, vector, filter, wanted, route, (finds).checked,
            search_list_limit(route, filter, row_limit) + CASE route.plan WHEN 'hnsw' THEN search_graph_limit(route, filter, row_limit) ELSE 0 END, attempts);
    ELSIF is_full AND (route.source = 'cells' OR route.plan = 'districts') AND NOT (filter).is_empty AND route.total <= search_small() AND attempts < 4
        AND search_is_doubtful((finds).found_by, (finds).compared, last, wanted) AND search_is_noise(kind, space_id, vector, route, last, wanted) THEN
        -- What is far from everything is found by comparing all, which costs tens of milliseconds at most, or, if it stands out at all, as much
        -- of what has the terms or prices as its distances ask for.
        look.is_far := route.plan = 'districts' AND search_listed_rows(route) <= 20000 AND search_is_listed(route) AND missed <= 0.4 * wanted;
        route.source := CASE WHEN route.plan = 'districts' AND search_listed_rows(route) <= 20000 THEN route.source ELSE 'all' END;
        route.plan := CASE WHEN look.is_far THEN 'list' ELSE 'exact' END;
        route.cells := NULL;
        row_limit := CASE WHEN look.is_far THEN 3 * row_limit ELSE greatest(row_limit, least(3 * wanted / greatest(route.share, 1e-6), route.total)) END;
    ELSIF route.plan = 'districts' AND is_full AND (finds).left_out > wanted AND search_listed_rows(route) <= 60000 THEN
        -- What is nearest may lie anywhere among all that has the terms, and the order of sketches says too little of it. More would take too long.
        route.plan := 'exact';
        route.cells := NULL;
        row_limit := greatest(row_limit, least(3 * wanted / greatest(route.pass, 1e-6), route.total));
    ELSIF route.plan = 'districts' AND attempts = 1 AND is_full AND route.total > search_small()
        AND (search_is_at_edge(kind, space_id, route, (finds).product_ids[:wanted], (finds).item_ids[:wanted]) OR search_is_lost(route.reached, last, wanted)) THEN
        -- What was listed is not listed again.
        look.before := finds;
        route := search_route_wider(kind, space_id, vector, filter, wanted, route, attempts);
        look.fresh := route.cells[cardinality(((look).route).cells) + 1:];
    ELSIF route.plan = 'hnsw' AND is_full AND search_is_disputed((finds).found_by, route, wanted) THEN
        -- What the cells hold was compared in part, as the sketches order it, and the graph tells that much of it was left out.
        look.before := finds;
        look.is_disputed := true;
        IF search_is_near(route) AND (filter).placed IS NOT NULL THEN
            -- What has the terms is few, and can be listed after all.
            route := search_route_further(kind, space_id, vector, filter, wanted, route, (finds).checked, (finds).looked_at, attempts);
        ELSE
            route.plan := 'cells';
            row_limit := 4 * row_limit;
            look.is_lost := search_is_from_cells((finds).found_by, wanted);
            IF look.is_lost THEN route.cells := search_nearest_cells(kind, space_id, vector, route.total, 7 * search_second_opinion(route.pass, wanted, route.total) / route.pass); END IF;
        END IF;
    ELSIF is_full THEN
        -- A full page is enough where all there is was compared, or so little of it may be missed that another look is not worth its time.
        IF (look).is_disputed AND (finds).exhausted OR attempts >= 4 OR route.plan = 'exact' OR (finds).exhausted AND route.cells IS NULL
            OR route.plan = 'hnsw' AND NOT search_is_from_cells((finds).found_by, wanted) THEN
            RETURN NULL;
        END IF;
        -- Those beside a graph that passes much were compared whether or not they pass.
        missed := coalesce(missed, search_missed_of((finds).compared, last)) * CASE WHEN route.plan = 'hnsw' AND NOT search_is_checked(route, filter) THEN route.pass ELSE 1 END;
        most_missed := may_miss * CASE WHEN route.plan = 'hnsw' OR (finds).exhausted OR (look).is_lost THEN 1 WHEN route.cells IS NULL THEN 2 ELSE 3 END;
        deepest := (finds).looked_at * CASE WHEN attempts = 1 THEN 0.6 ELSE 0.7 END;
        IF missed <= most_missed AND (route.plan = 'hnsw' OR (finds).left_out <= 5 * may_miss
            AND ((finds).exhausted OR (SELECT max(p.place) FROM unnest((finds).places[:wanted]) p (place)) <= deepest)) THEN
            RETURN NULL;
        END IF;
        IF route.plan = 'hnsw' THEN
            -- The graph lost its way: most of the best come from the cells, which were to be a second opinion.
            look.is_lost := true;
            route.plan := 'cells';
            route.cells := search_nearest_cells(kind, space_id, vector, route.total, 7 * search_second_opinion(route.pass, wanted, route.total) / route.pass);
        ELSIF NOT (look).is_far AND route.plan = 'list' AND route.source <> 'cells' AND search_is_listed(route) AND search_listed_rows(route) BETWEEN 6 * (finds).taken AND 20000 AND missed <= 0.4 * wanted THEN
            -- What is nearest differs little from much else, but the order of sketches may still tell it from the most of it.
            look.is_far := true;
            row_limit := greatest(row_limit, search_listed_rows(route) / 10);
        ELSIF route.source <> 'cells' AND search_listed_rows(route) <= 20000 THEN
            -- What is nearest hardly differs from much else; to list it once more by its sketches costs as much as to compare it.
            route.plan := 'exact';
            route.cells := NULL;
        ELSE
            -- All of the districts or cells was compared, and what is nearest hardly differs from much of it: others were left
            -- out by chance. To look into more of them costs far more than to compare more.
            IF (finds).exhausted AND route.cells IS NOT NULL AND missed > may_miss THEN
                route := search_route_wider(kind, space_id, vector, filter, wanted, route, attempts);
                look.fresh := NULL;
            END IF;
            row_limit := greatest(row_limit, (finds).taken / 3) * CASE WHEN missed > 10 * may_miss THEN 16 ELSE 4 END;
        END IF;
    ELSIF (finds).checked >= (finds).most_checked THEN
        -- Products with very many pictures crowd the others out.
        look.check_limit := (look).check_limit * 8;
        row_limit := greatest(row_limit, look.check_limit);
    ELSIF (finds).exhausted AND route.cells IS NULL THEN
        RETURN NULL;  -- all were looked at
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
    look.route := route;
    look.row_limit := row_limit;
    IF route.plan <> 'districts' THEN look.fresh := NULL; END IF;
    RETURN look;
END $$;
