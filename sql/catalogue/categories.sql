-- Completes the category tree for the paths that the staged file names, parents first.

DO $$
<<tree>>
DECLARE
    level integer := 0;
BEGIN
    CREATE TEMP TABLE category_name ON COMMIT DROP AS
    SELECT w.written, n.depth, n.name,
           string_agg(category_segment(n.name), '/') OVER whole AS path,
           string_agg(category_segment(n.name), '/') OVER above AS parent_path
    FROM (SELECT DISTINCT c.written, string_to_array(c.written, chr(31)) AS names
          FROM import_row r CROSS JOIN LATERAL unnest(r.categories) AS c (written)) w
    CROSS JOIN LATERAL unnest(w.names) WITH ORDINALITY AS n (name, depth)
    WINDOW whole AS (PARTITION BY w.written ORDER BY n.depth),
           above AS (PARTITION BY w.written ORDER BY n.depth
                     ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING);
    WHILE EXISTS (SELECT FROM category_name p WHERE p.depth > tree.level) LOOP
        level := level + 1;
        WITH added AS (
            INSERT INTO category (name, parent_id, path)
            SELECT DISTINCT ON (p.path) p.name, parent.category_id, p.path
            FROM category_name p LEFT JOIN category parent ON parent.path = p.parent_path
            WHERE p.depth = tree.level
              AND NOT EXISTS (SELECT FROM category c WHERE c.path = p.path)
            ORDER BY p.path, p.written
            ON CONFLICT (path) DO NOTHING
            RETURNING category_id
        )
        INSERT INTO tally SELECT 'category', 'new', count(*) FROM added;
    END LOOP;
    INSERT INTO tally SELECT 'category', 'seen', count(DISTINCT path) FROM category_name;
END $$;
