-- Sketches: per vector a short bit code, its cell and its terms, which searches scan before they read vectors.

-- The bits say on which side of one or more thresholds each dimension lies: the Hamming distance of two sketches
-- orders much as the angle of their vectors does (Charikar, 2002). Short vectors get more thresholds, so that
-- there are some 400 bits to tell them apart. docs/discussions.md has the recall.
CREATE OR REPLACE FUNCTION sketch_thresholds(dimension integer) RETURNS real[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN dimension >= 384 THEN '{0}'
            WHEN dimension >= 192 THEN '{-0.5,0.5}'
            WHEN dimension >= 96 THEN '{-1,-0.3,0.3,1}'
            ELSE '{-1.4,-0.9,-0.5,-0.15,0.15,0.5,0.9,1.4}' END::real[];

-- The sketch of a vector (an expression), whose parts have a standard deviation of 1 / sqrt(dimension).
CREATE OR REPLACE FUNCTION sketch_sql(vector text, dimension integer) RETURNS text
LANGUAGE sql STABLE SET search_path FROM CURRENT AS $$
    SELECT format('(%s)::bit(%s)', string_agg(format(
        CASE t.threshold WHEN 0 THEN '%2$I.binary_quantize(%1$s)'
             ELSE '%2$I.binary_quantize(%1$s OPERATOR(%2$I.-) array_fill(%3$s::real, ARRAY[%4$s])::%2$I.halfvec(%4$s))' END,
        vector, vector_schema(), (t.threshold / sqrt(dimension))::real, dimension), ' || ' ORDER BY t.threshold),
        count(*) * dimension)
    FROM unnest(sketch_thresholds(dimension)) t (threshold)
$$;

-- The same of a vector that is at hand.
CREATE OR REPLACE FUNCTION sketch_of(vector halfvec) RETURNS bit varying
LANGUAGE plpgsql IMMUTABLE SET search_path FROM CURRENT AS $$
DECLARE
    dimension CONSTANT integer := vector_dims(vector);
    thresholds CONSTANT real[] := sketch_thresholds(dimension);
BEGIN
    IF thresholds = '{0}' THEN RETURN binary_quantize(vector); END IF;
    RETURN (SELECT string_agg(binary_quantize(vector - array_fill((t.threshold / sqrt(dimension))::real, ARRAY[dimension])::halfvec)::text, '' ORDER BY t.threshold)::bit varying
        FROM unnest(thresholds) t (threshold));
END $$;

CREATE OR REPLACE FUNCTION create_sketch_table(kind text, space_id integer, dimension integer) RETURNS void
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    name text := format('%s_sketch_%s', kind, space_id);
    vectors text := format('%s_vector_%s', kind, space_id);
    item text := kind || '_id';
    event text;
BEGIN
    EXECUTE format(
        'CREATE TABLE %1$I (
            product_id bigint NOT NULL,
            %2$I bigint NOT NULL,
            cell_id integer NOT NULL,
            sketch bit(%3$s) NOT NULL,
            terms integer[] NOT NULL,
            vector_at tid,
            PRIMARY KEY (product_id, %2$I) INCLUDE (sketch, vector_at)
        )', name, item, dimension * cardinality(sketch_thresholds(dimension)));
    -- What a scan of cells reads lies together in the index, whatever happens to the table's order.
    EXECUTE format('CREATE INDEX %I ON %I (cell_id) INCLUDE (product_id, %I, sketch, vector_at)', name || '_cell_idx', name, item);
    EXECUTE format('CREATE INDEX %I ON %I USING gin (terms)', name || '_terms_idx', name);
    EXECUTE format('CREATE INDEX %I ON %I USING gin (placed_terms(district_of(cell_id), terms))', name || '_placed_idx', name);
    -- Every 64th row, for estimates, in the order of a hash: any first part of it is a sample. Rows of very many
    -- terms would not fit into an index.
    EXECUTE format('CREATE INDEX %1$I ON %2$I (((hashint8(%3$I) >> 6) & 4095)) INCLUDE (product_id, %3$I, cell_id, terms) '
        'WHERE (hashint8(%3$I) & 63) = 0 AND cardinality(terms) < 300', name || '_sample_idx', name, item);
    EXECUTE format('COMMENT ON TABLE %I IS %L', name,
        format('What searches scan before they read %s: sketch, cell and terms of each vector whose product is shown.', vectors));
    FOREACH event IN ARRAY '{INSERT,UPDATE,DELETE}'::text[] LOOP
        EXECUTE format('CREATE TRIGGER %I AFTER %s ON %I REFERENCING %s TABLE AS changed '
            'FOR EACH STATEMENT EXECUTE FUNCTION sketch_vectors()',
            format('%s_sketch_%s', vectors, lower(event)), event, vectors, CASE event WHEN 'DELETE' THEN 'OLD' ELSE 'NEW' END);
    END LOOP;
    EXECUTE format('CREATE TRIGGER %I AFTER TRUNCATE ON %I FOR EACH STATEMENT EXECUTE FUNCTION sketch_truncated()',
        vectors || '_sketch_truncate', vectors);
    PERFORM grant_space_table(name);
END $$;

-- Spaces from before there were sketches get theirs; upgrade calls it.
CREATE OR REPLACE FUNCTION ensure_sketches() RETURNS void
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    target record;
    made boolean := false;
BEGIN
    FOR target IN SELECT s.space_id, s.dimension, k.kind FROM space s CROSS JOIN (VALUES ('image'), ('caption')) k (kind)
        WHERE to_regclass(format('%s_sketch_%s', k.kind, s.space_id)) IS NULL LOOP
        PERFORM create_sketch_table(target.kind, target.space_id, target.dimension);
        made := true;
    END LOOP;
    IF made THEN
        PERFORM sketch_products(array_agg(b.product_id))
        FROM (SELECT p.product_id, row_number() OVER (ORDER BY p.product_id) / 10000 AS batch FROM product p) b
        GROUP BY b.batch;
        PERFORM wait_for_vectors();
    END IF;
END $$;

-- A statement that makes the rows of some products ($1) what they should be. Every lookup is by key, product
-- by product: the tables may never have been analysed. Where there are no cells yet no vectors are carried along.
CREATE OR REPLACE FUNCTION sketch_refresh_sql(kind text, space_id integer, dimension integer) RETURNS text
LANGUAGE sql STABLE SET search_path FROM CURRENT AS $$
    SELECT format($refresh$
WITH wanted AS MATERIALIZED (
    SELECT e.product_id, e.item_id, %8$s e.sketch, e.vector_at, own.terms || coalesce(varying.terms, '{}') AS terms
    FROM unnest($1::bigint[]) g (product_id)
    CROSS JOIN LATERAL (
        SELECT p.external_id, p.brand, p.attributes FROM product p
        WHERE p.product_id = g.product_id AND p.status = 'active'
          AND (EXISTS (SELECT FROM variant v WHERE v.product_id = p.product_id AND v.status = 'active' OFFSET 0)
               OR NOT EXISTS (SELECT FROM variant v WHERE v.product_id = p.product_id OFFSET 0))
          AND EXISTS (SELECT FROM %3$I x WHERE x.product_id = p.product_id OFFSET 0)
        OFFSET 0) p
    CROSS JOIN LATERAL (
        SELECT coalesce(array_agg(DISTINCT t.term), '{}') AS terms FROM (
            SELECT term('external_id', p.external_id) AS term
            UNION ALL
            SELECT term('brand', p.brand) WHERE p.brand IS NOT NULL
            UNION ALL
            SELECT term('category', a.category_id::text) FROM product_category pc
            JOIN category c ON c.category_id = pc.category_id CROSS JOIN unnest(c.lineage) a (category_id)
            WHERE pc.product_id = g.product_id
            UNION ALL
            SELECT m.term FROM member_terms('{attributes.}', p.attributes) m (term)) t) own
    CROSS JOIN LATERAL (
        SELECT x.product_id, x.%2$I AS item_id, x.embedding, x.ctid AS vector_at, %4$s AS sketch %6$s
        FROM %3$I x WHERE x.product_id = g.product_id OFFSET 0) e
    -- A picture of some variants has the terms of their options, one of none in particular those of all; all have
    -- the terms of variants, by which a product is listed that no picture stands for. One of retired variants
    -- alone has no row.
    CROSS JOIN LATERAL (
        SELECT bool_or(l.linked) AS linked, bool_or(l.shows) AS shows FROM (
            SELECT true AS linked, EXISTS (SELECT FROM variant v
                WHERE v.product_id = s.product_id AND v.variant_id = s.variant_id AND v.status = 'active' OFFSET 0) AS shows
            FROM image_variant s WHERE s.product_id = e.product_id AND s.image_id = e.of_image OFFSET 0) l) link
    CROSS JOIN LATERAL (
        SELECT array_agg(DISTINCT m.term) AS terms
        FROM variant v
        -- OFFSET 0, for a function whose argument asks a table is not made part of the statement.
        CROSS JOIN LATERAL (SELECT CASE WHEN link.linked IS NULL OR EXISTS (SELECT FROM image_variant s
            WHERE s.product_id = e.product_id AND s.image_id = e.of_image AND s.variant_id = v.variant_id OFFSET 0)
            THEN '{variants.,options.}' ELSE '{variants.}' END::text[] OFFSET 0) known (as_fields)
        CROSS JOIN LATERAL (
            SELECT term('sku', v.sku)
            UNION ALL SELECT m.term FROM member_terms(known.as_fields, v.options) m (term)) m (term)
        WHERE v.product_id = e.product_id AND v.status = 'active') varying
    WHERE link.linked IS NULL OR link.shows OR %1$L = 'caption'
), gone AS (
    DELETE FROM %5$I s USING unnest($1::bigint[]) g (product_id)
    WHERE s.product_id = g.product_id AND NOT EXISTS (
        SELECT FROM wanted w WHERE w.product_id = s.product_id AND w.item_id = s.%2$I)
    RETURNING s.product_id
), made AS (
    SELECT w.product_id, w.item_id, coalesce(o.cell_id, n.cell_id, 0) AS cell_id, w.vector_at IS DISTINCT FROM o.vector_at AS is_new, w.sketch, w.terms, w.vector_at
    FROM wanted w
    LEFT JOIN LATERAL (
        SELECT x.cell_id, x.vector_at FROM %5$I x
        WHERE x.product_id = w.product_id AND x.%2$I = w.item_id AND x.sketch = w.sketch OFFSET 0) o ON true
    LEFT JOIN LATERAL (%7$s) n ON true
)%9$s
INSERT INTO %5$I AS s (product_id, %2$I, cell_id, sketch, terms, vector_at)
SELECT m.product_id, m.item_id, m.cell_id, m.sketch, m.terms, m.vector_at FROM made m
ON CONFLICT (product_id, %2$I) DO UPDATE
    SET cell_id = excluded.cell_id, sketch = excluded.sketch, terms = excluded.terms, vector_at = excluded.vector_at
    WHERE (s.cell_id, s.sketch, s.terms, s.vector_at) IS DISTINCT FROM (excluded.cell_id, excluded.sketch, excluded.terms, excluded.vector_at)
$refresh$,
        kind, kind || '_id', format('%s_vector_%s', kind, space_id), sketch_sql('x.embedding', dimension),
        format('%s_sketch_%s', kind, space_id),
        CASE kind WHEN 'image' THEN ', x.image_id AS of_image'
             ELSE ', (SELECT c.image_id FROM caption c WHERE c.product_id = x.product_id AND c.caption_id = x.caption_id) AS of_image' END,
        CASE WHEN t.trained THEN format('SELECT c.cell_id FROM (%s) c WHERE o.cell_id IS NULL', nearest_cell_sql(kind, space_id, 'w.embedding'))
             ELSE 'SELECT 0 AS cell_id' END,
        CASE WHEN t.trained THEN 'e.embedding,' END,
        -- Where prices are placed by district, which of these a product has is no longer known.
        CASE WHEN t.trained THEN ', noted AS (INSERT INTO place_change (product_id) SELECT m.product_id FROM made m WHERE m.is_new UNION SELECT g.product_id FROM gone g)' END)
    FROM (SELECT EXISTS (SELECT FROM cell_generation g WHERE g.space_id = sketch_refresh_sql.space_id AND g.kind = sketch_refresh_sql.kind)) t (trained)
$$;

-- Which products no vector of a space stands for: those of some products ($1).
CREATE OR REPLACE FUNCTION waiting_refresh_sql(space_id integer) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path FROM CURRENT AS $$
    SELECT format($refresh$
WITH judged AS (
    SELECT g.product_id, EXISTS (SELECT FROM product p WHERE p.product_id = g.product_id AND p.status = 'active' OFFSET 0)
        AND NOT EXISTS (SELECT FROM %2$I s WHERE s.product_id = g.product_id OFFSET 0)
        AND NOT EXISTS (SELECT FROM %3$I s WHERE s.product_id = g.product_id OFFSET 0) AS waits
    FROM (SELECT DISTINCT unnest($1::bigint[])) g (product_id)
), done AS (
    DELETE FROM waiting_product w USING judged j
    WHERE w.space_id = %1$s AND w.product_id = j.product_id AND NOT j.waits
)
INSERT INTO waiting_product (space_id, product_id)
SELECT %1$s, j.product_id FROM judged j WHERE j.waits ON CONFLICT DO NOTHING
$refresh$, space_id, 'image_sketch_' || space_id, 'caption_sketch_' || space_id)
$$;

-- Whoever changes what the terms of a product come from locks the product first, and so does whoever writes
-- its vectors: each then sees what the other did. A product that this transaction made nobody else knows: for
-- rows that are added to it (skip_new) there is nothing to do while it has no vector. No index alone: of a table that was analysed while
-- empty each costs the planner the same, and one by cells would be read from end to end for each row. A long list of entries that wait
-- to be indexed would be read by every search: what a large load leaves is indexed at its end.
CREATE OR REPLACE FUNCTION sketch_products(products bigint[], skip_new boolean DEFAULT false) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT SET enable_seqscan = off SET enable_indexonlyscan = off SET jit = off
SET gin_pending_list_limit = '256kB' AS $$
DECLARE
    target record;
    concerned bigint[];
BEGIN
    IF products IS NULL OR NOT EXISTS (SELECT FROM space) THEN RETURN; END IF;
    EXECUTE format(
        'SELECT array_agg(DISTINCT g.product_id ORDER BY g.product_id) FROM unnest($1) g (product_id) '
        'CROSS JOIN LATERAL (SELECT p.xmin = $2 AS own FROM product p WHERE p.product_id = g.product_id OFFSET 0) p '
        'WHERE NOT ($3 AND p.own) OR %s',
        (SELECT string_agg(format('EXISTS (SELECT FROM %I x WHERE x.product_id = g.product_id OFFSET 0)',
            format('%s_vector_%s', k.kind, s.space_id)), ' OR ')
         FROM space s CROSS JOIN (VALUES ('image'), ('caption')) k (kind)))
    INTO concerned USING products, pg_current_xact_id()::xid, skip_new;
    IF concerned IS NULL THEN RETURN; END IF;
    PERFORM FROM product p WHERE p.product_id = ANY (concerned) ORDER BY p.product_id FOR NO KEY UPDATE;
    FOR target IN SELECT s.space_id, s.dimension FROM space s ORDER BY s.space_id LOOP
        EXECUTE sketch_refresh_sql('image', target.space_id, target.dimension) USING concerned;
        EXECUTE sketch_refresh_sql('caption', target.space_id, target.dimension) USING concerned;
        EXECUTE waiting_refresh_sql(target.space_id) USING concerned;
    END LOOP;
END $$;
COMMENT ON FUNCTION sketch_products IS 'Make the sketches of some products what they should be, in every space.';

-- What a worker is about to write vectors of: products that nobody else has locked, so that the trigger below
-- never waits while it holds locks that others wait for.
CREATE OR REPLACE FUNCTION lock_products(products bigint[]) RETURNS SETOF bigint
LANGUAGE sql SECURITY DEFINER SET search_path FROM CURRENT AS $$
    SELECT p.product_id FROM product p WHERE p.product_id = ANY (products) ORDER BY p.product_id FOR NO KEY UPDATE SKIP LOCKED
$$;

CREATE OR REPLACE FUNCTION sketch_vectors() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT SET enable_seqscan = off SET enable_indexonlyscan = off SET jit = off
SET gin_pending_list_limit = '256kB' AS $$
DECLARE
    kind text := split_part(TG_TABLE_NAME, '_', 1);
    the_space integer := split_part(TG_TABLE_NAME, '_', 3)::integer;
    products bigint[];
BEGIN
    SELECT array_agg(DISTINCT c.product_id ORDER BY c.product_id) INTO products FROM changed c;
    IF products IS NULL THEN RETURN NULL; END IF;
    -- One at a time: each makes all sketches of the product anew, from what it can see of the others' vectors.
    PERFORM FROM product p WHERE p.product_id = ANY (products) ORDER BY p.product_id FOR NO KEY UPDATE;
    IF cardinality(products) > 10000 THEN PERFORM set_config('gin_pending_list_limit', '1MB', true); END IF;
    EXECUTE sketch_refresh_sql(kind, the_space, (SELECT s.dimension FROM space s WHERE s.space_id = the_space))
        USING products;
    EXECUTE waiting_refresh_sql(the_space) USING products;
    IF cardinality(products) > 10000 THEN PERFORM index_sketches(kind, the_space); END IF;
    RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION sketch_truncated() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    EXECUTE format('DELETE FROM %I', replace(TG_TABLE_NAME, '_vector_', '_sketch_'));
    EXECUTE format('DELETE FROM %I', replace(TG_TABLE_NAME, '_vector_', '_price_'));
    PERFORM wait_for_vectors();
    RETURN NULL;
END $$;

-- Every active product without a sketch waits.
CREATE OR REPLACE FUNCTION wait_for_vectors(only_space integer DEFAULT NULL) RETURNS void
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    target integer;
BEGIN
    FOR target IN SELECT s.space_id FROM space s WHERE s.space_id = coalesce(only_space, s.space_id) LOOP
        EXECUTE format(
            'INSERT INTO waiting_product (space_id, product_id) SELECT %1$s, p.product_id FROM product p '
            'WHERE p.status = ''active'' AND p.product_id NOT IN (SELECT s.product_id FROM %2$I s) '
            'AND p.product_id NOT IN (SELECT s.product_id FROM %3$I s) ON CONFLICT DO NOTHING',
            target, 'image_sketch_' || target, 'caption_sketch_' || target);
    END LOOP;
END $$;
