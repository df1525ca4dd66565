-- Prices in a query: "under 50", "between €20 and €40", "ab 30 euro".

-- A number that an amount of money is written as: the last separator is decimal, but a lone comma before three digits.
CREATE OR REPLACE FUNCTION price_number(written text) RETURNS numeric
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE
    WHEN written ~ '^[0-9]{1,3}(,[0-9]{3})+$' THEN replace(written, ',', '')::numeric
    WHEN written ~ '^[0-9]+([.,][0-9]{3}){2,}$' THEN regexp_replace(written, '[.,]', '', 'g')::numeric
    WHEN written ~ '^[0-9]+([.,][0-9]{3})*[.,][0-9]+$'
        THEN (regexp_replace(regexp_replace(written, '[.,][0-9]+$', ''), '[.,]', '', 'g') || '.' || substring(written from '[0-9]+$'))::numeric
    ELSE substring(written from '^[0-9]+')::numeric END;

-- What words before an amount ask of it. No pattern knows all of these: a server keeps few compiled ones.
CREATE OR REPLACE FUNCTION price_operator(said text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE
    WHEN said IN ('under', 'below', 'less than', 'cheaper than', 'lower than', 'unter', 'weniger als', 'günstiger als', 'billiger als', 'moins de', 'sous', '<') THEN 'lt'
    WHEN said IN ('up to', 'at most', 'no more than', 'not more than', 'not over', 'not above', 'max', 'maximum', 'maximal', 'bis', 'bis zu', 'höchstens', 'jusqu''à', '<=', '≤') THEN 'lte'
    WHEN said IN ('over', 'above', 'more than', 'über', 'mehr als', 'teurer als', 'plus de', '>') THEN 'gt'
    WHEN said IN ('at least', 'starting at', 'starting from', 'from', 'min', 'minimum', 'ab', 'von', 'mindestens', 'à partir de', 'no less than', 'not less than', 'not under', '>=', '≥') THEN 'gte'
    WHEN said IN ('around', 'about', 'roughly', 'approx', 'approximately', 'circa', 'ca', 'etwa', 'environ', '~') THEN 'around'
    WHEN said IN ('between', 'entre', 'zwischen', 'de') THEN 'between' END;

-- The same of words after it.
CREATE OR REPLACE FUNCTION price_suffix(said text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE
    WHEN said IN ('or less', 'or under', 'or below', 'or cheaper', 'and under', 'and below', 'oder weniger') THEN 'lte'
    WHEN said IN ('or more', 'or over', 'or above', 'and up', 'and above', 'and over', 'oder mehr') THEN 'gte' END;

CREATE OR REPLACE FUNCTION is_currency(said text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN said IN ('$', '€', '£', '¥', 'eur', 'euro', 'euros', 'usd', 'dollar', 'dollars', 'bucks', 'gbp', 'pound', 'pounds', 'quid', 'chf', 'franc', 'francs', 'franken', 'kr', 'zł');

-- What is measured in these is no price.
CREATE OR REPLACE FUNCTION is_unit(said text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN said IN ('%', '"', '″', '°', 'percent', 'prozent', 'cm', 'mm', 'km', 'inch', 'inches', 'ft', 'feet', 'kg', 'mg', 'lb', 'lbs', 'oz', 'ml', 'cl',
    'liter', 'liters', 'litre', 'litres', 'year', 'years', 'yr', 'yrs', 'month', 'months', 'week', 'weeks', 'day', 'days', 'hour', 'hours', 'hrs', 'minutes',
    'watt', 'watts', 'volt', 'volts', 'gb', 'tb', 'mb', 'pcs', 'piece', 'pieces', 'pack', 'packs', 'pair', 'pairs', 'people', 'person', 'persons',
    'degrees', 'jahre', 'jahren', 'tage', 'tagen', 'stunden', 'ans', 'jours', 'miles', 'k');

-- The numbers of a text, each with its place, the words before and after it, and whether a currency stands beside.
CREATE OR REPLACE FUNCTION price_numbers(query text) RETURNS TABLE (
    number integer, amount numeric, written text, start integer, stop integer, before text[], after text[], money boolean, alone boolean
)
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path FROM CURRENT AS $$
    WITH part AS (
        SELECT r.number::integer, r.match[1] AS gap, r.match[2] AS written,
            sum(length(r.match[1]) + length(r.match[2])) OVER (ORDER BY r.number)::integer AS stop
        FROM regexp_matches(query, '([^0-9]*)([0-9]+(?:[.,][0-9]+)*)', 'g') WITH ORDINALITY r (match, number)
    ), around AS (
        SELECT p.*, p.stop - length(p.written) + 1 AS start,
            ARRAY(SELECT w.match[1] FROM regexp_matches(p.gap, '[[:alpha:]''’]+|[<>]=?|[^[:space:]]', 'g') w (match)) AS before,
            ARRAY(SELECT w.match[1] FROM regexp_matches(substring(substr(query, p.stop + 1) from '^[^0-9]*'), '[[:alpha:]''’]+|[<>]=?|[^[:space:]]', 'g') w (match)) AS after
        FROM part p
    )
    SELECT a.number, CASE WHEN length(a.written) <= 12 THEN price_number(a.written) END, a.written, a.start, a.stop, a.before, a.after,
        coalesce(is_currency(a.before[cardinality(a.before)]) OR is_currency(a.after[1]), false),
        -- Not a part of a word or of a fraction.
        left(query, a.start - 1) !~ '[[:alpha:]./]$' AND (substr(query, a.stop + 1) !~ '^[[:alpha:]/]' OR is_currency(a.after[1]))
    FROM around a
$$;

-- The prices of a text in lower case: where each begins, how long it is, what it asks. Two numbers with "to" or a dash
-- between them are one range, or nothing.
CREATE OR REPLACE FUNCTION understand_prices(query text) RETURNS TABLE (start integer, width integer, price jsonb)
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
BEGIN
    IF query !~ '[0-9]' THEN RETURN; END IF;
    RETURN QUERY
    WITH numbers AS MATERIALIZED (
        SELECT n.*, o.kind, o.opened, c.closed, c.suffix, c.measured
        FROM price_numbers(query) n
        CROSS JOIN LATERAL price_opening(query, n.before, n.start) o
        CROSS JOIN LATERAL price_closing(query, n.after, n.stop) c
        WHERE n.alone AND n.amount IS NOT NULL
    ), ranges AS MATERIALIZED (
        SELECT a.number, a.opened, b.closed, jsonb_build_object('gte', least(a.amount, b.amount), 'lte', greatest(a.amount, b.amount)) AS price,
            NOT b.measured AND range_is_meant(a.kind IS NOT NULL, a.before, a.written, b.written, a.money OR b.money) AS is_meant
        FROM numbers a JOIN numbers b ON b.number = a.number + 1
        CROSS JOIN LATERAL (SELECT array_to_string(ARRAY(SELECT w.word FROM unnest(b.before) w (word) WHERE NOT is_currency(w.word)), ' ') AS word) m
        WHERE m.word IN ('-', '–', '—', 'to', 'bis', 'à') AND (a.kind IS NULL OR a.kind IN ('between', 'gte'))
           OR m.word IN ('and', 'und', 'et', 'a') AND a.kind = 'between'
    )
    SELECT r.opened, r.closed - r.opened + 1, r.price FROM ranges r WHERE r.is_meant
    UNION ALL
    SELECT n.opened, n.closed - n.opened + 1, CASE coalesce(n.kind, n.suffix)
        WHEN 'around' THEN jsonb_build_object('gte', trim_scale(0.8 * n.amount), 'lte', trim_scale(1.2 * n.amount))
        ELSE jsonb_build_object(coalesce(n.kind, n.suffix), trim_scale(n.amount)) END
    FROM numbers n
    WHERE coalesce(n.kind, n.suffix) <> 'between' AND NOT n.measured AND price_is_meant(query, n.opened, n.stop, n.money)
      AND NOT EXISTS (SELECT FROM ranges r WHERE n.number IN (r.number, r.number + 1));
END $$;

-- What the last words before a number say, and where they begin, with "price" before them.
CREATE OR REPLACE FUNCTION price_opening(query text, before text[], number_start integer, OUT kind text, OUT opened integer)
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
    said text[] := before;
    head text := left(query, number_start - 1);
    used integer := 0;
BEGIN
    opened := number_start;
    IF is_currency(said[cardinality(said)]) THEN
        opened := last_place(said[cardinality(said)], head);
        said := trim_array(said, 1);
    END IF;
    IF said[cardinality(said)] = '.' THEN said := trim_array(said, 1); END IF;
    WHILE used < least(3, cardinality(said)) LOOP
        used := used + 1;
        -- The longest counts: "no more than".
        IF price_operator(array_to_string(said[cardinality(said) - used + 1 :], ' ')) IS NOT NULL THEN
            kind := price_operator(array_to_string(said[cardinality(said) - used + 1 :], ' '));
            opened := last_place(said[cardinality(said) - used + 1], head);
            IF said[cardinality(said) - used] IN ('price', 'priced', 'cost', 'costs', 'costing', 'preis', 'budget') THEN
                opened := last_place(said[cardinality(said) - used], head);
            END IF;
        END IF;
    END LOOP;
END $$;

-- Where a word stands last in a text.
CREATE OR REPLACE FUNCTION last_place(word text, head text) RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN length(head) - position(reverse(word) IN reverse(head)) - length(word) + 2;

-- What the words after a number say, and where they end; measured: they are a unit other than money.
CREATE OR REPLACE FUNCTION price_closing(query text, after text[], number_stop integer, OUT suffix text, OUT closed integer, OUT measured boolean)
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
    said text[] := after;
BEGIN
    closed := number_stop;
    IF is_currency(said[1]) THEN
        closed := closed + position(said[1] IN substr(query, closed + 1)) + length(said[1]) - 1;
        said := said[2:];
    END IF;
    measured := coalesce(is_unit(said[1]) OR said[1] = '-' AND is_unit(said[2]), false);
    suffix := price_suffix(array_to_string(said[:2], ' '));
    IF suffix IS NOT NULL THEN
        closed := closed + position(said[1] IN substr(query, closed + 1)) + length(said[1]) - 1;
        closed := closed + position(said[2] IN substr(query, closed + 1)) + length(said[2]) - 1;
    ELSIF said[1] = '+' THEN
        suffix := 'gte';
        closed := closed + position('+' IN substr(query, closed + 1));
    END IF;
END $$;

-- Whether one amount is a price: not a size, nor what stands in titles ("air max 90").
CREATE OR REPLACE FUNCTION price_is_meant(query text, opened integer, stop integer, money boolean) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
DECLARE
    span text := substr(query, opened, stop - opened + 1);
BEGIN
    RETURN money OR NOT follows_size(left(query, opened - 1)) AND NOT (span ~ 'max|min' AND EXISTS (
        SELECT FROM product_document t WHERE t.document @@ title_query(translate(span, '.', ' ')) OFFSET 0));
END $$;

-- Two numbers that are both sizes of the shop are no prices without a currency, and neither are years and small numbers.
CREATE OR REPLACE FUNCTION range_is_meant(named boolean, before text[], low text, high text, money boolean) RETURNS boolean
LANGUAGE sql STABLE SET search_path FROM CURRENT AS $$
    SELECT money OR NOT follows_size(array_to_string(before, ' '))
        AND NOT (NOT named AND (price_number(low) < 10 OR low ~ '^(19|20)[0-9]{2}$' AND high ~ '^(19|20)[0-9]{2}$'))
        AND NOT (is_option_value(low) AND is_option_value(high)) AND NOT is_option_value(concat(low, '-', high))
$$;

CREATE OR REPLACE FUNCTION follows_size(before text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN coalesce(substring(rtrim(before, ' :.') from '[[:alpha:]]+$') IN
    ('size', 'sizes', 'sz', 'größe', 'groesse', 'gr', 'taille', 'waist', 'length', 'eu', 'uk', 'us', 'no', 'nr', 'w', 'l'), false);

CREATE OR REPLACE FUNCTION is_option_value(given text) RETURNS boolean
LANGUAGE sql STABLE SET search_path FROM CURRENT AS $$
    SELECT EXISTS (SELECT FROM vocabulary v WHERE v.key = array_to_string(phrase_words(given), ' ') AND v.field = 'options' OFFSET 0)
$$;
