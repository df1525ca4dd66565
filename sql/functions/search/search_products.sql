-- The products of a page, in their order: what the arms found, the relevant, pins, and what follows beyond the wishes.

-- What the arms find of what is asked: at least so many products each, if so many match and no deadline forbids it, and
-- some to spare where that costs little.
CREATE OR REPLACE FUNCTION search_all_arms(
    question search_question, wanted integer, deadline timestamptz, explained boolean, spare integer DEFAULT 0
) RETURNS search_arms
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
DECLARE
    history CONSTANT personal_history := (question).history;
    image_arm record;
    caption_arm record;
    text_arm record;
    arms search_arms;
BEGIN
    image_arm := search_arm('image', (question).space_id, (question).image, (question).filter, wanted, deadline, explained, spare,
        CASE history.kind WHEN 'image' THEN history.taste END, CASE history.kind WHEN 'image' THEN history.recent END);
    caption_arm := search_arm('caption', (question).space_id, (question).caption, (question).filter, wanted, deadline, explained, spare,
        CASE history.kind WHEN 'caption' THEN history.taste END, CASE history.kind WHEN 'caption' THEN history.recent END);
    arms.share := least(image_arm.share, caption_arm.share);
    text_arm := search_text((question).parts, (question).locale, (question).space_id, (question).filter, wanted, arms.share, deadline, false, spare);
    arms.image_ids := coalesce(image_arm.product_ids, '{}');
    arms.image_distances := image_arm.distances;
    arms.pictures := image_arm.item_ids;
    arms.caption_ids := coalesce(caption_arm.product_ids, '{}');
    arms.caption_distances := caption_arm.distances;
    arms.tastes := CASE history.kind WHEN 'image' THEN image_arm.tastes ELSE caption_arm.tastes END;
    arms.near_ids := CASE WHEN arms.tastes IS NOT NULL THEN CASE history.kind WHEN 'image' THEN image_arm.product_ids ELSE caption_arm.product_ids END END;
    arms.recents := CASE history.kind WHEN 'image' THEN image_arm.recents ELSE caption_arm.recents END;
    arms.text_ids := coalesce(text_arm.product_ids, '{}');
    arms.text_scores := text_arm.scores;
    arms.complete := image_arm.complete AND caption_arm.complete AND text_arm.complete;
    arms.report := jsonb_strip_nulls(jsonb_build_object('image', image_arm.report, 'caption', caption_arm.report, 'text', text_arm.report));
    RETURN arms;
END $$;

-- Whether the arms of vectors may have left out a product that the filter keeps: one that waits for a vector, that has one of the other arm
-- alone, or whose pictures are of other options.
CREATE OR REPLACE FUNCTION search_leaves_out(question search_question) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
DECLARE
    space CONSTANT integer := (question).space_id;
BEGIN
    IF num_nonnulls((question).image, (question).caption) = 0 THEN RETURN false; END IF;
    RETURN ((question).filter).on_options OR EXISTS (SELECT FROM waiting_product w WHERE w.space_id = space)
        OR (question).image IS NULL AND rows_of('image_sketch_' || space, 200) > 0
        OR (question).caption IS NULL AND rows_of('caption_sketch_' || space, 200) > 0;
END $$;

-- Why one arm alone, image or caption, found a product.
CREATE OR REPLACE FUNCTION search_arm_reason(arm text, place bigint, distance double precision) RETURNS jsonb
LANGUAGE sql STABLE PARALLEL SAFE
RETURN jsonb_build_object(arm, jsonb_build_object('rank', place, 'similarity', (-distance)::real));

-- Products in their order, with what is known of each: product_ids, image_ids, scores, reasons. Where a history chooses among
-- those that one arm found, the reasons of most would be for nothing: they are NULL (personal_order).
CREATE OR REPLACE FUNCTION search_ordered(
    question search_question, arms search_arms, shown_already bigint[], most integer, needs_pictures boolean,
    OUT product_ids bigint[], OUT image_ids bigint[], OUT scores double precision[], OUT reasons jsonb[]
)
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
DECLARE
    later CONSTANT boolean := (question).strength > 0 AND cardinality((arms).image_ids) + cardinality((arms).caption_ids) >= 2 + cardinality(shown_already);
    arm CONSTANT text := CASE WHEN (question).image IS NULL THEN 'caption' ELSE 'image' END;
