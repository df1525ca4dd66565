-- The rules of merchandising that a search has to follow: by its words and categories, at a moment.

-- The words of a query (as rule_words has them) and each phrase in them, of at most 16 of the first 100 words. In
-- PL/pgSQL, because its plans are kept.
CREATE OR REPLACE FUNCTION query_phrases(words text) RETURNS text[]
LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    list text[] := (string_to_array(words, ' '))[:100];
    phrases text[] := CASE WHEN words <> '' THEN ARRAY[words] ELSE '{}' END;
    phrase text;
BEGIN
    FOR head IN 1 .. cardinality(list) LOOP
        phrase := list[head];
        phrases := phrases || phrase;
        FOR tail IN head + 1 .. least(head + 15, cardinality(list)) LOOP
            phrase := phrase || ' ' || list[tail];
            phrases := phrases || phrase;
        END LOOP;
    END LOOP;
    RETURN phrases;
END $$;

-- Category paths with all that lie above them.
CREATE OR REPLACE FUNCTION paths_above(paths text[]) RETURNS text[]
LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    path text;
    above text[] := '{}';
BEGIN
    IF paths IS NULL THEN RETURN above; END IF;
    FOREACH path IN ARRAY paths LOOP
        path := lower(btrim(regexp_replace(path, '\s*/\s*', '/', 'g'), E' \t\n/'));
        WHILE path <> '' LOOP
            above := above || path;
            path := regexp_replace(path, '/?[^/]*$', '');
        END LOOP;
    END LOOP;
    RETURN above;
END $$;

-- The paths of the categories that a filter asks for, as search_rules takes them. The filter was compiled before.
CREATE OR REPLACE FUNCTION filter_paths(filters jsonb) RETURNS text[]
LANGUAGE sql STABLE SET search_path FROM CURRENT AS $$
    SELECT coalesce(array_agg(DISTINCT f.path), '{}') FROM (
        SELECT c.path
        FROM jsonb_array_elements_text(filter_values(coalesce(filters -> 'category', '[]'), '{string}', 'filters.category')) e (value)
        CROSS JOIN LATERAL filter_category_nodes(e.value, 'filters.category') n (category_id) JOIN category c USING (category_id)
        UNION ALL
        SELECT unnest(filter_paths(e.value)) FROM jsonb_array_elements(coalesce(filters -> 'all', '[]')) e (value)) f
$$;
COMMENT ON FUNCTION filter_paths IS 'The paths of the categories that a filter asks for.';

-- The rules that apply, the nearest to what was asked first: exact words before phrases, long ones before short, those
-- of a category before those of all, deep ones first.
CREATE OR REPLACE FUNCTION rules_for(words text, categories text[], at timestamptz) RETURNS TABLE (place bigint, matched text, follow rule)
LANGUAGE plpgsql STABLE ROWS 10 SET search_path FROM CURRENT SET enable_seqscan = off SET jit = off AS $$
DECLARE
    asked text := rule_words(words);
    asked_phrases text[] := query_phrases(coalesce(asked, ''));
    nodes text[] := paths_above(categories);
BEGIN
    RETURN QUERY
    SELECT row_number() OVER (ORDER BY f.matched IS NOT NULL AND (f.follow).match = 'exact' DESC, cardinality(string_to_array(f.matched, ' ')) DESC NULLS LAST,
            cardinality(string_to_array((f.follow).category, '/')) DESC NULLS LAST, (f.follow).name, f.matched), f.matched, f.follow
    FROM (
        SELECT m.matched, r AS follow
        FROM rule r CROSS JOIN LATERAL unnest(r.phrases) m (matched)
        WHERE r.phrases && asked_phrases AND m.matched = ANY (CASE r.match WHEN 'exact' THEN ARRAY[asked] ELSE asked_phrases END)
          AND (r.category IS NULL OR r.category = ANY (nodes))
        UNION ALL
        SELECT NULL, r FROM rule r WHERE r.phrases = '{}' AND r.category = ANY (nodes)
        UNION ALL
        SELECT NULL, r FROM rule r WHERE r.phrases = '{}' AND r.category IS NULL) f
    WHERE (f.follow).enabled AND coalesce((f.follow).starts_at <= at, true) AND coalesce((f.follow).ends_at > at, true);
END $$;

CREATE OR REPLACE FUNCTION search_rules(
    words text DEFAULT NULL, categories text[] DEFAULT NULL, at timestamptz DEFAULT now()
) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT SET jit = off AS $$
BEGIN
    -- Most shops have none, and this costs every search.
    IF NOT EXISTS (SELECT FROM rule) THEN RETURN '{"redirect": null, "pins": [], "hidden": [], "boosts": [], "synonyms": []}'; END IF;
    RETURN (WITH fitting AS MATERIALIZED (
        SELECT f.place, f.matched, (f.follow).* FROM rules_for(words, categories, coalesce(at, now())) f
    ), listed AS (
        SELECT f.*, coalesce(f.filters, jsonb_build_object('external_id', f.products)) AS target FROM fitting f
    ), pinned AS (
        -- A product once, at the first of its positions.
        SELECT DISTINCT ON (p.product_id) p.product_id, p.external_id, f.position, f.place, f.name
        FROM fitting f
        CROSS JOIN LATERAL (SELECT p.* FROM product p WHERE p.external_id = f.product AND p.status = 'active' OFFSET 0) p
        WHERE f.kind = 'pin' ORDER BY p.product_id, f.position, f.place
    ), placed AS (
        -- Of two at one position the second makes room, and so on down the page.
        SELECT p.*, n.number + max(p.position - n.number) OVER (ORDER BY n.number) AS at_last
        FROM (SELECT p.*, row_number() OVER (ORDER BY p.position, p.place) AS number FROM pinned p) p
        CROSS JOIN LATERAL (SELECT p.number) n (number)
    )
    SELECT jsonb_build_object(
        'redirect', (SELECT f.url FROM fitting f WHERE f.kind = 'redirect' ORDER BY f.place LIMIT 1),
        'pins', coalesce((SELECT jsonb_agg(jsonb_build_object('product_id', p.product_id, 'external_id', p.external_id,
            'position', p.at_last, 'rule', p.name) ORDER BY p.at_last) FROM placed p), '[]'),
        'hidden', coalesce((SELECT jsonb_agg(jsonb_build_object('filter', l.target, 'rule', l.name) ORDER BY l.place)
            FROM listed l WHERE l.kind = 'hide'), '[]'),
        'boosts', coalesce((SELECT jsonb_agg(jsonb_build_object('filter', l.target, 'factor', l.factor, 'rule', l.name) ORDER BY l.place)
            FROM listed l WHERE l.kind IN ('boost', 'bury')), '[]'),
        'synonyms', coalesce((SELECT jsonb_agg(jsonb_build_object('words', w.words, 'instead', w.instead, 'rule', f.name) ORDER BY f.place)
            FROM fitting f
            CROSS JOIN LATERAL (SELECT normalize_query(f.words[array_position(f.phrases, f.matched)]) AS words,
                ARRAY(SELECT normalize_query(i.value) FROM unnest(f.instead) WITH ORDINALITY i (value, number)
                    WHERE rule_words(i.value) <> f.matched ORDER BY i.number) AS instead) w
            WHERE f.kind = 'synonym'), '[]')));
END $$;
COMMENT ON FUNCTION search_rules IS 'What merchandising says about a search: where it leads, what is pinned, hidden, boosted and buried, and other words to search for too. Writes nothing.';
