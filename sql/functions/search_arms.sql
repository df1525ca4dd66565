-- The arms of a search: the nearest products by picture and by caption, exact or through the HNSW index.

-- What a filter and an excluded product ask, as SQL text: never a format() pattern, it holds user's text.
-- shown is on p (product), fits on v (variant) and p, counts on i (a picture, or a caption made from one).
CREATE OR REPLACE FUNCTION search_conditions(
    filters jsonb, excluded bigint, OUT shown text, OUT fits text, OUT counts text, OUT on_options boolean
)
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
DECLARE
    compiled record := compile_filter(filters);
BEGIN
    on_options := compiled.on_options;
    fits := concat_ws(' AND ', 'v.product_id = p.product_id AND v.status = ''active''', compiled.on_variant);
    -- A product without any variant is shown too, one whose variants are all retired is not.
    shown := concat_ws(' AND ', 'p.status = ''active''', compiled.on_product, 'p.product_id <> ' || excluded,
        CASE WHEN compiled.on_variant IS NULL
             THEN format('(EXISTS (SELECT FROM variant v WHERE %s) OR NOT EXISTS '
                         '(SELECT FROM variant v WHERE v.product_id = p.product_id))', fits)
             ELSE format('EXISTS (SELECT FROM variant v WHERE %s)', fits) END);
    -- A picture of none in particular always counts, one of retired variants alone never. OFFSET 0 keeps
    -- this a look-up for the few rows that need it: the planner would hash both tables whole.
    counts := format(
        '(NOT EXISTS (SELECT FROM image_variant s WHERE s.product_id = i.product_id '
        'AND s.image_id = i.image_id OFFSET 0) '
        'OR EXISTS (SELECT FROM image_variant s JOIN variant v ON v.product_id = s.product_id '
        'AND v.variant_id = s.variant_id WHERE s.product_id = i.product_id AND s.image_id = i.image_id AND %s OFFSET 0))',
        CASE WHEN on_options THEN fits ELSE 'v.status = ''active''' END);
END $$;

-- Whether a filter keeps so much that the index finds it: a fifth of all, or far more than can be listed.
-- Judged on the products of some thirty blocks, always the same ones.
CREATE OR REPLACE FUNCTION search_is_broad(shown text, at_most integer) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
DECLARE
    blocks bigint := pg_relation_size('product') / current_setting('block_size')::integer;
    sampled_share real := least(1, 30.0 / greatest(blocks, 1));
    sampled bigint;
    kept bigint;
BEGIN
    EXECUTE format('SELECT count(*), count(*) FILTER (WHERE %s) FROM product p '
        'TABLESAMPLE SYSTEM (%s) REPEATABLE (1)', shown, 100 * sampled_share) INTO sampled, kept;
    RETURN kept > 0.2 * sampled OR kept > 2 * at_most * sampled_share;
END $$;

-- The matching products when they are at most so many, else NULL.
CREATE OR REPLACE FUNCTION search_matches(shown text, at_most integer) RETURNS bigint[]
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
DECLARE
    matches bigint[];
BEGIN
    EXECUTE format('SELECT coalesce(array_agg(m.product_id), ''{}'') FROM '
        '(SELECT p.product_id FROM product p WHERE %s LIMIT %s) m', shown, at_most + 1) INTO matches;
    RETURN CASE WHEN cardinality(matches) <= at_most THEN matches END;
END $$;

-- One look at a vector table (alias i for pictures, t for captions): its nearest eligible rows.
CREATE OR REPLACE FUNCTION search_nearest_sql(
    kind text, space_id integer, plan text, by_key boolean,
    shown text, counts text, on_options boolean, row_limit integer
) RETURNS text
LANGUAGE plpgsql IMMUTABLE SET search_path FROM CURRENT AS $$
DECLARE
    item text := CASE kind WHEN 'image' THEN 'i' ELSE 't' END;
    item_id text := concat(item, '.', kind, '_id');
    vectors text := quote_ident(format('%s_vector_%s', kind, space_id));
    distance text := format('%s.embedding <#> $1', item);
    its_product text := format('EXISTS (SELECT FROM product p WHERE p.product_id = %s.product_id AND ', item);
    item_counts text := counts;
    source text;
