-- Functions of a list that is compared in parts, whose arguments changed or that nothing uses any more.
DROP FUNCTION IF EXISTS search_compared_sql(text, integer, search_route, search_filter, integer, integer, integer);
DROP FUNCTION IF EXISTS search_spared_sql(text, integer, search_route, search_filter, integer);
DROP FUNCTION IF EXISTS search_left_out(text, integer, halfvec, search_route, double precision[], double precision, integer);
DROP FUNCTION IF EXISTS search_by_chance(text, integer, halfvec, search_route, double precision);
DROP FUNCTION IF EXISTS search_best_sql(text, text, text, text, text);
