-- One month of searches; a search has 8 impressions, on average 1.3 clicks, 0.5 carts and 0.2 purchases: ten events.
INSERT INTO query (query_id, timestamp, client_id, user_query, object_ids, query_attributes)
SELECT md5(format('%%s-%%s', %(since)s, n))::uuid, %(since)s + n * %(span)s / %(count)s, 'u' || (hashint4(n) & 65535),
    CASE WHEN n %% 5 > 0 THEN 'words ' || floor(3000 * power(random(), 3)) END,
    CASE WHEN n %% 50 > 0 THEN ARRAY['p1', 'p2'] ELSE '{}' END,
    jsonb_build_object('milliseconds', (5 + 20 * random())::numeric(6, 2))
FROM generate_series(1, %(count)s) n
;
INSERT INTO event (timestamp, action_name, query_id, client_id, object_id, position, amount)
SELECT q.timestamp + a.later, a.action, q.query_id, q.client_id,
    'p' || (1 + (hashtext(q.query_id::text) + a.place * 31 & 16383)), a.place,
    CASE a.action WHEN 'purchase' THEN (5 + 90 * random())::numeric(6, 2) END
FROM query q CROSS JOIN LATERAL (
    SELECT 'impression' AS action, place, interval '0' AS later FROM generate_series(1, 8) place
    UNION ALL SELECT 'click', 1 + floor(8 * power(random(), 2))::integer, interval '10 seconds'
    FROM generate_series(1, 2) WHERE random() < 0.65
    UNION ALL SELECT 'add_to_cart', 1 + floor(8 * power(random(), 2))::integer, interval '1 minute' WHERE random() < 0.5
    UNION ALL SELECT 'purchase', 1 + floor(8 * power(random(), 2))::integer, interval '1 hour' WHERE random() < 0.2) a
WHERE q.timestamp >= %(since)s AND q.timestamp < %(since)s + %(span)s AND q.timestamp + a.later < now()
