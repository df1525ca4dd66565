-- Counts the values of facets in sets of products, and shows them.

-- The values of facets, each with the set that it is counted in: those of a name in the facet's own, one written
-- exactly in another where there are such. Spellings of one value (place) are counted together; alone: it has no other.
-- whole: all products are in the set. by_variant: a product has to have it in a variant that is in the set, not in any.
CREATE OR REPLACE FUNCTION facet_asked_values(
    requests jsonb, patch facet_patch, OUT value_id integer[], OUT set integer[], OUT place integer[], OUT alone boolean[],
    OUT whole boolean[], OUT by_variant boolean[], OUT facet text[], OUT shown text[]
)
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
#variable_conflict use_column
BEGIN
    SELECT o.* INTO value_id, set, place, alone, whole, by_variant, facet, shown FROM (
    WITH asked AS MATERIALIZED (
        SELECT q.facet, q.whole, q.by_variant AND q.field = 'options' AS by_variant, d.value_id, CASE WHEN d.field LIKE '%=' THEN q.exact ELSE q.set END AS set,
            d.element #>> '{}' AS shown, lower(d.element #>> '{}') COLLATE "C" AS value
        FROM jsonb_to_recordset(requests) q (facet text, field text, name text, set integer, exact integer, by_variant boolean, whole boolean)
        CROSS JOIN LATERAL (SELECT * FROM facet_values(patch, q.field, q.name)
            UNION ALL SELECT * FROM facet_values(patch, q.field || '=', q.name) e WHERE q.exact IS NOT NULL AND e.name = q.name) d
        WHERE q.field IN ('category', 'brand', 'options', 'attributes') AND d.element IS NOT NULL
    ), placed AS MATERIALIZED (
        SELECT a.*, dense_rank() OVER (ORDER BY a.facet COLLATE "C", a.value) AS place FROM asked a
    ), meant AS MATERIALIZED (
        SELECT p.place, min(p.facet) AS facet, min(p.shown COLLATE "C") AS shown, count(*) = 1 AND NOT bool_or(p.by_variant) AS alone,
            bool_and(p.whole) AS whole, bool_or(p.by_variant) AS by_variant
        FROM placed p GROUP BY p.place
    )
    SELECT v.*, m.* FROM (
        SELECT array_agg(p.value_id), array_agg(p.set), array_agg(p.place::integer), array_agg(m.alone), array_agg(m.whole), array_agg(m.by_variant)
        FROM placed p JOIN meant m ON m.place = p.place) v,
        (SELECT array_agg(m.facet ORDER BY m.place), array_agg(m.shown ORDER BY m.place) FROM meant m) m) o (value_id, set, place, alone, whole, by_variant, facet, shown);
END $$;

-- How many products of their sets have each of some values, as products: what two bitmaps share follows from how many
-- bits differ, which pgvector counts sooner. First of what is stored, then of the patch. Without the products that changed: those meet the patch.
CREATE OR REPLACE FUNCTION facet_counts_of_products(
    patch facet_patch, of_values integer[], of_sets integer[], of_prices boolean,
    set_number integer[], set_block integer[], set_plane integer[], set_bits bit(8192)[]
) RETURNS TABLE (of_value integer, count bigint)
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT SET enable_nestloop = off SET enable_mergejoin = off SET enable_sort = off AS $$
BEGIN
    -- GROUP BY tells the planner that a set's bitmap is there once: those of values then stream by.
    RETURN QUERY SELECT r.value_id, sum(r.ones + s.ones - (r.bits <~> s.bits)::integer) / 2 FROM (
        SELECT v.set, b.value_id, b.block, b.ones, b.bits FROM unnest(of_values, of_sets) v (id, set) CROSS JOIN LATERAL (
            SELECT b.value_id, b.block, b.ones, b.bits FROM facet_bitmap b WHERE b.value_id = v.id AND b.plane = 0 OFFSET 0) b OFFSET 0) r
    JOIN (SELECT k.number, k.block, bit_or(k.bits) AS bits, bit_count(bit_or(k.bits))::integer AS ones FROM (
            SELECT s.number, s.block, CASE WHEN m.block IS NULL THEN s.bits ELSE s.bits & CASE WHEN of_prices THEN m.prices_keep ELSE m.keep END END AS bits
            FROM unnest(set_number, set_block, set_plane, set_bits) s (number, block, plane, bits)
            LEFT JOIN unnest((patch).masked, (patch).keep, (patch).prices_keep) m (block, keep, prices_keep) ON m.block = s.block WHERE s.plane = 0) k
        GROUP BY k.number, k.block) s ON s.number = r.set AND s.block = r.block
    GROUP BY r.value_id;
    IF patch IS NULL THEN RETURN; END IF;
    RETURN QUERY SELECT * FROM facet_counts_of_patch(patch, of_values, of_sets, set_number, set_block, set_plane, set_bits);
