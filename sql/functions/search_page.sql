-- The page of a search: both arms fused by rank, each product with its picture and its variant.

-- $1, $2 and $3, $4 are the arms' products and distances, $5 products that no arm found, $6 the query's vector for
-- pictures, $7 k, $8 whether this is browsing, $9 what every row says of the search.
CREATE OR REPLACE FUNCTION search_page_sql(space_id integer, filter search_filter) RETURNS text
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
    SELECT p.product_id, p.popularity FROM unnest($5) o (product_id) JOIN product p USING (product_id)
    WHERE o.product_id NOT IN (SELECT f.product_id FROM found f)
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
    $9 || jsonb_strip_nulls(jsonb_build_object(
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
    FROM image i LEFT JOIN %3$s e ON e.product_id = i.product_id AND e.image_id = i.image_id
    WHERE i.product_id = p.product_id AND %2$s
    ORDER BY distance, i.position, i.image_id LIMIT 1
) picture ON true
LEFT JOIN LATERAL (
    SELECT v.variant_id FROM variant v WHERE %1$s
    ORDER BY EXISTS (SELECT FROM image_variant s WHERE s.product_id = v.product_id
                     AND s.image_id = picture.image_id AND s.variant_id = v.variant_id) DESC,
        (v.stock IS NULL OR v.stock > 0) DESC, v.price, v.variant_id LIMIT 1
) chosen ON true
ORDER BY g.rank
$page$,
        (filter).fits, (filter).counts,
        CASE WHEN space_id IS NULL
             THEN '(SELECT NULL::bigint AS product_id, NULL::bigint AS image_id, NULL::halfvec AS embedding)'
             ELSE quote_ident('image_vector_' || space_id) END)
$$;

-- Products that no arm can find (their vectors are still to come) follow after those it found, so that k come
-- back whenever k match; browsing is the case where no arm looked at all. The most popular first.
CREATE OR REPLACE FUNCTION search_others(space_id integer, filter search_filter, shown_already bigint[], k integer, share double precision) RETURNS bigint[]
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
DECLARE
    missing integer := k - (SELECT count(DISTINCT f.product_id) FROM unnest(shown_already) f (product_id));
    products bigint[];
BEGIN
    IF missing <= 0 THEN RETURN NULL; END IF;
    EXECUTE concat('SELECT array_agg(o.product_id) FROM (SELECT p.product_id FROM ',
        CASE WHEN space_id IS NOT NULL AND ((filter).listing IS NOT NULL OR (filter).prices IS NOT NULL)
                  AND coalesce(share < 0.05, search_is_narrow(space_id, filter))
             THEN concat('(', search_listing_sql(space_id, filter), ') l JOIN product p USING (product_id)')
             ELSE 'product p' END,
        ' WHERE ', (filter).shown, ' AND p.product_id NOT IN (SELECT unnest($1)) ',
        'ORDER BY p.popularity DESC, p.product_id DESC LIMIT ', missing, ') o')
    INTO products USING shown_already;
    RETURN products;
END $$;

-- Whether it pays to list what the filter may keep; else products are read in their order until enough pass.
CREATE OR REPLACE FUNCTION search_is_narrow(space_id integer, filter search_filter) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
DECLARE
    kind text;
    total bigint := 0;
    sample record;
BEGIN
    SELECT n.kind, n.total INTO kind, total
    FROM (SELECT k.kind, rows_of(format('%s_sketch_%s', k.kind, space_id), 200) AS total
          FROM (VALUES ('image'), ('caption')) k (kind)) n ORDER BY n.total DESC LIMIT 1;
    IF total < 4000 THEN RETURN false; END IF;
    sample := search_sample(kind, space_id, NULL, filter, total, 1);
    RETURN sample.by_terms * sample.pass < 0.05 * sample.seen;
END $$;

-- Every product that the filter may keep, whether or not it has vectors.
CREATE OR REPLACE FUNCTION search_listing_sql(space_id integer, filter search_filter) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path FROM CURRENT AS $$
    SELECT CASE
        WHEN (filter).listing IS NULL THEN concat('SELECT DISTINCT v.product_id FROM variant v WHERE ', (filter).prices)
        ELSE concat('SELECT s.product_id FROM image_sketch_', space_id, ' s WHERE ', (filter).listing,
            ' UNION SELECT s.product_id FROM caption_sketch_', space_id, ' s WHERE ', (filter).listing,
            ' UNION SELECT w.product_id FROM waiting_product w WHERE w.space_id = ', space_id) END
$$;
