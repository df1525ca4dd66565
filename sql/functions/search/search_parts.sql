-- What a search asks for: words, pictures and products with weights, as one vector for pictures and one for captions.

-- The parts of a query, checked: kind is words, image or product.
CREATE OR REPLACE FUNCTION search_parts(query text, terms jsonb, OUT kind text, OUT asked text, OUT weight double precision) RETURNS SETOF record
LANGUAGE plpgsql STABLE ROWS 1 SET search_path FROM CURRENT AS $$
DECLARE
    given jsonb := coalesce(nullif(terms, 'null'), '[]');
    term record;
    keys integer;
    positive boolean := query IS NOT NULL;
BEGIN
    IF jsonb_typeof(given) <> 'array' OR jsonb_path_exists(given, 'strict $[*] ? (@.type() != "object")') THEN
        RAISE EXCEPTION USING ERRCODE = 'VT001', MESSAGE = 'terms must be a list of objects',
            HINT = 'For example [{"product": "SKU"}] or [{"image": "<key from encode, or web address>", "weight": 1}, {"words": "red", "weight": 0.5}].';
    ELSIF jsonb_array_length(given) > 16 THEN
        RAISE EXCEPTION USING ERRCODE = 'VT001', MESSAGE = format('terms has %s parts', jsonb_array_length(given)), HINT = 'Give at most 16.';
    END IF;
    IF query IS NOT NULL THEN
        PERFORM check_query(query);
        kind := 'words'; asked := query; weight := 1;
        RETURN NEXT;
    END IF;
    FOR term IN SELECT t.value, t.number, t.value -> 'weight' AS weight FROM jsonb_array_elements(given) WITH ORDINALITY t (value, number) LOOP
        SELECT count(*), min(t.key) FILTER (WHERE jsonb_typeof(t.value) = 'string'), min(t.value #>> '{}') INTO keys, kind, asked FROM jsonb_each(term.value - 'weight') t;
        IF keys <> 1 OR kind IS NULL OR kind NOT IN ('words', 'image', 'product') THEN
            RAISE EXCEPTION USING ERRCODE = 'VT001', MESSAGE = format('terms[%s] is %s', term.number, left(term.value::text, 100)),
                HINT = 'A part has one of words, image (a key from encode, or a web address) or product (an external_id or SKU), as text, and may have a weight.';
        ELSIF term.weight IS NOT NULL AND NOT coalesce(jsonb_typeof(term.weight) = 'number' AND (term.weight)::numeric BETWEEN -1 AND 1, false) THEN
            RAISE EXCEPTION USING ERRCODE = 'VT001', MESSAGE = format('terms[%s] has the weight %s', term.number, left(term.weight::text, 50)),
                HINT = 'A weight is a number from -1 (less like this) to 1 (more like this).';
        ELSIF kind = 'words' THEN
            PERFORM check_query(asked);
        ELSIF kind = 'image' AND is_address(asked) THEN
            PERFORM check_address(asked);
        ELSIF kind = 'image' AND asked !~ '^[0-9a-f]{64}$' THEN
            RAISE EXCEPTION USING ERRCODE = 'VT001', MESSAGE = format('%s is no picture''s key', to_json(left(asked, 80))),
                HINT = 'CALL encode(image => …) returns it: the SHA-256 of the picture''s bytes, in hex. A picture on the web may be named by its address, https://….';
        END IF;
        weight := coalesce((term.weight)::double precision, 1);
        positive := positive OR weight > 0;
        IF weight <> 0 THEN RETURN NEXT; END IF;
    END LOOP;
    IF jsonb_array_length(given) > 0 AND NOT positive THEN
        RAISE EXCEPTION USING ERRCODE = 'VT001', MESSAGE = 'no part of the search has a weight above 0',
            HINT = 'Say what to look for as well, not only what to keep away from; a filter with `not` excludes.';
    END IF;
END $$;

-- The vector of known words or a known picture; NULL for what no worker has encoded yet.
CREATE OR REPLACE FUNCTION known_vector(part text, asked text, space_id integer) RETURNS halfvec
LANGUAGE sql STABLE SET search_path FROM CURRENT AS $$
    SELECT q.embedding FROM query_vector q
    WHERE q.space_id = known_vector.space_id
      AND q.kind = CASE part WHEN 'words' THEN 'text' ELSE 'image' END
      AND q.key = CASE part WHEN 'words' THEN query_key(asked) ELSE picture_key(asked) END
$$;

-- Unknown words and pictures name the CALL that makes them known; the detail is for programs.
CREATE OR REPLACE FUNCTION unknown_part(part text, asked text, named_space text) RETURNS void
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
DECLARE
    in_space text := coalesce(', space => ' || quote_literal(named_space), '');
BEGIN
    IF part = 'words' THEN
        RAISE EXCEPTION USING ERRCODE = 'VT002', MESSAGE = format('the words %s have no vector yet', to_json(asked)),
            HINT = format('CALL %I.encode(%L%s); then search again.', current_schema(), asked, in_space),
            DETAIL = jsonb_build_object('words', asked);
    ELSIF is_address(asked) THEN
        RAISE EXCEPTION USING ERRCODE = 'VT002', MESSAGE = format('the picture at %s has no vector yet', to_json(asked)),
            HINT = format('CALL %I.encode(image_url => %L%s); then search again.', current_schema(), asked, in_space),
            DETAIL = jsonb_build_object('image', asked);
    END IF;
    RAISE EXCEPTION USING ERRCODE = 'VT002', MESSAGE = format('the picture %s has no vector yet', asked),
        HINT = format('CALL %I.encode(image => …%s) with its bytes; then search again.', current_schema(), in_space),
        DETAIL = jsonb_build_object('image', asked);
END $$;

-- A product as a query: the mean of its vectors, of one variant's pictures where a SKU names it.
CREATE OR REPLACE FUNCTION product_vectors(
    asked text, space_id integer, OUT product_id bigint, OUT image halfvec, OUT caption halfvec
)
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
#variable_conflict use_column
DECLARE
    variant bigint;
BEGIN
    SELECT p.product_id INTO product_id FROM product p WHERE p.external_id = asked;
    IF NOT FOUND THEN
        SELECT v.product_id, v.variant_id INTO product_id, variant FROM variant v WHERE v.sku = asked;
    END IF;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'VT001', MESSAGE = format('no product has the external_id or SKU %s', to_json(asked)),
            HINT = 'Give a product''s external_id or a variant''s sku, exactly as they stand in the catalogue.';
    END IF;
    EXECUTE format(
        'SELECT coalesce(l2_normalize(avg(i.embedding) FILTER (WHERE s.shows)), l2_normalize(avg(i.embedding))) '
        'FROM %I i CROSS JOIN LATERAL (SELECT $2 IS NULL OR coalesce(bool_or(s.variant_id = $2), true) AS shows '
        'FROM image_variant s WHERE s.product_id = i.product_id AND s.image_id = i.image_id) s '
        'WHERE i.product_id = $1', 'image_vector_' || space_id) INTO image USING product_id, variant;
    EXECUTE format('SELECT l2_normalize(avg(t.embedding)) FROM %I t WHERE t.product_id = $1',
        'caption_vector_' || space_id) INTO caption USING product_id;
    IF image IS NULL AND caption IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'VT001', MESSAGE = format('the product %s has no vector yet', to_json(asked)),
            HINT = 'It waits for a worker: `vitrine work` encodes it, `vitrine status` shows what waits.';
    END IF;
END $$;

-- Mean and standard deviation of a vector's similarities to the catalogue: to some 250 vectors, always the same ones.
CREATE OR REPLACE FUNCTION similarity_spread(kind text, space_id integer, vector halfvec, OUT mean double precision, OUT deviation double precision)
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT SET enable_bitmapscan = off AS $$
DECLARE
    total bigint := rows_of(format('%s_sketch_%s', kind, space_id), 200);
BEGIN
    IF total < 16000 THEN
        EXECUTE format('SELECT avg(-(e.embedding <#> $1)), stddev_pop(-(e.embedding <#> $1)) FROM (SELECT v.embedding FROM %I v ORDER BY hashint8(v.%I) LIMIT 250) e',
            format('%s_vector_%s', kind, space_id), kind || '_id') INTO mean, deviation USING vector;
    ELSE
        EXECUTE format('SELECT avg(-(e.embedding <#> $1)), stddev_pop(-(e.embedding <#> $1)) FROM (SELECT s.product_id, s.%1$I FROM %2$I s '
            'WHERE (hashint8(s.%1$I) & 63) = 0 AND cardinality(s.terms) < 300 AND ((hashint8(s.%1$I) >> 6) & 4095) >= 0 LIMIT 250) s '
            'CROSS JOIN LATERAL (SELECT v.embedding FROM %3$I v WHERE v.product_id = s.product_id AND v.%1$I = s.%1$I OFFSET 0) e',
            kind || '_id', format('%s_sketch_%s', kind, space_id), format('%s_vector_%s', kind, space_id)) INTO mean, deviation USING vector;
    END IF;
END $$;

-- Whether the whitening of a space should be learned: there are enough pictures, and none yet, or for four times as many.
CREATE OR REPLACE FUNCTION whitening_due(space_id integer) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
DECLARE
    least_due bigint := greatest(100, 4 * (SELECT w.trained_on FROM whitening w WHERE w.space_id = whitening_due.space_id));
    total bigint;
BEGIN
    IF rows_of('image_vector_' || space_id, 200) < least_due THEN RETURN false; END IF;
    EXECUTE format('SELECT count(*) FROM %I', 'image_vector_' || space_id) INTO total;
    RETURN total >= least_due;
END $$;

-- What is special in a picture: its vector, less what the catalogue's pictures have in common, each direction in units of
-- how much they differ in it. As it is where nothing was learned of the space.
CREATE OR REPLACE FUNCTION whitened(space_id integer, picture halfvec) RETURNS halfvec
LANGUAGE sql STABLE SET search_path FROM CURRENT AS $$
    SELECT coalesce((SELECT l2_normalize((SELECT array_agg(-(f.factor <#> c.centred) ORDER BY f.place) FROM unnest(w.factors) WITH ORDINALITY f (factor, place))::vector)::halfvec
        FROM whitening w CROSS JOIN LATERAL (SELECT picture::vector - w.mean AS centred OFFSET 0) c WHERE w.space_id = whitened.space_id), picture)
$$;

-- One vector of several: each in units of the spread of its own similarities, since those of words differ far less than
-- those of pictures, and would not be heard beside them. Words change what is special in a picture, not what it has in
-- common with all others (docs/discussions.md has the figures).
CREATE OR REPLACE FUNCTION composed_vector(kind text, space_id integer, vectors halfvec[], weights double precision[], are_words boolean[]) RETURNS halfvec
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
DECLARE
    composed vector;
    part record;
    own halfvec;
    share double precision;
    mixed boolean := kind = 'image' AND true = ANY (are_words) AND false = ANY (are_words);
BEGIN
    -- Nothing is found by what it should not be like.
    IF NOT EXISTS (SELECT FROM unnest(vectors, weights) u (vector, weight) WHERE u.vector IS NOT NULL AND u.weight > 0) THEN RETURN NULL; END IF;
    FOR part IN SELECT u.vector, u.weight, u.is_words FROM unnest(vectors, weights, are_words) u (vector, weight, is_words) WHERE u.vector IS NOT NULL LOOP
        IF cardinality(array_remove(vectors, NULL)) = 1 THEN RETURN part.vector; END IF;
        own := CASE WHEN mixed AND NOT part.is_words THEN whitened(space_id, part.vector) ELSE part.vector END;
        -- What is not wanted is heard less than what is, or the kind of thing would be lost with it.
        share := part.weight * CASE WHEN mixed AND part.is_words THEN 1.4 ELSE 1 END
            * CASE WHEN part.weight > 0 THEN 1 WHEN mixed THEN 0.7 ELSE 0.3 END
            / coalesce((SELECT greatest(s.deviation, 0.001) FROM similarity_spread(kind, space_id, own) s), 1);
        composed := CASE WHEN composed IS NULL THEN scaled(own, share) ELSE composed + scaled(own, share) END;
    END LOOP;
    RETURN CASE WHEN vector_norm(composed) > 0 THEN l2_normalize(composed)::halfvec END;
END $$;

CREATE OR REPLACE FUNCTION scaled(of_vector halfvec, factor double precision) RETURNS vector
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path FROM CURRENT
RETURN of_vector::vector * array_fill(CASE WHEN abs(factor) < 1e-30 THEN 0 ELSE factor END::real, ARRAY[vector_dims(of_vector)])::vector;

-- The whole of what is asked as a vector for each arm. Words are compared with pictures and captions, a picture with
-- pictures alone: beside them a caption says little about how a thing looks. Products named are left out of the answer.
-- The first part may have been `also_known_as` before it was understood.
CREATE OR REPLACE FUNCTION search_vectors(
    kinds text[], asked text[], weights double precision[], also_known_as text, space_id integer, named_space text,
    OUT image halfvec, OUT caption halfvec, OUT excluded bigint[]
)
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
DECLARE
    product record;
    vector halfvec;
    images halfvec[];
    captions halfvec[];
    are_words boolean[];
BEGIN
    FOR number IN 1 .. cardinality(kinds) LOOP
        IF kinds[number] = 'product' THEN
            product := product_vectors(asked[number], space_id);
            excluded := excluded || product.product_id;
            images := images || product.image;
            captions := captions || product.caption;
        ELSE
            vector := known_vector(kinds[number], asked[number], space_id);
            IF vector IS NULL AND number = 1 AND also_known_as IS NOT NULL THEN vector := known_vector('words', also_known_as, space_id); END IF;
            IF vector IS NULL THEN PERFORM unknown_part(kinds[number], asked[number], named_space); END IF;
            images := images || vector;
            captions := captions || CASE kinds[number] WHEN 'words' THEN vector END;
        END IF;
        are_words := are_words || (kinds[number] = 'words');
    END LOOP;
    IF cardinality(kinds) = 1 THEN
        image := images[1];
        caption := captions[1];
    ELSE
        image := composed_vector('image', space_id, images, weights, are_words);
        caption := composed_vector('caption', space_id, captions, weights, are_words);
    END IF;
END $$;