BEGIN
    IF coalesce((question).parts, '{}') = '{}' AND coalesce((question).boosts, '[]') = '[]' AND num_nonnulls((question).image, (question).caption) = 1
        AND (question).named = '{}' AND NOT needs_pictures THEN
        -- One arm alone has the order already, and the picture that it found of each.
        SELECT coalesce(array_agg(n.product_id ORDER BY n.place), '{}'), array_agg(n.image_id ORDER BY n.place), array_agg(1.02 * 21.0 / (20 + n.place) ORDER BY n.place),
            array_agg(CASE WHEN later THEN NULL ELSE search_arm_reason(arm, n.place, n.distance) END ORDER BY n.place)
        INTO product_ids, image_ids, scores, reasons
        FROM (SELECT a.product_id, a.distance, a.image_id, row_number() OVER (ORDER BY a.place) AS place
              FROM unnest((arms).image_ids || (arms).caption_ids, (arms).image_distances || (arms).caption_distances, (arms).pictures) WITH ORDINALITY a (product_id, distance, image_id, place)
              WHERE a.product_id <> ALL (shown_already) ORDER BY a.place LIMIT most) n;
        RETURN;
    END IF;
    EXECUTE search_ordered_sql((question).space_id, (question).filter, (question).locale, (question).boosts)
    INTO product_ids, image_ids, scores, reasons
    USING arms, (question).image, (question).caption, (question).parts, shown_already,
        (question).named, (question).brand, (question).arm_weights, most;
END $$;

-- Those that follow in another order: what browsing shows, and after a search what no arm can find yet. Where a history is to choose
-- among them, the reasons of most would be for nothing: they are NULL (personal_order).
CREATE OR REPLACE FUNCTION search_followed(
    product_ids bigint[], image_ids bigint[], scores double precision[], reasons jsonb[], others bigint[], popularities real[], browses boolean, later boolean,
    OUT all_products bigint[], OUT all_images bigint[], OUT all_scores double precision[], OUT all_reasons jsonb[]
)
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
BEGIN
    all_products := product_ids || others;
    all_images := image_ids || array_fill(NULL::bigint, ARRAY[cardinality(others)]);
    IF popularities IS NULL THEN
        SELECT array_agg(p.popularity ORDER BY o.place) INTO popularities
        FROM unnest(others) WITH ORDINALITY o (product_id, place)
        CROSS JOIN LATERAL (SELECT p.popularity FROM product p WHERE p.product_id = o.product_id OFFSET 0) p;
    END IF;
    all_scores := scores || CASE WHEN browses THEN popularities::double precision[] ELSE array_fill(0::double precision, ARRAY[cardinality(others)]) END;
    all_reasons := reasons || CASE
        WHEN later THEN array_fill(NULL::jsonb, ARRAY[cardinality(others)])
        ELSE ARRAY(SELECT jsonb_build_object('popularity', o.popularity) || CASE WHEN browses THEN '{}' ELSE '{"waiting": true}' END::jsonb
                   FROM unnest(popularities) WITH ORDINALITY o (popularity, place) ORDER BY o.place) END;
END $$;

-- What the arms found, of each the first so many.
CREATE OR REPLACE FUNCTION search_first(arms search_arms, most integer) RETURNS search_arms
LANGUAGE sql IMMUTABLE SET search_path FROM CURRENT
RETURN ROW((arms).image_ids[:most], (arms).image_distances[:most], (arms).caption_ids[:most], (arms).caption_distances[:most],
    (arms).text_ids[:most], (arms).text_scores[:most], (arms).complete, (arms).share, (arms).report, (arms).near_ids, (arms).tastes, (arms).recents, (arms).pictures[:most])::search_arms;

-- The same of some products alone, whichever arm found them.
CREATE OR REPLACE FUNCTION search_of(arms search_arms, product_ids bigint[]) RETURNS search_arms
LANGUAGE sql IMMUTABLE SET search_path FROM CURRENT
RETURN ROW(product_ids, NULL, '{}', NULL, '{}', NULL, (arms).complete, (arms).share, (arms).report, NULL, NULL, NULL, NULL)::search_arms;

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

-- How many arms found anything.
CREATE OR REPLACE FUNCTION search_arm_count(arms search_arms) RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN greatest(((arms).image_ids <> '{}')::integer + ((arms).caption_ids <> '{}')::integer + ((arms).text_ids <> '{}')::integer, 1);

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
    shown CONSTANT integer := cardinality(shown_already);
    -- What a shopper's history chooses from; 0 without one.
    spare integer := CASE WHEN sort = 'relevance' AND (question).strength > 0 THEN personal_candidates() ELSE 0 END;
    ordered record;
    others bigint[];
    popularities real[];
    again record;
