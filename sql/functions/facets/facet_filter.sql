-- A filter as an expression over bitmaps: of the product p (plane 0) and of one of its variants v (planes 1, 2, …).

-- Never a user's text: values are numbers of bitmaps, looked up with the filter language's own conditions. A leaf is
-- a column of bitmaps (leaves: {"ids": […], "variant": …}, or {"sql": …} for what has none); columns named s are
-- those of the numbers under 1,024.

-- What has a number, and what changed products have that has none yet.
CREATE OR REPLACE FUNCTION facet_values(patch facet_patch, of_field text, of_name text)
RETURNS TABLE (value_id integer, field text, name text, element jsonb)
LANGUAGE sql STABLE SET search_path FROM CURRENT SET enable_seqscan = off AS $$
    SELECT v.value_id, v.field, v.name, v.element FROM facet_value v WHERE v.field = of_field AND lower(v.name) = lower(of_name)
    UNION ALL
    SELECT n.* FROM unnest((patch).new_id, (patch).new_field, (patch).new_name, (patch).new_element) n (value_id, field, name, element)
    WHERE n.field = of_field AND lower(n.name) = lower(of_name)
$$;

-- A condition on a value d, of a field or of one member of an object column.
CREATE OR REPLACE FUNCTION facet_value_condition(field text, name text, value jsonb) RETURNS text
LANGUAGE sql STABLE SET search_path FROM CURRENT AS $$
    SELECT CASE field
        WHEN 'brand' THEN filter_text('(d.element #>> ''{}'')', value, '')
        ELSE filter_member('jsonb_build_object(d.name, jsonb_build_array(d.element))', name, value, '') END
$$;

CREATE OR REPLACE FUNCTION facet_leaf(INOUT leaves jsonb, leaf jsonb, OUT expression text)
LANGUAGE sql IMMUTABLE SET search_path FROM CURRENT AS $$
    SELECT leaves || leaf, format('%s.l%s', CASE WHEN (leaf -> 'variant')::boolean THEN 'v' ELSE 'p' END, jsonb_array_length(leaves))
$$;

-- What a filter asks of a field as texts in lower case; NULL where it asks for more than these: then a condition is compiled.
CREATE OR REPLACE FUNCTION facet_texts(field text, value jsonb) RETURNS text[]
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
BEGIN
    IF value @? '$[*] ? (@.type() != "string")' THEN RETURN NULL; END IF;
    RETURN ARRAY(SELECT CASE field WHEN 'category' THEN n.category_id::text ELSE lower(e.value) END
        FROM jsonb_array_elements_text(CASE jsonb_typeof(value) WHEN 'array' THEN value ELSE jsonb_build_array(value) END) e (value)
        LEFT JOIN LATERAL filter_category_nodes(e.value, '') n (category_id) ON field = 'category');
END $$;

-- value: what is asked of it, or NULL: the names that are written exactly so.
CREATE OR REPLACE FUNCTION facet_value_leaf(
    field text, name text, exact boolean, value jsonb, patch facet_patch, INOUT leaves jsonb, OUT expression text, OUT is_known boolean
)
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
#variable_conflict use_variable
DECLARE
    of_field CONSTANT text := field || CASE WHEN exact THEN '=' ELSE '' END;
    texts text[];
    ids integer[];
