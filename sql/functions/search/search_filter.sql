-- A search's filter as SQL text: what must hold, and what lists the rows for which it may.

-- Never a format() pattern: it holds users' text. shown is on p (product), fits on v (variant) and p, counts on i
-- (a picture, or a caption made from one), terms on s (a sketch); prices are the rows o of which they hold; listing is
-- terms for products: those of all their variants, whichever a picture shows.
CREATE OR REPLACE FUNCTION search_conditions(filters jsonb, excluded bigint[]) RETURNS search_filter
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
DECLARE
    compiled record := compile_filter(filters);
    result search_filter;
    groups jsonb;
    asked text;  -- of prices
BEGIN
    result.on_options := compiled.on_options;
    result.on_variants := compiled.on_variant IS NOT NULL;
    result.excluded := excluded;
    result.is_empty := filters IS NULL OR filters = '{}';
    result.fits := concat_ws(' AND ', 'v.product_id = p.product_id AND v.status = ''active''', compiled.on_variant);
    -- A product without any variant is shown too, one whose variants are all retired is not.
    result.shown := concat_ws(' AND ', 'p.status = ''active''', compiled.on_product, 'p.product_id <> ALL (' || quote_literal(excluded::text) || '::bigint[])',
        CASE WHEN compiled.on_variant IS NULL
             THEN format('(EXISTS (SELECT FROM variant v WHERE %s OFFSET 0) OR NOT EXISTS '
                         '(SELECT FROM variant v WHERE v.product_id = p.product_id OFFSET 0))', result.fits)
             ELSE format('EXISTS (SELECT FROM variant v WHERE %s OFFSET 0)', result.fits) END);
    -- A picture of none in particular always counts, one of retired variants alone never. OFFSET 0 keeps
    -- this a look-up for the few rows that need it: the planner would hash both tables whole.
    result.counts := format(
        '(i.image_id IS NULL OR NOT EXISTS (SELECT FROM image_variant s WHERE s.product_id = i.product_id '
        'AND s.image_id = i.image_id OFFSET 0) '
        'OR EXISTS (SELECT FROM image_variant s JOIN variant v ON v.product_id = s.product_id '
        'AND v.variant_id = s.variant_id WHERE s.product_id = i.product_id AND s.image_id = i.image_id AND %s OFFSET 0))',
        CASE WHEN compiled.on_options THEN result.fits ELSE 'v.status = ''active''' END);
    -- What is left to check of a row that has a sketch: its product is shown, its picture counts. One look-up of variants says both, so that
    -- the planner sees what is asked of them once.
    result.listed_check := concat_ws(' AND ', nullif(compiled.on_product, 'true'), CASE
        WHEN compiled.on_variant IS NOT NULL THEN concat('EXISTS (SELECT FROM variant v WHERE ', result.fits, CASE WHEN compiled.on_options THEN
            ' AND (i.image_id IS NULL OR NOT EXISTS (SELECT FROM image_variant s WHERE s.product_id = i.product_id AND s.image_id = i.image_id OFFSET 0) '
            'OR EXISTS (SELECT FROM image_variant s WHERE s.product_id = v.product_id AND s.image_id = i.image_id AND s.variant_id = v.variant_id OFFSET 0))' END,
            ' OFFSET 0)') END);
    -- What asks of categories and variants alone need not read the product.
    result.needs_product := jsonb_path_exists(filters, '$.** ? (exists(@.brand) || exists(@.external_id) || exists(@.attributes))');
    IF NOT result.is_empty THEN
        groups := filter_terms(filters, 'options.');
        SELECT p.conditions, p.keys, p.width INTO result.placed, result.placed_keys, result.placed_width FROM search_placed_sql(groups) p;
        result.terms := search_terms_sql(groups);
        result.terms_alone := result.terms IS NOT NULL AND filter_is_of_terms(filters);
        result.listing := CASE WHEN result.on_options THEN search_terms_sql(filter_terms(filters, 'variants.')) ELSE result.terms END;
        asked := filter_prices(filters);
        -- Where little of what has such a price passes the rest, too little of it may lie in the districts nearest to a query.
        IF filters - 'price' = '{}' THEN result.price_condition := asked; END IF;
        IF asked IS NOT NULL THEN result.prices := concat(prices_sql(), ' WHERE ', asked); END IF;
    END IF;
    RETURN result;
END $$;

