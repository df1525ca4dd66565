-- What must hold of every product that a filter keeps, as terms that an index lists rows by.

-- A list of groups of terms, as JSON: a row that the filter keeps has at least one of each group. No group says
-- nothing (such as of `not`), and an empty one that nothing matches. compile_filter has checked the filter.
-- Options are asked of the variants that a picture shows (options.), or of any of the product's (variants.).
CREATE OR REPLACE FUNCTION filter_terms(filters jsonb, options_field text) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
DECLARE
    field record;
    terms jsonb;
    groups jsonb := '[]';
BEGIN
    -- A statement for each case: of one with all of them every part would be started each time.
    FOR field IN SELECT f.key, f.value FROM jsonb_each(coalesce(filters, '{}')) f LOOP
        CASE field.key
            WHEN 'category' THEN
                SELECT coalesce(jsonb_agg(term('category', n.category_id::text)), '[]') INTO terms
                FROM jsonb_array_elements_text(filter_values(field.value, '{string}', '')) e (value)
                CROSS JOIN LATERAL filter_category_nodes(e.value, '') n (category_id);
                groups := groups || jsonb_build_array(terms);
            WHEN 'brand', 'external_id', 'sku' THEN
                SELECT coalesce(jsonb_agg(term(field.key, e.value)), '[]') INTO terms
                FROM jsonb_array_elements_text(filter_values(field.value, '{string,number}', '')) e (value);
                groups := groups || jsonb_build_array(terms);
            WHEN 'options' THEN groups := groups || filter_member_terms(options_field, field.value);
            WHEN 'attributes' THEN groups := groups || filter_member_terms('attributes.', field.value);
            WHEN 'all' THEN
                SELECT groups || coalesce(jsonb_agg(g.value), '[]') INTO groups FROM jsonb_array_elements(field.value) e (value)
                CROSS JOIN LATERAL jsonb_array_elements(filter_terms(e.value, options_field)) g (value);
            WHEN 'any' THEN groups := groups || filter_any_terms(field.value, options_field);
            ELSE NULL;
        END CASE;
    END LOOP;
    RETURN groups;
END $$;

CREATE OR REPLACE FUNCTION filter_member_terms(prefix text, members jsonb) RETURNS jsonb
LANGUAGE sql STABLE SET search_path FROM CURRENT AS $$
    SELECT coalesce(jsonb_agg((
        SELECT coalesce(jsonb_agg(t.term), '[]')
        FROM jsonb_array_elements(filter_values(m.value, '{string,number,boolean,object}', '')) e (value)
        CROSS JOIN LATERAL unnest(CASE jsonb_typeof(e.value)
            WHEN 'object' THEN ARRAY[term(prefix || lower(m.key) || '#', '')]
            WHEN 'number' THEN ARRAY[term(prefix || lower(m.key), e.value #>> '{}'),
                term(prefix || lower(m.key) || '#', trim_scale((e.value #>> '{}')::numeric)::text)]
            ELSE ARRAY[term(prefix || lower(m.key), e.value #>> '{}')] END) t (term))), '[]')
    FROM jsonb_each(members) m
$$;

-- One group of each filter together; nothing where one of them says nothing. OFFSET 0: what is nested is looked at once.
CREATE OR REPLACE FUNCTION filter_any_terms(filters jsonb, options_field text) RETURNS jsonb
LANGUAGE sql STABLE SET search_path FROM CURRENT AS $$
    SELECT CASE WHEN bool_or(b.shortest IS NULL) THEN '[]'
        ELSE jsonb_build_array(coalesce(jsonb_agg(DISTINCT t.value) FILTER (WHERE t.value IS NOT NULL), '[]')) END
    FROM jsonb_array_elements(filters) e (value)
    CROSS JOIN LATERAL (SELECT (SELECT g.value FROM jsonb_array_elements(filter_terms(e.value, options_field)) g (value)
        ORDER BY jsonb_array_length(g.value) LIMIT 1) AS shortest OFFSET 0) b
    LEFT JOIN LATERAL jsonb_array_elements(b.shortest) t (value) ON true
$$;

-- What a filter asks of prices, as a condition on o that their index serves; NULL where it asks nothing.
CREATE OR REPLACE FUNCTION filter_prices(filters jsonb) RETURNS text
LANGUAGE sql STABLE SET search_path FROM CURRENT AS $$
    SELECT string_agg(c.condition, ' AND ') FROM (
        SELECT (SELECT format('(%s)', coalesce(string_agg(filter_price_range(e.value), ' OR '), 'false'))
                FROM jsonb_array_elements(filter_values(f.value, '{number,object}', '')) e (value))
        FROM jsonb_each(filters) f WHERE f.key = 'price'
        UNION ALL
        SELECT filter_prices(e.value) FROM jsonb_array_elements(coalesce(filters -> 'all', '[]')) e (value)) c (condition)
$$;

-- Rounded as listed prices are, a price keeps its place among the others; so bounds count as part of the range.
CREATE OR REPLACE FUNCTION filter_price_range(value jsonb) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path FROM CURRENT AS $$
    SELECT string_agg(format('o.price %s round(greatest(least(%L::numeric, 1e300), -1e300), 100)::double precision', CASE
        WHEN b.key IN ('gt', 'gte') THEN '>=' WHEN b.key IN ('lt', 'lte') THEN '<=' ELSE '=' END, b.value), ' AND ')
    FROM jsonb_each(CASE jsonb_typeof(value) WHEN 'object' THEN value ELSE jsonb_build_object('eq', value) END) b
$$;
