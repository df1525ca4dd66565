-- The one search function: words, pictures, products or nothing, under filters, to a page of products.

-- Everything that search and search_page answer.
CREATE OR REPLACE FUNCTION search_answer(
    query text, terms jsonb, filters jsonb, k integer, cursor text, client text, session text, options jsonb, counts boolean
) RETURNS search_answer
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
DECLARE
    began CONSTANT timestamptz := clock_timestamp();
    fingerprint text;
    before record;
    question search_question;
    page record;
    counted record;
    answer search_answer;
    wider search_filter;
    said jsonb := '{"plan": "browse"}';
    explained boolean;
    stages jsonb := '{}';
BEGIN
    PERFORM check_search(k, cursor, client, session, options);
    explained := coalesce((options ->> 'explain')::boolean, false);
    fingerprint := search_fingerprint(query, terms, filters, options);
    before := read_cursor(cursor, fingerprint);
    IF cardinality(before.shown) >= 10000 THEN
        PERFORM argument_error('a search goes no further than 10,000 products', 'Narrow it down by filters.');
    END IF;
    k := least(k, 10000 - cardinality(before.shown));
    question := search_question(query, terms, filters, options);
    IF explained THEN stages := search_staged(stages, 'question', began); END IF;
    IF num_nonnulls(client, session) > 0 THEN
        question := search_personal(question, client, session, options);
        IF explained THEN stages := search_staged(stages, 'personal', began); END IF;
    END IF;
    -- What browsing shows is among the products that are counted.
    IF counts AND question.browses THEN
        counted := search_counts(question, NULL, options);
        question.filter.kept_blocks := counted.blocks;
        question.filter.kept_bits := counted.bits;
        IF explained THEN stages := search_staged(stages, 'counts', began); END IF;
    END IF;
    page := search_explored(question, k, before.shown, options, began + (options ->> 'deadline_ms')::double precision * interval '1 ms', fingerprint);
    IF explained THEN stages := search_staged(stages, 'products', began); END IF;
    answer.understood := question.understood;
    answer.corrections := question.corrections;
    answer.redirect := question.redirect;
    answer.complete := coalesce((page.arms).complete, true);
    IF NOT question.browses THEN said := jsonb_build_object('plan', search_plans((page.arms).report)); END IF;
    IF NOT answer.complete THEN
        said := said || '{"complete": false}';
        RAISE NOTICE USING ERRCODE = 'VT010', MESSAGE = 'the deadline ended this search before it had looked everywhere',
            HINT = 'Some products may be missing; give it more milliseconds, or ask for fewer products.';
    END IF;
    answer.total := before.total;
    IF counts AND NOT question.browses THEN
        counted := search_counts(question, page.relevant, options);
        IF explained THEN stages := search_staged(stages, 'counts', began); END IF;
    END IF;
    IF counts THEN
        answer.total := coalesce(before.total, counted.total);
        answer.facets := counted.facets;
        answer.more := counted.more;
    END IF;
    IF explained THEN
        said := said || jsonb_build_object('search', search_explained(question, (page.arms).report, page.relevant)
            || jsonb_build_object('complete', answer.complete, 'milliseconds', stages)
            || CASE WHEN num_nonnulls(client, session) > 0 THEN jsonb_build_object('personal', personal_explained(question)) ELSE '{}' END);
    END IF;
    IF cardinality(page.product_ids) > 0 THEN
        IF question.wider IS NOT NULL THEN wider := search_conditions(question.wider, NULL); END IF;
        answer.hits := search_hits(question.space_id, question.filter, wider, question.image, page.product_ids, page.image_ids, page.scores, page.reasons, cardinality(before.shown), said);
    END IF;
    IF answer.hits IS NULL AND jsonb_path_exists(coalesce(filters, '{}'), '$.**.category') THEN
        answer.suggestions := category_suggestions(filters);
        IF answer.suggestions IS NOT NULL THEN
            RAISE NOTICE USING ERRCODE = 'VT011', MESSAGE = format('no category is called %s', answer.suggestions -> 0 -> 'category'),
                HINT = CASE WHEN answer.suggestions -> 0 -> 'nearest' <> '[]' THEN format('The nearest are %s.',
                    (SELECT string_agg(n.value, ', ') FROM jsonb_array_elements_text(answer.suggestions -> 0 -> 'nearest') n))
                    ELSE 'Give the path or the unique name of a category.' END;
        END IF;
    END IF;
    IF cardinality(answer.hits) = k AND cardinality(before.shown) + k < 10000 THEN
        answer.cursor := make_cursor(fingerprint, answer.total, before.shown || page.product_ids);
    END IF;
    RETURN answer;
END $$;

-- The milliseconds of a search's stages, with one that ended now.
CREATE OR REPLACE FUNCTION search_staged(stages jsonb, stage text, began timestamptz) RETURNS jsonb
LANGUAGE sql VOLATILE SET search_path FROM CURRENT AS $$
    SELECT stages || jsonb_build_object(stage, elapsed_ms(began) - coalesce((SELECT sum(m.value::numeric) FROM jsonb_each(stages) m), 0))
$$;

