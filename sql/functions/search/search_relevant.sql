-- The cut-off: which products are relevant to a search at all, so that nonsense finds nothing.

-- One arm as far as its products are relevant, the first some thousand: those a standard deviation nearer to the query
-- than the catalogue's are on the average. height is by how much the very nearest is more similar than these.
CREATE OR REPLACE FUNCTION search_relevant_arm(
    kind text, question search_question, strictness double precision, deadline timestamptz,
    OUT product_ids bigint[], OUT distances double precision[], OUT report jsonb, OUT complete boolean, OUT share double precision,
    OUT height double precision
)
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
DECLARE
    vector halfvec := CASE kind WHEN 'image' THEN (question).image ELSE (question).caption END;
    spread record;
    farthest double precision;
    wanted integer := 100;
    arm record;
BEGIN
    complete := true;
    IF vector IS NULL THEN RETURN; END IF;
    spread := similarity_spread(kind, (question).space_id, vector);
    farthest := -(spread.mean + strictness * spread.deviation);
    LOOP
        arm := search_arm(kind, (question).space_id, vector, (question).filter, wanted, deadline, false);
        EXIT WHEN cardinality(arm.product_ids) < wanted OR arm.distances[wanted] > farthest OR wanted >= 5000 OR NOT arm.complete;
        wanted := least(wanted * 4, 5000);
    END LOOP;
    SELECT array_agg(a.product_id ORDER BY a.place), array_agg(a.distance ORDER BY a.place) INTO product_ids, distances
    FROM unnest(arm.product_ids, arm.distances) WITH ORDINALITY a (product_id, distance, place) WHERE a.distance <= farthest;
    height := -arm.distances[1] - spread.mean;
    report := arm.report || jsonb_build_object('cutoff', (-farthest)::real);
    complete := arm.complete;
    share := arm.share;
END $$;

-- All that is relevant: what is near enough by picture or caption, and what the words find: all of them, else any. To
-- words that mean nothing here no product is near: what is nearest is hardly nearer than the rest, and of these only
-- what the words find is kept (docs/discussions.md has the figures).
CREATE OR REPLACE FUNCTION search_relevant_arms(question search_question, strictness double precision, deadline timestamptz) RETURNS search_arms
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
DECLARE
    image_arm record := search_relevant_arm('image', question, strictness, deadline);
    caption_arm record := search_relevant_arm('caption', question, strictness, deadline);
    text_arm record;
    arms search_arms;
    typical double precision;
    all_words boolean := true;
BEGIN
    arms.share := least(image_arm.share, caption_arm.share);
    LOOP
        text_arm := search_text((question).parts, (question).locale, (question).space_id, (question).filter, 5000, arms.share, deadline, all_words);
        EXIT WHEN NOT all_words OR text_arm.product_ids IS NULL OR text_arm.product_ids <> '{}';
        all_words := false;
    END LOOP;
    arms.report := jsonb_strip_nulls(jsonb_build_object('image', image_arm.report, 'caption', caption_arm.report, 'text', text_arm.report));
    arms.complete := image_arm.complete AND caption_arm.complete AND text_arm.complete;
    arms.text_ids := coalesce(text_arm.product_ids, '{}');
    arms.text_scores := text_arm.scores;
    IF (question).words IS NOT NULL AND num_nonnulls(image_arm.height, caption_arm.height) > 0 THEN
        typical := coalesce((SELECT w.height FROM whitening w WHERE w.space_id = (question).space_id), 0.4);
        IF coalesce(image_arm.height, 0) + coalesce(caption_arm.height, 0)
            < strictness * typical * num_nonnulls(image_arm.height, caption_arm.height) THEN
            arms.image_ids := '{}';
            arms.caption_ids := '{}';
            RETURN arms;
        END IF;
    END IF;
    arms.image_ids := coalesce(image_arm.product_ids, '{}');
    arms.image_distances := image_arm.distances;
    arms.caption_ids := coalesce(caption_arm.product_ids, '{}');
    arms.caption_distances := caption_arm.distances;
    RETURN arms;
END $$;

-- How strict a search is: 0 keeps everything, 1 is the default cut-off. Sorting by price takes one, or the cheapest of
-- all would come first, whatever was asked for.
CREATE OR REPLACE FUNCTION search_strictness(options jsonb) RETURNS double precision
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE jsonb_typeof(options -> 'cutoff') WHEN 'number' THEN (options ->> 'cutoff')::double precision
    WHEN 'boolean' THEN CASE WHEN (options ->> 'cutoff')::boolean THEN 1 ELSE 0 END
    ELSE CASE WHEN coalesce(options ->> 'sort', 'relevance') <> 'relevance' THEN 1 ELSE 0 END END;
