-- Terms: what a filter can ask of a product, each as one number that an index can list rows by.

-- A term says too much rather than too little: two may share a number, and terms of a product come from all
-- its variants. So a row without a filter's terms cannot match, and one with them is checked in full.
CREATE OR REPLACE FUNCTION term(field text, value text) RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN (hashtext(field || '=' || lower(value)) & ~1) | (field IN ('sku', 'external_id'))::integer;
COMMENT ON FUNCTION term IS 'The number that stands for a value of a field, such as brand=acme; odd for what names one product.';

-- A term in a district of cells, so that an index lists the rows of a term near a vector and no others.
CREATE OR REPLACE FUNCTION placed_term(term integer, district integer) RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN hashint4(term # district);

-- What names one product needs no place.
CREATE OR REPLACE FUNCTION placed_terms(district integer, terms integer[]) RETURNS integer[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN ARRAY(SELECT hashint4(t.term # district) FROM unnest(terms) t (term) WHERE t.term & 1 = 0);

-- The terms of an object column: every value as text, and numbers also by what they are worth.
CREATE OR REPLACE FUNCTION member_terms(field text, object jsonb) RETURNS SETOF integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 4
BEGIN ATOMIC
    SELECT t.term
    FROM jsonb_each(object) m
    CROSS JOIN LATERAL jsonb_array_elements(CASE jsonb_typeof(m.value) WHEN 'array' THEN m.value
        ELSE jsonb_build_array(m.value) END) e (value)
    CROSS JOIN LATERAL unnest(ARRAY[
        term(field || lower(m.key), e.value #>> '{}'),
        term(field || lower(m.key) || '#', trim_scale(filter_as_number(e.value))::text),
        CASE WHEN filter_as_number(e.value) IS NOT NULL THEN term(field || lower(m.key) || '#', '') END
    ]) t (term)
    WHERE t.term IS NOT NULL;
END;
