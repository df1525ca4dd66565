-- Writes vectors of captions and the end of their queue entries, in one statement.
WITH given AS (
    SELECT * FROM unnest(
        %(product_ids)s::bigint[], %(item_ids)s::bigint[], %(input_versions)s::bigint[],
        %(lease_tokens)s::uuid[], %(contents)s::bytea[], %(embeddings)b::halfvec[]
    ) AS g (product_id, item_id, input_version, lease_token, content, embedding)
), sourced AS (
    -- Without a vector of its own the text is one that this product has already.
    SELECT g.*, coalesce(g.embedding, (
        SELECT v.embedding FROM {caption_vector} v
        WHERE v.product_id = g.product_id AND v.content = g.content LIMIT 1
    )) AS vector
    FROM given g
    JOIN caption c ON c.product_id = g.product_id AND c.caption_id = g.item_id
        AND c.input_version = g.input_version
    WHERE g.product_id IN (SELECT lock_products(%(product_ids)s::bigint[]))
), finished AS (
    -- A change committed meanwhile has taken the lease away; one that is not yet committed queues
    -- the caption anew when it is.
    DELETE FROM work_queue q USING sourced s
    WHERE q.product_id = s.product_id AND q.kind = 'caption' AND q.item_id = s.item_id
      AND q.space_id = %(space_id)s AND q.lease_token = s.lease_token AND s.vector IS NOT NULL
    RETURNING s.*
)
INSERT INTO {caption_vector} AS v (product_id, caption_id, embedding, input_version, content)
SELECT f.product_id, f.item_id, f.vector, f.input_version, f.content FROM finished f
ON CONFLICT (product_id, caption_id) DO UPDATE
    SET embedding = excluded.embedding, input_version = excluded.input_version,
        content = excluded.content,
        encoded_at = CASE WHEN v.content = excluded.content THEN v.encoded_at ELSE now() END
RETURNING v.product_id, v.caption_id