BEGIN
    IF (question).browses THEN
        SELECT b.* INTO others, popularities FROM search_browsed((question).space_id, (question).filter, sort, shown_already, greatest(k, spare), NULL) b;
    ELSE
        -- A history chooses from many more than are shown: what their sketches say of them is checked of the page alone, unless that was in vain.
        question.filter.believed := coalesce(((question).filter).believed, spare > 0 AND strictness = 0 AND ((question).filter).terms_alone
            AND NOT ((question).filter).on_options AND NOT ((question).filter).on_variants, false);
        IF strictness > 0 THEN
            arms := search_relevant_arms(question, strictness, deadline);
            relevant := ARRAY(SELECT DISTINCT unnest(arms.image_ids || arms.caption_ids || arms.text_ids || (question).named));
        ELSE
            arms := search_all_arms(question, most + shown, deadline, explained, CASE WHEN spare > 0 THEN spare + shown ELSE 0 END);
        END IF;
        IF spare > 0 AND search_is_titled(question, arms) THEN
            spare := 0;
            IF strictness = 0 THEN arms := search_all_arms(question, most + shown, deadline, explained); END IF;
        END IF;
        IF sort <> 'relevance' THEN
            others := search_browse((question).space_id, (question).filter, sort, shown_already, k, NULL, relevant);
            SELECT p.* INTO product_ids, image_ids, scores, reasons FROM search_ordered(question, search_of(arms, others), '{}', k + cardinality((question).named), true) o,
                search_picked(ARRAY(SELECT array_position(o.product_ids, n.product_id) FROM unnest(others) WITH ORDINALITY n (product_id, place) ORDER BY n.place),
                    o.product_ids, o.image_ids, o.scores, o.reasons) p;
            others := NULL;
        ELSE
            ordered := search_ordered(question, search_first(arms, greatest(most, spare / search_arm_count(arms)) + shown), shown_already, greatest(most, spare), diversity > 0);
            product_ids := ordered.product_ids;
            image_ids := ordered.image_ids;
            scores := ordered.scores;
            reasons := ordered.reasons;
        END IF;
        IF spare > 0 THEN
            SELECT p.* INTO product_ids, image_ids, scores, reasons FROM personal_order(question, arms, shown, most, product_ids, image_ids, scores, reasons) p;
        END IF;
        IF sort = 'relevance' AND diversity > 0 AND (question).space_id IS NOT NULL THEN
            SELECT p.* INTO product_ids, image_ids, scores, reasons
            FROM search_picked(search_diverse((question).space_id, product_ids, image_ids, scores, diversity, k), product_ids, image_ids, scores, reasons) p;
        END IF;
        -- What has no vector yet; where only words count, what lacks them is not found.
        IF cardinality(product_ids) < k AND arms.complete AND strictness = 0 AND search_leaves_out(question) THEN
            others := search_browse((question).space_id, (question).filter, 'popularity', shown_already || product_ids, k - cardinality(product_ids), arms.share);
        END IF;
    END IF;
    IF cardinality(others) > 0 THEN
        SELECT f.* INTO product_ids, image_ids, scores, reasons
        FROM search_followed(coalesce(product_ids, '{}'), image_ids, scores, reasons, others, popularities, (question).browses, (question).browses AND spare > 0 AND cardinality(others) > 1) f;
        IF (question).browses AND spare > 0 THEN
            SELECT p.* INTO product_ids, image_ids, scores, reasons FROM personal_order(question, arms, shown, k, product_ids, image_ids, scores, reasons) p;
        END IF;
    END IF;
    -- Terms may say too much: two may share a number, though hardly ever.
    IF coalesce(((question).filter).believed, false) AND NOT search_keeps((question).filter, product_ids) THEN
        question.filter.believed := false;
        again := search_products(question, k, shown_already, options, deadline);
        product_ids := again.product_ids;
        image_ids := again.image_ids;
        scores := again.scores;
        reasons := again.reasons;
        arms := again.arms;
        arms.report := arms.report || '{"believed": false}';
        relevant := again.relevant;
    END IF;
END $$;

-- Which pins are still to be shown, by position: those whose products the filters keep, wishes aside.
CREATE OR REPLACE FUNCTION search_pinned(question search_question, shown_already bigint[]) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
DECLARE
    pinned jsonb;
    filter search_filter := (question).filter;
BEGIN
    IF (question).pins IS NULL THEN RETURN '[]'; END IF;
    IF (question).wider IS NOT NULL THEN filter := search_conditions((question).wider, (question).excluded); END IF;
    EXECUTE concat('SELECT coalesce(jsonb_agg(n.pin ORDER BY (n.pin -> ''position'')::integer), ''[]'') FROM jsonb_array_elements($1) n (pin) ',
        'WHERE (n.pin -> ''product_id'')::bigint <> ALL ($2) AND EXISTS (SELECT FROM product p WHERE p.product_id = (n.pin -> ''product_id'')::bigint AND ',
        (filter).shown, ')')
    INTO pinned USING (question).pins, shown_already;
    RETURN pinned;
