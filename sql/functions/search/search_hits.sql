-- The hits of a search: what the arms found, scored by all of them, ordered and cut to a page, each with its reasons.

-- What decides the order, per product that any arm found ($1, a search_arms): its best picture that counts, its nearest
-- caption and its text, all compared with the query ($2 pictures, $3 captions, $4 parts of the words), whichever arm
-- found it. $5 were shown already, $6 are named by the shopper, $7 are the words as a whole: a brand, a title.
CREATE OR REPLACE FUNCTION search_scored_sql(space_id integer, filter search_filter, locale text, factors text) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path FROM CURRENT AS $$
    SELECT concat($sql$
WITH candidate AS MATERIALIZED (
    SELECT DISTINCT c.product_id FROM (
        SELECT unnest(($1).image_ids || ($1).caption_ids || ($1).text_ids)
        UNION ALL SELECT p.product_id FROM product p WHERE p.product_id = ANY ($6) AND $sql$, (filter).shown, $sql$) c (product_id)
    WHERE c.product_id <> ALL ($5)
), measured AS MATERIALIZED (
    SELECT p.product_id, p.brand, p.popularity, picture.image_id, picture.distance AS image_distance,
        caption.distance AS caption_distance, words.score AS text_score,
        $7 IS NOT NULL AND EXISTS (SELECT FROM product_text t WHERE t.product_id = p.product_id AND fold(t.title) = fold($7) OFFSET 0) AS titled
    FROM candidate c JOIN product p USING (product_id)
    LEFT JOIN LATERAL (
        SELECT i.image_id, (e.embedding <#> $2) + 0 AS distance
        FROM image i JOIN $sql$, t.images, $sql$ e ON e.product_id = i.product_id AND e.image_id = i.image_id
        WHERE $2 IS NOT NULL AND i.product_id = p.product_id AND $sql$, (filter).counts, $sql$
        ORDER BY distance, i.position, i.image_id LIMIT 1) picture ON true
    LEFT JOIN LATERAL (
        SELECT min((e.embedding <#> $3) + 0) AS distance FROM $sql$, t.captions, $sql$ e
        WHERE $3 IS NOT NULL AND e.product_id = p.product_id) caption ON true
    LEFT JOIN LATERAL (
        SELECT max($sql$, text_score_sql('d.document', '$4'), $sql$) AS score FROM product_document d
        WHERE $4 IS NOT NULL AND d.product_id = p.product_id AND $sql$, text_locale_sql(locale), $sql$) words ON true
), placed AS (
    SELECT m.*,
        -- Without words only what an arm found itself counts for it: a cap whose caption is much alike is no rucksack.
        CASE WHEN $4 IS NULL THEN array_position(($1).image_ids, m.product_id)
             WHEN m.image_distance IS NOT NULL THEN rank() OVER (ORDER BY m.image_distance) END AS image_place,
        CASE WHEN $4 IS NULL THEN array_position(($1).caption_ids, m.product_id)
             WHEN m.caption_distance IS NOT NULL THEN rank() OVER (ORDER BY m.caption_distance) END AS caption_place,
        CASE WHEN m.text_score > 0 THEN rank() OVER (ORDER BY m.text_score DESC NULLS LAST) END AS text_place,
        CASE WHEN m.product_id = ANY ($6) THEN 2 WHEN lower(m.brand) = $7 OR m.titled THEN 1 ELSE 0 END AS named
    FROM measured m
), scored AS (
    SELECT g.*, f.factor, f.rules, ($sql$, search_score_sql(), $sql$) * f.factor AS score
    FROM placed g CROSS JOIN (SELECT CASE WHEN $4 IS NULL THEN 20.0 ELSE 59.0 END AS c) c
    CROSS JOIN LATERAL (SELECT $sql$, search_nearness_sql(), $sql$ AS near) n CROSS JOIN LATERAL ($sql$, factors, ') f) ')
    FROM (SELECT
        CASE WHEN space_id IS NULL THEN '(SELECT NULL::bigint AS product_id, NULL::bigint AS image_id, NULL::halfvec AS embedding)'
             ELSE quote_ident('image_vector_' || space_id) END,
        CASE WHEN space_id IS NULL THEN '(SELECT NULL::bigint AS product_id, NULL::halfvec AS embedding)'
             ELSE quote_ident('caption_vector_' || space_id) END) t (images, captions)
$$;

-- Of the vectors' arms the places count, pictures by their weight and captions by theirs ($8: image, caption, text), as
-- in reciprocal rank fusion (Cormack, Clarke and Büttcher, 2009), for similarities to the two cannot be added. That no
-- word matches says nothing against a product whose picture fits: its score is the greater of the two, not their
-- sum (docs/discussions.md has the figures).
CREATE OR REPLACE FUNCTION search_score_sql() RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN 'greatest(coalesce(least($8[3], 1) * g.text_score, 0), CASE WHEN $8[3] > 0 AND $4 IS NOT NULL THEN 0.27 / greatest($8[3], 1) ELSE 1 END * n.near) + 0.02 * n.near';

-- Beside words the places fall slowly, for the words decide; where vectors alone do, what is first in one arm and far
-- down in the other should not win.
CREATE OR REPLACE FUNCTION search_nearness_sql() RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN '(coalesce($8[1] * (c.c + 1) / (c.c + g.image_place), 0) + coalesce($8[2] * (c.c + 1) / (c.c + g.caption_place), 0)) '
    '/ greatest(CASE WHEN $2 IS NOT NULL THEN $8[1] ELSE 0 END + CASE WHEN $3 IS NOT NULL THEN $8[2] ELSE 0 END, 1e-9)';

-- What rules multiply the score of a candidate g by, and their names. boosts is a list of {"filter", "factor", "rule"}.
CREATE OR REPLACE FUNCTION search_factors_sql(boosts jsonb) RETURNS text
LANGUAGE sql STABLE SET search_path FROM CURRENT AS $$
    SELECT coalesce('SELECT coalesce(exp(sum(ln(b.factor))), 1) AS factor, jsonb_agg(jsonb_build_object(''rule'', b.rule, ''factor'', b.factor)) AS rules FROM (VALUES '
        || string_agg(concat('(', quote_literal(b.value ->> 'factor'), '::float8, ', quote_nullable(b.value ->> 'rule'),
            '::text, EXISTS (SELECT FROM product p WHERE p.product_id = g.product_id AND ', (search_conditions(b.value -> 'filter', NULL)).shown, '))'), ', ')
        || ') b (factor, rule, holds) WHERE b.holds',
        'SELECT 1::float8 AS factor, NULL::jsonb AS rules')
    FROM jsonb_array_elements(coalesce(boosts, '[]')) b
$$;

-- The first of those scored, as many as may be needed ($9), in their order and with their reasons.
CREATE OR REPLACE FUNCTION search_ordered_sql(space_id integer, filter search_filter, locale text, boosts jsonb) RETURNS text
LANGUAGE sql STABLE SET search_path FROM CURRENT AS $$
    SELECT concat(search_scored_sql(space_id, filter, locale, search_factors_sql(boosts)), $sql$
SELECT coalesce(array_agg(o.product_id ORDER BY o.place), '{}'), array_agg(o.image_id ORDER BY o.place),
    array_agg(o.score ORDER BY o.place), array_agg(o.why ORDER BY o.place)
FROM (
    SELECT s.product_id, s.image_id, s.named + s.score AS score,
        row_number() OVER (ORDER BY s.named DESC, s.score DESC, s.image_distance, s.popularity DESC, s.product_id DESC) AS place,
        jsonb_strip_nulls(jsonb_build_object(
            'image', CASE WHEN s.image_place IS NOT NULL THEN jsonb_build_object('rank', s.image_place, 'similarity', (-s.image_distance)::real) END,
            'caption', CASE WHEN s.caption_place IS NOT NULL THEN jsonb_build_object('rank', s.caption_place, 'similarity', (-s.caption_distance)::real) END,
            'text', CASE WHEN s.text_place IS NOT NULL THEN jsonb_build_object('rank', s.text_place, 'score', s.text_score::real) END,
            'named', CASE s.named WHEN 2 THEN 'key' WHEN 1 THEN CASE WHEN s.titled THEN 'title' ELSE 'brand' END END, 'boosts', s.rules)) AS why
    FROM scored s ORDER BY place LIMIT $9) o
$sql$)
$$;

-- A page of products, in their order: each with its picture, where it is known, else its first one, and the variant that is shown
-- first, of those that fit, where the filter asks something of variants; on_options: pictures of others do not count. In PL/pgSQL, because its plan is
-- kept: to plan takes twice as long as to run.
CREATE OR REPLACE FUNCTION search_plain_hits(
    product_ids bigint[], image_ids bigint[], scores double precision[], reasons jsonb[], shown_before integer, said jsonb, fitting bigint[], on_options boolean
) RETURNS search_hit[]
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
#variable_conflict use_column
BEGIN
    RETURN (
        SELECT array_agg((shown_before + g.place, p.product_id, p.external_id, chosen.variant_id, coalesce(g.image_id, picture.image_id),
            g.score::real, said || g.why)::search_hit ORDER BY g.place)
        -- What keys, variety or a sort moved up has the score of what follows, so that scores never rise.
        FROM (SELECT u.product_id, u.image_id, max(u.score) OVER (ORDER BY u.place ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING) AS score, u.why, u.place
              FROM unnest(product_ids, image_ids, scores, reasons) WITH ORDINALITY u (product_id, image_id, score, why, place)) g
        CROSS JOIN LATERAL (SELECT p.product_id, p.external_id FROM product p WHERE p.product_id = g.product_id OFFSET 0) p
        LEFT JOIN LATERAL (
            SELECT i.image_id FROM image i
            WHERE g.image_id IS NULL AND i.product_id = g.product_id AND (
                NOT EXISTS (SELECT FROM image_variant s WHERE s.product_id = i.product_id AND s.image_id = i.image_id OFFSET 0)
                OR EXISTS (SELECT FROM image_variant s JOIN variant v ON v.product_id = s.product_id AND v.variant_id = s.variant_id
                    WHERE s.product_id = i.product_id AND s.image_id = i.image_id
                      AND CASE WHEN on_options THEN v.variant_id = ANY (fitting) ELSE v.status = 'active' END OFFSET 0))
            ORDER BY i.position, i.image_id LIMIT 1) picture ON true
        LEFT JOIN LATERAL (
            SELECT v.variant_id FROM variant v WHERE v.product_id = g.product_id AND v.status = 'active' AND (fitting IS NULL OR v.variant_id = ANY (fitting))
            ORDER BY EXISTS (SELECT FROM image_variant s WHERE s.product_id = v.product_id
                             AND s.image_id = coalesce(g.image_id, picture.image_id) AND s.variant_id = v.variant_id) DESC,
                (v.stock IS NULL OR v.stock > 0) DESC, v.price, v.variant_id LIMIT 1) chosen ON true);
END $$;

-- A page of products, in their order. What follows beyond the shopper's wishes, or is pinned, needs to fit the wider filter alone. `vector` is the
-- query's for pictures: where the picture of a product is not known yet, the nearest is shown.
CREATE OR REPLACE FUNCTION search_hits(
    space_id integer, filter search_filter, wider search_filter, vector halfvec,
    product_ids bigint[], image_ids bigint[], scores double precision[], reasons jsonb[], shown_before integer, said jsonb
) RETURNS search_hit[]
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
DECLARE
    hits search_hit[];
    fitting bigint[];
    pictured CONSTANT boolean := image_ids IS NOT NULL AND array_position(image_ids, NULL) IS NULL;
BEGIN
    IF product_ids = '{}' THEN RETURN NULL; END IF;
    IF (filter).on_variants AND vector IS NULL AND (wider).fits IS NULL THEN
        -- Sooner planned than the whole.
        EXECUTE concat('SELECT coalesce(array_agg(v.variant_id), ''{}'') FROM product p JOIN variant v ON ', (filter).fits, ' WHERE p.product_id = ANY ($1)') INTO fitting USING product_ids;
    ELSIF (filter).on_variants OR (wider).on_variants OR vector IS NOT NULL AND NOT pictured THEN
        EXECUTE search_hits_sql(space_id, filter, wider, vector IS NOT NULL, pictured) INTO hits
        USING product_ids, image_ids, scores, reasons, shown_before, said, vector;
        RETURN hits;
    END IF;
    RETURN search_plain_hits(product_ids, image_ids, scores, reasons, shown_before, said, fitting, fitting IS NOT NULL AND (filter).on_options);
END $$;

-- A page where the filter asks something of variants, or the nearest picture of some is not known ($1 product_ids, $2 pictures where known,
-- $3 scores, $4 reasons, in their order; $5 how many were shown before, $6 what every row says of the search, $7 the query's vector for pictures). Planned
-- anew for each search, so that it has no part for pictures where all are known.
CREATE OR REPLACE FUNCTION search_hits_sql(space_id integer, filter search_filter, wider search_filter, nearest boolean, pictured boolean) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path FROM CURRENT AS $$
    SELECT concat($sql$
SELECT array_agg(($5 + g.place, p.product_id, p.external_id, chosen.variant_id, $sql$, s.image, $sql$,
    g.score::real, $6 || g.why)::search_hit ORDER BY g.place)
-- What keys, variety or a sort moved up has the score of what follows, so that scores never rise.
FROM (SELECT u.product_id, u.image_id, max(u.score) OVER (ORDER BY u.place ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING) AS score, u.why, u.place
      FROM unnest($1::bigint[], $2::bigint[], $3::float8[], $4::jsonb[]) WITH ORDINALITY u (product_id, image_id, score, why, place)) g
JOIN product p USING (product_id)
$sql$, CASE WHEN NOT pictured THEN concat($sql$
LEFT JOIN LATERAL (
    SELECT i.image_id FROM image i $sql$, CASE WHEN nearest THEN format('LEFT JOIN %I e ON e.product_id = i.product_id AND e.image_id = i.image_id ', 'image_vector_' || space_id) END, $sql$
    WHERE g.image_id IS NULL AND i.product_id = p.product_id AND $sql$,
    search_either_sql((filter).counts, (wider).counts), $sql$
    ORDER BY $sql$, CASE WHEN nearest THEN '(e.embedding <#> $7) + 0, ' END, $sql$ i.position, i.image_id LIMIT 1) picture ON true
$sql$) END, $sql$
LEFT JOIN LATERAL (
    SELECT v.variant_id FROM variant v WHERE v.product_id = p.product_id AND $sql$, search_either_sql((filter).fits, (wider).fits), $sql$
    ORDER BY EXISTS (SELECT FROM image_variant s WHERE s.product_id = v.product_id
                     AND s.image_id = $sql$, s.image, $sql$ AND s.variant_id = v.variant_id) DESC,
        (v.stock IS NULL OR v.stock > 0) DESC, v.price, v.variant_id LIMIT 1) chosen ON true
$sql$)
    FROM (SELECT CASE WHEN pictured THEN 'g.image_id' ELSE 'coalesce(g.image_id, picture.image_id)' END) s (image)
$$;

CREATE OR REPLACE FUNCTION search_either_sql(condition text, wider text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN wider IS NULL OR wider = condition THEN condition
    ELSE concat('CASE WHEN g.why ?| ''{beyond,pinned}'' THEN ', wider, ' ELSE ', condition, ' END') END;

-- Maximal marginal relevance (Carbonell and Goldstein, 1998): each next product is the best by its score less how much
-- its picture is like one that was chosen before. Returns the places, in the new order.
CREATE OR REPLACE FUNCTION search_diverse(
    space_id integer, product_ids bigint[], image_ids bigint[], scores double precision[], diversity double precision, k integer
) RETURNS integer[]
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
DECLARE
    vectors halfvec[];
    nearness double precision[];
    chosen integer[] := '{}';
    best integer;
BEGIN
    EXECUTE format('SELECT array_agg(e.embedding ORDER BY g.place), array_agg(0::float8) FROM unnest($1, $2) WITH ORDINALITY g (product_id, image_id, place) '
        'LEFT JOIN LATERAL (SELECT e.embedding FROM %I e WHERE e.product_id = g.product_id AND e.image_id = g.image_id OFFSET 0) e ON true',
        'image_vector_' || space_id) INTO vectors, nearness USING product_ids, image_ids;
    WHILE cardinality(chosen) < least(k, cardinality(product_ids)) LOOP
        SELECT u.place INTO best FROM unnest(scores, nearness) WITH ORDINALITY u (score, near, place)
        WHERE u.place <> ALL (chosen)
        ORDER BY (1 - diversity) * u.score / greatest(scores[1], 1e-9) - diversity * u.near DESC, u.place LIMIT 1;
        chosen := chosen || best;
        SELECT array_agg(greatest(u.near, coalesce(-(u.vector <#> vectors[best]), 0)) ORDER BY u.place) INTO nearness
        FROM unnest(vectors, nearness) WITH ORDINALITY u (vector, near, place);
    END LOOP;
    RETURN chosen;
END $$;
