-- Terms: what a filter can ask of a product, each as one number that an index can list rows by.

-- A term says too much rather than too little: two may share a number, and terms of a product come from all
-- its variants. So a row without a filter's terms cannot match, and one with them is checked in full before it is shown.
CREATE OR REPLACE FUNCTION term(field text, value text) RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN (hashtext(field || '=' || lower(value)) & ~1) | (field IN ('sku', 'external_id'))::integer;
COMMENT ON FUNCTION term IS 'The number that stands for a value of a field, such as brand=acme; odd for what names one product.';

-- A term in a district of cells, so that an index lists the rows of a term near a vector and no others.
CREATE OR REPLACE FUNCTION placed_term(term integer, district integer) RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN hashint4(term # district);

-- What names one product needs no place. A loop, for a query in such a function takes twice as long.
CREATE OR REPLACE FUNCTION placed_terms(district integer, terms integer[]) RETURNS integer[]
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
    placed integer[] := '{}';
    term integer;
BEGIN
    FOREACH term IN ARRAY terms LOOP
        IF term & 1 = 0 THEN placed := placed || hashint4(term # district); END IF;
    END LOOP;
    RETURN placed;
END $$;

-- The terms of an object column under each of some names: every value as text, and numbers also by what they are worth. Sets of rows
-- in target lists, for a function in FROM keeps its rows in a file of its own: twice as slow.
CREATE OR REPLACE FUNCTION member_terms(fields text[], object jsonb) RETURNS SETOF integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 4
BEGIN ATOMIC
    SELECT unnest(CASE WHEN v.worth IS NULL THEN ARRAY[term(v.name, v.said)]
        ELSE ARRAY[term(v.name, v.said), term(v.name || '#', trim_scale(v.worth)::text), term(v.name || '#', '')] END)
    FROM (SELECT f.field || e.name AS name, e.said, e.worth FROM unnest(fields) f (field)
        CROSS JOIN (SELECT x.name, x.value #>> '{}' AS said, filter_as_number(x.value) AS worth
            FROM (SELECT lower((m.member).key) AS name,
                    jsonb_array_elements(CASE jsonb_typeof((m.member).value) WHEN 'array' THEN (m.member).value ELSE jsonb_build_array((m.member).value) END) AS value
                FROM (SELECT jsonb_each(object) AS member OFFSET 0) m OFFSET 0) x OFFSET 0) e OFFSET 0) v
    WHERE v.said IS NOT NULL;
END;
