-- Stores the vectors of queries and takes their requests away, together; what nobody waits for any more (its shopper may have been forgotten) is not stored.
WITH given AS (
    SELECT * FROM unnest(%(kinds)s::text[], %(keys)s::text[], %(queries)s::text[],
        %(embeddings)b::halfvec[]) AS g (kind, key, query, embedding)
), answered AS (
    DELETE FROM encoding_request r USING given g
    WHERE r.space_id = %(space_id)s AND r.kind = g.kind AND r.key = g.key
    RETURNING g.kind, g.key, g.query, g.embedding
)
INSERT INTO query_vector (space_id, kind, key, query, embedding)
SELECT %(space_id)s, a.kind, a.key, a.query, a.embedding FROM answered a
ON CONFLICT (space_id, kind, key) DO NOTHING
