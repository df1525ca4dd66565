-- Sketches say where their vectors lie, so that searches read these without a look-up by key; and prices are listed by district.

-- Each table is written anew, in its order, with all its indexes: some 30 s for a million vectors.
DO $$
DECLARE
    of record;
BEGIN
    FOR of IN SELECT format('%s_sketch_%s', k.kind, s.space_id) AS sketches, format('%s_vector_%s', k.kind, s.space_id) AS vectors, k.kind || '_id' AS item
        FROM space s CROSS JOIN (VALUES ('image'), ('caption')) k (kind)
    LOOP
        CONTINUE WHEN to_regclass(quote_ident(of.sketches)) IS NULL;
        EXECUTE format('CREATE FUNCTION place_of_vector(product bigint, item bigint) RETURNS tid LANGUAGE sql STABLE '
            'RETURN (SELECT v.ctid FROM %I v WHERE v.product_id = product AND v.%I = item)', of.vectors, of.item);
        EXECUTE format('DROP INDEX %I', of.sketches || '_cell_idx');
        EXECUTE format('ALTER TABLE %I DROP CONSTRAINT %I, ADD COLUMN vector_at tid', of.sketches, of.sketches || '_pkey');
        EXECUTE format('ALTER TABLE %1$I ALTER vector_at TYPE tid USING place_of_vector(product_id, %2$I)', of.sketches, of.item);
        EXECUTE format('ALTER TABLE %I ADD PRIMARY KEY (product_id, %I) INCLUDE (sketch, vector_at)', of.sketches, of.item);
        EXECUTE format('CREATE INDEX %I ON %I (cell_id) INCLUDE (product_id, %I, sketch, vector_at)', of.sketches || '_cell_idx', of.sketches, of.item);
        DROP FUNCTION place_of_vector;
    END LOOP;
END $$;

CREATE TABLE place_change (product_id bigint NOT NULL);
COMMENT ON TABLE place_change IS 'Products of which vectors came or moved, or variants came, since prices were placed by district; searches under prices ask these for themselves.';
ALTER TYPE search_filter ADD ATTRIBUTE price_condition text;

-- Functions whose arguments changed, and what stands on one.
DROP FUNCTION IF EXISTS search_compared_sql(text, integer, search_filter, integer, integer, integer);
DROP FUNCTION IF EXISTS search_vector_sql(text, integer);
