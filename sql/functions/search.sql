-- The one search function: words, a picture, a product or nothing, under filters, to a page of products.

-- Everything that the interface holds but nobody built yet is refused, never ignored.
CREATE OR REPLACE FUNCTION check_search(
    k integer, cursor text, client text, session text, options jsonb
) RETURNS void
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
DECLARE
    built CONSTANT text[] := '{space,deadline_ms,explain}';
    planned CONSTANT text[] := '{locale,sort,strength,diversity,cutoff}';
    unbuilt text := CASE WHEN cursor IS NOT NULL THEN 'cursor' WHEN client IS NOT NULL THEN 'client'
                         WHEN session IS NOT NULL THEN 'session' END;
    unknown text;
BEGIN
    IF k IS NULL OR k NOT BETWEEN 1 AND 1000 THEN
        RAISE EXCEPTION USING ERRCODE = 'VT001', MESSAGE = format('k is %s', coalesce(k::text, 'NULL')),
            HINT = 'Ask for 1 to 1,000 products.';
    ELSIF jsonb_typeof(options) <> 'object' THEN
        RAISE EXCEPTION USING ERRCODE = 'VT001', MESSAGE = 'options must be a JSON object',
            HINT = 'For example {"space": "…"}.';
    END IF;
    SELECT o.key INTO unknown FROM jsonb_object_keys(options) o (key) WHERE o.key <> ALL (built || planned);
    IF FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'VT001', MESSAGE = format('unknown option %s', to_json(unknown)),
            HINT = format('The options are %s; not built yet: %s.',
                array_to_string(built, ', '), array_to_string(planned, ', '));
    END IF;
    unbuilt := coalesce(unbuilt, (SELECT format('the option %s', o.key)
        FROM jsonb_object_keys(options) o (key) WHERE o.key = ANY (planned) LIMIT 1));
    IF unbuilt IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'VT004', MESSAGE = format('%s is not built yet', unbuilt),
            HINT = 'Its place in the interface is fixed; leave it out for now.';
    ELSIF jsonb_typeof(options -> 'space') NOT IN ('string', 'null') THEN
        RAISE EXCEPTION USING ERRCODE = 'VT001', MESSAGE = 'the option space must be text',
            HINT = 'Give the name of an embedding space.';
    ELSIF (CASE jsonb_typeof(options -> 'deadline_ms') WHEN 'number'
        THEN (options -> 'deadline_ms')::numeric NOT BETWEEN 1 AND 3600000
        ELSE jsonb_typeof(options -> 'deadline_ms') <> 'null' END) THEN
        RAISE EXCEPTION USING ERRCODE = 'VT001', MESSAGE = format('the option deadline_ms is %s', options -> 'deadline_ms'),
            HINT = 'Give milliseconds, 1 to 3,600,000.';
    ELSIF jsonb_typeof(options -> 'explain') NOT IN ('boolean', 'null') THEN
        RAISE EXCEPTION USING ERRCODE = 'VT001', MESSAGE = 'the option explain must be true or false',
            HINT = 'With true, why says of each arm how it looked for its rows.';
    END IF;
END $$;

-- What is asked for: words, a picture's key, a product's key, or nothing (part NULL: browse).
CREATE OR REPLACE FUNCTION search_part(query text, terms jsonb, OUT part text, OUT asked text)
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
DECLARE
    term jsonb;
    unbuilt text;
BEGIN
    IF query IS NOT NULL THEN
        part := 'words';
        asked := query;
    END IF;
    IF terms IS NOT NULL AND terms <> '[]' AND terms <> 'null' THEN
        IF jsonb_typeof(terms) <> 'array' OR EXISTS (
            SELECT FROM jsonb_array_elements(terms) t (value) WHERE jsonb_typeof(t.value) <> 'object') THEN
            RAISE EXCEPTION USING ERRCODE = 'VT001', MESSAGE = 'terms must be a list of objects',
                HINT = 'For example [{"product": "SKU"}] or [{"image": "<key from encode>"}].';
        END IF;
        term := terms -> 0;
        unbuilt := CASE WHEN jsonb_array_length(terms) > 1 THEN 'more than one term'
                        WHEN query IS NOT NULL THEN 'words together with terms'
                        WHEN coalesce(term -> 'weight', '1') <> '1' THEN 'a weight other than 1' END;
        IF unbuilt IS NOT NULL THEN
            RAISE EXCEPTION USING ERRCODE = 'VT004', MESSAGE = format('%s is not built yet', unbuilt),
                HINT = 'Give words, or one term, for now.';
        END IF;
        SELECT t.key, t.value #>> '{}' INTO part, asked FROM jsonb_each(term - 'weight') t
        WHERE t.key IN ('words', 'image', 'product') AND jsonb_typeof(t.value) = 'string';
        IF part IS NULL OR (SELECT count(*) FROM jsonb_object_keys(term - 'weight')) <> 1 THEN
            RAISE EXCEPTION USING ERRCODE = 'VT001', MESSAGE = format('terms holds %s', left(term::text, 100)),
                HINT = 'A term has one of words, image (a key from encode) or product (an external_id or SKU), as text, and may have a weight.';
        END IF;
    END IF;
    IF part = 'words' THEN PERFORM check_query(asked); END IF;
    IF part = 'image' AND asked !~ '^[0-9a-f]{64}$' THEN
        RAISE EXCEPTION USING ERRCODE = 'VT001', MESSAGE = format('%s is no picture''s key', to_json(left(asked, 80))),
            HINT = 'CALL encode(image => …) returns it: the SHA-256 of the picture''s bytes, in hex.';
    END IF;
