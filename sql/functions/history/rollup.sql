-- What days of searches and events come to, counted from their rows: for rollups, and for the days that none holds yet.

CREATE OR REPLACE FUNCTION utc_day(moment timestamptz) RETURNS date
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN (moment AT TIME ZONE 'UTC')::date;

CREATE OR REPLACE FUNCTION day_began(day date) RETURNS timestamptz
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN day::timestamp AT TIME ZONE 'UTC';

-- The first day that no rollup holds yet; NULL where nothing was ever logged.
CREATE OR REPLACE FUNCTION not_rolled_from() RETURNS date
LANGUAGE sql STABLE SECURITY DEFINER SET search_path FROM CURRENT AS $$
    SELECT coalesce((SELECT max(r.day) + 1 FROM rollup_day r),
        utc_day(least((SELECT min(q.timestamp) FROM query q), (SELECT min(e.timestamp) FROM event e))))
$$;
COMMENT ON FUNCTION not_rolled_from IS 'The first day that no rollup holds yet. Runs as its owner: analysts may not read the rows.';

-- Words as they are counted, no longer than a line.
CREATE OR REPLACE FUNCTION counted_words(user_query text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN left(normalize_query(user_query), 200);

-- What searches of some days led to within 24 hours: the events that name them, and purchases that name no search, of
-- what the same shopper had clicked in one last.
CREATE OR REPLACE FUNCTION search_outcomes(first_day date, last_day date)
RETURNS TABLE (query_id uuid, clicked boolean, carted boolean, purchased boolean, revenue numeric)
LANGUAGE sql STABLE SET search_path FROM CURRENT SET enable_nestloop = off AS $$
    WITH deed AS MATERIALIZED (
        SELECT e.event_id, e.query_id, e.timestamp, e.action_name, e.client_id, e.object_id, e.amount FROM event e
        WHERE e.timestamp >= day_began(first_day) AND e.timestamp < day_began(last_day + 2)
          AND e.action_name IN ('click', 'add_to_cart', 'purchase')
    ), credited AS (
        SELECT DISTINCT ON (p.event_id, p.timestamp) c.query_id, p.timestamp, p.action_name, p.amount
        FROM deed p JOIN deed c ON c.client_id = p.client_id AND c.object_id = p.object_id
        WHERE p.action_name = 'purchase' AND p.query_id IS NULL AND c.action_name = 'click' AND c.query_id IS NOT NULL
          AND c.timestamp BETWEEN p.timestamp - interval '24 hours' AND p.timestamp
        ORDER BY p.event_id, p.timestamp, c.timestamp DESC
    )
    SELECT q.query_id, bool_or(l.action_name = 'click'), bool_or(l.action_name = 'add_to_cart'), bool_or(l.action_name = 'purchase'),
        coalesce(sum(l.amount) FILTER (WHERE l.action_name = 'purchase'), 0)
    FROM query q JOIN (
        SELECT d.query_id, d.timestamp, d.action_name, d.amount FROM deed d WHERE d.query_id IS NOT NULL
        UNION ALL SELECT * FROM credited) l ON l.query_id = q.query_id
    WHERE q.timestamp >= day_began(first_day) AND q.timestamp < day_began(last_day + 1)
      AND l.timestamp >= q.timestamp AND l.timestamp < q.timestamp + interval '24 hours'
    GROUP BY q.query_id
$$;

-- Words that enough different shoppers have searched for in the month up to a day: the others may say who they are.
CREATE OR REPLACE FUNCTION common_words(first_day date, last_day date) RETURNS SETOF text
LANGUAGE sql STABLE SET search_path FROM CURRENT AS $$
    SELECT counted_words(q.user_query) FROM query q
    WHERE q.timestamp >= day_began(first_day - 30) AND q.timestamp < day_began(last_day + 1) AND q.user_query IS NOT NULL
    GROUP BY 1 HAVING count(DISTINCT coalesce(q.client_id, q.session_id)) >= smallest_group()
$$;

CREATE OR REPLACE FUNCTION count_queries(first_day date, last_day date) RETURNS SETOF query_day
LANGUAGE sql STABLE SECURITY DEFINER SET search_path FROM CURRENT SET enable_nestloop = off AS $$
    WITH asked AS MATERIALIZED (
        SELECT q.query_id, utc_day(q.timestamp) AS day, counted_words(q.user_query) AS words, q.object_ids = '{}' AS is_empty,
            -- Cut short: what is too small for double precision would be an error, and no day would be rolled up.
            CASE WHEN q.query_attributes ->> 'milliseconds' ~ '^\d{1,9}(\.\d+)?$' THEN left(q.query_attributes ->> 'milliseconds', 40)::double precision END AS milliseconds
        FROM query q WHERE q.timestamp >= day_began(first_day) AND q.timestamp < day_began(last_day + 1)
    ), common AS MATERIALIZED (SELECT c.words FROM common_words(first_day, last_day) c (words))
    SELECT a.day, k.kind, CASE k.kind WHEN 'words' THEN a.words ELSE '' END, count(*), count(*) FILTER (WHERE a.is_empty),
        count(*) FILTER (WHERE o.clicked), count(*) FILTER (WHERE o.carted), count(*) FILTER (WHERE o.purchased),
        count(*) FILTER (WHERE o.query_id IS NULL AND a.is_empty IS NOT TRUE), coalesce(sum(o.revenue), 0),
        count(a.milliseconds), coalesce(sum(a.milliseconds), 0), max(a.milliseconds)
    FROM asked a LEFT JOIN search_outcomes(first_day, last_day) o USING (query_id) LEFT JOIN common c USING (words)
    CROSS JOIN LATERAL (SELECT CASE WHEN coalesce(a.words, '') = '' THEN 'browse' WHEN c.words IS NULL THEN 'rare' ELSE 'words' END) k (kind)
    GROUP BY 1, 2, 3
$$;
COMMENT ON FUNCTION count_queries IS 'Searches of some days by their words, counted from the rows. Runs as its owner: what it tells names no shopper.';

CREATE OR REPLACE FUNCTION count_positions(first_day date, last_day date) RETURNS SETOF position_day
LANGUAGE sql STABLE SECURITY DEFINER SET search_path FROM CURRENT AS $$
    SELECT utc_day(e.timestamp), e.position, count(*) FILTER (WHERE e.action_name = 'impression'), count(*) FILTER (WHERE e.action_name = 'click')
    FROM event e
    WHERE e.timestamp >= day_began(first_day) AND e.timestamp < day_began(last_day + 1)
      AND e.action_name IN ('impression', 'click') AND e.position IS NOT NULL
    GROUP BY 1, 2
$$;
COMMENT ON FUNCTION count_positions IS 'Impressions and clicks of some days by position, counted from the rows. Runs as its owner: what it tells names no shopper.';

CREATE OR REPLACE FUNCTION count_categories(first_day date, last_day date) RETURNS SETOF category_day
LANGUAGE sql STABLE SECURITY DEFINER SET search_path FROM CURRENT SET enable_nestloop = off AS $$
    WITH sold AS MATERIALIZED (
        SELECT utc_day(e.timestamp) AS day, e.object_id, count(*) FILTER (WHERE e.action_name = 'impression') AS impressions,
            count(*) FILTER (WHERE e.action_name = 'click') AS clicks, count(*) FILTER (WHERE e.action_name = 'add_to_cart') AS carts,
            count(*) FILTER (WHERE e.action_name = 'purchase') AS purchases,
            coalesce(sum(coalesce(e.quantity, 1)) FILTER (WHERE e.action_name = 'purchase'), 0) AS quantity,
            coalesce(sum(e.amount) FILTER (WHERE e.action_name = 'purchase'), 0) AS revenue
        FROM event e
        WHERE e.timestamp >= day_began(first_day) AND e.timestamp < day_began(last_day + 1)
          AND e.action_name IN ('impression', 'click', 'add_to_cart', 'purchase') AND e.object_id_field = 'external_id'
        GROUP BY 1, 2
    ), lies AS (
        SELECT DISTINCT p.external_id AS object_id, l.category_id
        FROM product p JOIN product_category c USING (product_id) JOIN category n USING (category_id)
        CROSS JOIN LATERAL unnest(n.lineage) l (category_id)
    )
    SELECT s.day, l.category_id, sum(s.impressions)::bigint, sum(s.clicks)::bigint, sum(s.carts)::bigint, sum(s.purchases)::bigint, sum(s.quantity), sum(s.revenue)
    FROM sold s JOIN lies l USING (object_id) GROUP BY 1, 2
$$;
COMMENT ON FUNCTION count_categories IS 'Events of some days by category, counted from the rows. Runs as its owner: what it tells names no shopper.';
