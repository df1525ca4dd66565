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

-- Days on which words found something count too: else their share over several days would be too high.
CREATE OR REPLACE VIEW zero_result_query AS
SELECT d.day, d.user_query, d.searches, d.without_results, round(d.without_results::numeric / d.searches, 4) AS share
FROM query_daily d WHERE d.kind = 'words';
COMMENT ON VIEW zero_result_query IS 'How many searches for words found nothing, by day; also days on which all found something.';

CREATE OR REPLACE VIEW abandoned_query AS
SELECT d.day, d.user_query, d.searches, d.abandoned, round(d.abandoned::numeric / d.searches, 4) AS share
FROM query_daily d WHERE d.kind = 'words';
COMMENT ON VIEW abandoned_query IS 'How many searches for words found products of which none was clicked, put into a cart or bought within 24 hours, by day; also days without one.';

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

-- Added up instead of joined: that needs no sorting by text.
CREATE OR REPLACE VIEW query_weekly AS
WITH weekly AS (
    SELECT date_trunc('week', d.day::timestamp)::date AS week, d.user_query, sum(d.searches)::bigint AS searches
    FROM query_daily d WHERE d.kind = 'words' GROUP BY 1, 2
), beside AS (
    SELECT w.week, w.user_query, w.searches, 0::bigint AS before FROM weekly w
    UNION ALL SELECT w.week + 7, w.user_query, 0, w.searches FROM weekly w
), total AS (
    SELECT w.week, sum(w.searches)::double precision AS searches FROM weekly w GROUP BY 1
)
SELECT b.week, b.user_query, sum(b.searches)::bigint AS searches, sum(b.before)::bigint AS searches_before,
    sum(b.searches)::double precision / t.searches AS share, sum(b.before)::double precision / tb.searches AS share_before
FROM beside b JOIN total t USING (week) JOIN total tb ON tb.week = b.week - 7
GROUP BY b.week, b.user_query, t.searches, tb.searches;
COMMENT ON VIEW query_weekly IS 'Searches of a week by words, and their share of all, beside the week before; of words that enough shoppers use.';

-- A week's share of each words' searches beside the week before: what grows, what fades.
CREATE OR REPLACE VIEW query_drift AS
SELECT w.week, w.user_query, w.searches, w.searches_before, round(w.share::numeric, 6) AS share, round(w.share_before::numeric, 6) AS share_before,
    round((w.share - w.share_before)::numeric, 6) AS change
FROM query_weekly w;
COMMENT ON VIEW query_drift IS 'How the share of words among a week''s searches changed since the week before; of words that enough shoppers use.';

-- Jensen-Shannon divergence (Lin, 1991), in bits: 0 where both weeks ask the same, 1 where they share nothing.
CREATE OR REPLACE VIEW query_drift_weekly AS
SELECT w.week, sum(w.searches)::bigint AS searches,
    -- In floating point: logarithms of numeric take a hundred times as long.
    round((sum(CASE WHEN w.share > 0 THEN w.share * ln(2 * w.share / (w.share + w.share_before)) ELSE 0 END
        + CASE WHEN w.share_before > 0 THEN w.share_before * ln(2 * w.share_before / (w.share + w.share_before)) ELSE 0 END)
        / 2 / ln(2::double precision))::numeric, 4) AS divergence
FROM query_weekly w GROUP BY w.week;
COMMENT ON VIEW query_drift_weekly IS 'How much the searches of a week differ from those of the week before: 0 not at all, 1 entirely.';