END $$;

-- The vector of known words or a known picture; unknown ones name the CALL that makes them known.
CREATE OR REPLACE FUNCTION known_vector(part text, asked text, space_id integer, named_space text) RETURNS halfvec
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
DECLARE
    known halfvec;
    in_space text := coalesce(', space => ' || quote_literal(named_space), '');
BEGIN
    SELECT q.embedding INTO known FROM query_vector q
    WHERE q.space_id = known_vector.space_id
      AND q.kind = CASE part WHEN 'words' THEN 'text' ELSE 'image' END
      AND q.key = CASE part WHEN 'words' THEN query_key(asked) ELSE asked END;
    IF FOUND THEN RETURN known; END IF;
    IF part = 'words' THEN
        RAISE EXCEPTION USING ERRCODE = 'VT002', MESSAGE = format('the words %s have no vector yet', to_json(asked)),
            HINT = format('CALL %I.encode(%L%s); then search again.', current_schema(), asked, in_space);
    END IF;
    RAISE EXCEPTION USING ERRCODE = 'VT002', MESSAGE = format('the picture %s has no vector yet', asked),
        HINT = format('CALL %I.encode(image => …%s) with its bytes; then search again.', current_schema(), in_space);
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
#variable_conflict use_column
DECLARE
    began CONSTANT timestamptz := clock_timestamp();
    deadline timestamptz;
    explained boolean;
    asked record;
    space_id integer;
    image_query halfvec;
    caption_query halfvec;
    excluded bigint;
    filter search_filter;
    image_arm record;
    caption_arm record;
    complete boolean;
    others bigint[];
BEGIN
    PERFORM check_search(k, cursor, client, session, options);
    deadline := began + (options ->> 'deadline_ms')::double precision * interval '1 ms';
    explained := coalesce((options ->> 'explain')::boolean, false);
    asked := search_part(search.query, terms);
    IF asked.part = 'product' THEN
        space_id := (SELECT s.space_id FROM search_space(options ->> 'space') s);
        SELECT v.product_id, v.image, v.caption INTO excluded, image_query, caption_query
        FROM product_vectors(asked.asked, space_id) v;
    END IF;
    -- Before the words: nobody should wait for a worker to learn that a filter is wrong.
    filter := search_conditions(filters, excluded);
    IF space_id IS NULL AND (asked.part IS NOT NULL OR options ->> 'space' IS NOT NULL) THEN
        space_id := (SELECT s.space_id FROM search_space(options ->> 'space') s);
    END IF;
    IF asked.part IN ('words', 'image') THEN
        image_query := known_vector(asked.part, asked.asked, space_id, options ->> 'space');
        -- A picture is compared with pictures: beside them a caption says little about how a thing looks.
        caption_query := CASE asked.part WHEN 'words' THEN image_query END;
    END IF;
    image_arm := search_arm('image', space_id, image_query, filter, k, deadline, explained);
    caption_arm := search_arm('caption', space_id, caption_query, filter, k, deadline, explained);
    complete := image_arm.complete AND caption_arm.complete;
    IF complete THEN
        others := search_others(coalesce(space_id, (SELECT s.space_id FROM space s WHERE s.status = 'active')), filter, image_arm.product_ids || caption_arm.product_ids, k,
            least(image_arm.share, caption_arm.share));
    ELSE
        RAISE NOTICE USING ERRCODE = 'VT010', MESSAGE = 'the deadline ended this search before it had looked everywhere',
            HINT = 'Some products may be missing; give it more milliseconds, or ask for fewer products.';
    END IF;
    RETURN QUERY EXECUTE search_page_sql(space_id, filter)
    USING image_arm.product_ids, image_arm.distances, caption_arm.product_ids, caption_arm.distances,
        others, image_query, k, asked.part IS NULL,
        CASE WHEN asked.part IS NULL THEN '{"plan": "browse"}'
             ELSE jsonb_build_object('plan', jsonb_build_object(
                 'image', image_arm.report -> 'plan', 'caption', caption_arm.report -> 'plan')) END
        || CASE WHEN complete THEN '{}' ELSE '{"complete": false}'::jsonb END
        || CASE WHEN explained
                THEN jsonb_build_object('search', jsonb_build_object('complete', complete,
                    'image', image_arm.report, 'caption', caption_arm.report)) ELSE '{}' END;
END $$;
COMMENT ON FUNCTION search(text, jsonb, jsonb, integer, text, text, text, jsonb) IS
    'Products for words, a picture or another product, under filters: k of them whenever k match. Writes nothing; scores order one answer and say no more, why has the similarities.';
