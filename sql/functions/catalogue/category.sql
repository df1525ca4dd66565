-- Keeps a category's path and lineage true to its name and parents, and refuses loops.

CREATE OR REPLACE FUNCTION category_segment(name text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN lower(replace(btrim(name), '/', '-'));
COMMENT ON FUNCTION category_segment IS 'One name as it stands in a category path.';

CREATE OR REPLACE FUNCTION category_set_path() RETURNS trigger
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    loop_path text;
    parent_path text;
    parent_lineage bigint[];
BEGIN
    IF NEW.parent_id IS NOT NULL THEN
        WITH RECURSIVE ancestor AS (
            SELECT c.category_id, c.parent_id, c.name, 1 AS depth
            FROM category c WHERE c.category_id = NEW.parent_id
            UNION ALL
            SELECT c.category_id, c.parent_id, c.name, a.depth + 1
            FROM category c JOIN ancestor a ON c.category_id = a.parent_id
            WHERE a.category_id <> NEW.category_id AND a.depth < 100
        )
        SELECT string_agg(a.name, ' > ' ORDER BY a.depth DESC) INTO loop_path
        FROM ancestor a HAVING bool_or(a.category_id = NEW.category_id);
        IF loop_path IS NOT NULL THEN
            RAISE EXCEPTION 'category loop: % > %', loop_path, NEW.name
                USING ERRCODE = 'check_violation',
                      HINT = 'A category cannot lie under itself; give it another parent.';
        END IF;
        SELECT c.path, c.lineage INTO parent_path, parent_lineage FROM category c WHERE c.category_id = NEW.parent_id;
    END IF;
    NEW.path := concat_ws('/', parent_path, category_segment(NEW.name));
    NEW.lineage := coalesce(parent_lineage, '{}') || NEW.category_id;
    RETURN NEW;
END $$;

CREATE OR REPLACE TRIGGER category_set_path
    BEFORE INSERT OR UPDATE OF parent_id, name, path, lineage ON category
    FOR EACH ROW EXECUTE FUNCTION category_set_path();

-- Touching the children makes their own trigger follow the parent's new path.
CREATE OR REPLACE FUNCTION category_move_children() RETURNS trigger
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    UPDATE category SET path = '' WHERE parent_id = NEW.category_id;
    RETURN NULL;
END $$;

CREATE OR REPLACE TRIGGER category_move_children
    AFTER UPDATE ON category
    FOR EACH ROW WHEN (OLD.path IS DISTINCT FROM NEW.path)
    EXECUTE FUNCTION category_move_children();