-- The exact number of products that a search may show, and its facets, where they are asked for. What fulfils only part of
-- the wishes counts for neither. With them, the products counted, as bitmaps.
CREATE OR REPLACE FUNCTION search_counts(
    question search_question, relevant bigint[], options jsonb, OUT total bigint, OUT facets jsonb, OUT more jsonb, OUT blocks integer[], OUT bits bit(32000)[]
)
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
DECLARE
    wanted jsonb := nullif(nullif(options -> 'facets', 'null'), 'false');
    kept record;
BEGIN
    IF wanted IS NULL AND NOT coalesce((options ->> 'total')::boolean, false) THEN RETURN; END IF;
    kept := facet_counts_kept(filters_together((question).filters, CASE WHEN (question).excluded IS NOT NULL THEN
        (SELECT jsonb_build_object('all', jsonb_build_array(jsonb_build_object('not', jsonb_build_object('external_id', jsonb_agg(p.external_id)))))
         FROM product p WHERE p.product_id = ANY ((question).excluded)) END), coalesce(wanted, '[]'), coalesce(relevant, search_reach(question)));
    total := (kept.counted -> 'total')::bigint;
    facets := CASE WHEN wanted IS NOT NULL THEN kept.counted -> 'facets' END;
    more := nullif(kept.counted -> 'more', '{}');
    blocks := kept.blocks;
    bits := kept.bits;
END $$;

-- What `explain` says: how each arm looked for its rows, and how many products really match beside the estimates.
CREATE OR REPLACE FUNCTION search_explained(question search_question, report jsonb, relevant bigint[]) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
DECLARE
    matching bigint;
BEGIN
    EXECUTE concat('SELECT count(*) FROM product p WHERE ', ((question).filter).shown) INTO matching;
    RETURN coalesce(report, '{}') || jsonb_strip_nulls(jsonb_build_object('matching_products', matching, 'relevant_products', cardinality(relevant),
        'filters', CASE WHEN (question).filters <> '{}' THEN (question).filters END));
END $$;

CREATE OR REPLACE FUNCTION search_plans(report jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT jsonb_object_agg(r.key, r.value -> 'plan') FROM jsonb_each(report) r WHERE r.value ? 'plan';
END;

-- The extension's settings are known, to a login that is no superuser, once its library is loaded.
DO $$ BEGIN PERFORM '[1]'::halfvec; END $$;

CREATE OR REPLACE FUNCTION search(
    query text DEFAULT NULL, terms jsonb DEFAULT NULL, filters jsonb DEFAULT '{}', k integer DEFAULT 24,
    cursor text DEFAULT NULL, client text DEFAULT NULL, session text DEFAULT NULL, options jsonb DEFAULT '{}'
) RETURNS TABLE (
    rank integer, product_id bigint, external_id text, variant_id bigint, image_id bigint, score real, why jsonb
)
LANGUAGE plpgsql VOLATILE ROWS 24 COST 10000
SET search_path FROM CURRENT
SET jit = off SET enable_seqscan = off SET max_parallel_workers_per_gather = 0
SET hnsw.iterative_scan = relaxed_order SET hnsw.ef_search = 100 SET hnsw.max_scan_tuples = 40000
AS $$
DECLARE
    answer search_answer := search_answer(query, terms, filters, k, cursor, client, session, options, false);
BEGIN
    RETURN QUERY SELECT h.rank, h.product_id, h.external_id, h.variant_id, h.image_id, h.score,
        CASE WHEN answer.cursor IS NOT NULL AND h.rank = answer.hits[cardinality(answer.hits)].rank
             THEN h.why || jsonb_build_object('cursor', answer.cursor) ELSE h.why END
    FROM unnest(answer.hits) h;
END $$;
COMMENT ON FUNCTION search(text, jsonb, jsonb, integer, text, text, text, jsonb) IS
    'Products for words, pictures or other products, under filters: k of them whenever k match. Writes nothing; scores order one answer and say no more, why has the reasons.';

-- The whole answer as one object, for a page of a shop: a JSON back end hands it on as it is.
CREATE OR REPLACE FUNCTION search_page(
    query text DEFAULT NULL, terms jsonb DEFAULT NULL, filters jsonb DEFAULT '{}', k integer DEFAULT 24,
    cursor text DEFAULT NULL, client text DEFAULT NULL, session text DEFAULT NULL, options jsonb DEFAULT '{}'
) RETURNS jsonb
LANGUAGE plpgsql VOLATILE COST 10000
SET search_path FROM CURRENT
SET jit = off SET enable_seqscan = off SET max_parallel_workers_per_gather = 0
SET hnsw.iterative_scan = relaxed_order SET hnsw.ef_search = 100 SET hnsw.max_scan_tuples = 40000
AS $$
DECLARE
    answer search_answer := search_answer(query, terms, filters, k, cursor, client, session, options, true);
BEGIN
    RETURN jsonb_build_object('hits', coalesce(to_jsonb(answer.hits), '[]'), 'complete', answer.complete, 'cursor', answer.cursor)
        || jsonb_strip_nulls(jsonb_build_object('total', answer.total, 'facets', answer.facets, 'more', answer.more, 'understood', answer.understood,
            'corrections', answer.corrections, 'redirect', answer.redirect, 'suggestions', answer.suggestions));
END $$;
COMMENT ON FUNCTION search_page(text, jsonb, jsonb, integer, text, text, text, jsonb) IS
    'The same as search, as one object: hits, and with them what options ask for: total, facets; the cursor of the next page; what was understood or corrected.';
