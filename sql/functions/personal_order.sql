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
    words text;
    asked text;
BEGIN
    IF (question).brand IS NULL THEN RETURN false; END IF;
    words := fold((question).brand);
    asked := coalesce(fold(lower(normalize_query((question).understood ->> 'query'))), words);
    RETURN EXISTS (
        SELECT FROM unnest((arms).text_ids[:200]) a (product_id) JOIN product p USING (product_id) JOIN product_text t USING (product_id)
        WHERE fold(t.title) IN (words, asked) OR fold(concat_ws(' ', p.brand, t.title)) = asked);
END $$;

-- The first of the products given in their new order; each place keeps its score, and what moved says why. What words and
-- pictures say counts by its logarithm, so that one rule's factor does not flatten all the rest; in browsing popularity says
-- it. Attributes are looked up of those that lead without them, three pages of them; what all of these have alike
-- moves nothing.
CREATE OR REPLACE FUNCTION personal_order(
    question search_question, arms search_arms, shown integer, most integer,
    INOUT product_ids bigint[], INOUT image_ids bigint[], INOUT scores double precision[], INOUT reasons jsonb[]
)
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT SET enable_mergejoin = off SET enable_nestloop = off SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    history CONSTANT personal_history := (question).history;
    space_id CONSTANT integer := (question).space_id;
    browses CONSTANT boolean := (question).browses;
    first CONSTANT integer := least(personal_candidates(), cardinality(product_ids));
    leaders CONSTANT integer := CASE WHEN browses THEN first ELSE greatest(3 * most, 72) END;
    near CONSTANT record := personal_nearness(space_id, history, product_ids[:first], arms);
    strength CONSTANT double precision := (question).strength;
    gate CONSTANT double precision := strength * history.gate;
    w_base CONSTANT double precision := (history.weights ->> CASE WHEN browses THEN 'popularity' ELSE 'relevance' END)::double precision;
    w_taste CONSTANT double precision := gate * (history.weights ->> 'taste')::double precision;
    w_session CONSTANT double precision := gate * (history.weights ->> 'session')::double precision;
    w_attributes CONSTANT double precision := gate * (history.weights ->> 'attributes')::double precision;
    w_repurchase CONSTANT double precision := strength * (history.weights ->> 'repurchase')::double precision;
    shown_gate CONSTANT numeric := round(history.gate::numeric, 3);
BEGIN
    IF first < 2 THEN RETURN; END IF;
    WITH candidate AS MATERIALIZED (
        SELECT u.product_id, u.place, u.reason ? 'named' AS named, n.taste, n.recent, coalesce(b.repurchase, 0) AS repurchase,
            CASE WHEN browses THEN ln(1 + u.score) ELSE ln(greatest(u.score, 1e-3)) END AS base
        FROM unnest(product_ids[:first], scores[:first], reasons[:first]) WITH ORDINALITY u (product_id, score, reason, place)
        LEFT JOIN unnest(near.product_ids, near.tastes, near.recents) n (product_id, taste, recent) ON n.product_id = u.product_id
        LEFT JOIN unnest(history.product_ids, history.repurchases) b (product_id, repurchase) ON b.product_id = u.product_id
    ), middle AS MATERIALIZED (
        SELECT avg(c.base) AS base, greatest(stddev_pop(c.base), 1e-6) AS base_unit, avg(c.taste) AS taste, stddev_pop(c.taste) AS taste_unit,
            avg(c.recent) AS recent, stddev_pop(c.recent) AS recent_unit FROM candidate c
    ), weighed AS MATERIALIZED (
        SELECT c.product_id, c.place, c.named, w_taste * likeness_units(c.taste, m.taste, m.taste_unit) AS taste, w_session * likeness_units(c.recent, m.recent, m.recent_unit) AS session,
            w_base * CASE WHEN browses THEN c.base ELSE (c.base - m.base) / m.base_unit END AS base, w_repurchase * c.repurchase AS repurchase
        FROM candidate c CROSS JOIN middle m
    ), own (ids, sums, numbers, texts, preferences) AS MATERIALIZED (
        SELECT p.* FROM personal_preferences(history, ARRAY(SELECT w.product_id FROM weighed w ORDER BY w.base + w.taste + w.session + w.repurchase DESC, w.place LIMIT leaders)) p
    ), ordered AS (
        SELECT a.*, row_number() OVER () AS new_place
        FROM (SELECT w.place, w.taste, w.session, w.repurchase, coalesce(w_attributes * (p.preference - m.preference), 0) AS attributes
              FROM weighed w CROSS JOIN (SELECT avg(v.preference) AS preference FROM own o CROSS JOIN unnest(o.sums) v (preference)) m
              LEFT JOIN (SELECT v.* FROM own o CROSS JOIN unnest(o.ids, o.sums) v (product_id, preference)) p USING (product_id)
              ORDER BY w.named DESC, w.base + w.taste + w.session + coalesce(w_attributes * (p.preference - m.preference), 0) + w.repurchase DESC, w.place LIMIT most) a
    ), placed AS MATERIALIZED (
        SELECT n.new_place, coalesce(o.place, n.new_place) AS place, coalesce(o.place, n.new_place) <> n.new_place AS moved, o.taste, o.session, o.attributes, o.repurchase
        FROM generate_series(1, least(most, cardinality(product_ids))) n (new_place) LEFT JOIN ordered o USING (new_place)
    ), because AS MATERIALIZED (
        SELECT r.* FROM own o CROSS JOIN LATERAL personal_reasons(space_id, history, (SELECT array_agg(product_ids[p.place]) FROM placed p WHERE p.moved),
            (SELECT array_agg(product_ids[p.place]) FROM placed p WHERE p.place > p.new_place), o.numbers, o.texts, o.preferences) r
    )
    SELECT array_agg(product_ids[p.place] ORDER BY p.new_place), array_agg(image_ids[p.place] ORDER BY p.new_place), array_agg(scores[p.new_place] ORDER BY p.new_place),
        array_agg(coalesce(reasons[p.place], search_arm_reason(question, p.place,
            ((arms).image_distances || (arms).caption_distances)[array_position((arms).image_ids || (arms).caption_ids, product_ids[p.place])])) || CASE WHEN p.moved THEN jsonb_strip_nulls(jsonb_build_object('personal',
            jsonb_build_object('gate', shown_gate, 'strength', strength, 'from', shown + p.place, 'to', shown + p.new_place, 'values', b.telling, 'like', b.alike,
            'parts', jsonb_build_object('taste', p.taste::real, 'session', p.session::real, 'attributes', p.attributes::real, 'repurchase', p.repurchase::real)))) ELSE '{}' END ORDER BY p.new_place)
    INTO product_ids, image_ids, scores, reasons
    FROM placed p LEFT JOIN because b ON p.moved AND b.product_id = product_ids[p.place];
END $$;

-- What explain says of the history.
CREATE OR REPLACE FUNCTION personal_explained(question search_question) RETURNS jsonb
LANGUAGE sql STABLE SET search_path FROM CURRENT
RETURN jsonb_strip_nulls(jsonb_build_object('gate', round((coalesce(((question).history).gate, 0))::numeric, 3), 'strength', coalesce((question).strength, 0),
    'events', coalesce(((question).history).events, 0), 'products', cardinality(((question).history).product_ids),
    'vectors', ((question).history).kind));
