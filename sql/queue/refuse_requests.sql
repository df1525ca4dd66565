-- Tells clients why their queries cannot be encoded.
UPDATE encoding_request r SET error = g.error
FROM unnest(%(kinds)s::text[], %(keys)s::text[], %(errors)s::text[]) AS g (kind, key, error)
WHERE r.space_id = %(space_id)s AND r.kind = g.kind AND r.key = g.key
