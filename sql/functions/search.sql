-- The one search function: words, pictures, products or nothing, under filters, to a page of products.

-- What the arms find of what is asked: at least so many products each, if so many match and no deadline forbids it.
CREATE OR REPLACE FUNCTION search_all_arms(
    question search_question, wanted integer, deadline timestamptz, explained boolean
) RETURNS search_arms
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
DECLARE
    image_arm record;
    caption_arm record;
    text_arm record;
    arms search_arms;
BEGIN
    image_arm := search_arm('image', (question).space_id, (question).image, (question).filter, wanted, deadline, explained);
    caption_arm := search_arm('caption', (question).space_id, (question).caption, (question).filter, wanted, deadline, explained);
    arms.share := least(image_arm.share, caption_arm.share);
    text_arm := search_text((question).parts, (question).locale, (question).space_id, (question).filter, wanted, arms.share, deadline);
    arms.image_ids := coalesce(image_arm.product_ids, '{}');
    arms.image_distances := image_arm.distances;
    arms.caption_ids := coalesce(caption_arm.product_ids, '{}');
    arms.caption_distances := caption_arm.distances;
    arms.text_ids := coalesce(text_arm.product_ids, '{}');
    arms.text_scores := text_arm.scores;
    arms.complete := image_arm.complete AND caption_arm.complete AND text_arm.complete;
    arms.report := jsonb_strip_nulls(jsonb_build_object('image', image_arm.report, 'caption', caption_arm.report, 'text', text_arm.report));
    RETURN arms;
END $$;

-- Products in their order, with what is known of each: product_ids, image_ids, scores, reasons.
CREATE OR REPLACE FUNCTION search_ordered(
    question search_question, arms search_arms, shown_already bigint[], most integer,
    OUT product_ids bigint[], OUT image_ids bigint[], OUT scores double precision[], OUT reasons jsonb[]
)
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
BEGIN
    EXECUTE search_ordered_sql((question).space_id, (question).filter, (question).locale, (question).boosts)
    INTO product_ids, image_ids, scores, reasons
    USING arms, (question).image, (question).caption, (question).parts, shown_already,
        (question).named, (question).brand, (question).arm_weights, most;
END $$;

-- Those that follow in another order: what browsing shows, and after a search what no arm can find yet.
CREATE OR REPLACE FUNCTION search_followed(
    product_ids bigint[], image_ids bigint[], scores double precision[], reasons jsonb[], others bigint[], browses boolean,
    OUT all_products bigint[], OUT all_images bigint[], OUT all_scores double precision[], OUT all_reasons jsonb[]
)
LANGUAGE sql STABLE SET search_path FROM CURRENT AS $$
    SELECT product_ids || array_agg(o.product_id ORDER BY o.place), image_ids || array_agg(NULL::bigint),
        scores || array_agg(CASE WHEN browses THEN p.popularity ELSE 0 END::double precision ORDER BY o.place),
        reasons || array_agg(jsonb_build_object('popularity', p.popularity) || CASE WHEN browses THEN '{}' ELSE '{"waiting": true}'::jsonb END ORDER BY o.place)
    FROM unnest(others) WITH ORDINALITY o (product_id, place)
    CROSS JOIN LATERAL (SELECT p.popularity FROM product p WHERE p.product_id = o.product_id OFFSET 0) p
$$;

-- What the arms found, of each the first so many.
CREATE OR REPLACE FUNCTION search_first(arms search_arms, most integer) RETURNS search_arms
LANGUAGE sql IMMUTABLE SET search_path FROM CURRENT
RETURN ROW((arms).image_ids[:most], (arms).image_distances[:most], (arms).caption_ids[:most], (arms).caption_distances[:most],
    (arms).text_ids[:most], (arms).text_scores[:most], (arms).complete, (arms).share, (arms).report)::search_arms;

-- The same of some products alone, whichever arm found them.
CREATE OR REPLACE FUNCTION search_of(arms search_arms, product_ids bigint[]) RETURNS search_arms
LANGUAGE sql IMMUTABLE SET search_path FROM CURRENT
RETURN ROW(product_ids, NULL, '{}', NULL, '{}', NULL, (arms).complete, (arms).share, (arms).report)::search_arms;

-- Some of a page's products, by their places.
CREATE OR REPLACE FUNCTION search_picked(
    places integer[], product_ids bigint[], image_ids bigint[], scores double precision[], reasons jsonb[],
    OUT picked_products bigint[], OUT picked_images bigint[], OUT picked_scores double precision[], OUT picked_reasons jsonb[]
)
LANGUAGE sql IMMUTABLE SET search_path FROM CURRENT AS $$
    SELECT coalesce(array_agg(product_ids[p.place] ORDER BY p.number), '{}'), array_agg(image_ids[p.place] ORDER BY p.number),
        array_agg(scores[p.place] ORDER BY p.number), array_agg(reasons[p.place] ORDER BY p.number)
    FROM unnest(places) WITH ORDINALITY p (place, number)
$$;

CREATE OR REPLACE FUNCTION elapsed_ms(since timestamptz) RETURNS numeric
LANGUAGE sql VOLATILE PARALLEL SAFE
RETURN round(extract(epoch FROM clock_timestamp() - since) * 1000, 1);