-- Whether a row that has the filter's terms passes it, but for the few whose terms share a number.
CREATE OR REPLACE FUNCTION filter_is_of_terms(filters jsonb) RETURNS boolean
LANGUAGE sql IMMUTABLE
RETURN NOT EXISTS (SELECT FROM jsonb_each(filters) f (field, value) WHERE NOT CASE
    WHEN f.field IN ('category', 'brand', 'external_id') THEN true
    WHEN f.field = 'attributes' THEN NOT jsonb_path_exists(f.value, '$.* ? (@.type() == "object")')
    -- Two options, or an option and a SKU, may be had by two variants.
    WHEN f.field = 'options' THEN NOT filters ? 'sku' AND (SELECT count(*) FROM jsonb_object_keys(f.value)) = 1
        AND NOT jsonb_path_exists(f.value, '$.* ? (@.type() == "object")')
    ELSE f.field = 'sku' END);

-- Groups of terms as conditions on the array of a sketch; single ones together.
CREATE OR REPLACE FUNCTION search_terms_sql(groups jsonb) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path FROM CURRENT AS $$
    SELECT concat_ws(' AND ',
        (SELECT format('s.terms @> %L::integer[]', array_agg(DISTINCT (g.value ->> 0)::integer))
         FROM jsonb_array_elements(groups) g (value) WHERE jsonb_array_length(g.value) = 1 HAVING count(*) > 0),
        (SELECT string_agg(format('s.terms && %L::integer[]',
             ARRAY(SELECT DISTINCT t.value::integer FROM jsonb_array_elements_text(g.value) t (value))), ' AND ')
         FROM jsonb_array_elements(groups) g (value) WHERE jsonb_array_length(g.value) <> 1))
    WHERE jsonb_array_length(groups) > 0
$$;

-- The same of the sketches in some districts alone (b.near), by an index that lists each term by district; NULL
-- where no group has one. What names one product is not in it: those groups are asked of the array.
CREATE OR REPLACE FUNCTION search_placed_sql(groups jsonb, OUT conditions text, OUT keys text, OUT width integer)
LANGUAGE sql IMMUTABLE SET search_path FROM CURRENT AS $$
    SELECT string_agg(CASE WHEN g.placed THEN format('placed_terms(district_of(s.cell_id), s.terms) && b.keys%s', g.number)
            ELSE format('s.terms && %L::integer[]', g.terms) END, ' AND '),
        string_agg(format('ARRAY(SELECT placed_term(t.term, d.district) FROM unnest(%L::integer[]) t (term) '
            'CROSS JOIN unnest(b.near) d (district)) AS keys%s', g.terms, g.number), ', ') FILTER (WHERE g.placed),
        max(cardinality(g.terms)) FILTER (WHERE g.placed)
    FROM (SELECT g.number, array_agg(DISTINCT t.value::integer) AS terms, bool_and(t.value::integer & 1 = 0) AS placed
          FROM jsonb_array_elements(groups) WITH ORDINALITY g (value, number)
          CROSS JOIN LATERAL jsonb_array_elements_text(g.value) t (value) GROUP BY g.number) g
    HAVING bool_or(g.placed)
$$;

-- The whole condition on a row found: i (product_id, image_id) or t (product_id, caption_id). One that came from
-- the sketches is known to be of a product that is shown, and its picture to count for some variant.
CREATE OR REPLACE FUNCTION search_check_sql(kind text, filter search_filter, from_sketches boolean, space_id integer) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path FROM CURRENT AS $$
    SELECT concat_ws(' AND ', 'true',
        CASE WHEN NOT from_sketches THEN format(
            'EXISTS (SELECT FROM %1$I s WHERE s.product_id = %2$s.product_id AND s.%3$s_id = %2$s.%3$s_id OFFSET 0)',
            format('%s_sketch_%s', kind, space_id), a.item, kind) END,
        CASE WHEN NOT (filter).is_empty AND (filter).listed_check <> '' THEN
            concat('EXISTS (SELECT FROM ', CASE WHEN (filter).needs_product THEN 'product' ELSE format('(SELECT %s.product_id)', a.item) END, ' p ',
                -- A caption made from a picture counts with its picture.
                CASE WHEN kind = 'caption' AND (filter).on_options
                     THEN 'JOIN caption i ON i.product_id = t.product_id AND i.caption_id = t.caption_id ' END,
                'WHERE p.product_id = ', a.item, '.product_id AND ', (filter).listed_check, ' OFFSET 0)') END)
    FROM (SELECT CASE kind WHEN 'image' THEN 'i' ELSE 't' END) a (item)
$$;

-- Whether some products pass a filter of which their sketches' terms were believed: that they are shown, and their pictures count, sketches tell for certain.
CREATE OR REPLACE FUNCTION search_keeps(filter search_filter, product_ids bigint[]) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
DECLARE
    kept boolean;
BEGIN
    EXECUTE concat('SELECT coalesce(bool_and(', search_check_sql('image', filter, true, NULL), '), true) FROM unnest($1) i (product_id)') INTO kept USING product_ids;
    RETURN kept;
END $$;
