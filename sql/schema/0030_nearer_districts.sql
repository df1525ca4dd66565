-- Districts are looked for by what the graph reaches, and listed once.

-- Functions whose arguments or answers changed, or that are gone.
DROP FUNCTION IF EXISTS search_radius(text, integer, halfvec, integer[], integer);
DROP FUNCTION IF EXISTS search_nearest_districts(text, integer, halfvec, double precision);
DROP FUNCTION IF EXISTS search_districts(text, integer, halfvec, double precision, bigint);

-- How far what the graph reached is that has the filter's terms.
ALTER TYPE search_route ADD ATTRIBUTE reached double precision[];
