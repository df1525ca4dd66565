-- Whether filters that something else wrote, such as a model, ask only for what the catalogue has.

CREATE OR REPLACE FUNCTION filters_are_known(filters jsonb) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
DECLARE
    field record;
    known boolean;
BEGIN
    IF jsonb_typeof(filters) IS DISTINCT FROM 'object' THEN RETURN false; END IF;
    FOR field IN SELECT f.key, f.value FROM jsonb_each(filters) f LOOP
        known := CASE
            WHEN field.key IN ('price', 'in_stock') THEN true
            WHEN field.key = 'brand' THEN values_are_known('brand', '', field.value)
            WHEN field.key = 'category' THEN NOT EXISTS (
                SELECT FROM jsonb_array_elements_text(CASE jsonb_typeof(field.value) WHEN 'array' THEN field.value ELSE jsonb_build_array(field.value) END) g (name)
                WHERE NOT EXISTS (SELECT FROM category c WHERE c.path = lower(g.name) OR category_segment(c.name) = lower(g.name)))
            WHEN field.key IN ('options', 'attributes') AND jsonb_typeof(field.value) = 'object' THEN NOT EXISTS (
                SELECT FROM jsonb_each(field.value) m WHERE NOT values_are_known(field.key, m.key, m.value))
            WHEN field.key IN ('any', 'all') AND jsonb_typeof(field.value) = 'array' THEN NOT EXISTS (
                SELECT FROM jsonb_array_elements(field.value) e (value) WHERE NOT filters_are_known(e.value))
            WHEN field.key = 'not' THEN filters_are_known(field.value)
            ELSE false END;
        IF NOT known THEN RETURN false; END IF;
    END LOOP;
    RETURN true;
END $$;
COMMENT ON FUNCTION filters_are_known IS 'Whether filters name only brands, categories, options and attributes of the vocabulary; compile_filter checks the rest.';

CREATE OR REPLACE FUNCTION values_are_known(field text, name text, given jsonb) RETURNS boolean
LANGUAGE sql STABLE SET search_path FROM CURRENT AS $$
    SELECT NOT EXISTS (
        SELECT FROM jsonb_array_elements(CASE jsonb_typeof(given) WHEN 'array' THEN given ELSE jsonb_build_array(given) END) g (value)
        WHERE NOT EXISTS (
            SELECT FROM vocabulary v WHERE v.field = values_are_known.field AND lower(v.name) = lower(values_are_known.name)
              AND lower(v.value) = lower(g.value #>> '{}') OFFSET 0))
$$;