-- The products of a page, in their order: product_ids, image_ids, scores, reasons, and whether the search looked everywhere.
CREATE OR REPLACE FUNCTION search_products(
    question search_question, k integer, shown_already bigint[], options jsonb, deadline timestamptz,
    OUT product_ids bigint[], OUT image_ids bigint[], OUT scores double precision[], OUT reasons jsonb[],
    OUT arms search_arms, OUT relevant bigint[]
)
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
#variable_conflict use_column
DECLARE
    explained CONSTANT boolean := coalesce((options ->> 'explain')::boolean, false);
    diversity CONSTANT double precision := coalesce((options ->> 'diversity')::double precision, 0);
    sort CONSTANT text := coalesce(options ->> 'sort', 'relevance');
    strictness CONSTANT double precision := search_strictness(options);
    -- Variety is chosen from a few pages' worth.
    most CONSTANT integer := CASE WHEN diversity > 0 THEN greatest(k, least(4 * k, 200)) ELSE k END;
    others bigint[];
BEGIN
    IF (question).browses THEN
        others := search_browse((question).space_id, (question).filter, sort, shown_already, k, NULL);
    ELSE
        IF strictness > 0 THEN
            arms := search_relevant_arms(question, strictness, deadline);
            relevant := ARRAY(SELECT DISTINCT unnest(arms.image_ids || arms.caption_ids || arms.text_ids || (question).named));
        ELSE
            arms := search_all_arms(question, most + cardinality(shown_already), deadline, explained);
        END IF;
        IF sort <> 'relevance' THEN
            others := search_browse((question).space_id, (question).filter, sort, shown_already, k, NULL, relevant);
            SELECT p.* INTO product_ids, image_ids, scores, reasons FROM search_ordered(question, search_of(arms, others), '{}', k) o,
                search_picked(ARRAY(SELECT array_position(o.product_ids, n.product_id) FROM unnest(others) WITH ORDINALITY n (product_id, place) ORDER BY n.place),
                    o.product_ids, o.image_ids, o.scores, o.reasons) p;
            others := NULL;
        ELSE
            SELECT o.* INTO product_ids, image_ids, scores, reasons
            FROM search_ordered(question, search_first(arms, most + cardinality(shown_already)), shown_already, most) o;
        END IF;
        IF sort = 'relevance' AND diversity > 0 AND (question).space_id IS NOT NULL THEN
            SELECT p.* INTO product_ids, image_ids, scores, reasons
            FROM search_picked(search_diverse((question).space_id, product_ids, image_ids, scores, diversity, k), product_ids, image_ids, scores, reasons) p;
        END IF;
        -- What has no vector yet; where only words count, what lacks them is not found.
        IF arms.complete AND strictness = 0 AND num_nonnulls((question).image, (question).caption) > 0 THEN
            others := search_browse((question).space_id, (question).filter, 'popularity', shown_already || product_ids, k - cardinality(product_ids), arms.share);
        END IF;
    END IF;
    IF cardinality(others) > 0 THEN
        SELECT f.* INTO product_ids, image_ids, scores, reasons
        FROM search_followed(coalesce(product_ids, '{}'), image_ids, scores, reasons, others, (question).browses) f;
    END IF;
END $$;

-- Everything that search and search_page answer.
CREATE OR REPLACE FUNCTION search_answer(
    query text, terms jsonb, filters jsonb, k integer, cursor text, client text, session text, options jsonb
) RETURNS search_answer
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
DECLARE
    began CONSTANT timestamptz := clock_timestamp();
    fingerprint CONSTANT text := search_fingerprint(query, terms, filters, client, session, options);
    before record;
    question search_question;
    page record;
    answer search_answer;
    said jsonb := '{"plan": "browse"}';
    stages jsonb;
BEGIN
    PERFORM check_search(k, cursor, client, session, options);
    before := read_cursor(cursor, fingerprint);
    IF cardinality(before.shown) + k > 10000 THEN
        PERFORM option_error('a search goes no further than 10,000 products', 'Narrow it down by filters.');
    END IF;
    question := search_question(query, terms, filters, options);
    stages := jsonb_build_object('question_ms', elapsed_ms(began));
    page := search_products(question, k, before.shown, options, began + (options ->> 'deadline_ms')::double precision * interval '1 ms');
    stages := stages || jsonb_build_object('products_ms', elapsed_ms(began));
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
    IF (options ->> 'explain')::boolean THEN
        said := said || jsonb_build_object('search', coalesce((page.arms).report, '{}') || jsonb_build_object('complete', answer.complete, 'timings', stages));
    END IF;
    EXECUTE search_hits_sql(question.filter) INTO answer.hits
    USING page.product_ids, page.image_ids, page.scores, page.reasons, cardinality(before.shown), said;
    answer.total := before.total;
    IF cardinality(answer.hits) = k THEN
        answer.cursor := make_cursor(fingerprint, answer.total, before.shown || page.product_ids);
    END IF;
    RETURN answer;
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
    answer search_answer := search_answer(query, terms, filters, k, cursor, client, session, options);
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
    answer search_answer := search_answer(query, terms, filters, k, cursor, client, session, options);
BEGIN
    RETURN jsonb_build_object('hits', coalesce(to_jsonb(answer.hits), '[]'), 'complete', answer.complete, 'cursor', answer.cursor)
        || jsonb_strip_nulls(jsonb_build_object('total', answer.total, 'facets', answer.facets, 'understood', answer.understood,
            'corrections', answer.corrections, 'redirect', answer.redirect));
END $$;
COMMENT ON FUNCTION search_page(text, jsonb, jsonb, integer, text, text, text, jsonb) IS
    'The same as search, as one object: hits, and with them what options ask for: total, facets; the cursor of the next page; what was understood or corrected.';
