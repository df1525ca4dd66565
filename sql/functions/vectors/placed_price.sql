-- Prices by district: the vectors in a district whose products have such a price, so that a search under prices reads what lies near it and no more.

-- No key, as with listed prices: what no longer holds is passed over until it is taken away.
CREATE OR REPLACE FUNCTION create_price_table(kind text, space_id integer, dimension integer) RETURNS void
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    name text := format('%s_price_%s', kind, space_id);
BEGIN
    EXECUTE format('CREATE TABLE %I (district integer NOT NULL, price double precision NOT NULL, product_id bigint NOT NULL, %I bigint NOT NULL, sketch bit(%s) NOT NULL, vector_at tid)',
        name, kind || '_id', dimension * cardinality(sketch_thresholds(dimension)));
    EXECUTE format('CREATE INDEX %I ON %I (district, price)', name || '_idx', name);
    EXECUTE format('CREATE INDEX %I ON %I (price)', name || '_price_idx', name);
    EXECUTE format('CREATE INDEX %I ON %I (product_id)', name || '_product_idx', name);
    EXECUTE format('COMMENT ON TABLE %I IS %L', name,
        format('Prices by the district in which the vectors of their products lie, as they were when last folded; of products in place_change and price_change they may be others.'));
    PERFORM grant_space_table(name);
END $$;

-- Spaces from before there were such tables get theirs; upgrade calls it.
CREATE OR REPLACE FUNCTION ensure_placed_prices() RETURNS void
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    target record;
BEGIN
    FOR target IN SELECT s.space_id, s.dimension, k.kind FROM space s CROSS JOIN (VALUES ('image'), ('caption')) k (kind)
        WHERE to_regclass(format('%s_price_%s', k.kind, s.space_id)) IS NULL LOOP
        PERFORM create_price_table(target.kind, target.space_id, target.dimension);
        EXECUTE format('INSERT INTO %I SELECT x.* FROM (%s) x ORDER BY 1, 2', format('%s_price_%s', target.kind, target.space_id),
            placed_prices_sql(target.kind, format('%I', format('%s_sketch_%s', target.kind, target.space_id))));
    END LOOP;
END $$;

-- The prices of sketches (an expression), by district: what the table should hold of them.
CREATE OR REPLACE FUNCTION placed_prices_sql(kind text, sketches text) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path FROM CURRENT
RETURN format('SELECT district_of(s.cell_id) AS district, l.price, s.product_id, s.%1$I, s.sketch, s.vector_at FROM %2$s s '
    'CROSS JOIN LATERAL (SELECT DISTINCT l.price FROM listed_price l WHERE l.product_id = s.product_id) l WHERE s.cell_id > 0', kind || '_id', sketches);

-- Places the prices of some products as they are listed and as their vectors lie now; false while another moves sketches to other districts: who comes then waits.
CREATE OR REPLACE FUNCTION place_prices(products bigint[]) RETURNS boolean
LANGUAGE plpgsql SET search_path FROM CURRENT SET enable_seqscan = off SET enable_indexonlyscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
DECLARE
    of record;
BEGIN
    IF NOT pg_try_advisory_xact_lock(place_lock()) THEN RETURN false; END IF;
    FOR of IN SELECT format('%s_price_%s', g.kind, g.space_id) AS prices, format('%s_sketch_%s', g.kind, g.space_id) AS sketches, g.kind
        FROM (SELECT DISTINCT g.kind, g.space_id FROM cell_generation g) g ORDER BY g.space_id, g.kind
    LOOP
        BEGIN
        EXECUTE format('DELETE FROM %1$I p USING unnest($1) g (product_id) WHERE p.product_id = g.product_id AND NOT (EXISTS (SELECT FROM %2$I s '
            'WHERE s.product_id = p.product_id AND s.%3$I = p.%3$I AND district_of(s.cell_id) = p.district AND s.sketch = p.sketch AND s.vector_at IS NOT DISTINCT FROM p.vector_at OFFSET 0) '
            'AND EXISTS (SELECT FROM listed_price l WHERE l.product_id = p.product_id AND l.price = p.price OFFSET 0))', of.prices, of.sketches, of.kind || '_id') USING products;
        EXECUTE format('INSERT INTO %1$I SELECT n.* FROM unnest($1) g (product_id) CROSS JOIN LATERAL (%2$s AND s.product_id = g.product_id OFFSET 0) n '
            'WHERE NOT EXISTS (SELECT FROM %1$I p WHERE p.product_id = n.product_id AND p.%3$I = n.%3$I AND p.price = n.price OFFSET 0)',
            of.prices, placed_prices_sql(of.kind, quote_ident(of.sketches)), of.kind || '_id') USING products;
        EXCEPTION WHEN undefined_table THEN NULL;  -- the space was dropped meanwhile
        END;
    END LOOP;
    RETURN true;
