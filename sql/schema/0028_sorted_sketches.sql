-- Sketches are made and sorted sooner, and a route knows which of its districts lie near.

-- Functions whose arguments or answers changed.
DROP FUNCTION IF EXISTS member_terms(text, jsonb);
DROP FUNCTION IF EXISTS search_enough(double precision, integer);

ALTER TYPE search_route ADD ATTRIBUTE near integer;

DO $$
DECLARE
    name text;
BEGIN
    FOR name IN SELECT format('%s_sketch_%s_%s_idx', k.kind, s.space_id, i.indexed) FROM space s
        CROSS JOIN (VALUES ('image'), ('caption')) k (kind) CROSS JOIN (VALUES ('terms'), ('placed')) i (indexed)
    LOOP
        EXECUTE format('ALTER INDEX IF EXISTS %I RESET (gin_pending_list_limit)', name);
    END LOOP;
END $$;
