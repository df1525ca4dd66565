-- How many products a filter keeps, and how many each value of a facet would: exactly, in this transaction.

-- What is asked, with what is needed to answer it: functions hand it on.
-- requests: {facet: {"field", "name", "set": number of its set, "exact": number of the set for names written exactly,
-- "settings", "own": what the filter asks of it}}.
CREATE OR REPLACE FUNCTION facet_own(filters jsonb, facet text) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE SET search_path FROM CURRENT AS $$
#variable_conflict use_column
BEGIN
    IF NOT filters ? split_part(facet, '.', 1) THEN RETURN NULL; END IF;
    RETURN (
    SELECT jsonb_agg(o.value) FROM (
        SELECT f.value FROM jsonb_each(filters) f WHERE f.key = facet
        UNION ALL
        SELECT m.value FROM jsonb_each(filters) f
        CROSS JOIN LATERAL jsonb_each(CASE WHEN f.key IN ('options', 'attributes') THEN f.value ELSE '{}' END) m
        WHERE lower(f.key || '.' || m.key) = lower(facet)) o);
END $$;

-- The sets that facets are counted in; number 1 is the whole filter's.
CREATE OR REPLACE FUNCTION facet_requests_sets(
    filters jsonb, asked jsonb, patch facet_patch, INOUT conjuncts jsonb, INOUT leaves jsonb, OUT requests jsonb, OUT sets jsonb
)
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
DECLARE
    facet record;
    one jsonb;
    leaf record;
BEGIN
    requests := '[]';
    sets := '[{"without": "", "planes": false}]';
    FOR facet IN SELECT a.key, a.value, split_part(a.key, '.', 1) AS field, substr(a.key, strpos(a.key, '.') + 1) AS name FROM jsonb_each(asked) a LOOP
        facet.name := CASE WHEN facet.field = facet.key THEN '' ELSE facet.name END;
        one := jsonb_build_object('facet', facet.key, 'field', facet.field, 'name', facet.name, 'settings', facet.value,
            'own', facet_own(filters, facet.key));
        IF one -> 'own' = 'null' THEN
            one := one || '{"set": 1}';
            IF facet.field IN ('options', 'price', 'in_stock') THEN sets := jsonb_set(sets, '{0,planes}', 'true'); END IF;
        ELSE
            sets := sets || jsonb_build_object('without', lower(facet.key), 'planes', facet.field IN ('options', 'price', 'in_stock'));
            one := one || jsonb_build_object('set', jsonb_array_length(sets));
        END IF;
        IF facet.name <> '' THEN
            leaf := facet_value_leaf(facet.field, facet.name, true, NULL, patch, leaves);
            IF leaf.is_known THEN
                leaves := leaf.leaves;
                conjuncts := conjuncts || jsonb_build_object('only', jsonb_array_length(sets), 'sql', '~' || leaf.expression, 'variant', facet.field = 'options');
                -- Names written exactly are asked of each variant.
                sets := jsonb_set(sets, ARRAY[((one -> 'set')::integer - 1)::text, 'always'], 'true');
                sets := sets || jsonb_build_object('without', lower(facet.key), 'planes', facet.field = 'options', 'mask', jsonb_array_length(sets), 'always', true, 'of', one -> 'set');
                one := one || jsonb_build_object('set', jsonb_array_length(sets), 'exact', one -> 'set');
            END IF;
        END IF;
        requests := requests || one;
    END LOOP;
    -- Whether a set is of variants that fulfil something together, or of products alone, those in stock or of these of all.
    requests := (SELECT coalesce(jsonb_agg(q.value || jsonb_build_object('by_variant', q.value -> 'exact' IS NOT NULL OR coalesce(k.by_variant AND NOT s.stocked, false),
            'stocked', q.value -> 'exact' IS NULL AND coalesce(s.stocked, false), 'whole', q.value -> 'exact' IS NULL AND k.by_variant IS NULL)), '[]')
        FROM jsonb_array_elements(requests) q (value) CROSS JOIN LATERAL (SELECT sets -> (q.value -> 'set')::integer - 1) o (of_set)
        CROSS JOIN LATERAL (SELECT facet_is_stocked(conjuncts, o.of_set)) s (stocked)
        CROSS JOIN LATERAL (SELECT bool_or((conjuncts -> k -> 'variant')::boolean) AS by_variant FROM facet_kept(conjuncts, o.of_set) k) k);
END $$;

