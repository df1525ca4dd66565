-- The full-text arm of a search: products whose documents have the words, the best first.

-- How well a document (an expression) answers parts, one a word: 0 to 1, the more of the words, the oftener, and the more
-- prominently (title and brand before facts, category, description), the more. A part's alternatives, of which a document
-- has one as a rule, do not count against each other.
CREATE OR REPLACE FUNCTION text_score_sql(document text, parts text) RETURNS text
LANGUAGE sql IMMUTABLE
RETURN format('(SELECT avg(least(ts_rank(''{0.2,0.6,0.7,1}'', %s, q.part) * (numnode(q.part) + 1) / 2, 1)) FROM unnest(%s) q (part))', document, parts);

-- The documents that a search may look into: of one locale, where it is asked for.
CREATE OR REPLACE FUNCTION text_locale_sql(locale text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN locale IS NULL THEN 'true'
    ELSE format('lower(split_part(replace(d.locale, ''_'', ''-''), ''-'', 1)) = %L', lower(split_part(replace(locale, '_', '-'), '-', 1))) END;

-- Products that have all the words come first; where these are fewer than wanted, those that have any of them
-- follow. A narrow filter is listed first, else the words are, up to some thousand documents at a time.
CREATE OR REPLACE FUNCTION search_text(
    parts tsquery[], locale text, space_id integer, filter search_filter, wanted integer, share double precision,
    deadline timestamptz, all_words boolean DEFAULT false, spare integer DEFAULT 0, OUT product_ids bigint[], OUT scores double precision[], OUT report jsonb, OUT complete boolean
)
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
DECLARE
    every tsquery;
    part tsquery;
    most integer := 4000;
    is_narrow boolean := NOT (filter).is_empty AND space_id IS NOT NULL
        AND ((filter).listing IS NOT NULL OR (filter).prices IS NOT NULL) AND coalesce(share < 0.03, search_is_narrow(space_id, filter));
    loose boolean := false;
    looked_at bigint;
    cut_short boolean;
BEGIN
    complete := true;
    IF parts IS NULL THEN RETURN; END IF;
    FOREACH part IN ARRAY parts LOOP every := coalesce(every && part, part); END LOOP;
    LOOP
        EXECUTE concat('WITH listed AS MATERIALIZED (', search_text_sql(is_narrow, loose, cardinality(parts), locale, space_id, filter, most), '), ',
            'scored AS MATERIALIZED (SELECT l.product_id, max(l.score) AS score FROM (SELECT l.product_id, ', text_score_sql('l.document', '$1'),
            ' AS score FROM listed l) l GROUP BY l.product_id), ',
            'best AS (SELECT c.* FROM (SELECT * FROM scored c ORDER BY c.score DESC, c.product_id DESC OFFSET 0) c ',
            'WHERE EXISTS (SELECT FROM product p WHERE p.product_id = c.product_id AND ', (filter).shown, ' OFFSET 0) LIMIT ', greatest(wanted, spare), ') ',
            'SELECT array_agg(b.product_id ORDER BY b.score DESC, b.product_id DESC), array_agg(b.score ORDER BY b.score DESC, b.product_id DESC), ',
            '(SELECT count(*) FROM listed) FROM best b')
        INTO product_ids, scores, looked_at USING parts, every;
        product_ids := coalesce(product_ids, '{}');
        -- Of any words each is looked up as far as its part of the documents.
        cut_short := NOT is_narrow AND looked_at >= CASE WHEN loose THEN most / cardinality(parts) ELSE most END;
        EXIT WHEN cardinality(product_ids) >= wanted OR (loose OR all_words OR cardinality(parts) = 1) AND NOT cut_short;
        complete := deadline IS NULL OR clock_timestamp() < deadline;
        EXIT WHEN NOT complete;
        -- All the words first, then any; more documents where the filter keeps few of them.
        IF cut_short THEN most := most * 8; ELSE loose := true; END IF;
    END LOOP;
    report := jsonb_build_object('plan', CASE WHEN is_narrow THEN 'list' ELSE 'text' END, 'words', CASE WHEN loose THEN 'any' ELSE 'all' END,
        'scanned', looked_at);
END $$;

CREATE OR REPLACE FUNCTION search_text_sql(
    is_narrow boolean, loose boolean, parts integer, locale text, space_id integer, filter search_filter, most integer
) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path FROM CURRENT AS $$
    SELECT CASE
        WHEN is_narrow THEN concat('SELECT d.product_id, d.document FROM (', search_listing_sql(space_id, filter), ') l CROSS JOIN LATERAL ('
            'SELECT d.product_id, d.document FROM product_document d WHERE d.product_id = l.product_id AND ', text_locale_sql(locale), ' OFFSET 0) d WHERE ',
            CASE WHEN loose THEN 'EXISTS (SELECT FROM unnest($1) q (part) WHERE d.document @@ q.part)' ELSE 'd.document @@ $2' END)
        WHEN loose THEN concat('SELECT DISTINCT ON (d.product_id, d.locale) d.product_id, d.document FROM unnest($1) q (part) CROSS JOIN LATERAL ('
            'SELECT d.product_id, d.locale, d.document FROM product_document d WHERE d.document @@ q.part AND ', text_locale_sql(locale),
            ' LIMIT ', most / parts + 1, ') d')
        ELSE concat('SELECT d.product_id, d.document FROM product_document d WHERE d.document @@ $2 AND ', text_locale_sql(locale), ' LIMIT ', most) END
$$;

-- All that a search can show whose words are its only arm, its filter aside; NULL where vectors or browsing reach every product.
CREATE OR REPLACE FUNCTION search_reach(question search_question) RETURNS bigint[]
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
DECLARE
    part tsquery;
    any_word tsquery;
    reached bigint[];
BEGIN
    IF (question).browses OR num_nonnulls((question).image, (question).caption) > 0 THEN RETURN NULL; END IF;
    FOREACH part IN ARRAY coalesce((question).parts, '{}') LOOP any_word := coalesce(any_word || part, part); END LOOP;
    EXECUTE concat('SELECT array_agg(d.product_id) FROM (SELECT d.product_id FROM product_document d WHERE d.document @@ $1 AND ', text_locale_sql((question).locale),
        ' UNION SELECT unnest($2 || $3)) d')
    INTO reached USING any_word, (question).named, ARRAY(SELECT (p.value -> 'product_id')::bigint FROM jsonb_array_elements((question).pins) p);
    RETURN coalesce(reached, '{}');
END $$;

CREATE OR REPLACE FUNCTION unquoted(query text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN btrim(query, E' \t\n"\u201c\u201d\u201e\u00ab\u00bb');

-- Products that the shopper names: by SKU or external_id, as the whole query or as one of its words; in capitals or
-- small letters, in quotes or without. Documents have the keys as lexemes; one without a digit may be any word, and is looked up as it is written.
CREATE OR REPLACE FUNCTION search_named(query text) RETURNS bigint[]
LANGUAGE sql STABLE SET search_path FROM CURRENT SET enable_seqscan = off AS $$
    WITH named AS MATERIALIZED (
        SELECT DISTINCT lower(n.name) AS name FROM (
            SELECT unquoted(query) UNION ALL
            SELECT t.token FROM query_tokens(query) t WHERE NOT t.is_phrase AND t.token ~ '[0-9]' AND length(t.token) >= 3) n (name)
    ), candidate AS (
        SELECT n.name, d.product_id FROM named n CROSS JOIN LATERAL (
            SELECT d.product_id FROM product_document d WHERE d.document @@ code_query(n.name) LIMIT 200) d
        UNION
        SELECT n.name, i.product_id FROM named n CROSS JOIN unnest(ARRAY[unquoted(query), upper(n.name), n.name]) w (written)
        CROSS JOIN LATERAL (
            SELECT p.product_id FROM product p WHERE p.external_id = w.written
            UNION ALL SELECT v.product_id FROM variant v WHERE v.sku = w.written) i
    )
    SELECT array_agg(DISTINCT c.product_id) FROM candidate c
    WHERE EXISTS (SELECT FROM product p WHERE p.product_id = c.product_id AND lower(p.external_id) = c.name OFFSET 0)
       OR EXISTS (SELECT FROM variant v WHERE v.product_id = c.product_id AND lower(v.sku) = c.name AND v.status = 'active' OFFSET 0)
$$;
