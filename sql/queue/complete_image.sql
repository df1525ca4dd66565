-- Writes vectors of pictures, what was seen of them, and the end of their queue entries, in one statement.
WITH given AS (
    SELECT * FROM unnest(
        %(product_ids)s::bigint[], %(item_ids)s::bigint[], %(input_versions)s::bigint[],
        %(lease_tokens)s::uuid[], %(contents)s::bytea[], %(embeddings)b::halfvec[],
        %(byte_sizes)s::bigint[], %(widths)s::integer[], %(heights)s::integer[],
        %(etags)s::text[], %(last_modifieds)s::text[]
    ) AS g (product_id, item_id, input_version, lease_token, content, embedding,
            byte_size, width, height, etag, last_modified)
), held AS (
    -- Who changes a picture locks its row first and its queue entry next: waiting here would be the
    -- other half of a deadlock, so a locked picture is left for the next try.
    SELECT g.*
    FROM given g
    JOIN image i ON i.product_id = g.product_id AND i.image_id = g.item_id
        AND i.input_version = g.input_version
    WHERE g.product_id IN (SELECT lock_products(%(product_ids)s::bigint[]))
    FOR NO KEY UPDATE OF i SKIP LOCKED
), sourced AS (
    -- Without a vector of its own the content is one that this product has already.
    SELECT h.*, coalesce(h.embedding, (
        SELECT v.embedding FROM {image_vector} v
        WHERE v.product_id = h.product_id AND v.content = h.content LIMIT 1
    )) AS vector
    FROM held h
), finished AS (
    DELETE FROM work_queue q USING sourced s
    WHERE q.product_id = s.product_id AND q.kind = 'image' AND q.item_id = s.item_id
      AND q.space_id = %(space_id)s AND q.lease_token = s.lease_token AND s.vector IS NOT NULL
    RETURNING s.*
), seen AS (
    UPDATE image i
    SET sha256 = f.content, byte_size = f.byte_size,
        width = coalesce(f.width, twin.width), height = coalesce(f.height, twin.height),
        etag = f.etag, last_modified = f.last_modified, fetched_at = now()
    FROM finished f
    LEFT JOIN LATERAL (
        -- The content of a copied vector was not decoded again.
        SELECT t.width, t.height FROM image t
        WHERE f.width IS NULL AND t.product_id = f.product_id AND t.sha256 = f.content
          AND t.width IS NOT NULL LIMIT 1
    ) twin ON true
    WHERE i.product_id = f.product_id AND i.image_id = f.item_id
)
INSERT INTO {image_vector} AS v (product_id, image_id, embedding, input_version, content)
SELECT f.product_id, f.item_id, f.vector, f.input_version, f.content FROM finished f
ON CONFLICT (product_id, image_id) DO UPDATE
    SET embedding = excluded.embedding, input_version = excluded.input_version,
        content = excluded.content,
        encoded_at = CASE WHEN v.content = excluded.content THEN v.encoded_at ELSE now() END
RETURNING v.product_id, v.image_id
