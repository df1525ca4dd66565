-- The answers of facets, as they are shown: lists, the tree of categories, prices and stock.

-- Which of some values the filter asks for.
CREATE OR REPLACE FUNCTION facet_selected(field text, name text, own jsonb, given text[]) RETURNS text[]
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
DECLARE
    asked text[];
    condition jsonb;
BEGIN
    FOR condition IN SELECT o.value FROM jsonb_array_elements(CASE own WHEN 'null' THEN '[]' ELSE own END) o (value) LOOP
        asked := facet_texts(field, condition);
        IF asked IS NOT NULL THEN
            given := ARRAY(SELECT g.value FROM unnest(given) g (value) WHERE lower(g.value) = ANY (asked));
        ELSE
            EXECUTE concat('SELECT coalesce(array_agg(d.value), ''{}'') FROM (SELECT g.value, $2 AS name, to_jsonb(g.value) AS element '
                'FROM unnest($1) g (value)) d WHERE ', facet_value_condition(field, name, condition)) INTO given USING given, name;
        END IF;
    END LOOP;
    RETURN CASE WHEN own IS NULL OR own = 'null' THEN '{}' ELSE given END;
END $$;

-- How many values of a facet are shown at most.
CREATE OR REPLACE FUNCTION facet_limit(request jsonb) RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN coalesce((request #>> '{settings,limit}')::integer, 20);

-- One facet's values as JSON, most first, the selected ones in any case; others: how many more there are. Texts of JSON: each jsonb that is
-- put into another is copied, value by value.
CREATE OR REPLACE FUNCTION facet_list(request jsonb, given text[], counts bigint[], others bigint, OUT shown text, OUT more bigint)
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
#variable_conflict use_column
DECLARE
    most CONSTANT integer := facet_limit(request);
    own CONSTANT jsonb := request -> 'own';
    chosen text[];
BEGIN
    IF own = 'null' THEN
        more := others + greatest(coalesce(cardinality(given), 0) - most, 0);
        shown := (SELECT format('[%s]', string_agg(concat('{"value": ', to_json(l.value), ', "count": ', l.count, '}'), ', ' ORDER BY l.count DESC, l.value COLLATE "C"))
            FROM (SELECT g.value, g.count FROM unnest(given, counts) g (value, count) ORDER BY g.count DESC, g.value COLLATE "C" LIMIT most) l);
        RETURN;
    END IF;
    chosen := facet_selected(request ->> 'field', request ->> 'name', own, given);
    SELECT l.shown, l.more INTO shown, more FROM (
    WITH listed AS (
        SELECT g.value, g.count, g.value = ANY (chosen) AS selected
        FROM unnest(given, counts) g (value, count)
        UNION ALL
        -- Asked for, and nothing has it.
        SELECT DISTINCT ON (lower(e.value #>> '{}')) e.value #>> '{}', 0, true
        FROM jsonb_array_elements(CASE jsonb_typeof(own) WHEN 'array' THEN own ELSE '[]' END) o (value)
        CROSS JOIN LATERAL jsonb_array_elements(CASE jsonb_typeof(o.value) WHEN 'array' THEN o.value ELSE jsonb_build_array(o.value) END) e (value)
        WHERE jsonb_typeof(e.value) <> 'object'
          -- Where one value is asked for, what was chosen is this.
          AND CASE WHEN jsonb_array_length(own) = 1 AND jsonb_typeof(own -> 0) <> 'array' THEN chosen
              ELSE facet_selected(request ->> 'field', request ->> 'name', jsonb_build_array(e.value), given) END = '{}'
    ), placed AS (
        SELECT l.*, row_number() OVER (ORDER BY l.count DESC, l.value COLLATE "C") AS place FROM listed l
    )
    SELECT format('[%s]', string_agg(concat('{"value": ', to_json(p.value), ', "count": ', p.count, CASE WHEN p.selected THEN ', "selected": true' END, '}'), ', ' ORDER BY p.place)
            FILTER (WHERE p.selected OR p.place <= most)) AS shown,
        count(*) FILTER (WHERE NOT p.selected AND p.place > most) AS more
    FROM placed p) l;
END $$;

-- Categories as a tree in the order of a page: each after its parent, of siblings the one with most products first.
CREATE OR REPLACE FUNCTION facet_tree(request jsonb, given text[], counts bigint[], OUT shown text, OUT more bigint)
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
#variable_conflict use_column
DECLARE
    chosen CONSTANT bigint[] := CASE WHEN request -> 'own' = 'null' THEN '{}' ELSE ARRAY(
        SELECT n.category_id FROM jsonb_array_elements(request -> 'own') o (value)
        CROSS JOIN LATERAL jsonb_array_elements_text(filter_values(o.value, '{string}', '')) e (value) CROSS JOIN LATERAL filter_category_nodes(e.value, '') n (category_id)) END;
BEGIN
    SELECT l.shown, l.more INTO shown, more FROM (
    WITH RECURSIVE top AS (
        SELECT (SELECT n FROM filter_category_nodes(request #>> '{settings,under}', '') n) AS category_id
        WHERE request #>> '{settings,under}' IS NOT NULL
    ), listed AS (
        SELECT c.category_id, c.parent_id, c.path, c.name, cardinality(c.lineage) AS depth, coalesce(g.count, 0) AS count,
            c.category_id = ANY (chosen) AS selected
        FROM category c LEFT JOIN unnest(given::bigint[], counts) g (category_id, count) ON g.category_id = c.category_id
        WHERE (g.count > 0 OR c.category_id = ANY (chosen))
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
    SELECT format('[%s]', string_agg(concat('{"value": ', to_json(t.path), ', "name": ', to_json(t.name), ', "count": ', t.count, ', "parent": ', coalesce(to_json(c.path), 'null'),
            ', "depth": ', t.depth, CASE WHEN t.selected THEN ', "selected": true' END, '}'), ', ' ORDER BY t.way)) AS shown,
        (SELECT count(*) FROM limited) - count(*) AS more
    FROM tree t LEFT JOIN category c ON c.category_id = t.parent_id) l;
END $$;

-- The facets that are counted in one set. listed: its products, where they are few enough to be looked at one by one; few: where even their prices are read.
CREATE OR REPLACE FUNCTION facet_answers(
    requests jsonb, patch facet_patch, width integer, few bigint[], listed bigint[], set_number integer[], set_block integer[], set_plane integer[], set_bits bit(32000)[], OUT answers text[], OUT more text[]
)
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
DECLARE
    -- Prices and stock that changed leave all other values as they were: whoever counts those is not handed what changed, to be copied by every function.
    has_changed CONSTANT boolean := EXISTS (SELECT FROM unnest((patch).keep) k (keep) WHERE bit_count(k.keep) < 32000);
    request record;
    of_products record;
    counted record;
    products bigint[];
    offers record;
    answer record;
BEGIN
    -- Whoever unpacks an array unpacks all of it.
    SELECT array_agg(s.number) AS numbers, array_agg(s.block) AS blocks, array_agg(s.plane) AS planes, array_agg(s.bits) AS bits, facet_answers.listed AS listed INTO of_products
    FROM unnest(set_number, set_block, set_plane, set_bits) s (number, block, plane, bits) WHERE s.plane = 0;
    FOR request IN
        SELECT q.value, q.value ->> 'facet' AS facet, q.value ->> 'field' AS field, (q.value -> 'set')::integer AS set, (q.value -> 'by_variant')::boolean AS by_variant,
            (q.value -> 'stocked')::boolean AS stocked
        FROM jsonb_array_elements(requests) q (value)
    LOOP
        IF request.field NOT IN ('price', 'in_stock') THEN
            IF has_changed OR request.field = 'options' AND request.stocked THEN
                counted := facet_counted(request.value, patch, of_products, set_number, set_block, set_plane, set_bits);
            ELSE
                counted := facet_counted(request.value, NULL, of_products, set_number, set_block, set_plane, set_bits);
            END IF;
            IF request.field = 'category' THEN
                answer := facet_tree(request.value, counted.given, counted.counts);
            ELSE
                answer := facet_list(request.value, counted.given, counted.counts, counted.others);
            END IF;
        ELSE
            -- Prices of another set than the whole filter's are up to date in the bitmaps, and stock is counted soon there.
            IF request.set = 1 THEN
                products := few;
            ELSIF request.field = 'price' THEN
                products := facet_products(request.set, of_products.numbers, of_products.blocks, of_products.planes, of_products.bits, facet_few() / 3);
            END IF;
            -- Prices that have no bits are in the catalogue alone.
            IF products IS NULL AND request.field = 'price' AND width IS NULL THEN
                products := facet_products(request.set, of_products.numbers, of_products.blocks, of_products.planes, of_products.bits, NULL);
            END IF;
            IF offers IS NULL AND products IS NOT NULL THEN
                offers := facet_offers(products, request.by_variant, request.stocked, request.set, set_number, set_block, set_plane, set_bits);
            END IF;
            SELECT CASE request.field WHEN 'price' THEN facet_prices(request.value, patch, width, offers, request.set, set_number, set_block, set_plane, set_bits)
                ELSE facet_stock(request.value, patch, offers, request.set, set_number, set_block, set_plane, set_bits) END AS shown, 0::bigint AS more INTO answer;
        END IF;
        answers := answers || concat(to_json(request.facet), ': ', answer.shown);
        IF answer.more > 0 THEN more := more || concat(to_json(request.facet), ': ', answer.more); END IF;
    END LOOP;
END $$;
