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

-- An amount as a pattern: currency, number, currency.
CREATE OR REPLACE FUNCTION price_pattern() RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN '((?:[$€£¥]|(?:eur|usd|gbp|chf)(?![[:alpha:]]))?)\s*([0-9]{1,7}(?:[.,][0-9]{1,3})*)\s*'
    '((?:[$€£¥]|(?:euros?|eur|dollars?|usd|bucks|pounds?|gbp|quid|chf|francs?|franken|kr|zł)(?![[:alnum:]]))?)';

-- What the operators of prices are called. ^ stands for an amount; in the order in which they are tried.
CREATE OR REPLACE FUNCTION price_forms() RETURNS TABLE (kind text, pattern text)
LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 9
BEGIN ATOMIC
    SELECT f.kind, '(?<![[:alnum:]./-])(?:(?:priced?|costs?|costing|preis|budget)\s*(?:is|of|:)?\s*)?'
        || replace(f.form, '^', price_pattern())
        -- What is measured is no price.
        || '(?![[:alnum:]%"″°]|[.,/][0-9]|\s?-?\s?(?:percent|prozent|cm|mm|km|inch(?:es)?|ft|feet|kg|mg|lbs?|oz|ml|cl|lit(?:er|re)s?'
        || '|years?|yrs?|months?|weeks?|days?|hours?|hrs?|min(?:ute)?s?|watts?|volts?|gb|tb|mb|pcs|pieces?|packs?|pairs?|people|persons?'
        || '|degrees?|jahren?|tagen?|stunden?|ans|jours?|miles?|k)(?![[:alnum:]]))'
    FROM (VALUES
        ('between', '(?:between|entre|zwischen|from|von|de)\s+^\s*(?:and|to|et|und|bis|à|-|–|—)\s*^'),
        ('range', '^\s*(?:-|–|—|to|bis)\s*^'),
        ('lte', '^\s*(?:or less|or under|or below|or cheaper|and under|and below|oder weniger|max(?:imum)?)'),
        ('gte', '^\s*(?:or more|or over|or above|and up|and above|and over|oder mehr|\+)'),
        ('lte', '(?:up to|at most|no(?:t)? more than|not over|not above|max(?:imum|imal)?\.?|bis zu|bis|höchstens|jusqu[''’]à|<=|≤)\s*^'),
        ('gte', '(?:at least|starting (?:at|from)|from|min(?:imum)?\.?|ab|mindestens|à partir de|no(?:t)? less than|not under|>=|≥)\s*^'),
        ('lt', '(?:under|below|less than|cheaper than|lower than|unter|weniger als|günstiger als|billiger als|moins de|sous|<)\s*^'),
        ('gt', '(?:over|above|more than|über|mehr als|teurer als|plus de|>)\s*^'),
        ('around', '(?:around|about|roughly|approx(?:imately|\.)?|circa|ca\.?|etwa|environ|~)\s*^')) f (kind, form);
END;

-- The prices of a text in lower case: where each begins, how long it is, what it asks. Two numbers that are both
-- sizes of the shop are no prices without a currency, and neither is what stands in titles ("air max 90").
CREATE OR REPLACE FUNCTION understand_prices(query text) RETURNS TABLE (start integer, width integer, price jsonb)
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
DECLARE
    form record;
    rest text := query;
    parts text[];
    money boolean;
    amounts numeric[];
BEGIN
    IF query !~ '[0-9]' THEN RETURN; END IF;
    FOR form IN SELECT f.kind, f.pattern FROM price_forms() f LOOP
        LOOP
            start := regexp_instr(rest, form.pattern);
            EXIT WHEN start = 0;
            width := regexp_instr(rest, form.pattern, 1, 1, 1) - start;
            parts := regexp_match(rest, form.pattern);
            width := length(rtrim(substr(rest, start, width)));
            money := concat(parts[1], parts[3], parts[4], parts[6]) <> '';
            amounts := array_remove(ARRAY[price_number(parts[2]), price_number(parts[5])], NULL);
            IF price_is_meant(form.kind, left(rest, start - 1), substr(rest, start, width), parts[2], parts[5], money) THEN
                price := CASE
                    WHEN form.kind IN ('between', 'range') THEN jsonb_build_object(
                        'gte', least(amounts[1], amounts[2]), 'lte', greatest(amounts[1], amounts[2]))
                    WHEN form.kind = 'around' THEN jsonb_build_object('gte', trim_scale(0.8 * amounts[1]), 'lte', trim_scale(1.2 * amounts[1]))
                    ELSE jsonb_build_object(form.kind, trim_scale(amounts[1])) END;
                RETURN NEXT;
            END IF;
            rest := overlay(rest placing repeat(chr(1), width) from start for width);
        END LOOP;
    END LOOP;
END $$;

CREATE OR REPLACE FUNCTION price_is_meant(kind text, before text, span text, low text, high text, money boolean) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
BEGIN
    IF before ~ '(?:^|[^[:alnum:]])(?:sizes?|sz|größe|groesse|gr|taille|waist|length|eu|uk|us|no|nr|w|l)[.:]?\s*(?:is|of|in)?\s*$' THEN RETURN false; END IF;
    IF money THEN RETURN true; END IF;
    IF kind = 'range' AND (price_number(low) < 10 OR low ~ '^(19|20)[0-9]{2}$' AND high ~ '^(19|20)[0-9]{2}$') THEN RETURN false; END IF;
    IF kind IN ('between', 'range') THEN
        RETURN NOT (is_option_value(low) AND is_option_value(high)) AND NOT is_option_value(concat(low, '-', high));
    END IF;
    RETURN NOT (span ~ '(max|min)' AND EXISTS (
        SELECT FROM product_text t WHERE t.document @@ title_query(regexp_replace(span, '[^[:alnum:]]+', ' ', 'g')) OFFSET 0));
END $$;

CREATE OR REPLACE FUNCTION is_option_value(given text) RETURNS boolean
LANGUAGE sql STABLE SET search_path FROM CURRENT AS $$
    SELECT EXISTS (SELECT FROM vocabulary v WHERE v.key = array_to_string(phrase_words(given), ' ') AND v.field = 'options' OFFSET 0)
$$;
