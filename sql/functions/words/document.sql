-- The full-text documents of products: their words by weight, and the words that typing errors are measured against.

-- Whether a text has no letters but a to z: signs such as • and ™ do not count. It is the greater part of the work to
-- take apart and put together again what has others.
CREATE OR REPLACE FUNCTION is_plain(written text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN octet_length(written) = length(written) OR written !~ '[^\u0001-\u00bf\u2000-\u2bff]';

-- As words are compared: without case and accents.
CREATE OR REPLACE FUNCTION fold(written text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN is_plain(written) THEN lower(written)
    ELSE lower(normalize(regexp_replace(normalize(written, NFKD), '[\u0300-\u036f]+', '', 'g'), NFC)) END;
COMMENT ON FUNCTION fold IS 'Text as words are compared: lower case, no accents.';

-- Chinese, Japanese and Korean put no spaces between words: each two neighbouring characters are a lexeme, and the
-- last one of a run alone, so that one character is found as the beginning of a lexeme.
CREATE OR REPLACE FUNCTION bigrams(written text) RETURNS tsvector
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT coalesce(string_agg(format('%s:%s', b.gram, b.place), ' '), '')::tsvector
    FROM (
        SELECT substr(r.run[1], g.start, 2) AS gram, row_number() OVER (ORDER BY r.number, g.start) AS place
        FROM regexp_matches(left(written, 20000), '[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af]+', 'g') WITH ORDINALITY r (run, number)
        CROSS JOIN LATERAL generate_series(1, length(r.run[1])) g (start)
    ) b WHERE b.place < 16000;
END;

CREATE OR REPLACE FUNCTION without_bigrams(written text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN regexp_replace(written, '[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af]+', ' ', 'g');

CREATE OR REPLACE FUNCTION text_vector(configuration regconfig, written text) RETURNS tsvector
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN is_plain(written) THEN to_tsvector(configuration, written)
    ELSE to_tsvector(configuration, without_bigrams(fold(written))) || bigrams(fold(written)) END;

-- What is found as a whole, such as a SKU, as it is written in a document.
CREATE OR REPLACE FUNCTION code_lexeme(code text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN btrim(code) <> '' THEN ' ''' || replace(replace(left(lower(code), 200), '\', '\\'), '''', '''''') || ''':1A' ELSE '' END;

-- A value as words; of what is so or not, the name.
CREATE OR REPLACE FUNCTION member_word(name text, value text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN lower(value) IN ('true', 'yes') THEN replace(name, '_', ' ') WHEN lower(value) NOT IN ('false', 'no') THEN value END;

-- Whoever changes a word of a product locks the product first, so that each sees what the other did. A batch is one
-- statement, and every lookup in it by key: calling a function for each product took as long as its words. To plan the
-- statement takes longer than the words of one product, so few products take the plan of the last time.
CREATE OR REPLACE FUNCTION document_products(products bigint[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT SET enable_seqscan = off SET jit = off SET plan_cache_mode = force_custom_plan AS $$
BEGIN
    IF products IS NULL THEN RETURN; END IF;
    IF current_setting('documents.held', true) = 'on' THEN
        INSERT INTO held_document (made_by, product_id)
        SELECT pg_current_xact_id()::text::bigint, h.product_id FROM unnest(products) h (product_id);
        RETURN;
    END IF;
    -- The function's SET clause puts it back.
    IF cardinality(products) <= 20 THEN PERFORM set_config('plan_cache_mode', 'force_generic_plan', true); END IF;
    PERFORM FROM product p WHERE p.product_id = ANY (products) ORDER BY p.product_id FOR NO KEY UPDATE;
    WITH worded AS MATERIALIZED (
        SELECT p.product_id, t.locale, t.configuration, p.code || v.codes AS codes, concat_ws(', ', t.title, p.brand) AS names,
            coalesce(c.paths, '') AS categories, concat_ws(', ', p.facts, o.words) AS facts, t.description
        FROM (SELECT DISTINCT unnest(products)) g (product_id)
        CROSS JOIN LATERAL (
            SELECT p.product_id, p.brand, code_lexeme(p.external_id) AS code, (
                SELECT left(string_agg(CASE jsonb_typeof(m.value)
                    WHEN 'array' THEN (SELECT string_agg(member_word(m.key, e.value #>> '{}'), ', ') FROM jsonb_array_elements(m.value) e (value))
                    ELSE member_word(m.key, m.value #>> '{}') END, ', '), 20000)
                FROM jsonb_each(p.attributes) m) AS facts
            FROM product p WHERE p.product_id = g.product_id OFFSET 0) p
        CROSS JOIN LATERAL (
            SELECT string_agg(replace(c.path, '/', ' '), ', ' ORDER BY c.path) AS paths
            FROM (SELECT pc.category_id FROM product_category pc WHERE pc.product_id = p.product_id OFFSET 0) pc
            CROSS JOIN LATERAL (SELECT c.path FROM category c WHERE c.category_id = pc.category_id OFFSET 0) c) c
        CROSS JOIN LATERAL (
            SELECT coalesce(string_agg(code_lexeme(v.sku), '') FILTER (WHERE v.place <= 1000), '') AS codes, jsonb_agg(v.options) AS options
            FROM (SELECT v.sku, v.options, row_number() OVER () AS place FROM variant v
                  WHERE v.product_id = p.product_id AND v.status = 'active') v) v
        CROSS JOIN LATERAL (
            SELECT left(string_agg(DISTINCT o.value #>> '{}', ', '), 20000) AS words
            FROM jsonb_path_query(v.options, '$[*].*') o (value)) o
        CROSS JOIN LATERAL (
            SELECT t.locale, left(t.title, 10000) AS title, left(t.description, 100000) AS description, text_configuration(t.locale) AS configuration
            FROM product_text t WHERE t.product_id = p.product_id
            UNION ALL
            -- A product without a text has its codes and facts, in no language.
            SELECT 'und', '', '', 'simple'::regconfig
            WHERE NOT EXISTS (SELECT FROM product_text t WHERE t.product_id = p.product_id OFFSET 0)
            OFFSET 0) t
    ), gone AS (
        DELETE FROM product_document d USING unnest(products) g (product_id)
        WHERE d.product_id = g.product_id AND NOT EXISTS (
            SELECT FROM worded w WHERE w.product_id = d.product_id AND w.locale = d.locale)
    ), kept AS (
        INSERT INTO product_document AS d (product_id, locale, document)
        SELECT w.product_id, w.locale, setweight(text_vector(w.configuration, w.names), 'A') || w.codes::tsvector
            || setweight(text_vector(w.configuration, w.categories), 'B')
            || setweight(text_vector(w.configuration, w.facts), 'C')
            || setweight(text_vector(w.configuration, w.description), 'D')
        FROM worded w
        ON CONFLICT (product_id, locale) DO UPDATE SET document = excluded.document WHERE d.document <> excluded.document
    ), written AS MATERIALIZED (
        SELECT fold(w.text) AS text FROM (
            SELECT concat_ws(', ', w.names, w.categories, w.facts, left(w.description, 500)) AS text FROM worded w OFFSET 0) w
    ), piece AS MATERIALIZED (
        -- Equal pieces of texts are parsed once. Between spaces stand whole words, unless they are within a tag.
        SELECT DISTINCT string_to_table(t.text, CASE WHEN strpos(t.text, '<') = 0 THEN ' ' ELSE '' END) AS text FROM written t
    ), brought AS MATERIALIZED (
        SELECT DISTINCT unnest(tsvector_to_array(to_tsvector('simple', p.text))) AS word FROM piece p
    )
    INSERT INTO word (word, keys)
    SELECT b.word, word_keys(b.word) FROM brought b
    WHERE length(b.word) BETWEEN 3 AND 30 AND b.word !~ '[^[:alpha:]]' AND NOT EXISTS (SELECT FROM word k WHERE k.word = b.word OFFSET 0);
END $$;
COMMENT ON FUNCTION document_products IS 'Make the full-text documents of some products what they should be.';

-- An import changes each product in several statements: it holds its documents back until all are done.
CREATE OR REPLACE FUNCTION hold_documents() RETURNS void
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    PERFORM set_config('documents.held', 'on', true);
END $$;

CREATE OR REPLACE FUNCTION release_documents() RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT SET enable_seqscan = off AS $$
DECLARE
    products bigint[];
BEGIN
    PERFORM set_config('documents.held', 'off', true);
    WITH held AS (
        DELETE FROM held_document h WHERE h.made_by = pg_current_xact_id()::text::bigint RETURNING h.product_id
    )
    SELECT array_agg(DISTINCT h.product_id) INTO products FROM held h;
    PERFORM document_products(products);
END $$;

-- A word and all that is left of it when one letter is taken out (two of longer words): words within so many typing
-- errors have one of these in common (Garbe's symmetric deletes, 2012).
CREATE OR REPLACE FUNCTION word_keys(word text) RETURNS integer[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT array_agg(DISTINCT hashtext(k.key)) FROM (
        SELECT word
        UNION ALL SELECT overlay(word placing '' from i for 1) FROM generate_series(1, length(word)) i
        UNION ALL SELECT overlay(overlay(word placing '' from j for 1) placing '' from i for 1)
        FROM generate_series(1, length(word) - 1) i CROSS JOIN LATERAL generate_series(i + 1, length(word)) j
        WHERE length(word) BETWEEN 8 AND 20) k (key);
END;

-- Products whose texts changed.
CREATE OR REPLACE FUNCTION document_texts() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    PERFORM document_products(array_agg(DISTINCT c.product_id)) FROM changed c;
    RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION document_texts_moved() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    PERFORM document_products(array_agg(m.product_id))
    FROM (SELECT o.product_id FROM previous o UNION SELECT n.product_id FROM changed n) m;
    RETURN NULL;
END $$;

CREATE OR REPLACE TRIGGER product_text_document_insert
    AFTER INSERT ON product_text REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION document_texts();
CREATE OR REPLACE TRIGGER product_text_document_delete
    AFTER DELETE ON product_text REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION document_texts();
CREATE OR REPLACE TRIGGER product_text_document_update
    AFTER UPDATE ON product_text REFERENCING OLD TABLE AS previous NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION document_texts_moved();

-- A category's name stands in the documents of what is below it; its path says when.
CREATE OR REPLACE FUNCTION document_category_renamed() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    PERFORM document_products(array_agg(pc.product_id)) FROM product_category pc WHERE pc.category_id = NEW.category_id;
    RETURN NULL;
END $$;

CREATE OR REPLACE TRIGGER category_document_renamed
    AFTER UPDATE ON category
    FOR EACH ROW WHEN (OLD.path IS DISTINCT FROM NEW.path)
    EXECUTE FUNCTION document_category_renamed();

-- Products from before there were documents get theirs; upgrade calls it.
CREATE OR REPLACE FUNCTION ensure_documents() RETURNS void
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    IF EXISTS (SELECT FROM product_document) THEN RETURN; END IF;
    PERFORM document_products(array_agg(b.product_id))
    FROM (SELECT p.product_id, row_number() OVER (ORDER BY p.product_id) / 10000 AS batch FROM product p) b
    GROUP BY b.batch;
END $$;

-- Words that nothing is called any longer; a worker calls it now and then.
CREATE OR REPLACE FUNCTION tidy_words(most integer DEFAULT 1000) RETURNS integer
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    tidied integer;
BEGIN
    WITH doubtful AS (
        SELECT w.word_id, w.word FROM word w ORDER BY random() LIMIT most
    ), gone AS (
        DELETE FROM word w USING doubtful d
        WHERE w.word_id = d.word_id AND (
            EXISTS (SELECT FROM word o WHERE o.word = d.word AND o.word_id < d.word_id)
            OR NOT EXISTS (SELECT FROM product_document x WHERE x.document @@ words_query(d.word, false, text_configurations(NULL))))
        RETURNING 1
    )
    SELECT count(*) INTO tidied FROM gone;
    RETURN tidied;
END $$;
COMMENT ON FUNCTION tidy_words IS 'Drop words that no document has any longer, of a random thousand.';
