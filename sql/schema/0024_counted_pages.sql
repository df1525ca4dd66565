-- Pages show what they have counted, and counts of facets do less: options by the number that a value has among a product's, prices by decimal digits, columns in short rows.

ALTER TYPE search_filter ADD ATTRIBUTE kept_blocks integer[], ADD ATTRIBUTE kept_bits bit(32000)[];

-- Two rows to a page, and none unpacked or put together to look at a few products.
DROP TABLE facet_column;
CREATE TABLE facet_column (
    field text NOT NULL,
    name text NOT NULL,
    piece integer NOT NULL,
    firsts integer[],
    seconds integer[],
    PRIMARY KEY (field, name, piece)
);
COMMENT ON TABLE facet_column IS 'Of a field with many values, the number of the value that each of 800 consecutive products has: the bitmaps turned round, for counts of few products.';
COMMENT ON COLUMN facet_column.firsts IS 'NULL where a product has more than two.';
ALTER TABLE facet_column ALTER firsts SET STORAGE PLAIN, ALTER seconds SET STORAGE PLAIN;
COMMENT ON TABLE facet_bitmap IS 'Which of 32,000 consecutive products have a value (plane 0), which of their first, second, … variants do (plane 1, 2, …), and of which it is the first, second, … of their values (plane -1, -2, …).';

-- All has to be folded anew.
INSERT INTO facet_change (product_id) SELECT p.product_id FROM product p ORDER BY p.product_id;

-- Functions whose arguments or results changed.
DROP FUNCTION IF EXISTS search_counts(search_question, bigint[], jsonb);
DROP FUNCTION IF EXISTS search_plain_hits(bigint[], bigint[], double precision[], jsonb[], integer, jsonb);
DROP FUNCTION IF EXISTS facet_answers(jsonb, facet_patch, integer, bigint[], integer[], integer[], integer[], bit[]);
DROP FUNCTION IF EXISTS facet_counts_by_column(facet_patch, integer[], text, integer, integer[], integer[], integer[], bit[]);
DROP FUNCTION IF EXISTS facet_counts_of_variants(integer[], integer, integer[], integer[], integer[], bit[]);
DROP FUNCTION IF EXISTS facet_patch(bigint[], bigint[], boolean);
DROP FUNCTION IF EXISTS facet_terms(bigint[]);
