-- Counts the values of facets in sets of products, and shows them.

-- The values of facets, each with the set that it is counted in: those of a name in the facet's own, one written
-- exactly in another where there are such. Spellings of one value (place) are counted together; alone: it has no other.
CREATE OR REPLACE FUNCTION facet_asked_values(
    requests jsonb, patch facet_patch, OUT value_id integer[], OUT set integer[], OUT place integer[], OUT alone boolean[],
    OUT facet text[], OUT shown text[]
)
LANGUAGE sql STABLE SET search_path FROM CURRENT AS $$
    WITH asked AS MATERIALIZED (
        SELECT q.facet, q.field, d.value_id, CASE WHEN d.field LIKE '%=' THEN q.exact ELSE q.set END AS set,
            d.element #>> '{}' AS shown, lower(d.element #>> '{}') COLLATE "C" AS value
        FROM jsonb_to_recordset(requests) q (facet text, field text, name text, set integer, exact integer)
        CROSS JOIN LATERAL (SELECT * FROM facet_values(patch, q.field, q.name)
            UNION ALL SELECT * FROM facet_values(patch, q.field || '=', q.name) e WHERE q.exact IS NOT NULL AND e.name = q.name) d
        WHERE q.field IN ('category', 'brand', 'options', 'attributes') AND d.element IS NOT NULL
    ), meant AS MATERIALIZED (
        SELECT a.facet, a.value, min(a.shown COLLATE "C") AS shown, (row_number() OVER ())::integer AS place,
            count(*) = 1 AND min(a.field) <> 'options' AS alone
        FROM asked a GROUP BY a.facet, a.value
    )
    SELECT v.*, m.* FROM (
        SELECT array_agg(a.value_id), array_agg(a.set), array_agg(m.place), array_agg(m.alone)
        FROM asked a JOIN meant m ON m.facet = a.facet AND m.value = a.value) v,
        (SELECT array_agg(m.facet ORDER BY m.place), array_agg(m.shown ORDER BY m.place) FROM meant m) m
$$;

-- The sets hold ready for each value; a value alone is counted where it lies, of several, and of variants, what they
-- hold together. What two bitmaps share follows from how many bits differ, which pgvector counts sooner.
CREATE OR REPLACE FUNCTION facet_value_counts(
    requests jsonb, patch facet_patch, set_number integer[], set_block integer[], set_plane integer[], set_bits bit(8192)[]
) RETURNS TABLE (facet text, given text[], counts bigint[])
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT SET enable_nestloop = off SET enable_mergejoin = off SET enable_sort = off AS $$
DECLARE
    asked record := facet_asked_values(requests, patch);
    -- GROUP BY tells the planner that each is there once: bitmaps then stream by, and what they meet lies ready.
    counted text := 'FROM (SELECT (a.set::bigint << 40) + (r.block::bigint << 16) + r.plane AS key, r.block, r.bits, a.place FROM (%s OFFSET 0) r '
        'JOIN (SELECT a.value_id, min(a.set) AS set, min(a.place) AS place FROM unnest($2, $3, $4, $5) a (value_id, set, place, alone) '
        'WHERE %s GROUP BY a.value_id) a ON a.value_id = r.value_id OFFSET 0) r '
        'JOIN (SELECT (s.number::bigint << 40) + (s.block::bigint << 16) + s.plane AS key, bit_or(s.bits) AS bits, '
        'sum(bit_count(s.bits))::bigint AS ones FROM unnest($6, $7, $8, $9) s (number, block, plane, bits) GROUP BY 1) s ON s.key = r.key';
    of_alone integer[] := ARRAY(SELECT a.value_id FROM unnest(asked.value_id, asked.alone) a (value_id, alone) WHERE a.alone);
    of_others integer[] := ARRAY(SELECT a.value_id FROM unnest(asked.value_id, asked.alone) a (value_id, alone) WHERE NOT a.alone);
