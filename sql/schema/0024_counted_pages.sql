-- The products that a page has counted, as bitmaps: what search functions hand to each other.

ALTER TYPE search_filter ADD ATTRIBUTE kept_blocks integer[], ADD ATTRIBUTE kept_bits bit(32000)[];

-- Functions whose results changed.
DROP FUNCTION IF EXISTS search_counts(search_question, bigint[], jsonb);