END $$;

-- The same of what several values, or variants, hold together: by place. GROUP BY tells the planner that each is there
-- once: bitmaps then stream by, and what they meet lies ready.
CREATE OR REPLACE FUNCTION facet_counts_together(
    patch facet_patch, value_id integer[], set integer[], place integer[], by_variant boolean[],
    set_number integer[], set_block integer[], set_plane integer[], set_bits bit(8192)[]
) RETURNS TABLE (of_place integer, count bigint)
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT SET enable_nestloop = off SET enable_mergejoin = off SET enable_sort = off AS $$
BEGIN
    RETURN QUERY EXECUTE concat('SELECT o.place, sum(o.count)::bigint FROM (SELECT r.place, bit_count(bit_or(r.bits & s.bits)) AS count FROM ('
        'SELECT (a.set::bigint << 40) + (r.block::bigint << 16) + r.plane AS key, r.block, r.bits, a.place FROM (',
        facet_rows_sql(NOT patch IS NULL, '$2', value_id, true), ' OFFSET 0) r JOIN (SELECT a.value_id, min(a.set) AS set, min(a.place) AS place, '
        'bool_or(a.by_variant) AS by_variant FROM unnest($2, $3, $4, $5) a (value_id, set, place, by_variant) GROUP BY a.value_id) a ON a.value_id = r.value_id '
        'WHERE (r.plane > 0) = a.by_variant OFFSET 0) r JOIN (SELECT (s.number::bigint << 40) + (s.block::bigint << 16) + s.plane AS key, bit_or(s.bits) AS bits '
        'FROM unnest($6, $7, $8, $9) s (number, block, plane, bits) GROUP BY 1) s ON s.key = r.key GROUP BY r.place, r.block) o GROUP BY o.place')
    USING patch, value_id, set, place, by_variant, set_number, set_block, set_plane, set_bits;
END $$;

-- How many products of their sets have each of the values asked for, by place (which is of a facet). A value alone is
-- counted where it lies, each facet's by what is cheapest.
CREATE OR REPLACE FUNCTION facet_value_counts(
    patch facet_patch, value_id integer[], set integer[], place integer[], alone boolean[], whole boolean[], by_variant boolean[], facet text[],
    set_number integer[], set_block integer[], set_plane integer[], set_bits bit(8192)[]
) RETURNS bigint[]
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
DECLARE
    part record;
    counts bigint[];
    known_place integer[] := '{}'; known bigint[] := '{}';
    left_id integer[] := '{}'; left_set integer[] := '{}';
    other record;