BEGIN
    RETURN QUERY EXECUTE concat(
        'SELECT l.facet, array_agg(l.shown), array_agg(c.count) FROM (SELECT c.place, sum(c.count)::bigint AS count FROM ('
        'SELECT r.place, (bit_count(r.bits) + s.ones - (r.bits <~> s.bits)::bigint) / 2 AS count ', format(counted, facet_rows_sql(NOT patch IS NULL, '$12', of_alone, true), 'a.alone'),
        ' UNION ALL SELECT r.place, bit_count(bit_or(r.bits & s.bits)) ', format(counted, facet_rows_sql(NOT patch IS NULL, '$13', of_others, true), 'NOT a.alone'),
        ' GROUP BY r.place, r.block) c GROUP BY c.place HAVING sum(c.count) > 0) c '
        'JOIN unnest($10, $11) WITH ORDINALITY l (facet, shown, place) ON l.place = c.place GROUP BY l.facet')
    USING patch, asked.value_id, asked.set, asked.place, asked.alone, set_number, set_block, set_plane, set_bits,
        asked.facet, asked.shown, of_alone, of_others;
END $$;

-- Which of some values the filter asks for.
CREATE OR REPLACE FUNCTION facet_selected(field text, name text, own jsonb, given text[]) RETURNS text[]
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
DECLARE
    selected text[];
BEGIN
    IF own IS NULL OR own = 'null' THEN RETURN '{}'; END IF;
    EXECUTE concat('SELECT coalesce(array_agg(d.value), ''{}'') FROM (SELECT g.value, $2 AS name, to_jsonb(g.value) AS element '
        'FROM unnest($1) g (value)) d WHERE ',
        (SELECT string_agg(format('(%s)', c.condition), ' AND ') FROM jsonb_array_elements(own) o (value)
         CROSS JOIN LATERAL (SELECT facet_value_condition(field, name, o.value)) c (condition)))
    INTO selected USING given, name;
    RETURN selected;
END $$;

