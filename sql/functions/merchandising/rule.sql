-- Rules of merchandising as they are kept: what each must have, and the words that set it off.

-- Words as rules compare them: normalised, without punctuation, a space between two. Han and Kana are written without
-- spaces, so each character is a word of its own there. Ranges, because classes depend on the database's locale.
CREATE OR REPLACE FUNCTION rule_words(query text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN btrim(regexp_replace(regexp_replace(normalize_query(query),
    '([\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff])', ' \1 ', 'g'),
    '[\u0001-/:-@\[-`{-\u00a9\u00ab-\u00b4\u00b6-\u00b9\u00bb-\u00bf\u00d7\u00f7\u2000-\u206f\u2e00-\u2e7f\u3000-\u303f\uff01-\uff0f\uff1a-\uff20\uff3b-\uff40\uff5b-\uff65]+',
    ' ', 'g'));
COMMENT ON FUNCTION rule_words IS 'Words as rules compare them: lower case, without punctuation, one space between two.';

-- The one category that a path or a name stands for, by its path; what a rule hangs on must be there.
CREATE OR REPLACE FUNCTION rule_category(named text, place text) RETURNS text
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
DECLARE
    path text := (SELECT c.path FROM filter_category_nodes(named, place) n (category_id) JOIN category c USING (category_id));
BEGIN
    IF path IS NULL THEN
        PERFORM argument_error(format('%s: there is no category %s', place, to_json(named)),
            'Give the path of a category of the catalogue, such as women/dresses, or its name.');
    END IF;
    RETURN path;
END $$;

-- A filter whose categories are paths with a slash before them: those are never taken for names, which could
-- come to stand for several categories and make every search fail.
CREATE OR REPLACE FUNCTION rule_filter(filters jsonb, place text DEFAULT 'filters') RETURNS jsonb
LANGUAGE sql STABLE SET search_path FROM CURRENT AS $$
    SELECT jsonb_object_agg(f.key, CASE
        WHEN f.key = 'category' AND jsonb_typeof(f.value) = 'array' THEN (
            SELECT coalesce(jsonb_agg('/' || rule_category(e.value, place || '.category')), '[]')
            FROM jsonb_array_elements_text(f.value) e (value))
        WHEN f.key = 'category' THEN to_jsonb('/' || rule_category(f.value #>> '{}', place || '.category'))
        WHEN f.key = 'not' THEN coalesce(rule_filter(f.value, place || '.not'), '{}')
        WHEN f.key IN ('any', 'all') THEN (
            SELECT coalesce(jsonb_agg(coalesce(rule_filter(e.value, format('%s.%s[%s]', place, f.key, e.number)), '{}') ORDER BY e.number), '[]')
            FROM jsonb_array_elements(f.value) WITH ORDINALITY e (value, number))
        ELSE f.value END)
    FROM jsonb_each(filters) f
$$;

-- A list of texts as it is kept: trimmed, each once, in the order given.
CREATE OR REPLACE FUNCTION rule_list(given text[], what text) RETURNS text[]
LANGUAGE plpgsql IMMUTABLE STRICT SET search_path FROM CURRENT AS $$
BEGIN
    IF cardinality(given) NOT BETWEEN 1 AND 1000 OR array_ndims(given) > 1
        OR EXISTS (SELECT FROM unnest(given) g (value) WHERE g.value IS NULL OR btrim(g.value) = '') THEN
        PERFORM argument_error(what || ' must be a list of 1 to 1,000 texts, none of them empty', 'For example ARRAY[''MH01'', ''MH02''].');
    END IF;
    RETURN ARRAY(SELECT g.value FROM unnest(given) WITH ORDINALITY g (value, number)
        GROUP BY g.value ORDER BY min(g.number));
END $$;

-- What sets a rule off by words, as searches compare them. A phrase is looked for among all phrases of a query,
-- so it may not be long.
CREATE OR REPLACE FUNCTION rule_phrases(given text[], match text, what text) RETURNS text[]
LANGUAGE plpgsql IMMUTABLE SET search_path FROM CURRENT AS $$
DECLARE
    phrases text[] := ARRAY(SELECT rule_words(g.value) FROM unnest(given) WITH ORDINALITY g (value, number) ORDER BY g.number);
    words integer := (SELECT max(cardinality(string_to_array(p.value, ' '))) FROM unnest(phrases) p (value));
BEGIN
    IF '' = ANY (phrases) OR length(array_to_string(given, '')) > 1000 * cardinality(given) THEN
        PERFORM argument_error(what || ' must hold a word, and at most 1,000 characters', 'Punctuation alone is no word.');
    ELSIF match = 'phrase' AND words > 16 THEN
        PERFORM argument_error(format('%s is a phrase of %s words', what, words), 'A phrase has at most 16 words; of Chinese and Japanese, characters.');
    END IF;
    RETURN phrases;
END $$;

-- Where a redirect may lead: nowhere that runs code, and nowhere that a browser reads otherwise than we do.
CREATE OR REPLACE FUNCTION check_redirect(url text, what text) RETURNS void
LANGUAGE plpgsql IMMUTABLE SET search_path FROM CURRENT AS $$
BEGIN
    IF url !~* '^(https?://[^/?#\\@]+([/?#]|$)|/($|[^/\\]))' OR url ~ '[\u0001-\u0020\u007f-\u00a0\\"<>]' OR length(url) > 2000 THEN
        PERFORM argument_error(format('%s redirects to %s', what, to_json(left(url, 100))),
            'A redirect leads to http://…, https://… or a path that begins with one slash, in at most 2,000 characters without spaces.');
    END IF;
END $$;

-- Whoever writes a rule, through the functions below or not. What did not change is not looked at again: a rule can
-- be switched off after its category is gone.
CREATE OR REPLACE FUNCTION rule_prepare() RETURNS trigger
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    what CONSTANT text := format('the rule %s', to_json(NEW.name));
    is_new CONSTANT boolean := TG_OP = 'INSERT';
BEGIN
    IF coalesce(btrim(NEW.name), '') = '' OR length(NEW.name) > 200 THEN
        PERFORM argument_error('a rule needs a name of 1 to 200 characters', 'The name is what it is replaced and removed by.');
    ELSIF NEW.match IS NULL OR NEW.match NOT IN ('exact', 'phrase') THEN
        PERFORM argument_error(format('%s has the match %s', what, coalesce(to_json(NEW.match)::text, 'NULL')),
            'It is exact (the words are the query) or phrase (they hold it).');
    ELSIF NEW.starts_at >= NEW.ends_at THEN
        PERFORM argument_error(format('%s ends at %s, before it starts at %s', what, NEW.ends_at, NEW.starts_at), 'Give a starts_at before its ends_at.');
    END IF;
    PERFORM check_rule_parts(NEW, what);
    NEW.products := rule_list(NEW.products, what || ': products');
    NEW.words := rule_list(NEW.words, what || ': words');
    NEW.instead := rule_list(NEW.instead, what || ': instead');
    IF NEW.category IS NOT NULL AND (is_new OR NEW.category IS DISTINCT FROM OLD.category) THEN
        NEW.category := rule_category(NEW.category, what || ': category');
    END IF;
    IF NEW.filters IS NOT NULL AND (is_new OR NEW.filters IS DISTINCT FROM OLD.filters) THEN
        PERFORM compile_filter(NEW.filters);
        NEW.filters := rule_filter(NEW.filters);
        IF NEW.filters IS NULL THEN
            PERFORM argument_error(what || ' has a filter that says nothing', 'An empty filter would mean the whole catalogue.');
        END IF;
    END IF;
    NEW.query := normalize_query(NEW.query);
    NEW.phrases := rule_phrases(CASE NEW.kind WHEN 'synonym' THEN NEW.words ELSE array_remove(ARRAY[NEW.query], NULL) END,
        NEW.match, what || CASE NEW.kind WHEN 'synonym' THEN ': words' ELSE ': query' END);
    IF NEW.kind = 'synonym' THEN
        PERFORM rule_phrases(NEW.instead, NEW.match, what || ': instead');
    END IF;
    IF is_new OR NEW IS DISTINCT FROM OLD THEN NEW.updated_at := now(); END IF;
    RETURN NEW;
END $$;

-- What the table's checks refuse too, in words that help.
CREATE OR REPLACE FUNCTION check_rule_parts(given rule, what text) RETURNS void
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
BEGIN
    IF given.kind = 'pin' AND (given.product IS NULL OR btrim(given.product) = '') THEN
        PERFORM argument_error(what || ' pins no product', 'Give a product''s external_id.');
    ELSIF given.kind = 'pin' AND (given.position IS NULL OR given.position NOT BETWEEN 1 AND 1000) THEN
        PERFORM argument_error(format('%s pins to position %s', what, coalesce(given.position::text, 'NULL')), 'Give a position from 1, the first, to 1,000.');
    ELSIF given.kind IN ('boost', 'bury', 'hide') AND num_nonnulls(given.products, given.filters) <> 1 THEN
        PERFORM argument_error(what || ' must have products or filters, one of them', 'Give products (external_ids) or a filter such as {"brand": "A"}.');
    ELSIF given.kind = 'boost' AND (given.factor IS NULL OR NOT (given.factor > 1 AND given.factor <= 1000)) THEN
        PERFORM argument_error(format('%s boosts by the factor %s', what, coalesce(given.factor::text, 'NULL')), 'Give a factor above 1, up to 1,000; bury takes those below 1.');
    ELSIF given.kind = 'bury' AND (given.factor IS NULL OR NOT (given.factor > 0 AND given.factor < 1)) THEN
        PERFORM argument_error(format('%s buries by the factor %s', what, coalesce(given.factor::text, 'NULL')), 'Give a factor between 0 and 1; boost takes those above 1, hide leaves products out.');
    ELSIF given.kind = 'synonym' AND num_nulls(given.words, given.instead) > 0 THEN
        PERFORM argument_error(what || ' needs words and what to search for instead', 'For example words ''trainers'', instead ARRAY[''sneakers''].');
    ELSIF given.kind = 'redirect' AND given.url IS NULL THEN
        PERFORM argument_error(what || ' redirects to nowhere', 'Give a url.');
    ELSIF given.kind = 'redirect' AND num_nonnulls(given.query, given.category) = 0 THEN
        PERFORM argument_error(what || ' would redirect every search', 'Give it a query or a category.');
    END IF;
    IF given.url IS NOT NULL THEN PERFORM check_redirect(given.url, what); END IF;
    IF given.kind = 'pin' AND NOT EXISTS (SELECT FROM product p WHERE p.external_id = given.product OFFSET 0) THEN
        RAISE NOTICE USING MESSAGE = format('no product has the external_id %s yet', to_json(given.product)),
            HINT = format('%s does nothing until one has.', what);
    END IF;
END $$;

CREATE OR REPLACE TRIGGER rule_prepare BEFORE INSERT OR UPDATE ON rule FOR EACH ROW EXECUTE FUNCTION rule_prepare();
