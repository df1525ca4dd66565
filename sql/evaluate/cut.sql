-- The moment before which a share of the actions lies, with the first and the last of them.
SELECT percentile_disc(%(share)s) WITHIN GROUP (ORDER BY e.timestamp) AS cut, min(e.timestamp), max(e.timestamp), count(*)
FROM event e
WHERE e.action_name = ANY (%(actions)s::text[]) AND e.object_id_field = 'external_id' AND e.timestamp <= now()
