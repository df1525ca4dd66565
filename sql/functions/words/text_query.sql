-- The shopper's words as a full-text query: phrases, beginnings of words, typing errors, synonyms.

-- The words of a query, in their order: what stands in double quotes is one. At most 16.
CREATE OR REPLACE FUNCTION query_tokens(query text, OUT number integer, OUT token text, OUT is_phrase boolean) RETURNS SETOF record
LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 4
BEGIN ATOMIC
    SELECT t.number::integer, coalesce(t.part[1], t.part[2]), t.part[1] IS NOT NULL
    FROM regexp_matches(left(query, 1000), '"([^"]*)"|([^"\s]+)', 'g') WITH ORDINALITY t (part, number)
    WHERE coalesce(t.part[1], t.part[2]) ~ '[[:alnum:]]' LIMIT 16;
END;

-- The configurations of the shop's languages: those of its documents (a jump through an index, not a scan), or of one locale.
CREATE OR REPLACE FUNCTION text_configurations(locale text) RETURNS regconfig[]
LANGUAGE sql STABLE SET search_path FROM CURRENT AS $$
    WITH RECURSIVE known (locale) AS (
        (SELECT d.locale FROM product_document d WHERE text_configurations.locale IS NULL ORDER BY d.locale LIMIT 1)
        UNION ALL
        SELECT (SELECT d.locale FROM product_document d WHERE d.locale > k.locale ORDER BY d.locale LIMIT 1)
        FROM known k WHERE k.locale IS NOT NULL
    )
    SELECT coalesce(array_agg(DISTINCT text_configuration(k.locale)), '{simple}')
    FROM (SELECT k.locale FROM known k WHERE k.locale IS NOT NULL UNION ALL SELECT text_configurations.locale) k (locale)
    WHERE k.locale IS NOT NULL
$$;

-- Words as a query of every one of the configurations; of a phrase, the words in a row. Of stop words PostgreSQL would
-- send a notice each.
CREATE OR REPLACE FUNCTION words_query(words text, is_phrase boolean, configurations regconfig[]) RETURNS tsquery
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT SET client_min_messages = warning AS $$
DECLARE
    folded text := fold(words);
    spaced text := without_bigrams(folded);
    configuration regconfig;
    part tsquery;
    result tsquery;
BEGIN
    FOREACH configuration IN ARRAY configurations LOOP
        part := CASE WHEN is_phrase THEN phraseto_tsquery(configuration, spaced) ELSE plainto_tsquery(configuration, spaced) END;
        IF numnode(part) > 0 THEN result := coalesce(result || part, part); END IF;
    END LOOP;
    IF spaced <> folded THEN
        SELECT string_agg(format('(%s)', b.row), ' & ')::tsquery INTO part
        FROM (SELECT string_agg(g.part::text, CASE WHEN is_phrase THEN ' <-> ' ELSE ' & ' END ORDER BY g.number) FROM bigram_parts(folded) g GROUP BY g.run) b (row);
        result := coalesce(result && part, part);
    END IF;
    RETURN result;
END $$;

-- Neighbouring characters of what is written without spaces, as queries, run by run; a single character begins them.
CREATE OR REPLACE FUNCTION bigram_parts(folded text, OUT run bigint, OUT number bigint, OUT part tsquery) RETURNS SETOF record
LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 4
BEGIN ATOMIC
    SELECT m.number, g.start, (substr(m.run[1], g.start::integer, 2) || CASE WHEN length(m.run[1]) = 1 THEN ':*' ELSE '' END)::tsquery
    FROM regexp_matches(folded, '[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af]+', 'g') WITH ORDINALITY m (run, number)
    CROSS JOIN LATERAL generate_series(1::bigint, greatest(length(m.run[1]) - 1, 1)) g (start);
END;

