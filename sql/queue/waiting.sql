-- How much waits for this space: what can be taken now, what is leased, what is put off.
SELECT count(*) FILTER (WHERE q.available_at <= now() AND q.claims < %(suspect_after)s) AS ready,
       count(*) FILTER (WHERE q.available_at <= now() AND q.claims >= %(suspect_after)s) AS suspect,
       count(*) FILTER (WHERE q.available_at > now() AND q.lease_token IS NOT NULL) AS leased,
       count(*) FILTER (WHERE q.available_at > now() AND q.lease_token IS NULL) AS deferred
FROM work_queue q
WHERE q.space_id = %(space_id)s AND q.dead_at IS NULL
