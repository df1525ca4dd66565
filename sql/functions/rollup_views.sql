-- What analysts read of searches and events: from the rollups, and from the rows of the days that these do not hold yet.

CREATE OR REPLACE VIEW query_daily AS
SELECT d.* FROM query_day d
UNION ALL SELECT c.* FROM count_queries(not_rolled_from(), utc_day(now()) + 1) c;
COMMENT ON VIEW query_daily IS 'Searches by day and words, with what they led to within 24 hours, up to this moment.';

CREATE OR REPLACE VIEW position_daily AS
SELECT d.* FROM position_day d
UNION ALL SELECT c.* FROM count_positions(not_rolled_from(), utc_day(now()) + 1) c;
COMMENT ON VIEW position_daily IS 'Impressions and clicks by day and position, up to this moment.';

CREATE OR REPLACE VIEW category_daily AS
SELECT d.* FROM category_day d
UNION ALL SELECT c.* FROM count_categories(not_rolled_from(), utc_day(now()) + 1) c;
COMMENT ON VIEW category_daily IS 'Events by day and category, up to this moment.';

CREATE OR REPLACE VIEW click_through AS
SELECT d.day, d.position, d.impressions, d.clicks, round(d.clicks / nullif(d.impressions, 0)::numeric, 4) AS click_through
FROM position_daily d;
COMMENT ON VIEW click_through IS 'Clicks per impression at each position, by day.';

CREATE OR REPLACE VIEW zero_result_query AS
SELECT d.day, d.user_query, d.searches, d.without_results, round(d.without_results::numeric / d.searches, 4) AS share
FROM query_daily d WHERE d.kind = 'words' AND d.without_results > 0;
COMMENT ON VIEW zero_result_query IS 'Words that found nothing, by day.';

CREATE OR REPLACE VIEW abandoned_query AS
SELECT d.day, d.user_query, d.searches, d.abandoned, round(d.abandoned::numeric / d.searches, 4) AS share
FROM query_daily d WHERE d.kind = 'words' AND d.abandoned > 0;
COMMENT ON VIEW abandoned_query IS 'Words that found products of which none was clicked, put into a cart or bought within 24 hours, by day.';

CREATE OR REPLACE VIEW query_revenue AS
SELECT d.day, d.kind, d.user_query, d.searches, d.purchased, d.revenue, round(d.revenue / d.searches, 4) AS revenue_per_search
FROM query_daily d;
COMMENT ON VIEW query_revenue IS 'What searches sold within 24 hours, by day and words; those of rare words together, browsing together.';

CREATE OR REPLACE VIEW category_conversion AS
SELECT d.day, c.path, c.name, d.impressions, d.clicks, d.carts, d.purchases, d.quantity, d.revenue,
    round(d.purchases / nullif(d.clicks, 0)::numeric, 4) AS conversion
FROM category_daily d JOIN category c USING (category_id);
COMMENT ON VIEW category_conversion IS 'Purchases per click in each category and all below it, by day.';

CREATE OR REPLACE VIEW slow_query AS
SELECT d.day, d.user_query, d.kind, d.timed AS searches, round((d.milliseconds / d.timed)::numeric, 1) AS mean_ms, round(d.slowest::numeric, 1) AS slowest_ms
FROM query_daily d WHERE d.timed > 0;
COMMENT ON VIEW slow_query IS 'How long searches took whose milliseconds were logged, by day and words.';

CREATE OR REPLACE VIEW search_funnel AS
SELECT d.day, sum(d.searches)::bigint AS searches, (sum(d.searches) - sum(d.without_results))::bigint AS with_results,
    sum(d.clicked)::bigint AS clicked, sum(d.carted)::bigint AS carted, sum(d.purchased)::bigint AS purchased, sum(d.revenue) AS revenue
FROM query_daily d GROUP BY d.day;
COMMENT ON VIEW search_funnel IS 'From search to purchase, by day: how many searches found something, led to a click, a cart, a purchase.';

-- A week's share of each words' searches beside the week before: what grows, what fades.
CREATE OR REPLACE VIEW query_drift AS
WITH weekly AS (
    SELECT date_trunc('week', d.day::timestamp)::date AS week, d.user_query, sum(d.searches) AS searches
    FROM query_daily d WHERE d.kind = 'words' GROUP BY 1, 2
), total AS (
    SELECT w.week, sum(w.searches) AS searches FROM weekly w GROUP BY 1
)
SELECT t.week, user_query, coalesce(w.searches, 0)::bigint AS searches, coalesce(b.searches, 0)::bigint AS searches_before,
    round(coalesce(w.searches, 0) / t.searches, 6) AS share, round(coalesce(b.searches, 0) / tb.searches, 6) AS share_before,
    round(coalesce(w.searches, 0) / t.searches - coalesce(b.searches, 0) / tb.searches, 6) AS change
FROM weekly w FULL JOIN (SELECT b.week + 7 AS week, b.user_query, b.searches FROM weekly b) b USING (week, user_query)
JOIN total t ON t.week = coalesce(w.week, b.week) JOIN total tb ON tb.week = t.week - 7;
COMMENT ON VIEW query_drift IS 'How the share of words among a week''s searches changed since the week before; of words that enough shoppers use.';

-- Jensen-Shannon divergence (Lin, 1991), in bits: 0 where both weeks ask the same, 1 where they share nothing.
CREATE OR REPLACE VIEW query_drift_weekly AS
SELECT d.week, sum(d.searches)::bigint AS searches,
    round(sum((CASE WHEN d.share > 0 THEN d.share * log(2, 2 * d.share / (d.share + d.share_before)) ELSE 0 END
        + CASE WHEN d.share_before > 0 THEN d.share_before * log(2, 2 * d.share_before / (d.share + d.share_before)) ELSE 0 END) / 2), 4) AS divergence
FROM query_drift d GROUP BY d.week;
COMMENT ON VIEW query_drift_weekly IS 'How much the searches of a week differ from those of the week before: 0 not at all, 1 entirely.';
