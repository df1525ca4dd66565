-- Counts the values of facets in sets of products, and shows them.

-- The values of facets, each with the set that it is counted in: those of a name in the facet's own, one written
-- exactly in another where there are such. Spellings of one value are counted together, at the place of one of them; alone: it has no other.
-- whole: all products are in the set. by_variant: a product has to have it in a variant that is in the set, not in any; where those
-- are all that are in stock, that has a number.
CREATE OR REPLACE FUNCTION facet_asked_values(
    requests jsonb, patch facet_patch, OUT value_id integer[], OUT set integer[], OUT place integer[], OUT alone boolean[],
    OUT whole boolean[], OUT by_variant boolean[], OUT facet text[], OUT shown text[]
)
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
#variable_conflict use_column
BEGIN
    SELECT o.* INTO value_id, set, place, alone, whole, by_variant, facet, shown FROM (
    WITH asked AS MATERIALIZED (
        SELECT row_number() OVER ()::integer AS place, q.facet, q.whole, q.by_variant AND q.field = 'options' AS by_variant,
            CASE WHEN q.stocked AND q.field = 'options' THEN facet_stocked(d.value_id) ELSE d.value_id END AS value_id, CASE WHEN d.field LIKE '%=' THEN q.exact ELSE q.set END AS set,
            d.element #>> '{}' AS shown, lower(d.element #>> '{}') COLLATE "C" AS value
        FROM jsonb_to_recordset(requests) q (facet text, field text, name text, set integer, exact integer, by_variant boolean, stocked boolean, whole boolean)
        CROSS JOIN LATERAL (SELECT * FROM facet_values(patch, q.field, q.name)
            UNION ALL SELECT * FROM facet_values(patch, q.field || '=', q.name) e WHERE q.exact IS NOT NULL AND e.name = q.name) d
        WHERE q.field IN ('category', 'brand', 'options', 'attributes') AND d.element IS NOT NULL
    ), spelt AS MATERIALIZED (
        SELECT a.facet, a.value, min(a.place) AS place, min(a.shown COLLATE "C") AS shown FROM asked a GROUP BY a.facet, a.value HAVING count(*) > 1
    )
    SELECT array_agg(a.value_id), array_agg(a.set), array_agg(coalesce(s.place, a.place)), array_agg(s.place IS NULL AND NOT a.by_variant),
        array_agg(a.whole), array_agg(a.by_variant), array_agg(a.facet), array_agg(coalesce(s.shown, a.shown))
    FROM asked a LEFT JOIN spelt s ON s.facet = a.facet AND s.value = a.value) o (value_id, set, place, alone, whole, by_variant, facet, shown);
END $$;

-- How many products of their sets have each of some values, as products: what two bitmaps share follows from how many
-- bits differ, which pgvector counts sooner. First of what is stored, then of the patch. Without the products that changed: those meet the patch.
CREATE OR REPLACE FUNCTION facet_counts_of_products(
    patch facet_patch, of_values integer[], of_sets integer[],
    set_number integer[], set_block integer[], set_plane integer[], set_bits bit(8192)[]
) RETURNS TABLE (of_value integer, count bigint)
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT SET enable_nestloop = off SET enable_mergejoin = off SET enable_sort = off AS $$
BEGIN
    -- GROUP BY tells the planner that a set's bitmap is there once: those of values then stream by.
    RETURN QUERY SELECT r.value_id, sum(r.ones + s.ones - (r.bits <~> s.bits)::integer) / 2 FROM (
        SELECT v.set, b.value_id, b.block, b.ones, b.bits FROM unnest(of_values, of_sets) v (id, set) CROSS JOIN LATERAL (
            SELECT b.value_id, b.block, b.ones, b.bits FROM facet_bitmap b WHERE b.value_id = v.id AND b.plane = 0 OFFSET 0) b OFFSET 0) r
    JOIN (SELECT k.number, k.block, k.of_prices, bit_or(k.bits) AS bits, bit_count(bit_or(k.bits))::integer AS ones FROM (
            SELECT s.number, s.block, p.of_prices, CASE WHEN m.block IS NULL THEN s.bits ELSE s.bits & CASE WHEN p.of_prices THEN m.prices_keep ELSE m.keep END END AS bits
            FROM unnest(set_number, set_block, set_plane, set_bits) s (number, block, plane, bits) CROSS JOIN (SELECT DISTINCT facet_is_price(v) FROM unnest(of_values) v) p (of_prices)
            LEFT JOIN unnest((patch).masked, (patch).keep, (patch).prices_keep) m (block, keep, prices_keep) ON m.block = s.block WHERE s.plane = 0) k
        GROUP BY k.number, k.block, k.of_prices) s ON s.number = r.set AND s.block = r.block AND s.of_prices = facet_is_price(r.value_id)
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
        'FROM unnest($6, $7, $8, $9) s (number, block, plane, bits) WHERE s.number = ANY ($3) GROUP BY 1) s ON s.key = r.key GROUP BY r.place, r.block) o GROUP BY o.place')
    USING patch, value_id, set, place, by_variant, set_number, set_block, set_plane, set_bits;
