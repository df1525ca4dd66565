-- Looks up the category of each path that the staged file names, for a session that helps.

INSERT INTO known_category (written, category_id)
SELECT w.written, c.category_id
FROM (SELECT DISTINCT u.written FROM import_row r CROSS JOIN LATERAL unnest(r.categories) AS u (written)) w
CROSS JOIN LATERAL (
    SELECT string_agg(category_segment(n.name), '/' ORDER BY n.place) AS path
    FROM unnest(string_to_array(w.written, chr(31))) WITH ORDINALITY AS n (name, place)
) p
JOIN category c USING (path);
