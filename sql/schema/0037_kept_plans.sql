-- The statement that asks the graph and the cells takes its limits as parameters, so that a plan of it can be kept: functions whose arguments changed.

DROP FUNCTION IF EXISTS search_arm_sql(text, integer, search_route, search_filter, integer, integer);
DROP FUNCTION IF EXISTS search_candidates_sql(text, integer, search_route, search_filter, integer);
DROP FUNCTION IF EXISTS search_best_sql(text, text, text, integer);

-- What is read of a shopper may leave out what the catalogue does not know.
DROP FUNCTION IF EXISTS latest_events(text, text, timestamptz, integer);

-- How far the shop's shoppers keep to what they like is one number more among the shares.
COMMENT ON TABLE value_share IS 'The share of a value, such as brand=acme, in the catalogue by popularity, from a sample; the empty value has the least share that was counted, =again how far shoppers buy the same again, =loyal how far they keep to what they like.';