END $$;

-- How many products of their sets have each of the values asked for (which of_place lie at places). A value alone is
-- counted where it lies, each facet's by what is cheapest.
CREATE OR REPLACE FUNCTION facet_value_counts(
    patch facet_patch, value_id integer[], set integer[], place integer[], alone boolean[], whole boolean[], by_variant boolean[], facet text[],
    set_number integer[], set_block integer[], set_plane integer[], set_bits bit(8192)[], OUT of_place integer[], OUT counts bigint[]
)
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
DECLARE
    part record;
    own bigint[];
    -- Of products alone: whoever unpacks an array unpacks all of it.
    products record;
    left_id integer[] := '{}'; left_set integer[] := '{}'; left_place integer[] := '{}';
    more record;
BEGIN
    SELECT array_agg(s.number) AS numbers, array_agg(s.block) AS blocks, array_agg(s.plane) AS planes, array_agg(s.bits) AS bits INTO products
    FROM unnest(set_number, set_block, set_plane, set_bits) s (number, block, plane, bits) WHERE s.plane = 0;
    of_place := '{}';
    counts := '{}';
    FOR part IN
        SELECT a.alone, min(a.facet) AS facet, min(a.set) AS set, bool_and(a.whole) AS whole, array_agg(a.value_id) AS ids, array_agg(a.set) AS sets, array_agg(a.place) AS places, array_agg(a.by_variant) AS by_variants
        FROM unnest(value_id, set, place, alone, whole, by_variant, facet) a (value_id, set, place, alone, whole, by_variant, facet)
        GROUP BY a.alone, CASE WHEN a.alone THEN a.facet END, CASE WHEN a.alone THEN a.set END
    LOOP
        IF NOT part.alone THEN
            SELECT array_agg(n.of_place) AS places, array_agg(n.count) AS counts INTO more
            FROM facet_counts_together(patch, part.ids, part.sets, part.places, part.by_variants, set_number, set_block, set_plane, set_bits) n;
            of_place := of_place || more.places;
            counts := counts || more.counts;
            CONTINUE;
        END IF;
        own := CASE WHEN part.whole THEN facet_counts_of_all(patch, part.ids)
            WHEN cardinality(part.ids) > facet_wide() AND NOT facet_is_price(part.ids[1]) THEN facet_counts_by_column(patch, part.ids, part.facet, part.set, products.numbers, products.blocks, products.planes, products.bits) END;
        IF own IS NULL THEN
            left_id := left_id || part.ids;
            left_set := left_set || part.sets;
            left_place := left_place || part.places;
        ELSE
            of_place := of_place || part.places;
            counts := counts || own;
        END IF;
    END LOOP;
    IF left_id <> '{}' THEN
        SELECT array_agg(a.place) AS places, array_agg(n.count) AS counts INTO more
        FROM facet_counts_of_products(patch, left_id, left_set, products.numbers, products.blocks, products.planes, products.bits) n
        JOIN unnest(left_id, left_place) a (value_id, place) ON a.value_id = n.of_value;
        of_place := of_place || more.places;
        counts := counts || more.counts;
    END IF;
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
    counted record := facet_value_counts(patch, asked.value_id, asked.set, asked.place, asked.alone, asked.whole, asked.by_variant, asked.facet, set_number, set_block, set_plane, set_bits);
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
            SELECT l.facet, array_agg(l.shown) AS given, array_agg(n.count) AS counts
            FROM unnest(asked.facet, asked.shown) WITH ORDINALITY l (facet, shown, place) JOIN (
                SELECT n.place, sum(n.count)::bigint AS count FROM unnest(counted.of_place, counted.counts) n (place, count) WHERE n.count > 0 GROUP BY n.place) n ON n.place = l.place
            GROUP BY l.facet) c ON c.facet = q.value ->> 'facet'
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
                offers := facet_offers(products, (request.value -> 'by_variant')::boolean, (request.value -> 'stocked')::boolean, request.set, set_number, set_block, set_plane, set_bits);
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
