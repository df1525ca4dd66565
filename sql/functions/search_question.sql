-- What a search asks for, as it was understood: words, filters, vectors, full-text queries, merchandising rules.

-- The weights of the arms: image, caption, text.
CREATE OR REPLACE FUNCTION search_arm_weights(arms jsonb) RETURNS double precision[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN coalesce(jsonb_typeof(arms), 'null') = 'null' THEN '{2,1,1}'::double precision[]
    ELSE ARRAY[coalesce((arms ->> 'image')::double precision, 0), coalesce((arms ->> 'caption')::double precision, 0),
               coalesce((arms ->> 'text')::double precision, 0)] END;

-- Filters that must all hold.
CREATE OR REPLACE FUNCTION filters_together(filters jsonb, others jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN others IS NULL OR others = '{}' THEN filters
    WHEN filters IS NULL OR filters = '{}' THEN others
    ELSE jsonb_build_object('all', jsonb_build_array(filters, others)) END;

CREATE OR REPLACE FUNCTION search_question(query text, terms jsonb, filters jsonb, options jsonb) RETURNS search_question
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
DECLARE
    question search_question;
    texts record;
    vectors record;
    by_vectors boolean;
    corrected text := query;
BEGIN
    question.browses := NOT EXISTS (SELECT FROM search_parts(query, terms));
    question.arm_weights := search_arm_weights(options -> 'arms');
    question.locale := options ->> 'locale';
    -- With a picture or a product words say how it should differ, which is their vector's business.
    IF NOT EXISTS (SELECT FROM search_parts(query, terms) p WHERE p.kind <> 'words') THEN
        question.words := (SELECT string_agg(p.asked, ' ') FROM search_parts(query, terms) p WHERE p.weight > 0);
    END IF;
    question.filters := filters;
    question.named := '{}';
    -- Before the words: nobody should wait for a worker to learn that a filter is wrong.
    question.filter := search_conditions(question.filters, NULL);
    by_vectors := NOT question.browses AND question.arm_weights[1] + question.arm_weights[2] > 0;
    IF by_vectors OR options ->> 'space' IS NOT NULL THEN
        question.space_id := (SELECT s.space_id FROM search_space(options ->> 'space') s);
    ELSE
        question.space_id := (SELECT s.space_id FROM space s WHERE s.status = 'active');
    END IF;
    IF question.words IS NOT NULL AND question.arm_weights[3] > 0 THEN
        texts := text_query(question.words, question.locale, '[]', coalesce((options ->> 'typos')::boolean, true));
        question.corrections := nullif(texts.corrections, '[]');
        question.parts := texts.parts;
        IF terms IS NULL OR terms IN ('[]', 'null') THEN corrected := texts.corrected; END IF;
        question.named := coalesce(search_named(question.words), '{}');
        question.brand := lower(normalize_query(question.words));
    END IF;
    IF by_vectors THEN
        vectors := search_vectors(CASE WHEN query IS NOT NULL THEN corrected END, query, terms, question.space_id, options ->> 'space');
        question.image := CASE WHEN question.arm_weights[1] > 0 THEN vectors.image END;
        question.caption := CASE WHEN question.arm_weights[2] > 0 THEN vectors.caption END;
        IF vectors.excluded IS NOT NULL THEN question.filter := search_conditions(question.filters, vectors.excluded); END IF;
    END IF;
    RETURN question;
END $$;
