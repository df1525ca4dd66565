-- Exploration: now and then one place of a page shows a product from below it, so that events can tell how it does there.

-- With the probability e (`explore`) one of the n free places of a page, drawn evenly, shows one of the m candidates,
-- drawn evenly: the next 20 products. So a product in a free place has the propensity 1 - e/n, one that was drawn e/(n m);
-- a place that a pin or the shopper's own key or title holds is not free, and has 1. The product whose place was taken
-- has not been shown: the next page begins with it.

CREATE OR REPLACE FUNCTION check_exploration(options jsonb) RETURNS void
LANGUAGE plpgsql IMMUTABLE SET search_path FROM CURRENT AS $$
BEGIN
    IF (CASE jsonb_typeof(options -> 'explore') WHEN 'number' THEN (options -> 'explore')::numeric NOT BETWEEN 0 AND 0.5
            ELSE jsonb_typeof(options -> 'explore') <> 'null' END) THEN
        PERFORM argument_error(format('the option explore is %s', left((options -> 'explore')::text, 50)),
            'Give the share of pages that show a product from below, 0 to 0.5.');
    ELSIF jsonb_typeof(options -> 'seed') NOT IN ('number', 'string', 'null') OR length(options ->> 'seed') > 200 THEN
        PERFORM argument_error(format('the option seed is %s', left((options -> 'seed')::text, 50)),
            'Give a number or a text of at most 200 characters; the same search with the same seed has the same answer.');
    END IF;
END $$;

-- Three numbers from 0 to below 1, of a text or by chance.
CREATE OR REPLACE FUNCTION exploration_draws(seed text) RETURNS double precision[]
LANGUAGE sql VOLATILE
RETURN CASE WHEN seed IS NULL THEN ARRAY[random(), random(), random()]
    ELSE ARRAY(SELECT ('x' || substr(encode(sha256(convert_to(seed, 'UTF8')), 'hex'), 12 * n + 1, 12))::bit(48)::bigint / 281474976710656.0::double precision
               FROM generate_series(0, 2) n ORDER BY n) END;

-- What search_paged finds, with the one place explored; reasons then say each product's propensity.
CREATE OR REPLACE FUNCTION search_explored(
    question search_question, k integer, shown_already bigint[], options jsonb, deadline timestamptz, fingerprint text,
    OUT product_ids bigint[], OUT image_ids bigint[], OUT scores double precision[], OUT reasons jsonb[],
    OUT arms search_arms, OUT relevant bigint[]
)
LANGUAGE plpgsql VOLATILE SET search_path FROM CURRENT AS $$
DECLARE
    share CONSTANT double precision := CASE WHEN coalesce(options ->> 'sort', 'relevance') = 'relevance' THEN coalesce((options ->> 'explore')::double precision, 0) ELSE 0 END;
    page record := search_paged(question, k + CASE WHEN share > 0 THEN 20 ELSE 0 END, shown_already, options, deadline);
    free integer[];
    candidates integer[];
    draws double precision[];
    each double precision; -- the probability that a free place is explored
    place integer;
    drawn integer;
BEGIN
    product_ids := page.product_ids;
    image_ids := page.image_ids;
    scores := page.scores;
    reasons := page.reasons;
    arms := page.arms;
    relevant := page.relevant;
    IF NOT coalesce((options ->> 'explore')::double precision > 0, false) OR cardinality(product_ids) = 0 THEN RETURN; END IF;
    SELECT coalesce(array_agg(r.place ORDER BY r.place) FILTER (WHERE r.place <= k AND NOT r.reason ? 'pinned' AND coalesce(r.reason ->> 'named', '') NOT IN ('key', 'title')), '{}'),
        coalesce(array_agg(r.place ORDER BY r.place) FILTER (WHERE r.place > k AND NOT r.reason ?| '{pinned,beyond}'), '{}')
    INTO free, candidates FROM unnest(page.reasons) WITH ORDINALITY r (reason, place);
    -- Without free places or candidates nothing can be drawn.
    IF share = 0 OR free = '{}' OR candidates = '{}' THEN free := '{}'; END IF;
    each := share / nullif(cardinality(free), 0);
    reasons := ARRAY(SELECT r.reason || jsonb_build_object('propensity', CASE WHEN r.place = ANY (free) THEN 1 - each ELSE 1 END)
        FROM unnest(page.reasons[:k]) WITH ORDINALITY r (reason, place) ORDER BY r.place);
    draws := exploration_draws(CASE WHEN options ->> 'seed' IS NOT NULL THEN concat_ws('/', fingerprint, cardinality(shown_already)) END);
    IF free <> '{}' AND draws[1] < share THEN
        place := free[1 + floor(draws[2] * cardinality(free))::integer];
        drawn := candidates[1 + floor(draws[3] * cardinality(candidates))::integer];
        product_ids[place] := product_ids[drawn];
        image_ids := coalesce(image_ids, array_fill(NULL::bigint, ARRAY[cardinality(product_ids)]));
        image_ids[place] := image_ids[drawn];
        -- Its score is that of the product whose place it has: scores never rise.
        reasons[place] := page.reasons[drawn] || jsonb_build_object('explored', jsonb_build_object('rank', cardinality(shown_already) + drawn),
            'propensity', each / cardinality(candidates));
    END IF;
    product_ids := product_ids[:k];
    image_ids := image_ids[:k];
    scores := scores[:k];
END $$;
