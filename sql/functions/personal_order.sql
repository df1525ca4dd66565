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

-- What each part but attributes adds to the scores of some candidates, in their order, and who leads by these parts. What words
-- and pictures say counts by its logarithm, so that one rule's factor does not flatten all the rest; in browsing popularity says it.
CREATE OR REPLACE FUNCTION personal_weighed(
    question search_question, arms search_arms, product_ids bigint[], scores double precision[],
    OUT bases double precision[], OUT tastes double precision[], OUT sessions double precision[], OUT repurchases double precision[], OUT leaders bigint[]
)
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
DECLARE
    history CONSTANT personal_history := (question).history;
    near CONSTANT record := personal_nearness((question).space_id, history, product_ids, arms);
    w CONSTANT jsonb := history.weights;
    browses CONSTANT boolean := (question).browses;
    gate CONSTANT double precision := (question).strength * history.gate;
    w_base CONSTANT double precision := (w ->> CASE WHEN browses THEN 'popularity' ELSE 'relevance' END)::double precision;
    w_taste CONSTANT double precision := gate * (w ->> 'taste')::double precision;
    w_session CONSTANT double precision := gate * (w ->> 'session')::double precision;
    w_repurchase CONSTANT double precision := (question).strength * (w ->> 'repurchase')::double precision;
BEGIN
    WITH said AS (
        SELECT u.*, CASE WHEN browses THEN ln(1 + u.score) ELSE ln(greatest(u.score, 1e-3)) END AS base
        FROM unnest(product_ids, near.tastes, near.recents, scores) WITH ORDINALITY u (product_id, taste, recent, score, place)
    ), weighed AS (
        SELECT s.product_id, s.place, w_base * CASE WHEN browses THEN s.base ELSE (s.base - avg(s.base) OVER a) / greatest(stddev_pop(s.base) OVER a, 1e-6) END AS base,
            w_taste * likeness_units(s.taste, avg(s.taste) OVER a, stddev_pop(s.taste) OVER a) AS taste,
            w_session * likeness_units(s.recent, avg(s.recent) OVER a, stddev_pop(s.recent) OVER a) AS recent, w_repurchase * coalesce(b.repurchase, 0) AS repurchase
        FROM said s LEFT JOIN unnest(history.product_ids, history.repurchases) b (product_id, repurchase) ON b.product_id = s.product_id WINDOW a AS ()
    )
    SELECT array_agg(e.base ORDER BY e.place), array_agg(e.taste ORDER BY e.place), array_agg(e.recent ORDER BY e.place), array_agg(e.repurchase ORDER BY e.place),
        array_agg(e.product_id ORDER BY e.base + e.taste + e.recent + e.repurchase DESC, e.place)
    INTO bases, tastes, sessions, repurchases, leaders FROM weighed e;
END $$;

-- The first of the products given in their new order; each place keeps its score, and what moved says why. Attributes are
-- looked up of those that lead without them, three pages of them; what all of these have alike moves nothing.
CREATE OR REPLACE FUNCTION personal_order(
    question search_question, arms search_arms, shown integer, most integer,
    INOUT product_ids bigint[], INOUT image_ids bigint[], INOUT scores double precision[], INOUT reasons jsonb[]
)
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT SET enable_bitmapscan = off AS $$
DECLARE
    history CONSTANT personal_history := (question).history;
    first CONSTANT integer := least(personal_candidates(), cardinality(product_ids));
    ids CONSTANT bigint[] := product_ids[:first];
    named CONSTANT boolean[] := ARRAY(SELECT r.reason ? 'named' FROM unnest(reasons[:first]) WITH ORDINALITY r (reason, place) ORDER BY r.place);
    w_attributes CONSTANT double precision := (question).strength * history.gate * (history.weights ->> 'attributes')::double precision;
    said CONSTANT jsonb := jsonb_build_object('gate', round(history.gate::numeric, 3), 'strength', (question).strength);
    added record;
    ahead bigint[];
    own record;
    places bigint[];
    parts jsonb[];
BEGIN
    IF first < 2 THEN RETURN; END IF;
    added := personal_weighed(question, arms, ids, scores[:first]);
    ahead := added.leaders[:CASE WHEN (question).browses THEN first ELSE greatest(3 * most, 72) END];
    own := personal_preferences(history, ahead);
    WITH preferred AS (
        SELECT l.id, coalesce(sum(v.preference), 0) AS preference FROM unnest(ahead) l (id)
        LEFT JOIN unnest(own.product_ids, own.preferences) v (id, preference) USING (id) GROUP BY l.id
    ), weighed AS (
        SELECT u.*, w_attributes * coalesce(p.preference - avg(p.preference) OVER (), 0) AS attributes
        FROM unnest(ids, added.bases, added.tastes, added.sessions, added.repurchases, named) WITH ORDINALITY u (id, base, taste, session, repurchase, named, place)
        LEFT JOIN preferred p USING (id)
    ), ordered AS (
        SELECT w.*, row_number() OVER (ORDER BY w.named DESC, w.base + w.taste + w.session + w.attributes + w.repurchase DESC, w.place) AS new_place FROM weighed w
    )
    SELECT array_agg(o.place ORDER BY o.new_place), array_agg(jsonb_build_object('taste', o.taste::real, 'session', o.session::real,
        'attributes', o.attributes::real, 'repurchase', o.repurchase::real) ORDER BY o.new_place) INTO places, parts FROM ordered o WHERE o.new_place <= most;
    WITH placed AS MATERIALIZED (
        SELECT o.new_place, coalesce(places[o.new_place], o.new_place) AS place FROM generate_series(1, least(most, cardinality(product_ids))) o (new_place)
    ), because AS MATERIALIZED (
        SELECT d.* FROM personal_reasons((question).space_id, history,
            (SELECT array_agg(product_ids[p.place]) FROM placed p WHERE p.place <> p.new_place),
            (SELECT array_agg(product_ids[p.place]) FROM placed p WHERE p.place > p.new_place), own.product_ids, own.held, own.preferences) d
    )
    SELECT array_agg(product_ids[p.place] ORDER BY p.new_place), array_agg(image_ids[p.place] ORDER BY p.new_place), array_agg(scores[p.new_place] ORDER BY p.new_place),
        array_agg(reasons[p.place] || CASE WHEN p.place = p.new_place THEN '{}' ELSE jsonb_build_object('personal',
            said || jsonb_build_object('from', shown + p.place, 'to', shown + p.new_place, 'parts', parts[p.new_place]) || coalesce(b.reason, '{}')) END ORDER BY p.new_place)
    INTO product_ids, image_ids, scores, reasons
    FROM placed p LEFT JOIN because b ON p.place <> p.new_place AND b.product_id = product_ids[p.place];
END $$;

-- What explain says of the history.
CREATE OR REPLACE FUNCTION personal_explained(question search_question) RETURNS jsonb
LANGUAGE sql STABLE SET search_path FROM CURRENT
RETURN jsonb_strip_nulls(jsonb_build_object('gate', round((coalesce(((question).history).gate, 0))::numeric, 3), 'strength', coalesce((question).strength, 0),
    'events', coalesce(((question).history).events, 0), 'products', cardinality(((question).history).product_ids), 'values', cardinality(((question).history).liked),
    'vectors', ((question).history).kind));