-- A code is found as a whole, besides the words that it is made of.
CREATE OR REPLACE FUNCTION code_query(token text) RETURNS tsquery
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN token ~ '[0-9]' AND length(token) <= 200 AND token !~ '[\\'']' THEN ('''' || lower(token) || '''')::tsquery END;

-- The number of typing errors between two words: letters left out, put in, exchanged, or two neighbours swapped
-- (optimal string alignment); NULL when there are more than so many.
CREATE OR REPLACE FUNCTION typing_errors(written text, meant text, most integer) RETURNS integer
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path FROM CURRENT AS $$
DECLARE
    a text[] := string_to_array(written, NULL);
    b text[] := string_to_array(meant, NULL);
    width integer := length(meant);
    before integer[];
    above integer[] := ARRAY(SELECT generate_series(0, length(meant)));
    row_now integer[];
    cost integer;
    best integer;
BEGIN
    IF abs(length(written) - width) > most THEN RETURN NULL; END IF;
    FOR i IN 1 .. length(written) LOOP
        row_now := ARRAY[i];
        best := i;
        FOR j IN 1 .. width LOOP
            cost := least(above[j + 1] + 1, row_now[j] + 1, above[j] + (a[i] <> b[j])::integer);
            IF i > 1 AND j > 1 AND a[i] = b[j - 1] AND a[i - 1] = b[j] THEN cost := least(cost, before[j - 1] + 1); END IF;
            row_now := row_now || cost;
            best := least(best, cost);
        END LOOP;
        IF best > most THEN RETURN NULL; END IF;
        before := above;
        above := row_now;
    END LOOP;
    RETURN CASE WHEN above[width + 1] <= most THEN above[width + 1] END;
END $$;

-- The word of the catalogue that was probably meant: of those within one typing error (two in longer words) the nearest,
-- then the most used. Words that no document has any longer do not count.
CREATE OR REPLACE FUNCTION meant_word(written text, configurations regconfig[]) RETURNS text
LANGUAGE sql STABLE SET search_path FROM CURRENT AS $$
    SELECT n.word
    FROM (SELECT c.word, c.errors, words_query(c.word, false, configurations) AS query FROM (
              SELECT DISTINCT w.word, typing_errors(written, w.word, CASE WHEN length(written) < 8 THEN 1 ELSE 2 END) AS errors
              FROM (SELECT w.word FROM word w WHERE w.keys && word_keys(written) LIMIT 200) w) c
          WHERE c.errors IS NOT NULL ORDER BY c.errors, left(c.word, 1) <> left(written, 1), c.word LIMIT 10) n
    CROSS JOIN LATERAL (SELECT count(*) AS used FROM (
        SELECT FROM product_document d WHERE d.document @@ n.query LIMIT 1000) d) u
    WHERE u.used > 0
    ORDER BY n.errors, left(n.word, 1) <> left(written, 1), u.used DESC, n.word LIMIT 1
$$;

-- Words of the catalogue that begin so.
CREATE OR REPLACE FUNCTION begun_words(beginning text) RETURNS text[]
LANGUAGE sql STABLE SET search_path FROM CURRENT AS $$
    SELECT array_agg(b.word) FROM (
        SELECT DISTINCT w.word, length(w.word) FROM (
            SELECT w.word FROM word w WHERE w.word LIKE regexp_replace(replace(beginning, '\', ''), '[%_]', '\\\&', 'g') || '%' LIMIT 500) w
        ORDER BY length(w.word), w.word LIMIT 20) b
$$;

-- One part for each word of the query: a document that has all of them matches the whole query. synonyms is a list of
-- {"words": …, "instead": […]}. corrected is the query as it was understood; corrections says what was changed.
CREATE OR REPLACE FUNCTION text_query(
    query text, locale text DEFAULT NULL, synonyms jsonb DEFAULT '[]', typos boolean DEFAULT true,
    OUT parts tsquery[], OUT corrected text, OUT corrections jsonb
)
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT SET enable_seqscan = off AS $$
DECLARE
    configurations regconfig[];
    tokens integer;
    token record;
    bare text;
    part tsquery;
    other text;
BEGIN
    corrections := '[]';
    corrected := query;
    IF query IS NULL THEN RETURN; END IF;
    configurations := text_configurations(locale);
    tokens := (SELECT max(t.number) FROM query_tokens(query) t);
    FOR token IN SELECT * FROM query_tokens(query) LOOP
        bare := fold(btrim(token.token, E'.,;:!?()[]{}<>*&|"'''));
        part := words_query(token.token, token.is_phrase, configurations);
        IF token.token LIKE '%*' AND NOT token.is_phrase AND length(bare) >= 2 THEN
            part := beginning_query(bare, configurations);
        ELSIF NOT token.is_phrase AND bare ~ '^[[:alpha:]]{3,30}$' AND bare = without_bigrams(bare) AND part IS NOT NULL
            AND NOT EXISTS (SELECT FROM word w WHERE w.word = bare LIMIT 1)
            AND NOT EXISTS (SELECT FROM product_document d WHERE d.document @@ part LIMIT 1) THEN
            other := CASE WHEN typos AND length(bare) >= 4 THEN meant_word(bare, configurations) END;
            IF token.number = tokens AND begun_words(bare) IS NOT NULL THEN
                part := beginning_query(bare, configurations);  -- still being typed
            ELSIF other IS NOT NULL THEN
                part := words_query(other, false, configurations);
                corrections := corrections || jsonb_build_object('written', token.token, 'meant', other);
                corrected := replace(corrected, token.token, other);
            END IF;
        END IF;
        IF bare <> without_bigrams(bare) AND NOT token.is_phrase THEN
            -- Nobody marks where these words end: each two characters count by themselves.
            parts := parts || ARRAY(SELECT b.part FROM bigram_parts(bare) b ORDER BY b.run, b.number LIMIT 12);
            part := words_query(without_bigrams(bare), false, configurations);
        END IF;
        part := coalesce(part || code_query(bare), part, code_query(bare));
        IF part IS NOT NULL AND numnode(part) > 0 THEN parts := parts || part; END IF;
    END LOOP;
    parts := synonym_parts(corrected, parts, synonyms, configurations);
END $$;
COMMENT ON FUNCTION text_query IS 'The words of a query as full-text queries, one a word, with typing errors corrected by the words of the catalogue.';

CREATE OR REPLACE FUNCTION beginning_query(beginning text, configurations regconfig[]) RETURNS tsquery
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
DECLARE
    word text;
    part tsquery;
    result tsquery := CASE WHEN beginning !~ '[\\'']' AND octet_length(beginning) <= 2000 THEN ('''' || beginning || ''':*')::tsquery END;
BEGIN
    FOREACH word IN ARRAY coalesce(begun_words(beginning), '{}') LOOP
        part := words_query(word, false, configurations);
        result := coalesce(result || part, part, result);
    END LOOP;
    RETURN result;
END $$;

-- A rule's synonyms widen the words that they stand for: these parts become one that asks for either.
CREATE OR REPLACE FUNCTION synonym_parts(query text, parts tsquery[], synonyms jsonb, configurations regconfig[]) RETURNS tsquery[]
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
DECLARE
    synonym jsonb;
    own tsquery;
    instead tsquery;
    kept tsquery[];
BEGIN
    FOR synonym IN SELECT s.value FROM jsonb_array_elements(coalesce(synonyms, '[]')) s LOOP
        own := words_query(synonym ->> 'words', false, configurations);
        SELECT string_agg('(' || q.part::text || ')', ' | ')::tsquery INTO instead
        FROM (SELECT words_query(i.value, true, configurations) FROM jsonb_array_elements_text(synonym -> 'instead') i) q (part)
        WHERE numnode(q.part) > 0;
        CONTINUE WHEN own IS NULL OR instead IS NULL;
        SELECT array_agg(p.part ORDER BY p.number) INTO kept
        FROM unnest(parts) WITH ORDINALITY p (part, number) WHERE NOT own @> p.part;
        parts := kept || (own || instead);
    END LOOP;
    RETURN parts;
END $$;
