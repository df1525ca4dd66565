-- Searches without a filter, whose plan is kept.

-- The statement that asks the graph and the cells is the same for all of them: a function for each kind of vectors and each space has it. Planned anew, as with
-- a filter, it takes a seventh of a search among 100,000.
CREATE OR REPLACE FUNCTION unfiltered_name(kind text, space_id integer) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN format('%s_unfiltered_%s', kind, space_id);

-- Whether a look asks the graph and the cells for what is nearest, whatever it is.
CREATE OR REPLACE FUNCTION search_is_unfiltered(route search_route, filter search_filter) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN (filter).is_empty AND search_has_two(route) AND NOT search_is_checked(route, filter);

-- Makes the function of a space: the arm's own statement, of such a look, with its parameters. What it is called with is no constant to the planner, which
-- would read a table whole for a limit that it does not know.
CREATE OR REPLACE FUNCTION keep_unfiltered(kind text, space_id integer) RETURNS void
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    route search_route;
    filter search_filter;
    name CONSTANT text := unfiltered_name(kind, space_id);
    -- Named in full: what runs as its owner does not look into the extension's schema.
    vector CONSTANT text := format('%I.halfvec', vector_schema());
    role_name text;
BEGIN
    route.plan := 'hnsw';
    route.source := 'cells';
    route.cells := '{}';
    route.pass := 1;
    filter.is_empty := true;
    EXECUTE format('CREATE OR REPLACE FUNCTION %I(%s, bit varying, integer[], %s, %s, bigint[], integer, integer, integer, integer, bigint[]) RETURNS search_finds
        LANGUAGE plpgsql STABLE SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_bitmapscan = off SET jit = off AS %L',
        name, vector, vector, vector, concat('DECLARE finds search_finds; BEGIN ', search_arm_sql(kind, space_id, route, filter),
            ' INTO finds.product_ids, finds.distances, finds.item_ids, finds.places, finds.tastes, finds.recents, finds.found_by, finds.compared, finds.looked_at, finds.exhausted; RETURN finds; END'));
    EXECUTE format('COMMENT ON FUNCTION %I IS %L', name, format('The nearest by %s in space %s, whatever they are: search_arm_sql, whose plan is kept.', kind, space_id));
    EXECUTE format('REVOKE ALL ON FUNCTION %I FROM PUBLIC', name);
    FOR role_name IN SELECT r.rolname FROM pg_roles r WHERE r.rolname IN (current_schema() || '_app', current_schema() || '_worker', current_schema() || '_analyst') LOOP
        EXECUTE format('GRANT EXECUTE ON FUNCTION %I TO %I', name, role_name);
    END LOOP;
END $$;

-- All spaces have theirs, as this version writes it; upgrade calls it.
CREATE OR REPLACE FUNCTION ensure_unfiltered() RETURNS void
LANGUAGE sql VOLATILE SET search_path FROM CURRENT AS $$
    SELECT keep_unfiltered(k.kind, s.space_id) FROM space s CROSS JOIN (VALUES ('image'), ('caption')) k (kind)
$$;
