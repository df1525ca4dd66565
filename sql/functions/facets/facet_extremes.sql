-- The ends of a histogram of prices: the lowest and the highest price of what a set holds.

-- The lowest or the highest price in a bitmap, as its digits, or NULL where another (best) is better; slices are the bits of the prices, the
-- lowest first.
CREATE OR REPLACE FUNCTION facet_extreme(kept bit(32000), slices bit(32000)[], highest boolean, best bigint) RETURNS bigint
LANGUAGE plpgsql IMMUTABLE SET search_path FROM CURRENT AS $$
DECLARE
    units bigint := 0;
    wanted integer := highest::integer;
    narrowed bit(32000);
    is_better boolean := best IS NULL;
BEGIN
    FOR place IN REVERSE cardinality(slices) .. 1 LOOP
        narrowed := kept & CASE WHEN highest THEN slices[place] ELSE ~slices[place] END;
        IF bit_count(narrowed) > 0 THEN
            kept := narrowed;
            is_better := is_better OR (best >> place - 1 & 1) <> wanted;
            units := units + (wanted::bigint << place - 1);
        ELSE
            IF NOT is_better AND (best >> place - 1 & 1) = wanted THEN RETURN NULL; END IF;
            units := units + ((1 - wanted)::bigint << place - 1);
        END IF;
    END LOOP;
    RETURN units;
END $$;

-- The lowest or the highest price of a set that is not too sparse: the prices themselves are walked in their order until the set
-- holds one. NULL where that takes too many steps, or many prices are noted. Prices are thousandths here, which floating point tells apart.
CREATE OR REPLACE FUNCTION facet_extreme_walked(
    highest boolean, by_variant boolean, stocked boolean, of_set integer, set_number integer[], set_block integer[], set_plane integer[], set_bits bit(32000)[]
) RETURNS numeric
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
DECLARE
    -- Of each block, from 0 on.
    products CONSTANT bit(32000)[] := (SELECT array_agg(s.bits ORDER BY i) FROM (SELECT max(b) AS last FROM unnest(set_block) b) m CROSS JOIN generate_series(0, m.last) i
        LEFT JOIN unnest(set_number, set_block, set_plane, set_bits) s (number, block, plane, bits) ON s.number = of_set AND s.plane = 0 AND s.block = i);
    step record;
    price numeric;
BEGIN
    IF NOT prices_are_listed() THEN RETURN NULL; END IF;
    FOR step IN EXECUTE concat('SELECT o.product_id, o.variant_id, o.price FROM ', prices_sql(), ' WHERE o.price >= 0 ORDER BY o.price', CASE WHEN highest THEN ' DESC' END, ' LIMIT ', facet_steps_walked()) LOOP
        CONTINUE WHEN get_bit(products[facet_block(step.product_id) + 1], facet_place(step.product_id)) IS DISTINCT FROM 1;
        SELECT v.price INTO price FROM variant v WHERE v.product_id = step.product_id AND v.variant_id = step.variant_id
            AND v.price::double precision = step.price AND v.status = 'active' AND (NOT stocked OR (v.stock > 0) IS NOT FALSE);
        IF FOUND AND (NOT by_variant OR facet_holds(step.product_id, step.variant_id, of_set, set_number, set_block, set_plane, set_bits)) THEN RETURN price; END IF;
    END LOOP;
    RETURN NULL;
END $$;

-- Whether a variant is in a set. An array of bitmaps is looked into, not unpacked.
CREATE OR REPLACE FUNCTION facet_holds(
    of_product bigint, of_variant bigint, of_set integer, set_number integer[], set_block integer[], set_plane integer[], set_bits bit(32000)[]
) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
BEGIN
    RETURN EXISTS (
        SELECT FROM unnest(set_number, set_block, set_plane) WITH ORDINALITY s (number, block, plane, place)
        WHERE s.number = of_set AND s.block = facet_block(of_product) AND s.plane = (
            SELECT count(*) FROM variant v WHERE v.product_id = of_product AND v.variant_id <= of_variant AND v.status = 'active')
          AND get_bit(set_bits[s.place], facet_place(of_product)) = 1);
END $$;

-- How many of all prices are walked at most to find a set's lowest or highest.
CREATE OR REPLACE FUNCTION facet_steps_walked() RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN 1000;

-- The lowest and the highest price of what a set holds.
CREATE OR REPLACE FUNCTION facet_extremes(
    patch facet_patch, width integer, by_variant boolean, stocked boolean, of_set integer, set_number integer[], set_block integer[], set_plane integer[], set_bits bit(32000)[],
    OUT lowest numeric, OUT highest numeric
)
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT SET enable_sort = off AS $$
DECLARE
    low CONSTANT integer[] := ARRAY(SELECT generate_series(0, width - 1) + CASE WHEN by_variant THEN 100 WHEN stocked THEN facet_stocked(200) ELSE 200 END);
    high CONSTANT integer[] := ARRAY(SELECT generate_series(0, width - 1) + CASE WHEN by_variant THEN 100 WHEN stocked THEN facet_stocked(300) ELSE 300 END);
    ids CONSTANT integer[] := CASE WHEN stocked THEN facet_stocked(4) ELSE 4 END || ARRAY(SELECT DISTINCT unnest(low || high));
    part record;
BEGIN
    lowest := facet_extreme_walked(false, by_variant, stocked, of_set, set_number, set_block, set_plane, set_bits);
    IF lowest IS NOT NULL THEN
        highest := facet_extreme_walked(true, by_variant, stocked, of_set, set_number, set_block, set_plane, set_bits);
    END IF;
    IF highest IS NOT NULL THEN RETURN; END IF;
    lowest := NULL;
    FOR part IN EXECUTE concat(facet_prices_sql(NOT patch IS NULL, ids, by_variant), 'SELECT m.kept, ',
        (SELECT format('ARRAY[%s] AS low', string_agg('m.s' || i, ', ' ORDER BY i)) FROM unnest(low) i), ', ',
        CASE WHEN by_variant THEN 'NULL::bit(32000)[] AS high' ELSE (SELECT format('ARRAY[%s] AS high', string_agg('m.s' || i, ', ' ORDER BY i)) FROM unnest(high) i) END, ' FROM m WHERE bit_count(m.kept) > 0')
        USING patch, ids, of_set, set_number, set_block, set_plane, set_bits, by_variant
    LOOP
        lowest := coalesce(facet_extreme(part.kept, part.low, false, lowest::bigint), lowest);
        highest := coalesce(facet_extreme(part.kept, coalesce(part.high, part.low), true, highest::bigint), highest);
    END LOOP;
    lowest := to_hex(lowest::bigint)::numeric / 1000.0;
    highest := to_hex(highest::bigint)::numeric / 1000.0;
END $$;