BEGIN
    FOR part IN
        SELECT a.set, a.whole, f.facet, array_agg(a.value_id) AS ids, array_agg(a.set) AS sets, array_agg(a.place) AS places
        FROM unnest(value_id, set, place, alone, whole) a (value_id, set, place, alone, whole) JOIN unnest(facet) WITH ORDINALITY f (facet, place) ON f.place = a.place
        WHERE a.alone GROUP BY a.set, a.whole, f.facet
    LOOP
        counts := CASE WHEN part.whole THEN facet_counts_of_all(patch, part.ids)
            WHEN cardinality(part.ids) > facet_wide() THEN facet_counts_by_column(patch, part.ids, part.facet, part.set, set_number, set_block, set_plane, set_bits) END;
        IF counts IS NULL THEN
            left_id := left_id || part.ids;
            left_set := left_set || part.sets;
        ELSE
            known_place := known_place || part.places;
            known := known || counts;
        END IF;
    END LOOP;
    SELECT array_agg(a.value_id) AS ids, array_agg(a.set) AS sets, array_agg(a.place) AS places, array_agg(a.by_variant) AS by_variants INTO other
    FROM unnest(value_id, set, place, alone, by_variant) a (value_id, set, place, alone, by_variant) WHERE NOT a.alone;
    RETURN (SELECT array_agg(c.count ORDER BY c.place) FROM (
        SELECT l.place, sum(l.count)::bigint AS count FROM (
            SELECT * FROM unnest(known_place, known) k (place, count)
            UNION ALL
            SELECT a.place, n.count FROM facet_counts_of_products(patch, left_id, left_set, false, set_number, set_block, set_plane, set_bits) n
            JOIN unnest(value_id, place) a (value_id, place) ON a.value_id = n.of_value WHERE left_id <> '{}'
            UNION ALL
            SELECT n.* FROM facet_counts_together(patch, other.ids, other.sets, other.places, other.by_variants, set_number, set_block, set_plane, set_bits) n WHERE other.ids <> '{}'
            UNION ALL SELECT f.place, 0 FROM generate_series(1, cardinality(facet)) f (place)) l
        GROUP BY l.place) c);
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
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
#variable_conflict use_column
BEGIN
    RETURN (
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
    FROM placed p CROSS JOIN (SELECT coalesce((request #>> '{settings,limit}')::integer, 20)) l (most));
END $$;

-- Categories as a tree in the order of a page: each after its parent, of siblings the one with most products first.
CREATE OR REPLACE FUNCTION facet_tree(request jsonb, given text[], counts bigint[]) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
#variable_conflict use_column
BEGIN
    RETURN (
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
    FROM tree t);
END $$;

CREATE OR REPLACE FUNCTION facet_answers(
    requests jsonb, patch facet_patch, width integer, few bigint[], set_number integer[], set_block integer[], set_plane integer[], set_bits bit(8192)[]
) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
DECLARE
    asked record := facet_asked_values(requests, patch);
    places bigint[] := facet_value_counts(patch, asked.value_id, asked.set, asked.place, asked.alone, asked.whole, asked.by_variant, asked.facet, set_number, set_block, set_plane, set_bits);
    request record;
    last_set integer;
    products bigint[];
    offers record;
    answer jsonb;
    answers jsonb := '{}';
    more jsonb := '{}';
BEGIN
    FOR request IN
        SELECT q.value, q.value ->> 'facet' AS facet, q.value ->> 'field' AS field, (q.value -> 'set')::integer AS set, c.given, c.counts
        FROM jsonb_array_elements(requests) q (value) LEFT JOIN (
            SELECT l.facet, array_agg(l.shown) AS given, array_agg(l.count) AS counts
            FROM unnest(asked.facet, asked.shown, places) l (facet, shown, count) WHERE l.count > 0 GROUP BY l.facet) c ON c.facet = q.value ->> 'facet'
    LOOP
        IF request.field IN ('price', 'in_stock') AND (last_set IS DISTINCT FROM request.set OR offers IS NULL) THEN
            -- Prices of another set than the whole filter's are up to date in the bitmaps, and stock is counted soon there.
            last_set := request.set;
            offers := NULL;
            products := CASE WHEN request.set = 1 THEN few
                WHEN request.field = 'price' THEN facet_products(request.set, set_number, set_block, set_plane, set_bits, facet_few() / 3) END;
            -- Prices that have no bits are in the catalogue alone.
            IF products IS NULL AND request.field = 'price' AND width IS NULL THEN
                products := facet_products(request.set, set_number, set_block, set_plane, set_bits, NULL);
            END IF;
            IF products IS NOT NULL THEN
                offers := facet_offers(products, (request.value -> 'by_variant')::boolean, request.set, set_number, set_block, set_plane, set_bits);
            END IF;
        END IF;
        answer := CASE request.field
            WHEN 'category' THEN facet_tree(request.value, request.given, request.counts)
            WHEN 'price' THEN jsonb_build_object('values', facet_prices(request.value, patch, width, offers, request.set, set_number, set_block, set_plane, set_bits))
            WHEN 'in_stock' THEN jsonb_build_object('values', facet_stock(request.value, patch, offers, request.set, set_number, set_block, set_plane, set_bits))
            ELSE facet_list(request.value, request.given, request.counts) END;
        answers := answers || jsonb_build_object(request.facet, answer -> 'values');
        IF (answer -> 'more')::integer > 0 THEN more := more || jsonb_build_object(request.facet, answer -> 'more'); END IF;
    END LOOP;
    RETURN jsonb_build_object('facets', answers, 'more', more, 'total', (
        SELECT coalesce(sum(bit_count(s.bits)), 0) FROM unnest(set_number, set_plane, set_bits) s (number, plane, bits) WHERE s.number = 1 AND s.plane = 0));
END $$;
