-- Which picture an arm found of each product, and whether a filter asks anything of variants: what search functions hand to each other.

ALTER TYPE search_arms ADD ATTRIBUTE pictures bigint[];
ALTER TYPE search_filter ADD ATTRIBUTE on_variants boolean;

-- Functions whose arguments or results changed.
DROP FUNCTION IF EXISTS search_arm(text, integer, halfvec, search_filter, integer, timestamptz, boolean, integer, halfvec, halfvec);
