-- What a query asks for besides its words: prices, sizes, brands, colours, categories and negations as filters.

CREATE OR REPLACE FUNCTION check_understand(options jsonb) RETURNS void
LANGUAGE plpgsql IMMUTABLE SET search_path FROM CURRENT AS $$
DECLARE
    unknown text;
BEGIN
    IF jsonb_typeof(coalesce(options, '{}')) <> 'object' THEN
        RAISE EXCEPTION USING ERRCODE = 'VT001', MESSAGE = 'options must be a JSON object', HINT = 'For example {"without": ["under 50"]}.';
    END IF;
    SELECT o.key INTO unknown FROM jsonb_object_keys(options) o (key) WHERE o.key NOT IN ('without', 'locale') LIMIT 1;
    IF unknown IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'VT001', MESSAGE = format('understand has no option %s', to_json(unknown)), HINT = 'The options are without and locale.';
    ELSIF jsonb_typeof(coalesce(options -> 'without', '[]')) <> 'array' OR jsonb_path_exists(options, 'strict $.without[*] ? (@.type() != "string")', silent => true) THEN
        RAISE EXCEPTION USING ERRCODE = 'VT001', MESSAGE = 'without must be a list of texts', HINT = 'Give the text of each chip that was removed, for example {"without": ["under 50"]}.';
    ELSIF jsonb_typeof(coalesce(options -> 'locale', '""')) NOT IN ('string', 'null') THEN
        RAISE EXCEPTION USING ERRCODE = 'VT001', MESSAGE = 'locale must be text', HINT = 'For example {"locale": "de"}.';
    END IF;
END $$;

-- Takes spans out of reach: what the shopper removed stays plain words.
CREATE OR REPLACE FUNCTION mask_spans(query text, spans jsonb) RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path FROM CURRENT AS $$
DECLARE
    span text;
    masked text := query;
BEGIN
    FOR span IN SELECT lower(btrim(s.value)) FROM jsonb_array_elements_text(coalesce(spans, '[]')) s LOOP
        CONTINUE WHEN span = '' OR position(span IN masked) = 0;
        masked := replace(masked, span, repeat(chr(1), length(span)));
    END LOOP;
    RETURN masked;
END $$;

-- One value, or a list of them.
CREATE OR REPLACE FUNCTION one_or_list(given text[]) RETURNS jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE cardinality(given) WHEN 1 THEN to_jsonb(given[1]) ELSE to_jsonb(given) END;

CREATE OR REPLACE FUNCTION field_filter(field text, name text, given text[]) RETURNS jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path FROM CURRENT
RETURN jsonb_build_object(field, CASE WHEN field IN ('options', 'attributes')
    THEN jsonb_build_object(name, one_or_list(given)) ELSE one_or_list(given) END);

-- What a chip says.
CREATE OR REPLACE FUNCTION chip_label(field text, name text, given text[], price jsonb) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE field
    WHEN 'price' THEN CASE
        WHEN price ? 'gte' AND price ? 'lte' THEN concat(price ->> 'gte', ' to ', price ->> 'lte')
        WHEN price ? 'lt' THEN 'under ' || (price ->> 'lt') WHEN price ? 'lte' THEN 'up to ' || (price ->> 'lte')
        WHEN price ? 'gt' THEN 'over ' || (price ->> 'gt') ELSE 'from ' || (price ->> 'gte') END
    WHEN 'in_stock' THEN 'in stock'
    ELSE concat(CASE WHEN given[1] !~ '[[:alpha:]]{2}' AND field = 'options' THEN lower(name) || ' ' END,
        (SELECT string_agg(DISTINCT CASE field WHEN 'category' THEN substring(g.value from '[^/]+$') ELSE g.value END, ' or ')
         FROM unnest(given[:3]) g (value)), CASE WHEN cardinality(given) > 3 AND field <> 'category' THEN ' …' END) END;

