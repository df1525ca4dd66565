-- Reranking: the first candidates of a search in the order that a shopper's history gives them.

CREATE OR REPLACE FUNCTION personal_candidates() RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN 200;

-- Adds the shopper's history to a question, unless there is none or it is not to count: a question that names a product
-- has one right answer, and a sort its own order.
CREATE OR REPLACE FUNCTION search_personal(question search_question, client text, session text, options jsonb) RETURNS search_question
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
DECLARE
    wanted CONSTANT double precision := coalesce((options ->> 'strength')::double precision, 1);
BEGIN
    IF num_nonnulls(client, session) = 0 OR wanted = 0 OR coalesce(options ->> 'sort', 'relevance') <> 'relevance' OR (question).named <> '{}' THEN
        RETURN question;
    END IF;
    question.history := personal_history(client, session, (options ->> 'as_of')::timestamptz, asked_weights(options -> 'weights'));
    IF ((question).history).events = 0 THEN RETURN question; END IF;
    question.history := personal_taste((question).space_id, (question).history);
    question.strength := wanted;
    RETURN question;
END $$;

-- Whether the shopper's words are a product's title, or its brand and title.
CREATE OR REPLACE FUNCTION search_is_titled(question search_question, arms search_arms) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
DECLARE
    words CONSTANT text := fold((question).brand);
    asked CONSTANT text := coalesce(fold(lower(normalize_query((question).understood ->> 'query'))), words);
BEGIN
    RETURN words IS NOT NULL AND EXISTS (
        SELECT FROM unnest((arms).text_ids[:200]) a (product_id) JOIN product p USING (product_id) JOIN product_text t USING (product_id)
        WHERE fold(t.title) IN (words, asked) OR fold(concat_ws(' ', p.brand, t.title)) = asked);
END $$;

-- The order of some candidates by what the search says of them and what the history does. What words and pictures say counts
-- by its logarithm, so that one rule's factor does not flatten all the rest; in browsing popularity says it. How much
-- attributes say is less the average, for what all have alike moves nothing.
CREATE OR REPLACE FUNCTION personal_scored(
    question search_question, product_ids bigint[], scores double precision[], reasons jsonb[], preferred bigint[], preferences double precision[]
) RETURNS TABLE (place bigint, new_place bigint, parts jsonb)
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
DECLARE
    history CONSTANT personal_history := (question).history;
    w CONSTANT jsonb := history.weights;
    gate CONSTANT double precision := (question).strength * history.gate;
    w_taste CONSTANT double precision := gate * (w ->> 'taste')::double precision;
    w_session CONSTANT double precision := gate * (w ->> 'session')::double precision;
    w_attributes CONSTANT double precision := gate * (w ->> 'attributes')::double precision;
    w_repurchase CONSTANT double precision := (question).strength * (w ->> 'repurchase')::double precision;
    w_base CONSTANT double precision := (w ->> CASE WHEN (question).browses THEN 'popularity' ELSE 'relevance' END)::double precision;
    bases CONSTANT double precision[] := ARRAY(SELECT CASE WHEN (question).browses THEN ln(1 + s.score) ELSE ln(greatest(s.score, 1e-3)) END
        FROM unnest(scores) WITH ORDINALITY s (score, n) ORDER BY s.n);
BEGIN
    RETURN QUERY
    WITH weighed AS (
        SELECT p.place, w_base * CASE WHEN (question).browses THEN b.base
                ELSE (b.base - avg(b.base) OVER ()) / greatest(stddev_pop(b.base) OVER (), 1e-6) END AS base, w_taste * p.taste AS taste, w_session * p.session_taste AS session,
            w_attributes * (p.attributes - avg(p.attributes) OVER ()) AS attributes, w_repurchase * p.repurchase AS repurchase
        FROM personal_parts((question).space_id, history, product_ids, preferred, preferences) p JOIN unnest(bases) WITH ORDINALITY b (base, place) ON b.place = p.place
    )
    SELECT w.place, row_number() OVER (ORDER BY reasons[w.place] ? 'named' DESC, w.base + w.taste + w.session + w.attributes + w.repurchase DESC, w.place),
        jsonb_build_object('taste', w.taste::real, 'session', w.session::real, 'attributes', w.attributes::real, 'repurchase', w.repurchase::real)
    FROM weighed w;
END $$;

-- The first of the products given in their new order; each place keeps its score, and what moved says why.
CREATE OR REPLACE FUNCTION personal_order(
    question search_question, shown integer, most integer, INOUT product_ids bigint[], INOUT image_ids bigint[], INOUT scores double precision[], INOUT reasons jsonb[]
)
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT SET enable_bitmapscan = off AS $$
DECLARE
    first CONSTANT integer := least(personal_candidates(), cardinality(product_ids));
    said CONSTANT jsonb := jsonb_build_object('gate', round((((question).history).gate)::numeric, 3), 'strength', (question).strength);
    own record;
    moved record;
BEGIN
    IF first < 2 THEN RETURN; END IF;
    own := personal_preferences((question).history, product_ids[:first]);
    SELECT array_agg(s.place ORDER BY s.new_place) AS places, array_agg(s.parts ORDER BY s.new_place) AS parts INTO moved
    FROM personal_scored(question, product_ids[:first], scores[:first], reasons[:first], own.product_ids, own.preferences) s;
    WITH placed AS MATERIALIZED (
        SELECT o.new_place, coalesce(moved.places[o.new_place], o.new_place) AS place, moved.parts[o.new_place] AS parts
        FROM generate_series(1, least(most, cardinality(product_ids))) o (new_place)
    ), because AS MATERIALIZED (
        SELECT d.* FROM personal_reasons((question).space_id, (question).history,
            (SELECT array_agg(product_ids[p.place]) FROM placed p WHERE p.place <> p.new_place), own.product_ids, own.held, own.preferences) d
    )
    SELECT array_agg(product_ids[p.place] ORDER BY p.new_place), array_agg(image_ids[p.place] ORDER BY p.new_place), array_agg(scores[p.new_place] ORDER BY p.new_place),
        array_agg(reasons[p.place] || CASE WHEN p.place = p.new_place THEN '{}' ELSE jsonb_build_object('personal',
            said || jsonb_build_object('from', shown + p.place, 'to', shown + p.new_place, 'parts', p.parts) || coalesce(b.reason, '{}')) END ORDER BY p.new_place)
    INTO product_ids, image_ids, scores, reasons
    FROM placed p LEFT JOIN because b ON p.place <> p.new_place AND b.product_id = product_ids[p.place];
END $$;

-- What explain says of the history.
CREATE OR REPLACE FUNCTION personal_explained(question search_question) RETURNS jsonb
LANGUAGE sql STABLE SET search_path FROM CURRENT
RETURN jsonb_strip_nulls(jsonb_build_object('gate', round((coalesce(((question).history).gate, 0))::numeric, 3), 'strength', coalesce((question).strength, 0),
    'events', coalesce(((question).history).events, 0), 'products', cardinality(((question).history).product_ids), 'values', cardinality(((question).history).liked),
    'vectors', ((question).history).kind));
