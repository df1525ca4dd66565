-- The page of a search: both arms fused by rank, each product with its picture and its variant.

-- Products that no arm can find (their vectors are still to come) follow after those it found, so that
-- k products come back whenever k match; browsing is the case where no arm looked at all.
-- $1, $2 and $3, $4 are the arms' products and distances, $5 the matching products where they were
-- listed, $6 the query's vector for pictures, $7 k, $8 whether this is browsing, $9 the plan.
CREATE OR REPLACE FUNCTION search_page_sql(space_id integer, shown text, fits text, counts text) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path FROM CURRENT AS $$
    SELECT format($page$
WITH by_image AS (
    SELECT a.* FROM unnest($1::bigint[], $2::float8[]) WITH ORDINALITY a (product_id, distance, place)
), by_caption AS (
    SELECT a.* FROM unnest($3::bigint[], $4::float8[]) WITH ORDINALITY a (product_id, distance, place)
), found AS MATERIALIZED (
    -- Reciprocal rank fusion (Cormack, Clarke and Büttcher, 2009), scaled so that first in every arm is 1. A
    -- picture counts twice: captions seldom name a colour (docs/discussions.md has the figures).
    SELECT product_id, by_image.place AS image_place, by_image.distance AS image_distance,
        by_caption.place AS caption_place, by_caption.distance AS caption_distance,
        (2 * coalesce(21.0 / (20 + by_image.place), 0) + coalesce(21.0 / (20 + by_caption.place), 0))
            / greatest(1, 2 * num_nonnulls($1[1]) + num_nonnulls($3[1])) AS score
    FROM by_image FULL JOIN by_caption USING (product_id)
    ORDER BY score DESC, image_distance, product_id DESC LIMIT $7
), waiting AS (
    SELECT p.product_id, p.popularity FROM product p
    WHERE %1$s AND ($5 IS NULL OR p.product_id = ANY ($5))
      AND p.product_id NOT IN (SELECT f.product_id FROM found f)
    ORDER BY p.popularity DESC, p.product_id DESC LIMIT $7 - (SELECT count(*) FROM found)
), page AS (
    SELECT f.*, NULL::real AS popularity, false AS waiting FROM found f
    UNION ALL
    SELECT w.product_id, NULL, NULL, NULL, NULL, CASE WHEN $8 THEN w.popularity ELSE 0 END, w.popularity, NOT $8
    FROM waiting w
), numbered AS (
    SELECT g.*, row_number() OVER (
        ORDER BY g.waiting, g.score DESC, g.image_distance, g.popularity DESC, g.product_id DESC)::integer AS rank
    FROM page g
)
SELECT g.rank, p.product_id, p.external_id, chosen.variant_id, picture.image_id, g.score::real,
    jsonb_strip_nulls(jsonb_build_object(
        'plan', $9,
        'image', CASE WHEN picture.distance IS NOT NULL THEN jsonb_build_object(
            'rank', g.image_place, 'similarity', (-picture.distance)::real) END,
        'caption', CASE WHEN g.caption_place IS NOT NULL THEN jsonb_build_object(
            'rank', g.caption_place, 'similarity', (-g.caption_distance)::real) END,
        'popularity', CASE WHEN g.popularity IS NOT NULL THEN g.popularity END,
        'waiting', CASE WHEN g.waiting THEN true END))
FROM numbered g
JOIN product p USING (product_id)
LEFT JOIN LATERAL (
    SELECT i.image_id, (e.embedding <#> $6) + 0 AS distance
    FROM image i LEFT JOIN %4$s e ON e.product_id = i.product_id AND e.image_id = i.image_id
    WHERE i.product_id = p.product_id AND %3$s
    ORDER BY distance, i.position, i.image_id LIMIT 1
) picture ON true
LEFT JOIN LATERAL (
    SELECT v.variant_id FROM variant v WHERE %2$s
    ORDER BY EXISTS (SELECT FROM image_variant s WHERE s.product_id = v.product_id
                     AND s.image_id = picture.image_id AND s.variant_id = v.variant_id) DESC,
        (v.stock IS NULL OR v.stock > 0) DESC, v.price, v.variant_id LIMIT 1
) chosen ON true
ORDER BY g.rank
$page$,
        shown, fits, counts,
        CASE WHEN space_id IS NULL
             THEN '(SELECT NULL::bigint AS product_id, NULL::bigint AS image_id, NULL::halfvec AS embedding)'
             ELSE quote_ident('image_vector_' || space_id) END)
$$;