-- Everything that is understood, in the order of the query: parts for understood_filters, with their chips.
CREATE OR REPLACE FUNCTION understood_parts(query text, without jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
DECLARE
    -- A lower-case letter may be longer than its capital: then places would shift.
    masked text := translate(CASE length(lower(query)) WHEN length(query) THEN lower(query) ELSE query END, chr(1), ' ');
    found_price record;
    phrase record;
    parts jsonb := '[]';
    stock CONSTANT text := '(?<![[:alnum:]])(?:in[ -]stock|available now|auf lager|lieferbar|en stock)(?![[:alnum:]])';
    start integer;
BEGIN
    masked := mask_spans(masked, without);
    start := regexp_instr(masked, stock);
    IF start > 0 AND left(masked, start - 1) !~ '(not|back|nicht|pas)\s+$' THEN
        parts := parts || jsonb_build_object('start', start, 'stop', regexp_instr(masked, stock, 1, 1, 1) - 1, 'field', 'in_stock',
            'cut', true, 'filter', '{"in_stock": true}'::jsonb, 'label', 'in stock');
        masked := regexp_replace(masked, stock, repeat(chr(1), (parts #>> '{-1,stop}')::integer - start + 1));
    END IF;
    FOR found_price IN SELECT p.* FROM understand_prices(masked) p LOOP
        parts := parts || jsonb_build_object('start', found_price.start, 'stop', found_price.start + found_price.width - 1, 'field', 'price',
            'cut', true, 'filter', jsonb_build_object('price', found_price.price), 'label', chip_label('price', NULL, NULL, found_price.price));
        masked := overlay(masked placing repeat(chr(1), found_price.width) from found_price.start for found_price.width);
    END LOOP;
    FOR phrase IN SELECT p.* FROM understand_phrases(masked) p LOOP
        parts := parts || jsonb_strip_nulls(jsonb_build_object('start', phrase.start, 'stop', phrase.stop, 'field', phrase.field,
            'name', nullif(phrase.name, ''), 'given', phrase.given, 'not', phrase.negated,
            -- Words compare vectors with words; a size, and what is not wanted, would mislead them.
            'cut', phrase.negated OR phrase.field = 'options' AND (word_names('size', lower(phrase.name)) OR phrase.given[1] ~ '[0-9]'),
            'list', phrase.follows AND phrase.link IN ('or', 'and'), 'aside', coalesce(phrase.before IN ('for', 'with', 'to', 'für', 'mit', 'pour'), false),
            'filter', CASE WHEN phrase.negated THEN jsonb_build_object('not', field_filter(phrase.field, phrase.name, phrase.given))
                           ELSE field_filter(phrase.field, phrase.name, phrase.given) END,
            'label', concat(CASE WHEN phrase.negated THEN 'not ' END, chip_label(phrase.field, phrase.name, phrase.given, NULL))));
    END LOOP;
    RETURN (SELECT coalesce(jsonb_agg(p.value ORDER BY (p.value -> 'start')::integer), '[]') FROM jsonb_array_elements(parts) p);
END $$;

-- All conditions together: several values of one field are any of them, several categories all of them.
CREATE OR REPLACE FUNCTION understood_filters(parts jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
DECLARE
    field record;
    categories jsonb;
    negations jsonb := '[]';
    filters jsonb := '{}';
BEGIN
    FOR field IN
        SELECT p.part ->> 'field' AS field, min(p.part ->> 'name') AS name, coalesce((p.part -> 'not')::boolean, false) AS negated,
            array_agg(DISTINCT g.value) FILTER (WHERE g.value IS NOT NULL) AS given, jsonb_agg(p.part ORDER BY p.number) AS parts
        FROM jsonb_array_elements(parts) WITH ORDINALITY p (part, number)
        LEFT JOIN LATERAL jsonb_array_elements_text(p.part -> 'given') g (value) ON p.part ->> 'field' <> 'category' OR (p.part -> 'not')::boolean
        GROUP BY p.part ->> 'field', lower(p.part ->> 'name'), coalesce((p.part -> 'not')::boolean, false) ORDER BY 1, 2
    LOOP
        IF field.negated THEN
            negations := negations || field_filter(field.field, field.name, field.given);
        ELSIF field.field = 'in_stock' THEN
            filters := filters || '{"in_stock": true}';
        ELSIF field.field = 'price' THEN
            filters := filters || jsonb_build_object('price', (SELECT jsonb_object_agg(b.key, b.value)
                FROM jsonb_array_elements(field.parts) p CROSS JOIN LATERAL jsonb_each(p.value #> '{filter,price}') b));
        ELSIF field.field = 'category' THEN
            categories := join_categories((SELECT jsonb_agg(jsonb_build_object('paths', p.value -> 'given', 'list', p.value -> 'list', 'aside', p.value -> 'aside'))
                FROM jsonb_array_elements(field.parts) p));
            filters := filters || CASE jsonb_array_length(categories)
                WHEN 1 THEN field_filter('category', NULL, ARRAY(SELECT jsonb_array_elements_text(categories -> 0)))
                ELSE jsonb_build_object('all', (SELECT jsonb_agg(field_filter('category', NULL, ARRAY(SELECT jsonb_array_elements_text(c.value))))
                    FROM jsonb_array_elements(categories) c)) END;
        ELSIF field.field = 'brand' THEN
            filters := filters || field_filter('brand', NULL, field.given);
        ELSE
            filters := jsonb_set(filters, ARRAY[field.field], coalesce(filters -> field.field, '{}')
                || (field_filter(field.field, field.name, field.given) -> field.field));
        END IF;
    END LOOP;
    RETURN filters || CASE jsonb_array_length(negations) WHEN 0 THEN '{}'
        WHEN 1 THEN jsonb_build_object('not', negations -> 0) ELSE jsonb_build_object('not', jsonb_build_object('any', negations)) END;
END $$;

-- The query without the spans that became filters alone, and without the small words that led to them; NULL: nothing is left.
CREATE OR REPLACE FUNCTION words_left(query text, parts jsonb) RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path FROM CURRENT AS $$
DECLARE
    part jsonb;
    kept text := translate(query, chr(1), ' ');
    width integer;
BEGIN
    FOR part IN SELECT p.value FROM jsonb_array_elements(parts) p WHERE (p.value -> 'cut')::boolean LOOP
        width := (part -> 'stop')::integer - (part -> 'start')::integer + 1;
        kept := overlay(kept placing repeat(chr(1), width) from (part -> 'start')::integer for width);
    END LOOP;
    IF position(chr(1) IN kept) = 0 THEN RETURN nullif(btrim(query, E' \t\n\r'), ''); END IF;
    kept := regexp_replace(kept, '(?:(?<![[:alnum:]])(?:in|for|with|at|and|but|or|of|mit|für|und)(?![[:alnum:]])[\s,]*|[,;]\s*)*\u0001+(?:\s*[,;])?', ' ', 'gi');
    kept := btrim(regexp_replace(kept, '\s+', ' ', 'g'));
    RETURN CASE WHEN kept ~ '[^[:space:][:punct:]]' THEN kept END;
END $$;

CREATE OR REPLACE FUNCTION understand(query text, options jsonb DEFAULT '{}') RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT SET jit = off AS $$
DECLARE
    parts jsonb := '[]';
BEGIN
    PERFORM check_understand(options);
    IF query ~ '[[:alnum:]]' THEN parts := understood_parts(query, options -> 'without'); END IF;
    RETURN jsonb_build_object(
        'query', query,
        'words', words_left(query, parts),
        'filters', understood_filters(parts),
        'chips', (SELECT coalesce(jsonb_agg(jsonb_strip_nulls(jsonb_build_object(
                'text', substr(query, (p.value -> 'start')::integer, (p.value -> 'stop')::integer - (p.value -> 'start')::integer + 1),
                'field', p.value -> 'field', 'name', p.value -> 'name', 'label', p.value -> 'label', 'filter', p.value -> 'filter'))), '[]')
            FROM jsonb_array_elements(parts) p));
END $$;
COMMENT ON FUNCTION understand IS 'What a query asks for: its words, the filters that other parts of it became, and a chip for each of those.';
