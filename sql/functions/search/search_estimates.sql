-- What the router goes by: how much should be looked at, and how much of it passes a filter.

-- Shops of up to so many vectors compare all of them where nothing else tells what is near; larger ones look further instead.
CREATE OR REPLACE FUNCTION search_small() RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN 200000;

-- How many of the matching rows nearest to a query are looked at beside the graph: the more, the larger the graph, which loses its way oftener.
CREATE OR REPLACE FUNCTION search_second_opinion(share double precision, wanted integer, total bigint) RETURNS double precision
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN (1600 + 50 * wanted) * greatest(share, 0.02) ^ 0.05 * least(greatest(total / 1000000.0, 0.05) ^ 0.22, 1);

-- How many of the matching rows nearest to a query should be looked at: districts are ranked by their centres
-- alone, and the more rows match, the further the nearest may be spread; a large shop does not compare all at a doubt.
-- The smaller the part of them that this is, the more often what is nearest lies beyond: of a small shop, which does not ask the graph where, more is listed then.
-- From trials (docs/discussions.md).
CREATE OR REPLACE FUNCTION search_enough(matching double precision, wanted integer, total bigint) RETURNS double precision
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path FROM CURRENT AS $$
DECLARE
    enough CONSTANT double precision := CASE WHEN total > search_small() THEN 2 ELSE 1.5 END * (3600 + 50 * wanted) * greatest(matching / 50000, 0.0001) ^ 0.05;
BEGIN
    RETURN CASE WHEN total > search_small() OR enough >= 0.6 * matching THEN enough ELSE least(1.6 * enough, 0.75 * matching) END;
END $$;

-- How many rows are compared by their vectors before the best of them are trusted.
CREATE OR REPLACE FUNCTION search_row_limit(wanted integer) RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN 90 + 7 * wanted;

-- About 1,500 sketches s, more where there are very many, all of every 64th where there are few, always the same ones, in
-- the order of a hash (which a bitmap would lose).
CREATE OR REPLACE FUNCTION search_sampled_sql(kind text, space_id integer, total bigint) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path FROM CURRENT
RETURN format('%2$I s WHERE (hashint8(s.%1$I) & 63) = 0 AND cardinality(s.terms) < 300 AND ((hashint8(s.%1$I) >> 6) & 4095) < %3$s',
    kind || '_id', format('%s_sketch_%s', kind, space_id), least(4096, ceil(1500.0 * 64 * 4096 / total * greatest(total / 100000.0, 1) ^ 0.4)));

-- Of a sample of the sketches: how many have the filter's terms, which part of some of these passes the whole filter, in which cells
-- some of them lie, and how many of these are as near to a query as should be looked at; NULL where all should be.
CREATE OR REPLACE FUNCTION search_sample(
    kind text, space_id integer, filter search_filter, total bigint, wanted integer,
    OUT seen integer, OUT by_terms integer, OUT pass double precision, OUT cells integer[], OUT near integer
)
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT SET enable_bitmapscan = off AS $$
DECLARE
    item text := CASE kind WHEN 'image' THEN 'i' ELSE 't' END;
    sampled text;
    matching double precision;
BEGIN
    sampled := format('SELECT s.cell_id, s.product_id, s.%1$I, %2$s AS hit FROM %3$s%4$s',
        kind || '_id', coalesce((filter).terms, 'true'), search_sampled_sql(kind, space_id, total),
        -- All have the terms where there are none.
        CASE WHEN (filter).terms IS NULL THEN ' LIMIT 64' ELSE ' OFFSET 0' END);
    EXECUTE CASE WHEN (filter).terms_alone THEN concat('SELECT count(*), count(*) FILTER (WHERE s.hit), array_agg(s.cell_id) FILTER (WHERE s.hit), 1 FROM (', sampled, ') s')
        ELSE concat('WITH s AS MATERIALIZED (', sampled, ') SELECT count(*), count(*) FILTER (WHERE s.hit), array_agg(s.cell_id) FILTER (WHERE s.hit), '
            '(SELECT (count(*) FILTER (WHERE ', search_check_sql(kind, filter, true, space_id), ') + 0.25) / (count(*) + 0.25) FROM (SELECT * FROM s WHERE s.hit LIMIT 64) ', item, ') FROM s') END
    INTO seen, by_terms, cells, pass;
    matching := greatest(by_terms * pass, 0.5) * total / greatest(seen, 1);
    cells := cells[:400];  -- more tell no more
    near := greatest(ceil(search_enough(matching, wanted, total) / matching * cardinality(cells)), 4);
    IF near >= cardinality(cells) OR (filter).placed IS NULL THEN near := NULL; END IF;
END $$;

