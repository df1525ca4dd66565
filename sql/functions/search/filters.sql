-- Compiles the JSON filter language to SQL conditions; every value goes through quote_literal.

-- A condition reads p (the product) and v (one of its variants). NULL counts as false throughout:
-- AND and OR keep that by themselves, NOT is written IS NOT TRUE.

CREATE OR REPLACE FUNCTION filter_error(message text, hint text) RETURNS void
LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    RAISE EXCEPTION USING ERRCODE = 'VT003', MESSAGE = message, HINT = hint;
END $$;

CREATE OR REPLACE FUNCTION argument_error(message text, hint text) RETURNS void
LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    RAISE EXCEPTION USING ERRCODE = 'VT001', MESSAGE = message, HINT = hint;
END $$;

CREATE OR REPLACE FUNCTION filter_noun(json_type text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE json_type WHEN 'null' THEN 'null' WHEN 'array' THEN 'a list' WHEN 'object' THEN 'an object'
            WHEN 'boolean' THEN 'true or false' ELSE 'a ' || json_type END;

-- One value or a list of them, as a list of at most 1,000.
CREATE OR REPLACE FUNCTION filter_values(value jsonb, kinds text[], place text) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE SET search_path FROM CURRENT AS $$
DECLARE
    given jsonb := CASE jsonb_typeof(value) WHEN 'array' THEN value ELSE jsonb_build_array(value) END;
    wrong text;
BEGIN
    IF jsonb_array_length(given) > 1000 THEN
        PERFORM filter_error(
            format('%s lists %s values', place, jsonb_array_length(given)), 'A list holds at most 1,000.');
    END IF;
    SELECT jsonb_typeof(e.value) INTO wrong
    FROM jsonb_array_elements(given) e (value) WHERE jsonb_typeof(e.value) <> ALL (kinds) LIMIT 1;
    IF FOUND THEN
        PERFORM filter_error(
            format('%s cannot %s %s', place,
                CASE jsonb_typeof(value) WHEN 'array' THEN 'list' ELSE 'be' END, filter_noun(wrong)),
            format('Give %s, or a list of those.', (SELECT string_agg(filter_noun(k.kind), ' or ' ORDER BY k.number)
                FROM unnest(kinds) WITH ORDINALITY k (kind, number))));
    END IF;
    RETURN given;
END $$;

-- Text compares without case.
CREATE OR REPLACE FUNCTION filter_text(expression text, value jsonb, place text) RETURNS text
LANGUAGE sql STABLE SET search_path FROM CURRENT AS $$
    SELECT format('lower(%s) = ANY (%L::text[])', expression, coalesce(array_agg(lower(e.value)), '{}'))
    FROM jsonb_array_elements_text(filter_values(value, '{string,number}', place)) e (value)
$$;

CREATE OR REPLACE FUNCTION filter_range(expression text, bounds jsonb, place text) RETURNS text
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
DECLARE
    operators CONSTANT jsonb := '{"gt": ">", "gte": ">=", "lt": "<", "lte": "<=", "eq": "="}';
    bound record;
    conditions text[] := '{}';
BEGIN
    FOR bound IN SELECT b.key, b.value FROM jsonb_each(bounds) b LOOP
        IF NOT operators ? bound.key THEN
            PERFORM filter_error(format('%s has the unknown operator %s', place, to_json(bound.key)),
                'The operators are gt, gte, lt, lte and eq.');
        END IF;
        IF jsonb_typeof(bound.value) <> 'number' THEN
            PERFORM filter_error(format('%s.%s must be a number, not %s', place, bound.key,
                left(bound.value::text, 50)), 'For example {"gte": 20, "lt": 80}.');
        END IF;
        conditions := conditions || format('%s %s %L::numeric', expression, operators ->> bound.key, bound.value);
    END LOOP;
    IF conditions = '{}' THEN
        PERFORM filter_error(format('%s is a range without a bound', place), 'Give gt, gte, lt, lte or eq.');
    END IF;
    RETURN format('(%s)', array_to_string(conditions, ' AND '));
END $$;

-- A number, a range, or a list of numbers and ranges.
CREATE OR REPLACE FUNCTION filter_number(expression text, value jsonb, place text) RETURNS text
LANGUAGE sql STABLE SET search_path FROM CURRENT AS $$
    SELECT format('(%s)', coalesce(string_agg(CASE jsonb_typeof(e.value)
        WHEN 'number' THEN format('%s = %L::numeric', expression, e.value)
        ELSE filter_range(expression, e.value, place) END, ' OR '), 'false'))
    FROM jsonb_array_elements(filter_values(value, '{number,object}', place)) e (value)
$$;

-- The number that an attribute holds, also as text; NULL for everything else.
CREATE OR REPLACE FUNCTION filter_as_number(value jsonb) RETURNS numeric
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN jsonb_typeof(value) IN ('number', 'string')
             -- Not \s and \d: these know white space and digits of other scripts, which numeric refuses.
             AND value #>> '{}' ~ '^[ \t\n\r\f\v]*[-+]?[0-9]{1,30}(\.[0-9]{1,30})?[ \t\n\r\f\v]*$'
            THEN (value #>> '{}')::numeric END;

-- One named member of an object column, which may be a list of values; the name has no case either,
-- but a member of exactly that name wins (and is found faster). OFFSET 0, or the planner puts it wherever its value is used, and
-- plans each copy.
CREATE OR REPLACE FUNCTION filter_member(object text, name text, value jsonb, place text) RETURNS text
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
DECLARE
    given jsonb := filter_values(value, '{string,number,boolean,object}', place);
    member text := format(
        'CASE WHEN %1$s ? %2$L THEN %1$s -> %2$L ELSE (SELECT m.value FROM jsonb_each(%1$s) m '
        'WHERE lower(m.key) = lower(%2$L) ORDER BY m.key LIMIT 1) END', object, name);
    texts text[];
    condition text;
BEGIN
    SELECT array_agg(lower(e.value #>> '{}')) INTO texts
    FROM jsonb_array_elements(given) e (value) WHERE jsonb_typeof(e.value) <> 'object';
    SELECT concat_ws(' OR ',
        CASE WHEN texts IS NOT NULL THEN format('lower(x.value #>> ''{}'') = ANY (%L::text[])', texts) END,
        string_agg(CASE jsonb_typeof(e.value)
            WHEN 'number' THEN format('filter_as_number(x.value) = %L::numeric', e.value)
            ELSE filter_range('filter_as_number(x.value)', e.value, place) END, ' OR '))
    INTO condition
    FROM jsonb_array_elements(given) e (value) WHERE jsonb_typeof(e.value) IN ('number', 'object');
    condition := coalesce(nullif(condition, ''), 'false');
    RETURN format(
        '(SELECT CASE WHEN jsonb_typeof(x.value) = ''array'' '
        'THEN EXISTS (SELECT FROM jsonb_array_elements(x.value) x (value) WHERE %2$s) '
        'ELSE %2$s END FROM (SELECT %1$s OFFSET 0) x (value))', member, condition);
END $$;

CREATE OR REPLACE FUNCTION filter_members(object text, members jsonb, place text) RETURNS text
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
BEGIN
    IF jsonb_typeof(members) <> 'object' THEN
        PERFORM filter_error(format('%s must be an object of names and values', place),
            format('For example {%s: {"color": ["Red", "Blue"]}}.', to_json(split_part(place, '.', -1))));
    END IF;
    RETURN (SELECT coalesce(string_agg(
                filter_member(object, m.key, m.value, format('%s.%s', place, m.key)), ' AND '), 'true')
            FROM jsonb_each(members) m);
END $$;

-- The category that a path or a unique name stands for; none where nothing is called so.
CREATE OR REPLACE FUNCTION filter_category_nodes(named text, place text) RETURNS SETOF bigint
LANGUAGE plpgsql STABLE ROWS 1 SET search_path FROM CURRENT AS $$
DECLARE
    wanted text := lower(btrim(regexp_replace(named, '\s*/\s*', '/', 'g'), E' \t\n/'));
    node record;
BEGIN
    SELECT array_agg(c.path) AS paths, array_agg(c.category_id) AS ids INTO node FROM category c WHERE c.path = wanted;
    IF node.paths IS NULL THEN
        SELECT array_agg(c.path ORDER BY c.path) AS paths, array_agg(c.category_id) AS ids INTO node FROM category c
        WHERE category_segment(c.name) = category_segment(named);
    END IF;
    IF cardinality(node.paths) > 1 THEN
        PERFORM filter_error(
            format('%s: %s names %s categories', place, to_json(named), cardinality(node.paths)),
            format('Give one of the paths %s%s.', array_to_string(node.paths[:10], ', '),
                CASE WHEN cardinality(node.paths) > 10 THEN ', …' ELSE '' END));
    END IF;
    RETURN QUERY SELECT unnest(node.ids);
END $$;

CREATE OR REPLACE FUNCTION filter_category(value jsonb, place text) RETURNS text
LANGUAGE sql STABLE SET search_path FROM CURRENT AS $$
    SELECT format('EXISTS (SELECT FROM product_category pc WHERE pc.product_id = p.product_id '
        'AND pc.category_id = ANY (%L::bigint[]))', coalesce(array_agg(c.category_id), '{}'))
    FROM jsonb_array_elements_text(filter_values(value, '{string}', place)) e (value)
    CROSS JOIN LATERAL filter_category_nodes(e.value, place) n (category_id)
    JOIN category top ON top.category_id = n.category_id
    JOIN category c ON c.path = top.path OR starts_with(c.path, top.path || '/')
$$;

CREATE OR REPLACE FUNCTION filter_in_stock(value jsonb, place text) RETURNS text
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
BEGIN
    IF jsonb_typeof(value) <> 'boolean' THEN
        PERFORM filter_error(format('%s must be true or false', place), 'Leave it out to show both.');
    END IF;
    RETURN format('(v.stock IS NULL OR v.stock > 0) = %L::boolean', value);
END $$;

-- Both halves of a compiled filter as one condition on p and v.
CREATE OR REPLACE FUNCTION filter_whole(on_product text, on_variant text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN format('(%s)', concat_ws(' AND ', on_product, on_variant));

-- any, all and not: filters within a filter.
CREATE OR REPLACE FUNCTION filter_group(
    keyword text, value jsonb, place text, depth integer,
    OUT condition text, OUT needs_variant boolean, OUT on_options boolean
)
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
DECLARE
    given jsonb := CASE keyword WHEN 'not' THEN jsonb_build_array(value) ELSE value END;
    conditions text[];
BEGIN
    IF keyword = 'not' AND jsonb_typeof(value) <> 'object' THEN
        PERFORM filter_error(format('%s must be one filter, not %s', place, filter_noun(jsonb_typeof(value))),
            'For example {"not": {"brand": "A"}}; several go into {"not": {"any": […]}}.');
    ELSIF jsonb_typeof(given) <> 'array' THEN
        PERFORM filter_error(format('%s must be a list of filters', place),
            format('For example {"%s": [{"brand": "A"}, {"in_stock": true}]}.', keyword));
    END IF;
    PERFORM filter_values(given, '{object}', place);
    SELECT array_agg(filter_whole(part.on_product, part.on_variant) ORDER BY e.number),
           bool_or(part.on_variant IS NOT NULL), bool_or(part.on_options)
    INTO conditions, needs_variant, on_options
    FROM jsonb_array_elements(given) WITH ORDINALITY e (value, number)
    CROSS JOIN LATERAL compile_filter(e.value,
        CASE keyword WHEN 'not' THEN place ELSE format('%s[%s]', place, e.number) END, depth + 1) part;
    condition := CASE keyword
        WHEN 'any' THEN format('(%s)', coalesce(array_to_string(conditions, ' OR '), 'false'))
        WHEN 'all' THEN format('(%s)', coalesce(array_to_string(conditions, ' AND '), 'true'))
        ELSE format('%s IS NOT TRUE', conditions[1]) END;
    needs_variant := coalesce(needs_variant, false);
    on_options := coalesce(on_options, false);
END $$;

CREATE OR REPLACE FUNCTION compile_filter(
    filters jsonb, place text DEFAULT 'filters', depth integer DEFAULT 0,
    OUT on_product text, OUT on_variant text, OUT on_options boolean
)
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
DECLARE
    field record;
    inner_place text;
    condition text;
    needs_variant boolean;
    touches_options boolean;
BEGIN
    on_product := 'true';
    on_options := false;
    IF filters IS NULL THEN RETURN; END IF;
    IF jsonb_typeof(filters) <> 'object' THEN
        PERFORM filter_error(format('%s must be a JSON object, not %s', place, left(filters::text, 50)),
            'For example {"brand": "A", "price": {"lt": 80}}.');
    ELSIF depth > 10 THEN
        PERFORM filter_error(format('%s lies more than 10 levels deep', left(place, 100)),
            'Write it with fewer any, all and not within each other.');
    END IF;
    FOR field IN SELECT f.key, f.value FROM jsonb_each(filters) f LOOP
        inner_place := format('%s.%s', place, field.key);
        needs_variant := field.key IN ('price', 'in_stock', 'options', 'sku');
        touches_options := field.key = 'options';
        CASE field.key
            WHEN 'category' THEN condition := filter_category(field.value, inner_place);
            WHEN 'brand' THEN condition := filter_text('p.brand', field.value, inner_place);
            WHEN 'external_id' THEN condition := filter_text('p.external_id', field.value, inner_place);
            WHEN 'attributes' THEN condition := filter_members('p.attributes', field.value, inner_place);
            WHEN 'price' THEN condition := filter_number('v.price', field.value, inner_place);
            WHEN 'in_stock' THEN condition := filter_in_stock(field.value, inner_place);
            WHEN 'options' THEN condition := filter_members('v.options', field.value, inner_place);
            WHEN 'sku' THEN condition := filter_text('v.sku', field.value, inner_place);
            WHEN 'any', 'all', 'not' THEN
                SELECT g.condition, g.needs_variant, g.on_options
                INTO condition, needs_variant, touches_options
                FROM filter_group(field.key, field.value, inner_place, depth) g;
            ELSE
                PERFORM filter_error(format('%s has the unknown field %s', place, to_json(field.key)),
                    'The fields are category, brand, price, in_stock, options, attributes, '
                    'external_id, sku, any, all and not.');
        END CASE;
        on_options := on_options OR touches_options;
        IF needs_variant THEN
            on_variant := concat_ws(' AND ', on_variant, condition);
        ELSE
            on_product := concat_ws(' AND ', on_product, condition);
        END IF;
    END LOOP;
END $$;
COMMENT ON FUNCTION compile_filter IS 'SQL conditions for a JSON filter: on the product p alone, and on the one variant v (with p) that must satisfy the rest.';