BEGIN
    IF kind = 'caption' THEN
        -- A caption made from a picture counts with its picture.
        item_counts := CASE WHEN on_options THEN concat(
            'EXISTS (SELECT FROM caption i WHERE i.product_id = t.product_id AND i.caption_id = t.caption_id ',
            'AND (i.image_id IS NULL OR ', counts, ') OFFSET 0)') ELSE 'true' END;
    END IF;
    IF on_options THEN
        item_counts := concat(its_product, item_counts, ' OFFSET 0)');
    END IF;
    IF plan = 'hnsw' THEN
        -- OFFSET 0 keeps EXISTS from becoming a join, which would leave the index unused.
        RETURN concat('SELECT ', item, '.product_id, ', item_id, ' AS item_id, ', distance, ' AS distance FROM ',
            vectors, ' ', item, ' WHERE ', its_product, shown, ' OFFSET 0) AND ', item_counts,
            ' ORDER BY ', distance, ' LIMIT ', row_limit);
    ELSIF by_key THEN
        -- One product at a time: without statistics a join would read the table whole.
        source := concat('unnest($2) m (product_id) CROSS JOIN LATERAL (SELECT * FROM ', vectors,
            ' x WHERE x.product_id = m.product_id OFFSET 0) ', item);
    ELSE
        source := concat(vectors, ' ', item, ' WHERE ', its_product, shown, ')');
    END IF;
    -- Sorted before what is dear to check, so that only the nearest are looked at; by a sum, so that
    -- the index, which may leave rows out, is not used.
    RETURN concat('SELECT ', item, '.product_id, ', item_id, ' AS item_id, ', item, '.distance FROM (SELECT ',
        item, '.product_id, ', item_id, ', ', distance, ' AS distance FROM ', source,
        ' ORDER BY (', distance, ') + 0 OFFSET 0) ', item, ' WHERE ', item_counts, ' LIMIT ', row_limit);
END $$;

-- HNSW serves a table that is too large to read whole and whose index is usable.
CREATE OR REPLACE FUNCTION search_has_index(kind text, space_id integer) RETURNS boolean
LANGUAGE sql STABLE SET search_path FROM CURRENT AS $$
    SELECT pg_table_size(t.oid) > 4 * 1024 * 1024 AND EXISTS (
        SELECT FROM pg_index x JOIN pg_class c ON c.oid = x.indexrelid JOIN pg_am a ON a.oid = c.relam
        WHERE x.indrelid = t.oid AND a.amname = 'hnsw' AND x.indisvalid AND x.indpred IS NULL)
    FROM pg_class t WHERE t.oid = to_regclass(format('%s_vector_%s', kind, space_id))
$$;

-- One arm: products in the order of their nearest picture or caption, at least `wanted` if so many match.
CREATE OR REPLACE FUNCTION search_arm(
    kind text, space_id integer, vector halfvec, products bigint[],
    shown text, counts text, on_options boolean, wanted integer,
    OUT product_ids bigint[], OUT item_ids bigint[], OUT distances double precision[], OUT plan text
)
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
DECLARE
    row_limit integer := greatest(4 * wanted, 200);
    rows_found bigint;
BEGIN
    IF vector IS NULL THEN RETURN; END IF;
    plan := CASE WHEN products IS NULL AND search_has_index(kind, space_id) THEN 'hnsw' ELSE 'exact' END;
    LOOP
        -- Sorted again outside: the iterative scan's order is relaxed, and the best row per product counts.
        EXECUTE concat('WITH nearest AS MATERIALIZED (',
            search_nearest_sql(kind, space_id, plan, products IS NOT NULL, shown, counts, on_options, row_limit),
            '), best AS (SELECT DISTINCT ON (n.product_id) n.* FROM nearest n ',
            'ORDER BY n.product_id, n.distance, n.item_id) ',
            'SELECT coalesce(array_agg(b.product_id ORDER BY b.distance, b.product_id), ''{}''), ',
            'array_agg(b.item_id ORDER BY b.distance, b.product_id), ',
            'array_agg(b.distance ORDER BY b.distance, b.product_id), ',
            '(SELECT count(*) FROM nearest) FROM best b')
        INTO product_ids, item_ids, distances, rows_found USING vector, products;
        EXIT WHEN cardinality(product_ids) >= wanted;
        IF rows_found = row_limit THEN
            -- Products with very many pictures crowd the others out: look further.
            row_limit := row_limit * 8;
        ELSIF plan = 'hnsw' THEN
            -- The index scan gave up before it had enough.
            plan := 'exact';
        ELSE
            EXIT;
        END IF;
    END LOOP;
END $$;