-- Which part of what lies nearest to a query has the filter's terms, told by the rows of four cells: where somebody asks for what the picture resembles, far more than elsewhere.
-- NULL in a tight cluster, where cells are all as far as each other and neither they nor the graph know the way.
CREATE OR REPLACE FUNCTION search_share_near(kind text, space_id integer, vector halfvec, filter search_filter) RETURNS double precision
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT SET enable_bitmapscan = off AS $$
DECLARE
    around CONSTANT integer[] := search_cells_around(kind, space_id, vector, 3, 4, 8);
    share double precision;
BEGIN
    IF search_are_alike(kind, space_id, vector, around) THEN RETURN NULL; END IF;
    EXECUTE format('SELECT (count(*) FILTER (WHERE %s))::float8 / greatest(count(*), 1) FROM %I s WHERE s.cell_id = ANY ($1)',
        (filter).terms, format('%s_sketch_%s', kind, space_id)) INTO share USING around[:4];
    RETURN share;
END $$;

-- Whether cells are all as far from a vector as each other: within a fiftieth of what lies between the nearest of them and regions anywhere. Among those
-- nearest to a query it is a tenth and more, in tight clusters a thousandth.
CREATE OR REPLACE FUNCTION search_are_alike(kind text, space_id integer, vector halfvec, cells integer[]) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
BEGIN
    RETURN (SELECT max(c.distance) - min(c.distance) < 0.02 * ((SELECT avg(r.centroid <#> vector) FROM cell r
            WHERE r.space_id = search_are_alike.space_id AND r.kind = search_are_alike.kind AND r.parent_id = 0) - min(c.distance))
        FROM (SELECT c.centroid <#> vector AS distance FROM cell c
              WHERE c.space_id = search_are_alike.space_id AND c.kind = search_are_alike.kind AND c.cell_id = ANY (cells)) c);
END $$;

-- Lists that cost less, in microseconds, are read without a look at what lies near.
CREATE OR REPLACE FUNCTION search_near_least() RETURNS double precision
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN 1800;

-- What the graph and few cells cost where so much of what lies near passes, as measured beside lists, which take longer than they are taken for.
CREATE OR REPLACE FUNCTION search_near_cost(share double precision, others double precision, checks double precision, second_opinion double precision) RETURNS double precision
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN 0.6 * (others + 800 + checks / share + 0.35 * second_opinion / share);

-- How far from a query anything is by chance: the mean distance of 128 of a sample, and the deviation.
CREATE OR REPLACE FUNCTION search_chance(kind text, space_id integer, vector halfvec, total bigint) RETURNS double precision[]
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT SET enable_bitmapscan = off AS $$
DECLARE
    chance double precision[];
BEGIN
    EXECUTE format('SELECT ARRAY[avg(d.distance), stddev_pop(d.distance)] FROM ('
        'SELECT x.embedding <#> $1 AS distance FROM (SELECT s.product_id, s.%1$I FROM %3$s LIMIT 128) s JOIN %2$I x USING (product_id, %1$I)) d',
        kind || '_id', format('%s_vector_%s', kind, space_id), search_sampled_sql(kind, space_id, total))
    INTO chance USING vector;
    RETURN chance;
END $$;

-- How many of what matches would be as near to a query as the last that is wanted by chance: if the distances of all were normal.
CREATE OR REPLACE FUNCTION search_by_chance(chance double precision[], last double precision, matching double precision) RETURNS double precision
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN coalesce(matching * share_beyond((chance[1] - last) / greatest(chance[2], 1e-6)), 0);

-- Whether the last that is wanted is hardly nearer than chance has it, a tenth as many being as near by chance. There neither the graph nor cells know the way.
CREATE OR REPLACE FUNCTION search_is_noise(kind text, space_id integer, vector halfvec, route search_route, last double precision, wanted integer) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
BEGIN
    RETURN search_by_chance(search_chance(kind, space_id, vector, (route).total), last, (route).matching) >= 0.1 * wanted;
END $$;

-- What it costs to count what has such a price and to list it where it is placed, in microseconds a row.
CREATE OR REPLACE FUNCTION search_placed_cost() RETURNS double precision
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN 1.2;

-- The products of the variants that have such a price, in their order, so that a list of them need not be sorted to be looked up; NULL
-- if there are more than asked for.
CREATE OR REPLACE FUNCTION search_priced(filter search_filter, most bigint) RETURNS bigint[]
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
DECLARE
    products bigint[];
BEGIN
    EXECUTE concat('SELECT coalesce(array_agg(v.product_id ORDER BY v.product_id), ''{}'') FROM (SELECT o.product_id FROM ', (filter).prices, ' LIMIT ', most, ') v')
    INTO products;
    RETURN CASE WHEN cardinality(products) < most THEN products END;
END $$;
