-- An arm's listed products are compared in a statement of their own: functions whose arguments changed.

DROP FUNCTION IF EXISTS search_arm_sql(text, integer, search_route, search_filter, integer, integer, integer);
DROP FUNCTION IF EXISTS search_unchecked_sql(text, integer, search_route, search_filter, text);
DROP FUNCTION IF EXISTS search_passing_sql(text, integer, search_route, search_filter, text);
DROP FUNCTION IF EXISTS search_graph_limit(search_route, integer);
DROP FUNCTION IF EXISTS search_list_limit(search_route, integer);
DROP FUNCTION IF EXISTS search_is_checked(search_route);