END $$;

-- Places the prices of all products that are noted, for whoever does not fold.
CREATE OR REPLACE FUNCTION place_noted() RETURNS void
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    noted bigint[];
BEGIN
    WITH taken AS (DELETE FROM place_change c RETURNING c.product_id) SELECT array_agg(DISTINCT t.product_id) INTO noted FROM taken t;
    IF NOT place_prices(noted) THEN INSERT INTO place_change (product_id) SELECT unnest(noted); END IF;
END $$;

-- Before the first training of all nothing lies in a district: what is noted by then is listed, and will be placed with the sketches.
CREATE OR REPLACE FUNCTION forget_placing() RETURNS void
LANGUAGE sql SET search_path FROM CURRENT AS $$
    DELETE FROM place_change WHERE NOT EXISTS (SELECT FROM cell_generation)
$$;

-- Of who sorts sketches into districts and who places prices one waits for the other: each would place by what it cannot see of the other's.
CREATE OR REPLACE FUNCTION place_lock() RETURNS bigint
LANGUAGE sql STABLE SET search_path FROM CURRENT
RETURN hashtextextended(current_schema() || '.place_prices', 0);

-- Whether every vector of a space lies in a district of the last training (of which there is one), so that prices by district are all of them, but for what is noted, of which there
-- is little.
CREATE OR REPLACE FUNCTION prices_are_placed(kind text, space_id integer) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT SET enable_bitmapscan = off AS $$
DECLARE
    behind boolean;
BEGIN
    IF EXISTS (SELECT FROM (SELECT FROM price_change UNION ALL SELECT FROM place_change) c OFFSET rows_of('variant', 150) / 25) THEN RETURN false; END IF;
    EXECUTE format('SELECT EXISTS (SELECT FROM %I s WHERE s.cell_id < $1)', format('%s_sketch_%s', kind, space_id)) INTO behind USING greatest(first_cell(kind, space_id), 1);
    RETURN NOT behind;
END $$;

-- The sketches, in districts ($3) or anywhere, of products that have such prices (a condition on o.price), and of those noted by their variants.
CREATE OR REPLACE FUNCTION priced_sketches_sql(kind text, space_id integer, condition text, by_district boolean) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path FROM CURRENT
RETURN replace(replace(replace('(SELECT o.product_id, o.<item>, o.sketch, o.vector_at FROM '
        || CASE WHEN by_district THEN 'unnest($3) d (district) CROSS JOIN LATERAL (SELECT o.* FROM <prices> o WHERE o.district = d.district AND (' || condition || ') OFFSET 0) o '
            ELSE '<prices> o WHERE (' || condition || ') ' END ||
    'UNION ALL SELECT s.product_id, s.<item>, s.sketch, s.vector_at FROM (SELECT c.product_id FROM price_change c UNION SELECT c.product_id FROM place_change c) c '
        'CROSS JOIN LATERAL (SELECT s.product_id, s.<item>, s.sketch, s.vector_at FROM <sketches> s WHERE s.product_id = c.product_id OFFSET 0) s '
        'WHERE EXISTS (SELECT FROM (SELECT v.price::double precision AS price FROM variant v WHERE v.product_id = c.product_id OFFSET 0) o WHERE ' || condition || ' OFFSET 0)) s',
    '<item>', kind || '_id'), '<prices>', quote_ident(format('%s_price_%s', kind, space_id))), '<sketches>', quote_ident(format('%s_sketch_%s', kind, space_id)));

-- How many variants have such a price; NULL if there are more than asked for.
CREATE OR REPLACE FUNCTION search_count_priced(filter search_filter, most bigint) RETURNS bigint
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
DECLARE
    priced bigint;
BEGIN
    EXECUTE concat('SELECT count(*) FROM (SELECT FROM listed_price o WHERE ', (filter).price_condition, ' LIMIT ', most, ') o') INTO priced;
    RETURN CASE WHEN priced < most THEN priced END;
END $$;