-- One facet's values, most first, the selected ones in any case.
CREATE OR REPLACE FUNCTION facet_list(request jsonb, given text[], counts bigint[]) RETURNS jsonb
LANGUAGE sql STABLE SET search_path FROM CURRENT AS $$
    WITH chosen AS MATERIALIZED (
        SELECT facet_selected(request ->> 'field', request ->> 'name', request -> 'own', given) AS texts
    ), listed AS (
        SELECT g.value, g.count, g.value = ANY (c.texts) AS selected
        FROM unnest(given, counts) g (value, count) CROSS JOIN chosen c
        UNION ALL
        -- Asked for, and nothing has it.
        SELECT DISTINCT ON (lower(e.value #>> '{}')) e.value #>> '{}', 0, true
        FROM jsonb_array_elements(CASE jsonb_typeof(request -> 'own') WHEN 'array' THEN request -> 'own' ELSE '[]' END) o (value)
        CROSS JOIN LATERAL jsonb_array_elements(CASE jsonb_typeof(o.value) WHEN 'array' THEN o.value ELSE jsonb_build_array(o.value) END) e (value)
        WHERE jsonb_typeof(e.value) <> 'object'
          AND facet_selected(request ->> 'field', request ->> 'name', jsonb_build_array(e.value), given) = '{}'
    ), placed AS (
        SELECT l.*, row_number() OVER (ORDER BY l.count DESC, l.value COLLATE "C") AS place FROM listed l
    )
    SELECT jsonb_build_object('values', coalesce(jsonb_agg(jsonb_build_object('value', p.value, 'count', p.count)
            || CASE WHEN p.selected THEN '{"selected": true}'::jsonb ELSE '{}' END ORDER BY p.place)
            FILTER (WHERE p.selected OR p.place <= l.most), '[]'),
        'more', count(*) FILTER (WHERE NOT p.selected AND p.place > l.most))
    FROM placed p CROSS JOIN (SELECT coalesce((request #>> '{settings,limit}')::integer, 20)) l (most)
$$;

-- Categories as a tree in the order of a page: each after its parent, of siblings the one with most products first.
CREATE OR REPLACE FUNCTION facet_tree(request jsonb, given text[], counts bigint[]) RETURNS jsonb
LANGUAGE sql STABLE SET search_path FROM CURRENT AS $$
    WITH RECURSIVE top AS (
        SELECT (SELECT n FROM filter_category_nodes(request #>> '{settings,under}', '') n) AS category_id
        WHERE request #>> '{settings,under}' IS NOT NULL
    ), chosen AS MATERIALIZED (
        SELECT facet_selected('category', '', request -> 'own', ARRAY(SELECT c.category_id::text FROM category c)) AS texts
    ), listed AS (
        SELECT c.category_id, c.parent_id, c.path, c.name, cardinality(c.lineage) AS depth, coalesce(g.count, 0) AS count,
            c.category_id::text = ANY (s.texts) AS selected
        FROM chosen s CROSS JOIN category c LEFT JOIN unnest(given, counts) g (value, count) ON g.value = c.category_id::text
        WHERE (g.count > 0 OR c.category_id::text = ANY (s.texts))
          AND NOT EXISTS (SELECT FROM top t WHERE NOT (t.category_id = ANY (c.lineage) AND c.category_id <> t.category_id))
    ), limited AS (
        SELECT l.*, row_number() OVER (ORDER BY l.count DESC, l.depth, l.path COLLATE "C") AS place FROM listed l
    ), kept AS (
        SELECT l.* FROM limited l CROSS JOIN (SELECT coalesce((request #>> '{settings,limit}')::integer, 100)) m (most)
        WHERE l.place <= m.most OR l.selected
    ), tree AS (
        SELECT k.*, ARRAY[k.place] AS way FROM kept k WHERE NOT EXISTS (SELECT FROM kept o WHERE o.category_id = k.parent_id)
        UNION ALL SELECT k.*, t.way || k.place FROM kept k JOIN tree t ON t.category_id = k.parent_id
    )
    SELECT jsonb_build_object('values', coalesce(jsonb_agg(jsonb_build_object('value', t.path, 'name', t.name, 'count', t.count,
            'parent', (SELECT c.path FROM category c WHERE c.category_id = t.parent_id), 'depth', t.depth)
            || CASE WHEN t.selected THEN '{"selected": true}'::jsonb ELSE '{}' END ORDER BY t.way), '[]'),
        'more', (SELECT count(*) FROM limited) - count(*))
    FROM tree t
$$;

CREATE OR REPLACE FUNCTION facet_answers(
    requests jsonb, patch facet_patch, width integer, set_number integer[], set_block integer[], set_plane integer[], set_bits bit(8192)[]
) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
DECLARE
    request record;
    answer jsonb;
    answers jsonb := '{}';
    more jsonb := '{}';
    counted jsonb;
BEGIN
    counted := (SELECT jsonb_object_agg(c.facet, jsonb_build_object('values', c.given, 'counts', c.counts))
        FROM facet_value_counts(requests, patch, set_number, set_block, set_plane, set_bits) c);
    FOR request IN SELECT q.value, q.value ->> 'facet' AS facet, q.value ->> 'field' AS field, (q.value -> 'set')::integer AS set,
        ARRAY(SELECT v.value FROM jsonb_array_elements_text(counted #> ARRAY[q.value ->> 'facet', 'values']) v (value)) AS given,
        ARRAY(SELECT v.value::bigint FROM jsonb_array_elements_text(counted #> ARRAY[q.value ->> 'facet', 'counts']) v (value)) AS counts
        FROM jsonb_array_elements(requests) q (value) LOOP
        answer := CASE request.field
            WHEN 'category' THEN facet_tree(request.value, request.given, request.counts)
            WHEN 'price' THEN jsonb_build_object('values', facet_prices(request.value, patch, width, request.set, set_number, set_block, set_plane, set_bits))
            WHEN 'in_stock' THEN jsonb_build_object('values', facet_stock(request.value, patch, request.set, set_number, set_block, set_plane, set_bits))
            ELSE facet_list(request.value, request.given, request.counts) END;
        answers := answers || jsonb_build_object(request.facet, answer -> 'values');
        IF (answer -> 'more')::integer > 0 THEN more := more || jsonb_build_object(request.facet, answer -> 'more'); END IF;
    END LOOP;
    RETURN jsonb_build_object('facets', answers, 'more', more, 'total', (
        SELECT coalesce(sum(bit_count(s.bits)), 0) FROM unnest(set_number, set_plane, set_bits) s (number, plane, bits) WHERE s.number = 1 AND s.plane = 0));
END $$;