BEGIN
    -- Hardly any shop has names that differ in case alone.
    is_known := false;
    IF exact AND NOT of_field = ANY ((patch).new_field) IS TRUE AND NOT EXISTS (SELECT FROM facet_value v WHERE v.field = of_field AND lower(v.name) = lower(name)) THEN RETURN; END IF;
    texts := facet_texts(field, value);
    IF value IS NULL OR texts IS NOT NULL THEN
        ids := ARRAY(SELECT d.value_id FROM facet_values(patch, of_field, name) d
            WHERE (NOT exact OR d.name = name) AND CASE WHEN value IS NULL THEN d.element IS NULL ELSE lower(d.element #>> '{}') = ANY (texts) END);
    ELSE
        EXECUTE concat('SELECT coalesce(array_agg(d.value_id), ''{}'') FROM facet_values($1, $2, $3) d WHERE d.element IS NOT NULL AND ($4 OR d.name = $3) AND ',
            facet_value_condition(field, name, value)) INTO ids USING patch, of_field, name, NOT exact;
    END IF;
    is_known := ids <> '{}';
    SELECT l.leaves, l.expression INTO leaves, expression
    FROM facet_leaf(leaves, jsonb_build_object('ids', ids, 'variant', field = 'options')) l;
END $$;

-- One named member. Where an object has several names that differ in case alone, the one written exactly so counts.
CREATE OR REPLACE FUNCTION facet_member_condition(
    field text, name text, value jsonb, patch facet_patch, INOUT leaves jsonb, OUT expression text
)
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
DECLARE
    leaf record;
BEGIN
    leaf := facet_value_leaf(field, name, false, value, patch, leaves);
    leaves := leaf.leaves;
    expression := leaf.expression;
    leaf := facet_value_leaf(field, name, true, NULL, patch, leaves);
    IF leaf.is_known THEN
        leaves := leaf.leaves;
        expression := format('(%s & ~%s)', expression, leaf.expression);
        leaf := facet_value_leaf(field, name, true, value, patch, leaves);
        leaves := leaf.leaves;
        expression := format('(%s | %s)', expression, leaf.expression);
    END IF;
END $$;

-- What no bitmap knows, as rows (product_id, plane) of the catalogue.
CREATE OR REPLACE FUNCTION facet_rows_where(condition text, of_variants boolean) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path FROM CURRENT AS $$
    SELECT CASE WHEN of_variants THEN concat(
        'SELECT n.product_id, n.plane FROM (SELECT v.*, row_number() OVER (PARTITION BY v.product_id ORDER BY v.variant_id) AS plane '
        'FROM variant v WHERE v.status = ''active'' AND v.product_id IN (SELECT v.product_id FROM variant v WHERE ', condition,
        ')) n CROSS JOIN LATERAL (SELECT n.sku, n.price) v WHERE ', condition)
        ELSE concat('SELECT p.product_id, 0 FROM product p WHERE ', condition) END
$$;

-- Bits of the price's digits from the lowest on: of what has one, at least the threshold, in thousandths.
CREATE OR REPLACE FUNCTION facet_price_at_least(threshold numeric, width integer) RETURNS text
LANGUAGE plpgsql IMMUTABLE SET search_path FROM CURRENT AS $$
DECLARE
    units bigint;
    expression text;
BEGIN
    IF threshold <= 0 THEN RETURN '(~0::bit(32000))'; END IF;
    IF threshold >= 1e15 THEN RETURN '0::bit(32000)'; END IF;
    units := facet_digits(threshold::bigint);
    IF units >= 2::numeric ^ width THEN RETURN '0::bit(32000)'; END IF;
    FOR place IN 0 .. width - 1 LOOP
        IF units >> place & 1 = 1 THEN
            expression := concat('(', 'v.s' || 100 + place, ' & ' || expression, ')');
        ELSIF expression IS NOT NULL THEN
            expression := format('(v.s%s | %s)', 100 + place, expression);
        END IF;
    END LOOP;
    RETURN expression;
END $$;

-- A number, a range, or a list of those.
CREATE OR REPLACE FUNCTION facet_price_condition(value jsonb, width integer) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path FROM CURRENT AS $$
    SELECT format('(v.s4 & (%s))', coalesce(string_agg(r.condition, ' | '), '0::bit(32000)'))
    FROM jsonb_array_elements(filter_values(value, '{number,object}', '')) e (value)
    CROSS JOIN LATERAL (
        SELECT format('(%s)', string_agg(CASE b.key WHEN 'gte' THEN t.from_it WHEN 'gt' THEN t.above_it
            WHEN 'lt' THEN '~' || t.from_it WHEN 'lte' THEN '~' || t.above_it
            ELSE format('(%s & ~%s)', t.from_it, t.above_it) END, ' & ')) AS condition
        FROM jsonb_each(CASE jsonb_typeof(e.value) WHEN 'object' THEN e.value ELSE jsonb_build_object('eq', e.value) END) b
        CROSS JOIN LATERAL (SELECT facet_price_at_least(ceil(b.value::numeric * 1000), width) AS from_it,
            facet_price_at_least(floor(b.value::numeric * 1000) + 1, width) AS above_it) t) r
$$;

-- width: how many bits prices have; NULL: some have no such bits, and prices are read from the catalogue.
CREATE OR REPLACE FUNCTION facet_condition(
    filters jsonb, patch facet_patch, width integer, INOUT leaves jsonb, OUT expression text, OUT needs_variant boolean
)
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
DECLARE
    part record;
    one record;
BEGIN
    needs_variant := false;
    FOR part IN SELECT f.key, f.value FROM jsonb_each(filters) f LOOP
        one := facet_field_condition(part.key, part.value, patch, width, leaves);
        leaves := one.leaves;
        expression := concat(expression || ' & ', one.expression);
        needs_variant := needs_variant OR one.needs_variant;
    END LOOP;
    expression := format('(%s)', coalesce(expression, '~0::bit(32000)'));
END $$;

CREATE OR REPLACE FUNCTION facet_field_condition(
    field text, value jsonb, patch facet_patch, width integer, INOUT leaves jsonb, OUT expression text, OUT needs_variant boolean
)
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
DECLARE
    part record;
    one record;
BEGIN
    needs_variant := field IN ('price', 'in_stock', 'options', 'sku');
    IF field = 'in_stock' THEN
        expression := CASE value WHEN 'true' THEN '(~v.s3)' ELSE 'v.s3' END;
    ELSIF field = 'price' AND width IS NOT NULL THEN
        expression := facet_price_condition(value, width);
    ELSIF field IN ('brand', 'category') THEN
        SELECT l.leaves, l.expression INTO leaves, expression
        FROM facet_value_leaf(field, '', false, value, patch, leaves) l;
    ELSIF field IN ('external_id', 'sku', 'price') THEN
        SELECT l.leaves, l.expression INTO leaves, expression
        FROM facet_leaf(leaves, jsonb_build_object('variant', needs_variant, 'sql', facet_rows_where(CASE field
            WHEN 'external_id' THEN filter_text('p.external_id', value, '') WHEN 'sku' THEN filter_text('v.sku', value, '')
            ELSE filter_number('v.price', value, '') END, needs_variant))) l;
    ELSE
        FOR part IN SELECT e.key, e.value FROM jsonb_each(CASE WHEN field IN ('options', 'attributes') THEN value ELSE '{}' END) e LOOP
            one := facet_member_condition(field, part.key, part.value, patch, leaves);
            leaves := one.leaves;
            expression := concat(expression || ' & ', one.expression);
        END LOOP;
        FOR part IN SELECT e.value FROM jsonb_array_elements(
            CASE WHEN field = 'not' THEN jsonb_build_array(value) WHEN field IN ('any', 'all') THEN value ELSE '[]' END) e LOOP
            one := facet_condition(part.value, patch, width, leaves);
            leaves := one.leaves;
            expression := concat(expression || CASE field WHEN 'any' THEN ' | ' ELSE ' & ' END, CASE WHEN field = 'not' THEN '~' END, one.expression);
            needs_variant := needs_variant OR one.needs_variant;
        END LOOP;
        expression := format('(%s)', coalesce(expression, CASE field WHEN 'any' THEN '0::bit(32000)' ELSE '~0::bit(32000)' END));
    END IF;
END $$;
