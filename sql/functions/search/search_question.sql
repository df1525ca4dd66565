-- What a search asks for, as it was understood: words, filters, vectors, full-text queries, merchandising rules.

-- The weights of the arms: image, caption, text.
CREATE OR REPLACE FUNCTION search_arm_weights(arms jsonb) RETURNS double precision[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN coalesce(jsonb_typeof(arms), 'null') = 'null' THEN '{4,1,1}'::double precision[]
    ELSE ARRAY[coalesce((arms ->> 'image')::double precision, 0), coalesce((arms ->> 'caption')::double precision, 0),
               coalesce((arms ->> 'text')::double precision, 0)] END;

-- Filters that must all hold. What can stands beside the shopper's own keys, so that facets know it for theirs; the
-- rest stands under `all`.
CREATE OR REPLACE FUNCTION filters_together(filters jsonb, others jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE SET search_path FROM CURRENT AS $$
    SELECT CASE WHEN others IS NULL OR others = '{}' THEN f.own WHEN f.own = '{}' THEN others
        ELSE f.own || coalesce((SELECT jsonb_object_agg(o.key, o.value) FROM jsonb_each(others) o WHERE NOT f.own ? o.key), '{}')
            || coalesce((SELECT jsonb_build_object('all', coalesce(f.own -> 'all', '[]') || jsonb_agg(jsonb_build_object(o.key, o.value)))
                FROM jsonb_each(others) o WHERE f.own ? o.key HAVING count(*) > 0), '{}') END
    FROM (SELECT coalesce(nullif(filters, 'null'), '{}')) f (own)
$$;

-- What the shopper's words ask for by value is a wish: where too little fulfils it, the rest follows. What they ask of
-- prices and stock, and what they do not want, holds for that too.
CREATE OR REPLACE FUNCTION filters_firm(understood jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE SET search_path FROM CURRENT AS $$
    SELECT coalesce(jsonb_object_agg(u.key, u.value), '{}') FROM jsonb_each(understood) u WHERE u.key IN ('price', 'in_stock', 'not', 'all', 'any')
$$;

-- The words of a search, and what part of them became filters.
CREATE OR REPLACE FUNCTION search_understood(question search_question, query text, filters jsonb, options jsonb) RETURNS search_question
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
DECLARE
    asked jsonb := coalesce(options -> 'understand', 'true');
    settings jsonb := CASE jsonb_typeof(asked) WHEN 'object' THEN asked - 'strict' ELSE '{}'::jsonb END;
    corrected record;
    again jsonb;
    firm jsonb;
BEGIN
    question.words := query;
    question.filters := filters;
    IF query IS NULL OR asked IN ('false', 'null') THEN RETURN question; END IF;
    question.understood := understand(query, settings);
    -- A word that was typed wrong may be the very one; what was understood without it must not be lost.
    IF coalesce((options ->> 'typos')::boolean, true) THEN
        corrected := text_query(query, options ->> 'locale');
        IF corrected.corrections <> '[]' THEN
            again := understand(corrected.corrected, settings);
            IF jsonb_array_length(again -> 'chips') > jsonb_array_length(question.understood -> 'chips') THEN
                question.understood := again || jsonb_build_object('query', query);
                question.corrections := corrected.corrections;
            END IF;
        END IF;
    END IF;
    IF question.understood -> 'chips' = '[]' THEN
        question.understood := NULL;
        RETURN question;
    END IF;
    question.words := question.understood ->> 'words';
    question.filters := filters_together(filters, question.understood -> 'filters');
    firm := filters_firm(question.understood -> 'filters');
    IF NOT coalesce((asked -> 'strict')::boolean, false) AND firm <> question.understood -> 'filters' THEN
        question.wider := filters_together(filters, firm);
    END IF;
    RETURN question;
END $$;

-- What merchandising rules say: where the search leads, and what is hidden, pinned and boosted.
CREATE OR REPLACE FUNCTION search_ruled(question search_question, query text, rules jsonb) RETURNS search_question
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
DECLARE
    hidden jsonb := (SELECT jsonb_build_object('all', jsonb_agg(jsonb_build_object('not', h.value -> 'filter')))
        FROM jsonb_array_elements(rules -> 'hidden') h HAVING count(*) > 0);
BEGIN
    question.redirect := rules ->> 'redirect';
    question.pins := nullif(rules -> 'pins', '[]');
    question.boosts := rules -> 'boosts';
    question.filters := filters_together(question.filters, hidden);
    IF question.wider IS NOT NULL THEN question.wider := filters_together(question.wider, hidden); END IF;
    RETURN question;
END $$;

CREATE OR REPLACE FUNCTION search_question(query text, terms jsonb, filters jsonb, options jsonb) RETURNS search_question
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
DECLARE
    question search_question;
    rules jsonb := '{}';
    texts record;
    vectors record;
    by_vectors boolean;
    kinds text[];
    asked text[];
    weights double precision[];
    asked_for text;
    words_alone boolean;
BEGIN
    IF query IS NOT NULL THEN PERFORM check_query(query); END IF;
    -- Before the words: nobody should wait for a worker to learn that a filter is wrong.
    question.filter := search_conditions(filters, NULL);
    question.arm_weights := search_arm_weights(options -> 'arms');
    question.locale := options ->> 'locale';
    question.named := '{}';
    question := search_understood(question, query, filters, options);
    -- With a picture or a product words say how it should differ, which is their vector's business.
    SELECT array_agg(p.kind), array_agg(p.asked), array_agg(p.weight), string_agg(p.asked, ' ') FILTER (WHERE p.weight > 0), coalesce(bool_and(p.kind = 'words'), true)
    INTO kinds, asked, weights, asked_for, words_alone FROM search_parts(question.words, terms) p;
    question.browses := kinds IS NULL;
    -- Most shops have no rule.
    IF coalesce((options ->> 'rules')::boolean, true) AND EXISTS (SELECT FROM rule) THEN
        rules := search_rules(query, filter_paths(question.filters));
        question := search_ruled(question, query, rules);
    END IF;
    by_vectors := NOT question.browses AND question.arm_weights[1] + question.arm_weights[2] > 0;
    IF by_vectors OR options ->> 'space' IS NOT NULL THEN
        question.space_id := (SELECT s.space_id FROM search_space(options ->> 'space') s);
    ELSE
        question.space_id := (SELECT s.space_id FROM space s WHERE s.status = 'active');
    END IF;
    texts := text_query(CASE WHEN words_alone AND question.arm_weights[3] > 0 THEN asked_for END, question.locale, rules -> 'synonyms',
        coalesce((options ->> 'typos')::boolean, true));
    question.parts := texts.parts;
    question.corrections := coalesce(question.corrections, nullif(texts.corrections, '[]'));
    -- A key may be nothing but a stop word.
    IF texts.corrected IS NOT NULL THEN
        question.named := coalesce(search_named(coalesce(query, texts.corrected)), '{}');
        question.brand := lower(normalize_query(texts.corrected));
    END IF;
    -- A key looks like nothing.
    IF by_vectors AND NOT (question.named <> '{}' AND words_alone AND btrim(question.words) ~ '^[^[:space:]]*[0-9][^[:space:]]*$') THEN
        -- The vector is of the words as they were corrected, unless other words stand beside them.
        IF jsonb_array_length(coalesce(nullif(terms, 'null'), '[]')) = 0 AND texts.corrected IS NOT NULL THEN asked[1] := texts.corrected; END IF;
        vectors := search_vectors(kinds, asked, weights, CASE WHEN question.words IS NOT NULL THEN query END, question.space_id, options ->> 'space');
        question.image := CASE WHEN question.arm_weights[1] > 0 THEN vectors.image END;
        question.caption := CASE WHEN question.arm_weights[2] > 0 THEN vectors.caption END;
        question.excluded := vectors.excluded;
    END IF;
    IF question.excluded IS NOT NULL OR question.filters IS DISTINCT FROM filters THEN
        question.filter := search_conditions(question.filters, question.excluded);
    END IF;
    RETURN question;
END $$;