END $$;

-- The page with its pins: each at its place, or after the last where the page is shorter.
CREATE OR REPLACE FUNCTION search_with_pins(
    pinned jsonb, shown_before integer, k integer, product_ids bigint[], image_ids bigint[], scores double precision[], reasons jsonb[],
    OUT all_products bigint[], OUT all_images bigint[], OUT all_scores double precision[], OUT all_reasons jsonb[]
)
LANGUAGE sql IMMUTABLE SET search_path FROM CURRENT AS $$
    WITH pin AS (
        SELECT (p.value -> 'product_id')::bigint AS product_id, (p.value -> 'position')::integer - shown_before AS place, p.value ->> 'rule' AS rule
        FROM jsonb_array_elements(pinned) p
    ), free AS (
        SELECT f.place, row_number() OVER (ORDER BY f.place) AS number
        FROM generate_series(1, k) f (place) WHERE f.place NOT IN (SELECT p.place FROM pin p)
    ), page AS (
        SELECT u.product_id, u.image_id, u.score, u.reason, f.place
        FROM unnest(product_ids, image_ids, scores, reasons) WITH ORDINALITY u (product_id, image_id, score, reason, number) JOIN free f USING (number)
        UNION ALL
        SELECT p.product_id, NULL, NULL, jsonb_build_object('pinned', p.rule), p.place FROM pin p
    ), scored AS (
        -- A pin has the score of what it stands before, so that scores never rise.
        SELECT g.*, coalesce(max(g.score) OVER (ORDER BY g.place ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING), 0) AS shown_score FROM page g
    )
    SELECT array_agg(s.product_id ORDER BY s.place), array_agg(s.image_id ORDER BY s.place), array_agg(s.shown_score ORDER BY s.place), array_agg(s.reason ORDER BY s.place)
    FROM (SELECT * FROM scored ORDER BY place LIMIT k) s
$$;

-- The products of a page: those that fulfil all wishes, then what follows where these are fewer, with pins among them.
CREATE OR REPLACE FUNCTION search_paged(
    question search_question, k integer, shown_already bigint[], options jsonb, deadline timestamptz,
    OUT product_ids bigint[], OUT image_ids bigint[], OUT scores double precision[], OUT reasons jsonb[],
    OUT arms search_arms, OUT relevant bigint[]
)
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
DECLARE
    pinned CONSTANT jsonb := search_pinned(question, shown_already);
    pins bigint[] := '{}';
    room integer := k;  -- for what is not pinned
    page record;
    beyond record;
    wider search_question;
BEGIN
    IF pinned <> '[]' THEN
        SELECT array_agg((p.value -> 'product_id')::bigint), k - count(*) FILTER (WHERE (p.value -> 'position')::integer <= cardinality(shown_already) + k)
        INTO pins, room FROM jsonb_array_elements(pinned) p;
    END IF;
    page := search_products(question, greatest(room, 0), shown_already || pins, options, deadline);
    arms := page.arms;
    -- Pins are shown whether or not they are near, so they count.
    relevant := page.relevant || CASE WHEN page.relevant IS NOT NULL THEN
        ARRAY(SELECT (p.value -> 'product_id')::bigint FROM jsonb_array_elements((question).pins) p) END;
    product_ids := coalesce(page.product_ids, '{}');
    image_ids := page.image_ids;
    scores := page.scores;
    reasons := page.reasons;
    IF (question).wider IS NOT NULL AND cardinality(product_ids) < room AND search_strictness(options) = 0 AND coalesce(arms.complete, true) THEN
        wider := question;
        wider.filter := search_conditions((question).wider, (question).excluded);
        beyond := search_products(wider, room - cardinality(product_ids), shown_already || pins || product_ids, options, deadline);
        product_ids := product_ids || beyond.product_ids;
        image_ids := image_ids || beyond.image_ids;
        scores := scores || ARRAY(SELECT least(s.score, scores[cardinality(scores)]) FROM unnest(beyond.scores) WITH ORDINALITY s (score, place) ORDER BY s.place);
        reasons := reasons || ARRAY(SELECT r.reason || '{"beyond": true}' FROM unnest(beyond.reasons) WITH ORDINALITY r (reason, place) ORDER BY r.place);
        IF arms.complete THEN arms.complete := (beyond.arms).complete; END IF;
    END IF;
    IF pinned <> '[]' THEN
        SELECT p.* INTO product_ids, image_ids, scores, reasons
        FROM search_with_pins(pinned, cardinality(shown_already), k, product_ids, image_ids, scores, reasons) p;
    END IF;
END $$;

