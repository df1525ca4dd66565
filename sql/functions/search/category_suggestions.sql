-- Categories that a filter names and the shop has not, with those that have the nearest names.

CREATE OR REPLACE FUNCTION category_suggestions(filters jsonb) RETURNS jsonb
LANGUAGE sql STABLE SET search_path FROM CURRENT AS $$
    SELECT jsonb_agg(jsonb_build_object('category', u.named, 'nearest', (
        SELECT coalesce(jsonb_agg(n.path ORDER BY n.errors, n.path), '[]') FROM (
            SELECT c.path, least(typing_errors(left(u.segment, 40), left(c.name, 40), greatest(length(u.segment) / 3, 2)), c.of_words) AS errors
            FROM (
                -- Of very many, those compared letter by letter that may be near at all: each letter that the other lacks is an error.
                SELECT c.path, s.name, w.of_words FROM category c CROSS JOIN LATERAL (SELECT category_segment(c.name) AS name) s
                CROSS JOIN LATERAL (SELECT CASE WHEN string_to_array(s.name, ' ') && string_to_array(u.segment, ' ') THEN 3 END AS of_words) w
                ORDER BY least(greatest(length(translate(s.name, u.segment, '')), length(translate(u.segment, s.name, ''))), w.of_words),
                    abs(length(s.name) - length(u.segment)), c.path LIMIT 100) c
            ORDER BY errors NULLS LAST, c.path LIMIT 5) n WHERE n.errors IS NOT NULL)))
    FROM (
        SELECT DISTINCT e.value #>> '{}' AS named, category_segment(split_part(btrim(e.value #>> '{}', ' /'), '/', -1)) AS segment
        FROM jsonb_path_query(filters, 'strict $.**.category', silent => true) f (asked)
        CROSS JOIN LATERAL jsonb_array_elements(CASE jsonb_typeof(f.asked) WHEN 'array' THEN f.asked ELSE jsonb_build_array(f.asked) END) e (value)
        WHERE jsonb_typeof(e.value) = 'string'
        LIMIT 5) u
    WHERE NOT EXISTS (SELECT FROM filter_category_nodes(u.named, 'filters.category'))
$$;
COMMENT ON FUNCTION category_suggestions IS 'For each category that a filter names and the shop has not: paths of those with the nearest names.';
