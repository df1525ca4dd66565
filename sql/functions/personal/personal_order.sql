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
    IF num_nonnulls(client, session) = 0 OR wanted = 0 OR coalesce(options ->> 'sort', 'relevance') <> 'relevance' OR (question).named <> '{}' OR search_is_of_model((question).understood) THEN
        RETURN question;
    END IF;
    question.history := personal_taste((question).space_id, client, session, (options ->> 'as_of')::timestamptz, asked_weights(options -> 'weights'));
    IF ((question).history).events > 0 THEN question.strength := wanted; END IF;
    RETURN question;
END $$;

-- The words of a text, each once and in no order of its own: "Acme, warm coat" and "warm coat by Acme" are one.
CREATE OR REPLACE FUNCTION word_bag(written text) RETURNS text[]
LANGUAGE sql IMMUTABLE SET search_path FROM CURRENT
RETURN ARRAY(SELECT DISTINCT w.word FROM regexp_split_to_table(fold(written), '[^[:alnum:]]+') w (word) WHERE w.word NOT IN ('', 'by') ORDER BY w.word);

-- The attributes, in small letters, that name one product among those of its brand.
CREATE OR REPLACE FUNCTION naming_attributes() RETURNS text[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN '{model,"model number",model_number,model_no,mpn,gtin,ean,upc,isbn,"part number",part_number,"article number",article_number,"style number",style_number}'::text[];

-- What such attributes of a product say.
CREATE OR REPLACE FUNCTION product_model(attributes jsonb) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path FROM CURRENT
RETURN (SELECT min(m.value #>> '{}') FROM jsonb_each(attributes) m WHERE lower(m.key) = ANY (naming_attributes()) AND jsonb_typeof(m.value) IN ('string', 'number'));

-- Whether all of the shopper's words were understood as a product's model, or as a brand and a model.
CREATE OR REPLACE FUNCTION search_is_of_model(understood jsonb) RETURNS boolean
LANGUAGE sql IMMUTABLE SET search_path FROM CURRENT
RETURN understood -> 'filters' ? 'attributes' AND (
    SELECT bool_or(c.field = 'attributes') AND bool_and(c.field = 'brand' OR c.field = 'attributes' AND lower(c.name) = ANY (naming_attributes()))
        AND word_bag(string_agg(c.text, ' ')) = word_bag(understood ->> 'query')
    FROM jsonb_to_recordset(understood -> 'chips') c (field text, name text, text text));

-- Whether the shopper's words are a product's title, or its brand and title, or its model, in whatever order. Titles of another length are not taken apart.
CREATE OR REPLACE FUNCTION search_is_titled(question search_question, arms search_arms) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
DECLARE
    words text[];
    asked text[];
    longest integer;
BEGIN
    IF (question).brand IS NULL THEN RETURN false; END IF;
    words := word_bag((question).brand);
    IF words = '{}' THEN RETURN false; END IF;
    asked := CASE WHEN (question).understood ->> 'query' IS NULL THEN words ELSE word_bag((question).understood ->> 'query') END;
    longest := length(coalesce((question).understood ->> 'query', (question).brand));
    RETURN EXISTS (
        SELECT FROM unnest((arms).text_ids[:200]) a (product_id)
        CROSS JOIN LATERAL (SELECT p.brand, p.attributes FROM product p WHERE p.product_id = a.product_id OFFSET 0) p
        JOIN product_text t ON t.product_id = a.product_id
        WHERE CASE WHEN length(t.title) <= longest + 3 AND length((question).brand) <= length(concat(p.brand, t.title)) + 12
            THEN word_bag(t.title) IN (words, asked) OR word_bag(concat_ws(' ', p.brand, t.title)) IN (words, asked) END
        OR CASE WHEN EXISTS (SELECT FROM jsonb_object_keys(p.attributes) k (key) WHERE lower(k.key) = ANY (naming_attributes()))
                AND product_model(p.attributes) IS NOT NULL
            THEN word_bag(product_model(p.attributes)) IN (words, asked) OR word_bag(concat_ws(' ', p.brand, product_model(p.attributes))) IN (words, asked) END);
END $$;

-- The first of the products given in their new order; each place keeps its score, and what moved says why. What words and
-- pictures say counts by its logarithm, so that one rule's factor does not flatten all the rest; in browsing popularity says
-- it. What all candidates have alike moves nothing. Beside words and pictures attributes are looked up of the first four pages.
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
    page CONSTANT integer := least(most, first);
    given CONSTANT bigint[] := product_ids[:first];
    judged CONSTANT bigint[] := given[:CASE WHEN browses THEN first ELSE greatest(4 * most, 96) END];
    near CONSTANT record := personal_nearness(space_id, history, given, arms);
    strength CONSTANT double precision := (question).strength;
    gate CONSTANT double precision := strength * history.gate;
    w_base CONSTANT double precision := (history.weights ->> CASE WHEN browses THEN 'popularity' ELSE 'relevance' END)::double precision;
    w_taste CONSTANT double precision := gate * (history.weights ->> 'taste')::double precision;
    w_session CONSTANT double precision := gate * (history.weights ->> 'session')::double precision;
    w_attributes CONSTANT double precision := gate * (history.weights ->> 'attributes')::double precision;
    w_repurchase CONSTANT double precision := strength * (history.weights ->> 'repurchase')::double precision;
    shown_gate CONSTANT numeric := round(history.gate::numeric, 3);
    -- For those whose reason is still to be said.
    arm CONSTANT text := CASE WHEN (question).image IS NULL THEN 'caption' ELSE 'image' END;
    found CONSTANT bigint[] := (arms).image_ids || (arms).caption_ids;
    distances CONSTANT double precision[] := (arms).image_distances || (arms).caption_distances;
    -- Arrays of the page.
    placed record;
BEGIN
    IF first < 2 THEN RETURN; END IF;
    WITH given AS MATERIALIZED (
        SELECT u.product_id, u.place, n.taste, n.recent, v.preference, coalesce(b.repurchase, 0) AS repurchase,
            CASE WHEN browses THEN ln(1 + u.score) ELSE ln(greatest(u.score, 1e-3)) END AS base
        FROM unnest(given, scores[:first]) WITH ORDINALITY u (product_id, score, place)
        LEFT JOIN unnest(near.product_ids, near.tastes, near.recents) n (product_id, taste, recent) ON n.product_id = u.product_id
        LEFT JOIN personal_preferences(history, judged) v ON v.product_id = u.product_id
        LEFT JOIN unnest(history.product_ids, history.repurchases) b (product_id, repurchase) ON b.product_id = u.product_id AND b.repurchase > 0
    ), middle AS (
        SELECT avg(c.base) AS base, greatest(stddev_pop(c.base), 1e-6) AS base_unit, avg(c.taste) AS taste, stddev_pop(c.taste) AS taste_unit,
            avg(c.recent) AS recent, stddev_pop(c.recent) AS recent_unit, avg(c.preference) AS preference FROM given c
    ), weighed AS (
        SELECT c.product_id, c.place, w_taste * likeness_units(c.taste, m.taste, m.taste_unit) AS taste, w_session * likeness_units(c.recent, m.recent, m.recent_unit) AS session,
            coalesce(w_attributes * (c.preference - m.preference), 0) AS attributes, w_repurchase * c.repurchase AS repurchase,
            w_base * CASE WHEN browses THEN c.base ELSE (c.base - m.base) / m.base_unit END AS base
        FROM given c CROSS JOIN middle m
    )
    SELECT array_agg(o.product_id) AS product_ids, array_agg(o.place) AS places, array_agg(o.taste) AS tastes, array_agg(o.session) AS sessions,
        array_agg(o.attributes) AS attributes, array_agg(o.repurchase) AS repurchases, array_agg(o.product_id) FILTER (WHERE o.place <> o.new_place) AS moved,
        array_agg(o.product_id) FILTER (WHERE o.place > o.new_place AND o.taste + o.session > 0) AS drawn
    INTO placed
    FROM (SELECT a.*, row_number() OVER () AS new_place
          FROM (SELECT w.* FROM weighed w ORDER BY w.base + w.taste + w.session + w.attributes + w.repurchase DESC, w.place LIMIT page) a) o;
    SELECT array_agg(p.product_id ORDER BY p.new_place) || product_ids[page + 1:most], array_agg(image_ids[p.place] ORDER BY p.new_place) || image_ids[page + 1:most],
        scores[:most],
        array_agg(CASE WHEN reasons[p.place] IS NOT NULL THEN reasons[p.place] WHEN browses THEN jsonb_build_object('popularity', scores[p.place]::real)
                ELSE search_arm_reason(arm, p.place, distances[array_position(found, p.product_id)]) END || CASE WHEN p.place <> p.new_place THEN
            jsonb_strip_nulls(jsonb_build_object('personal',
                jsonb_build_object('gate', shown_gate, 'strength', strength, 'from', shown + p.place, 'to', shown + p.new_place, 'values', b.telling, 'like', b.alike,
                'parts', jsonb_build_object('taste', p.taste::real, 'session', p.session::real, 'attributes', p.attributes::real, 'repurchase', p.repurchase::real)))) ELSE '{}' END
            ORDER BY p.new_place) || reasons[page + 1:most]
    INTO product_ids, image_ids, scores, reasons
    FROM unnest(placed.product_ids, placed.places, placed.tastes, placed.sessions, placed.attributes, placed.repurchases) WITH ORDINALITY
        p (product_id, place, taste, session, attributes, repurchase, new_place)
    LEFT JOIN personal_reasons(space_id, history, placed.moved, placed.drawn) b ON b.product_id = p.product_id;
END $$;

-- What explain says of the history.
CREATE OR REPLACE FUNCTION personal_explained(question search_question) RETURNS jsonb
LANGUAGE sql STABLE SET search_path FROM CURRENT
RETURN jsonb_strip_nulls(jsonb_build_object('gate', round((coalesce(((question).history).gate, 0))::numeric, 3), 'strength', coalesce((question).strength, 0),
    'events', coalesce(((question).history).events, 0), 'products', cardinality(((question).history).product_ids),
    'vectors', ((question).history).kind));
