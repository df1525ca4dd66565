-- Categories that a query names: their nodes, how several narrow each other, and whether products have both.

-- The paths of the nodes of these names that have products; NULL where there is none. A path that a filter
-- would read in another way is left out.
CREATE OR REPLACE FUNCTION category_paths(names text[]) RETURNS text[]
LANGUAGE sql STABLE SET search_path FROM CURRENT SET enable_seqscan = off AS $$
    SELECT array_agg(n.path ORDER BY n.path) FROM (
        SELECT c.path FROM category c WHERE category_segment(c.name) = ANY (names)
          AND c.path = lower(btrim(regexp_replace(c.path, '\s*/\s*', '/', 'g'), E' \t\n/')) AND category_is_used(c.path)
        LIMIT 50) n
$$;

-- Whether a product that is shown lies in a category or below it. Paths compare by their bytes, and / comes before 0.
CREATE OR REPLACE FUNCTION category_is_used(top text) RETURNS boolean
LANGUAGE sql STABLE SET search_path FROM CURRENT AS $$
    SELECT EXISTS (
        SELECT FROM (SELECT c.category_id FROM category c WHERE c.path = top
              UNION ALL SELECT c.category_id FROM category c WHERE c.path ~>=~ (top || '/') AND c.path ~<~ (top || '0')) c
        CROSS JOIN LATERAL (SELECT pc.product_id FROM product_category pc WHERE pc.category_id = c.category_id OFFSET 0) pc
        WHERE product_is_shown(pc.product_id))
$$;

-- Whether a product lies in both of two lists of categories; of the first 2,000 of the first.
CREATE OR REPLACE FUNCTION categories_meet(one text[], other text[]) RETURNS boolean
LANGUAGE sql STABLE SET search_path FROM CURRENT AS $$
    SELECT EXISTS (
        SELECT FROM (
            SELECT pc.product_id FROM unnest(one) o (path)
            CROSS JOIN LATERAL (SELECT c.category_id FROM category c WHERE c.path = o.path OR starts_with(c.path, o.path || '/') OFFSET 0) c
            CROSS JOIN LATERAL (SELECT x.product_id FROM product_category x WHERE x.category_id = c.category_id OFFSET 0) pc LIMIT 2000) a
        WHERE product_is_shown(a.product_id) AND EXISTS (
            SELECT FROM product_category pc JOIN category c USING (category_id) CROSS JOIN unnest(other) o (path)
            WHERE pc.product_id = a.product_id AND (c.path = o.path OR starts_with(c.path, o.path || '/')) OFFSET 0))
$$;

-- Those of one list that lie in a category of the other.
CREATE OR REPLACE FUNCTION categories_within(inner_paths text[], outer_paths text[]) RETURNS text[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN (SELECT array_agg(i.path ORDER BY i.path) FROM unnest(inner_paths) i (path)
        WHERE EXISTS (SELECT FROM unnest(outer_paths) o (path) WHERE i.path = o.path OR starts_with(i.path, o.path || '/')));

-- The categories that all phrases together ask for, each a list of paths of which one must hold. phrases is a list of
-- {"paths", "list" (joined with the one before by "or", "and" or a comma), "aside" (after "for" or "with")}. A
-- category within another narrows it; where no product lies in both, the last one is what the query is about.
CREATE OR REPLACE FUNCTION join_categories(phrases jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
DECLARE
    part jsonb;
    lists jsonb := '[]';
    joined jsonb := '[]';
    narrowed text[];
    paths text[];
    earlier text[];
BEGIN
    FOR part IN SELECT p.value FROM jsonb_array_elements(phrases) p LOOP
        IF (part -> 'list')::boolean AND lists <> '[]' THEN
            lists := jsonb_set(lists, '{-1,paths}', lists #> '{-1,paths}' || (part -> 'paths'));
        ELSE
            lists := lists || part;
        END IF;
    END LOOP;
    FOR part IN SELECT p.value FROM jsonb_array_elements(lists) p LOOP
        paths := ARRAY(SELECT DISTINCT jsonb_array_elements_text(part -> 'paths') ORDER BY 1);
        narrowed := NULL;
        FOR at IN 0 .. jsonb_array_length(joined) - 1 LOOP
            earlier := ARRAY(SELECT jsonb_array_elements_text(joined -> at));
            narrowed := coalesce(categories_within(paths, earlier), categories_within(earlier, paths));
            IF narrowed IS NOT NULL THEN joined := jsonb_set(joined, ARRAY[at::text], to_jsonb(narrowed)); END IF;
            EXIT WHEN narrowed IS NOT NULL;
        END LOOP;
        CONTINUE WHEN narrowed IS NOT NULL;
        IF joined = '[]' OR categories_meet(paths, earlier) THEN
            joined := joined || jsonb_build_array(paths);
        ELSIF NOT (part -> 'aside')::boolean THEN
            joined := jsonb_build_array(paths);
        END IF;
    END LOOP;
    RETURN joined;
END $$;