-- The bitmaps of what no bitmap knows: leaves that are SQL, and the products that a search found relevant.
CREATE OR REPLACE FUNCTION facet_add_bitmaps(INOUT patch facet_patch, INOUT leaves jsonb, relevant bigint[])
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
DECLARE
    leaf record;
    made record;
BEGIN
    FOR leaf IN
        SELECT l.place - 1 AS place, l.value, -1000000000 - l.place AS value_id, l.value ->> 'sql' AS sql
        FROM jsonb_array_elements(leaves) WITH ORDINALITY l (value, place) WHERE l.value ? 'sql'
        UNION ALL SELECT NULL, NULL, -2000000000, 'SELECT g.product_id, 0 FROM unnest($1) g (product_id)' WHERE relevant IS NOT NULL
    LOOP
        EXECUTE concat('SELECT array_agg(b.piece) AS piece, array_agg(b.plane) AS plane, array_agg(b.bits) AS bits FROM ('
            'SELECT (f.product_id / 4000)::integer AS piece, f.plane::integer AS plane, facet_piece((f.product_id % 4000)::integer, 1) AS bits '
            'FROM (', leaf.sql, ') f (product_id, plane) GROUP BY 1, 2) b') INTO made USING relevant;
        patch.value_id := patch.value_id || array_fill(leaf.value_id::integer, ARRAY[coalesce(cardinality(made.piece), 0)]);
        patch.piece := patch.piece || made.piece;
        patch.plane := patch.plane || made.plane;
        patch.bits := patch.bits || made.bits;
        IF leaf.place IS NOT NULL THEN
            leaves := jsonb_set(leaves, ARRAY[leaf.place::text], jsonb_build_object('variant', leaf.value -> 'variant', 'ids', jsonb_build_array(leaf.value_id)));
        END IF;
    END LOOP;
END $$;

-- How many bits prices have; NULL where one cannot be said in them.
CREATE OR REPLACE FUNCTION facet_price_width(patch facet_patch) RETURNS integer
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
#variable_conflict use_column
BEGIN
    RETURN (
    SELECT CASE WHEN EXISTS (SELECT FROM facet_bitmap b WHERE b.value_id = 5 OFFSET 0) OR 5 = ANY ((patch).value_id) THEN NULL
        ELSE greatest(1, (SELECT max(b.value_id) - 99 FROM facet_bitmap b WHERE b.value_id BETWEEN 100 AND 199),
            (SELECT max(f.value_id) - 99 FROM unnest((patch).value_id) f (value_id) WHERE f.value_id BETWEEN 100 AND 199)) END);
END $$;

-- Of how many products prices and stock are sooner looked at one by one than all.
CREATE OR REPLACE FUNCTION facet_candidates_most() RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN 8000;

-- The patch with the prices and stock that were written since they were folded, of some products or of all.
CREATE OR REPLACE FUNCTION facet_repatched(patch facet_patch, changed bigint[], among bigint[], stocked boolean) RETURNS facet_patch
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
DECLARE
    repriced bigint[] := facet_repriced(among);
BEGIN
    IF changed IS NOT NULL THEN repriced := ARRAY(SELECT unnest(repriced) EXCEPT SELECT unnest(changed)); END IF;
    IF repriced <> '{}' THEN RETURN facet_patch(changed, repriced, stocked, false); END IF;
    RETURN patch;
END $$;

-- Whether prices and options in stock alone are counted (true), in none of the sets (false), or perhaps both (NULL). A set is of what is in stock where it
-- asks nothing else of variants, and each facet ignores its own filter.
CREATE OR REPLACE FUNCTION facet_needs_stocked(filters jsonb) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE SET search_path FROM CURRENT AS $$
DECLARE
    options CONSTANT bigint := (SELECT count(DISTINCT lower(o)) FROM jsonb_object_keys(coalesce(filters -> 'options', '{}')) o);
BEGIN
    RETURN CASE WHEN filters -> 'in_stock' IS DISTINCT FROM 'true' OR filters ? 'sku' THEN false
        WHEN filters ?| '{any,all,not}' THEN NULL
        WHEN options = 0 THEN true
        WHEN options + (filters ? 'price')::integer > 1 THEN false END;
END $$;

