-- Which facets are asked for: names and settings, checked.

-- Every name that a member of attributes or of options has, as it is written most.
CREATE OR REPLACE FUNCTION facet_names(patch facet_patch) RETURNS TABLE (facet text, members bigint)
LANGUAGE sql STABLE SET search_path FROM CURRENT AS $$
    SELECT d.field || '.' || min(d.name), count(*) FROM (
        SELECT v.field, v.name FROM facet_value v WHERE v.field IN ('attributes', 'options')
        UNION ALL
        SELECT n.field, n.name FROM unnest((patch).new_field, (patch).new_name) n (field, name) WHERE n.field IN ('attributes', 'options')) d
    GROUP BY d.field, lower(d.name)
$$;

-- What a page shows that names none: a few options and attributes, those that most products have. Of a member with
-- thousands of values (an article number) nobody wants a list.
CREATE OR REPLACE FUNCTION facet_defaults(patch facet_patch) RETURNS jsonb
LANGUAGE sql STABLE SET search_path FROM CURRENT SET enable_seqscan = off AS $$
    SELECT '{"category": {}, "brand": {}, "price": {}, "in_stock": {}}' || coalesce(jsonb_object_agg(c.facet, '{}'::jsonb), '{}')
    FROM (
        SELECT n.facet, row_number() OVER (PARTITION BY split_part(n.facet, '.', 1) ORDER BY h.held DESC, n.facet) AS place
        FROM facet_names(patch) n
        CROSS JOIN LATERAL (
            SELECT sum(b.ones) AS held
            FROM facet_values(patch, split_part(n.facet, '.', 1), substr(n.facet, strpos(n.facet, '.') + 1)) d
            CROSS JOIN LATERAL (
                SELECT b.ones FROM facet_bitmap b WHERE b.value_id = d.value_id AND b.plane = 0
                UNION ALL SELECT bit_count(f.bits) FROM unnest((patch).value_id, (patch).plane, (patch).bits) f (value_id, plane, bits)
                WHERE f.value_id = d.value_id AND f.plane = 0 OFFSET 0) b) h
        WHERE n.members <= 1000) c
    WHERE c.place <= 4
$$;

-- The names most like a wrong one, by the pairs of letters that they share.
CREATE OR REPLACE FUNCTION facet_nearest(wrong text, patch facet_patch) RETURNS text
LANGUAGE sql STABLE SET search_path FROM CURRENT AS $$
    SELECT string_agg(k.facet, ', ' ORDER BY k.likeness DESC, k.facet) FROM (
        SELECT n.facet, (
            SELECT count(*)::real / greatest(length(n.facet), length(wrong))
            FROM generate_series(1, least(length(wrong), 100) - 1) i WHERE strpos(lower(n.facet), lower(substr(wrong, i, 2))) > 0) AS likeness
        FROM (SELECT unnest('{category,brand,price,in_stock}'::text[]) UNION ALL SELECT f.facet FROM facet_names(patch) f) n (facet)
        ORDER BY likeness DESC, n.facet LIMIT 5) k
$$;

-- A setting is a whole number in a range, but for under: a category.
CREATE OR REPLACE FUNCTION check_facet_settings(facet text, settings jsonb) RETURNS void
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
DECLARE
    valid CONSTANT text[] := CASE facet WHEN 'price' THEN '{buckets}' WHEN 'category' THEN '{limit,under}' WHEN 'in_stock' THEN '{}' ELSE '{limit}' END;
    setting record;
