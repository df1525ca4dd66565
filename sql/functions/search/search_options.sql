-- The options of a search: which there are, and what each may be.

-- A number between two bounds, or NULL.
CREATE OR REPLACE FUNCTION check_number(name text, value jsonb, low numeric, high numeric, meaning text) RETURNS void
LANGUAGE plpgsql IMMUTABLE SET search_path FROM CURRENT AS $$
BEGIN
    IF (CASE jsonb_typeof(value) WHEN 'number' THEN value::numeric NOT BETWEEN low AND high ELSE jsonb_typeof(value) <> 'null' END) THEN
        PERFORM argument_error(format('the option %s is %s', name, left(value::text, 50)),
            format('Give %s, %s to %s.', meaning, trim_scale(low), to_char(high, 'FM999,999,999')));
    END IF;
END $$;

-- A moment in time, or NULL.
CREATE OR REPLACE FUNCTION check_moment(name text, value jsonb) RETURNS void
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
BEGIN
    IF jsonb_typeof(value) = 'null' THEN RETURN; END IF;
    IF value IS NOT NULL AND (jsonb_typeof(value) <> 'string' OR (value #>> '{}')::timestamptz IS NULL) THEN
        RAISE invalid_datetime_format;
    END IF;
EXCEPTION WHEN data_exception THEN
    PERFORM argument_error(format('the option %s is %s', name, left(value::text, 50)), 'Give a moment, such as "2026-11-21T12:00:00Z".');
END $$;

CREATE OR REPLACE FUNCTION check_arms(arms jsonb) RETURNS void
LANGUAGE plpgsql IMMUTABLE SET search_path FROM CURRENT AS $$
DECLARE
    wrong text;
BEGIN
    IF coalesce(jsonb_typeof(arms), 'null') = 'null' THEN RETURN; END IF;
    IF jsonb_typeof(arms) <> 'object' THEN
        PERFORM argument_error('the option arms must be an object of weights', 'For example {"image": 4, "caption": 1, "text": 1}.');
    END IF;
    SELECT a.key INTO wrong FROM jsonb_each(arms) a WHERE a.key NOT IN ('image', 'caption', 'text') LIMIT 1;
    IF FOUND THEN PERFORM argument_error(format('the option arms has the unknown arm %s', to_json(wrong)), 'The arms are image, caption and text.'); END IF;
    SELECT a.key INTO wrong FROM jsonb_each(arms) a
    WHERE NOT coalesce(jsonb_typeof(a.value) = 'number' AND (a.value)::numeric BETWEEN 0 AND 100, false) LIMIT 1;
    IF FOUND THEN
        PERFORM argument_error(format('the option arms gives %s the weight %s', wrong, left((arms -> wrong)::text, 50)), 'A weight is a number from 0 (left out) to 100.');
    ELSIF NOT EXISTS (SELECT FROM jsonb_each(arms) a WHERE (a.value)::numeric > 0) THEN
        PERFORM argument_error('the option arms leaves no arm', 'Give one of image, caption and text a weight above 0.');
    END IF;
END $$;

-- Everything that the interface holds but nobody built yet is refused, never ignored.
CREATE OR REPLACE FUNCTION check_search(
    k integer, cursor text, client text, session text, options jsonb
) RETURNS void
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
DECLARE
    built CONSTANT text[] := '{space,locale,arms,sort,cutoff,diversity,understand,typos,rules,facets,total,deadline_ms,strength,weights,as_of,explore,seed,explain}';
    sorts CONSTANT text[] := '{relevance,price,-price,newest,popularity}';
    wrong text;
BEGIN
    IF k IS NULL OR k NOT BETWEEN 1 AND 1000 THEN
        PERFORM argument_error(format('k is %s', coalesce(k::text, 'NULL')), 'Ask for 1 to 1,000 products.');
    ELSIF jsonb_typeof(options) <> 'object' THEN
        PERFORM argument_error('options must be a JSON object', 'For example {"space": "…"}.');
    ELSIF options = '{}' THEN
        RETURN;
    END IF;
    SELECT o.key INTO wrong FROM jsonb_object_keys(options) o (key) WHERE o.key <> ALL (built);
    IF FOUND THEN
        PERFORM argument_error(format('unknown option %s', to_json(wrong)), format('The options are %s.', array_to_string(built, ', ')));
    END IF;
    SELECT o.key INTO wrong FROM jsonb_each(options) o
    WHERE o.key IN ('space', 'locale') AND jsonb_typeof(o.value) NOT IN ('string', 'null');
    IF FOUND THEN
        PERFORM argument_error(format('the option %s must be text', wrong),
            CASE wrong WHEN 'space' THEN 'Give the name of an embedding space.' ELSE 'Give a locale, such as en or de-AT.' END);
    END IF;
    SELECT o.key INTO wrong FROM jsonb_each(options) o
    WHERE o.key IN ('explain', 'typos', 'rules', 'total') AND jsonb_typeof(o.value) NOT IN ('boolean', 'null');
    IF FOUND THEN
        PERFORM argument_error(format('the option %s must be true or false', wrong), CASE wrong
            WHEN 'explain' THEN 'With true, why says of each arm how it looked for its rows.'
            WHEN 'total' THEN 'With true, search_page counts all products that match.'
            WHEN 'typos' THEN 'With false, words are searched for as they are written.'
            ELSE 'With false, no merchandising rule is applied.' END);
    ELSIF jsonb_typeof(options -> 'understand') NOT IN ('boolean', 'object', 'null') THEN
        PERFORM argument_error('the option understand must be true, false or an object', 'For example {"without": ["under 50"]}.');
    ELSIF jsonb_typeof(options -> 'understand' -> 'strict') <> 'boolean' THEN
        PERFORM argument_error('the option understand.strict must be true or false', 'With true, nothing follows beyond the wishes.');
    ELSIF NOT coalesce(options ->> 'sort', 'relevance') = ANY (sorts) THEN
        PERFORM argument_error(format('the option sort is %s', left((options -> 'sort')::text, 50)), format('Sort by one of %s.', array_to_string(sorts, ', ')));
    ELSIF jsonb_typeof(options -> 'cutoff') <> 'boolean' THEN
        PERFORM check_number('cutoff', options -> 'cutoff', 0, 10, 'true, false or how strict to be');
    END IF;
    PERFORM check_number('deadline_ms', options -> 'deadline_ms', 1, 3600000, 'milliseconds'),
        check_number('strength', options -> 'strength', 0, 1, 'how much history may say'),
        check_moment('as_of', options -> 'as_of'),
        check_number('diversity', options -> 'diversity', 0, 1, 'how much variety to prefer'),
        check_arms(options -> 'arms'), check_exploration(options), asked_weights(options -> 'weights');
END $$;