-- The counts, and which products the filter keeps, as bitmaps.
CREATE OR REPLACE FUNCTION facet_counts_kept(filters jsonb, facets jsonb, relevant bigint[], OUT counted jsonb, OUT blocks integer[], OUT bits bit(32000)[])
-- STABLE: all of its statements see the catalogue at one moment.
LANGUAGE plpgsql STABLE COST 10000 SET search_path FROM CURRENT
SET jit = off SET enable_seqscan = off SET max_parallel_workers_per_gather = 0 SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
    wanted CONSTANT jsonb := coalesce(nullif(filters, 'null'), '{}');
    -- Before the rest of the filter is known: where it asks of them, and where that costs nothing.
    knows_prices CONSTANT boolean := facet_prices_hold() OR jsonb_path_exists(wanted, '$.** ? (exists(@.price) || exists(@.in_stock))');
    stocked CONSTANT boolean := facet_needs_stocked(wanted);
    changed bigint[];
    products bigint[];
    few bigint[];
    shown jsonb;
    patch facet_patch;
    width integer;
    plan record;
    asked record;
    bitmaps record;
    used record;
    one record;
    place integer;
    part record;
    total bigint;
    answers text[];
    more text[];
BEGIN
    PERFORM compile_filter(wanted);
    changed := facet_changed();
    patch := facet_patch(changed, NULL, stocked, false);
    shown := facet_requests(facets, patch);
    IF knows_prices THEN
        patch := facet_repatched(patch, changed, NULL, stocked);
    END IF;
    width := facet_price_width(patch);
    plan := facet_plan(wanted, patch, width, relevant IS NOT NULL);
    asked := facet_requests_sets(wanted, shown, patch, plan.conjuncts, plan.leaves);
    bitmaps := facet_add_bitmaps(patch, asked.leaves, relevant);
    patch := bitmaps.patch;
    used := facet_columns(asked.conjuncts, bitmaps.leaves, NOT patch IS NULL);
    place := 0;
    FOR one IN EXECUTE facet_sets_sql(asked.conjuncts, bitmaps.leaves, asked.sets, NOT patch IS NULL, used) USING patch, used.product_ids, used.variant_ids LOOP
        place := place + 1;
        WHILE asked.sets -> place - 1 ? 'of' LOOP place := place + 1; END LOOP;
        few := NULL;
        products := NULL;
        IF place = 1 THEN
            products := facet_products(1, one.numbers, one.blocks, one.planes, one.bits, CASE WHEN knows_prices OR NOT shown ?| '{price,in_stock}' THEN facet_few() / 3 ELSE facet_candidates_most() END);
            -- Few are read from the catalogue, which needs no bitmaps that are up to date.
            few := CASE WHEN cardinality(products) <= CASE WHEN knows_prices THEN facet_few() / 3 ELSE facet_few() END THEN products END;
            IF few IS NULL AND NOT knows_prices AND shown ?| '{price,in_stock}' THEN
                patch := facet_repatched(patch, changed, products, stocked);
                width := facet_price_width(patch);
            END IF;
        END IF;
        part := facet_answers(jsonb_path_query_array(asked.requests, '$[*] ? (@.exact == $set || !exists(@.exact) && @.set == $set)', jsonb_build_object('set', place)), patch, width, few, products, one.numbers, one.blocks, one.planes, one.bits);
        answers := answers || part.answers;
        more := more || part.more;
        IF place = 1 THEN
            SELECT coalesce(sum(bit_count(s.bits)), 0), coalesce(array_agg(s.block), '{}'), coalesce(array_agg(s.bits), '{}') INTO total, blocks, bits
            FROM unnest(one.numbers, one.blocks, one.planes, one.bits) s (number, block, plane, bits) WHERE s.number = 1 AND s.plane = 0;
        END IF;
    END LOOP;
    counted := format('{"facets": {%s}, "more": {%s}, "total": %s}', array_to_string(answers, ', '), array_to_string(more, ', '), total)::jsonb;
END $$;

CREATE OR REPLACE FUNCTION facet_counts(filters jsonb DEFAULT '{}', facets jsonb DEFAULT 'true', relevant bigint[] DEFAULT NULL) RETURNS jsonb
LANGUAGE plpgsql STABLE COST 10000 SET search_path FROM CURRENT AS $$
DECLARE
    answer CONSTANT record := facet_counts_kept(filters, facets, relevant);
BEGIN
    RETURN answer.counted;
END $$;
COMMENT ON FUNCTION facet_counts(jsonb, jsonb, bigint[]) IS
    'How many products a filter keeps, and how many each value of each facet would, whatever the filter asks of that facet: exact counts.';
