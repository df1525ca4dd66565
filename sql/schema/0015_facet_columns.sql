-- Counts of facets without a bitmap of each value: how many products have a value, and the values of each product of a block.

ALTER TABLE facet_value ADD held integer NOT NULL DEFAULT 0;
COMMENT ON COLUMN facet_value.held IS 'How many products of the bitmaps have it.';
UPDATE facet_value v SET held = c.held
FROM (SELECT b.value_id, sum(b.ones)::integer AS held FROM facet_bitmap b WHERE b.plane = 0 GROUP BY b.value_id) c WHERE c.value_id = v.value_id;

-- Filled as blocks are folded; a block without is counted by its bitmaps.
CREATE TABLE facet_column (
    field text NOT NULL,
    name text NOT NULL,
    block integer NOT NULL,
    firsts integer[],
    seconds integer[],
    PRIMARY KEY (field, name, block)
);
COMMENT ON TABLE facet_column IS 'Of a field with many values, the number of the value that each of 8,192 consecutive products has: the bitmaps turned round, for counts of few products.';
COMMENT ON COLUMN facet_column.firsts IS 'NULL where a product has more than two.';

-- Functions whose arguments or answers changed.
DROP FUNCTION IF EXISTS facet_answers(jsonb, facet_patch, integer, integer[], integer[], integer[], bit[]);
DROP FUNCTION IF EXISTS facet_asked_values(jsonb, facet_patch);
DROP FUNCTION IF EXISTS facet_priced(bigint[], integer, integer[], integer[], integer[], bit[]);
DROP FUNCTION IF EXISTS facet_prices(jsonb, facet_patch, integer, integer, integer[], integer[], integer[], bit[]);
DROP FUNCTION IF EXISTS facet_stock(jsonb, facet_patch, integer, integer[], integer[], integer[], bit[]);
DROP FUNCTION IF EXISTS facet_value_counts(facet_patch, integer[], integer[], integer[], boolean[], boolean[], integer[], integer[], integer[], bit[]);
DROP FUNCTION IF EXISTS personal_added(search_question, search_arms, bigint[], double precision[]);
DROP FUNCTION IF EXISTS personal_parts(integer, personal_history, bigint[], search_arms, bigint[], double precision[]);
DROP FUNCTION IF EXISTS personal_reasons(integer, personal_history, bigint[], bigint[], text[], double precision[]);