BEGIN
    IF jsonb_typeof(settings) <> 'object' THEN
        PERFORM argument_error(format('the settings of the facet %s must be an object, not %s', facet, left(settings::text, 50)),
            'For example {"brand": {"limit": 20}, "price": {"buckets": 10}}.');
    END IF;
    FOR setting IN SELECT s.key, s.value FROM jsonb_each(settings) s LOOP
        IF setting.key <> ALL (valid) THEN
            PERFORM argument_error(format('the facet %s has the unknown setting %s', facet, to_json(setting.key)),
                coalesce('It has ' || nullif(array_to_string(valid, ' and '), '') || '.', 'It has no settings.'));
        ELSIF setting.key = 'under' THEN
            IF jsonb_typeof(setting.value) <> 'string' THEN
                PERFORM argument_error('facets.category.under must be text', 'Give a category''s path or unique name.');
            ELSIF NOT EXISTS (SELECT FROM filter_category_nodes(setting.value #>> '{}', 'facets.category.under')) THEN
                PERFORM argument_error(format('facets.category.under: no category is called %s', setting.value), 'Give a category''s path or unique name.');
            END IF;
        ELSIF (CASE jsonb_typeof(setting.value) WHEN 'number' THEN setting.value::numeric NOT BETWEEN 1 AND 1000
                OR setting.value::numeric <> trunc(setting.value::numeric) OR setting.key = 'buckets' AND setting.value::numeric > 100 ELSE true END) THEN
            PERFORM argument_error(format('facets.%s.%s is %s', facet, setting.key, left(setting.value::text, 50)),
                CASE setting.key WHEN 'buckets' THEN 'Give a whole number, 1 to 100.' ELSE 'Give a whole number, 1 to 1,000.' END);
        END IF;
    END LOOP;
END $$;

-- The facets by their names, each with its settings.
CREATE OR REPLACE FUNCTION facet_requests(facets jsonb, patch facet_patch) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
DECLARE
    asked jsonb := facets;
    facet record;
BEGIN
    IF facets IS NULL OR facets IN ('false', 'null') THEN RETURN '{}'; END IF;
    IF facets = 'true' THEN RETURN facet_defaults(patch); END IF;
    IF jsonb_typeof(facets) = 'array' THEN
        IF EXISTS (SELECT FROM jsonb_array_elements(facets) e (value) WHERE jsonb_typeof(e.value) <> 'string') THEN
            PERFORM argument_error('facets must list names', 'For example ["category", "brand", "price", "options.color"].');
        END IF;
        asked := coalesce((SELECT jsonb_object_agg(e.value, '{}'::jsonb) FROM jsonb_array_elements_text(facets) e (value)), '{}');
    ELSIF jsonb_typeof(facets) <> 'object' THEN
        PERFORM argument_error(format('facets cannot be %s', left(facets::text, 50)),
            'Give true, a list of names, or an object of names and settings.');
    END IF;
    IF (SELECT count(*) > count(DISTINCT lower(a.key)) FROM jsonb_object_keys(asked) a (key)) THEN
        PERFORM argument_error('a facet is asked for twice', 'Names are the same in upper and lower case.');
    ELSIF (SELECT count(*) FROM jsonb_object_keys(asked)) > 50 THEN
        PERFORM argument_error('more than 50 facets are asked for', 'Ask for the ones that the page shows.');
    END IF;
    FOR facet IN SELECT a.key, a.value, split_part(a.key, '.', 1) AS field, substr(a.key, strpos(a.key, '.') + 1) AS name FROM jsonb_each(asked) a LOOP
        IF facet.key NOT IN ('category', 'brand', 'price', 'in_stock') AND (facet.key !~ '^(attributes|options)\..'
            OR NOT EXISTS (SELECT FROM facet_value v WHERE v.field = facet.field AND lower(v.name) = lower(facet.name))
            -- A shop that has none at all may get some.
            AND EXISTS (SELECT FROM facet_names(patch) n WHERE split_part(n.facet, '.', 1) = facet.field)
            AND NOT EXISTS (SELECT FROM facet_names(patch) n WHERE lower(n.facet) = lower(facet.key))) THEN
            PERFORM argument_error(format('unknown facet %s', to_json(left(facet.key, 100))), format('The nearest are %s.', facet_nearest(facet.key, patch)));
        END IF;
        PERFORM check_facet_settings(facet.key, facet.value);
    END LOOP;
    RETURN asked;
END $$;
