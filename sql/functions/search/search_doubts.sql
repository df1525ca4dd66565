-- Whether what a look found can be trusted: how many nearer ones it may have left out, and whether graph and cells agree.

CREATE OR REPLACE FUNCTION search_may_miss(wanted integer) RETURNS double precision
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN 0.1 * wanted;

-- Which part of what is normally distributed lies so many deviations or more to one side of the middle. Of the furthest it is told no smaller, as
-- the server refuses to calculate with what is next to nothing.
CREATE OR REPLACE FUNCTION share_beyond(deviations double precision) RETURNS double precision
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN 0.5 * erfc(least(deviations, 25) / sqrt(2));

-- How many of the nearest those compared may have missed: as if what lies further down the sketches' order were spread like
-- their second half, whose distances are taken for normal, and twice as much of it mattered. Where what is sought hardly
-- differs from all the rest, that order says little, and the best may lie anywhere. Of what is all at one distance, as
-- copies are, none is missed.
CREATE OR REPLACE FUNCTION search_missed(compared bigint, middle double precision, deviation double precision, last double precision) RETURNS double precision
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN deviation < 1e-5 AND middle - last < 1e-5 THEN 0
    ELSE compared * 2 * share_beyond(greatest((middle - last) / greatest(deviation, 1e-6), 0)) END;

-- The same of what was compared, in the order in which it was listed, when `last` is the distance of the last that is wanted.
CREATE OR REPLACE FUNCTION search_missed_of(compared double precision[], last double precision) RETURNS double precision
LANGUAGE plpgsql IMMUTABLE SET search_path FROM CURRENT AS $$
DECLARE
    total CONSTANT integer := cardinality(compared);
BEGIN
    RETURN (SELECT search_missed(total, avg(c.distance), stddev_pop(c.distance), last) FROM unnest(compared[total / 2 + 1:]) c (distance));
END $$;

-- Whether the last that is wanted may be there by chance: most of the last quarter was found by the graph alone or the cells alone, or,
-- where only sketches were asked, what was compared leaves any doubt.
CREATE OR REPLACE FUNCTION search_is_doubtful(found_by integer[], compared double precision[], last double precision, wanted integer) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE SET search_path FROM CURRENT AS $$
BEGIN
    IF found_by IS NULL THEN RETURN search_missed_of(compared, last) > 0.05; END IF;
    RETURN (SELECT count(*) FILTER (WHERE f.found_by = 3) < 0.5 * count(*) FROM unnest(found_by[wanted - wanted / 4:wanted]) f (found_by));
END $$;

-- Whether the graph lost its way: it found less than half of the page.
CREATE OR REPLACE FUNCTION search_is_from_cells(found_by integer[], wanted integer) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE SET search_path FROM CURRENT AS $$
BEGIN
    RETURN found_by IS NOT NULL AND (SELECT count(*) FILTER (WHERE f.found_by <> 2) < 0.5 * wanted FROM unnest(found_by[:wanted]) f (found_by));
END $$;

-- Whether the graph and the cells of a large shop agree so little that neither can be trusted: less than seven tenths of the page were found by both.
CREATE OR REPLACE FUNCTION search_is_disputed(found_by integer[], route search_route, wanted integer) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE SET search_path FROM CURRENT AS $$
BEGIN
    RETURN found_by IS NOT NULL AND (route).total > search_small() AND (SELECT count(*) FILTER (WHERE f.found_by = 3) < 0.7 * wanted FROM unnest(found_by[:wanted]) f (found_by));
END $$;

-- Whether the graph was asked because far more passes near the query than elsewhere.
CREATE OR REPLACE FUNCTION search_is_near(route search_route) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN (route).plan = 'hnsw' AND (route).pass > 1.2 * (route).share;

-- How many of the nearest a large shop may have left uncompared of what matches, between two estimates: as if the rest of it were spread like the second half of
-- what was compared, which says too much, as sketches tell what is far, and like a sample of everything. Where what is nearest stands out one of them
-- is small. Of a few distances no tail beyond four deviations is believed. What chance has is looked up once.
CREATE OR REPLACE FUNCTION search_left_out(
    kind text, space_id integer, vector halfvec, route search_route, compared double precision[], last double precision,
    INOUT chance double precision[], OUT left_out double precision
)
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
DECLARE
    total CONSTANT integer := cardinality(compared);
    rest CONSTANT double precision := search_listed_rows(route) - total;
    tail double precision;
    by_chance double precision;
BEGIN
    left_out := 0;
    IF (route).plan NOT IN ('list', 'districts') OR (route).total <= search_small() OR rest <= 0 THEN RETURN; END IF;
    tail := (SELECT search_missed(1, avg(c.distance), stddev_pop(c.distance), last) / 2 FROM unnest(compared[total / 2 + 1:]) c (distance));
    IF coalesce(tail, 0) < 1e-9 THEN RETURN; END IF;
    IF chance IS NULL THEN chance := search_chance(kind, space_id, vector, (route).total); END IF;
    -- Of prices that were counted more are listed than the sample let expect.
    by_chance := search_by_chance(chance, last, greatest((route).matching, cardinality((route).products)));
    left_out := CASE (route).plan WHEN 'districts' THEN least(by_chance, sqrt(rest * tail * by_chance)) ELSE sqrt(rest * greatest(tail, 3e-5) * by_chance) END;
END $$;

-- The same by the sketches' order alone, where all that matches was listed: as if what lies further down were spread like the second half of what was
-- compared. In five times as many, for of these fewer may be left out.
CREATE OR REPLACE FUNCTION search_left_below(compared double precision[], missed double precision, listed double precision) RETURNS double precision
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN 5 * greatest(listed - cardinality(compared), 0) * missed / (2 * greatest(cardinality(compared), 1));
