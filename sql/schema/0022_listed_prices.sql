-- The products that a search has listed by their prices, when it counted them: what search functions hand to each other.

ALTER TYPE search_route ADD ATTRIBUTE products bigint[];

-- Functions whose arguments or results changed.
DROP FUNCTION IF EXISTS search_price_count(search_filter, bigint);
DROP FUNCTION IF EXISTS search_second_opinion(double precision, integer);
DROP FUNCTION IF EXISTS search_hits_sql(integer, search_filter, search_filter, boolean);
