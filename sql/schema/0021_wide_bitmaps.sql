-- Bitmaps of 32,000 products, two to a page: a count reads a quarter as many rows, and only the bits of those are as many as before.

CREATE TEMPORARY TABLE narrow_bitmap ON COMMIT DROP AS SELECT b.value_id, b.plane, b.block, b.bits FROM facet_bitmap b;
DROP TABLE facet_bitmap;
CREATE TABLE facet_bitmap (
    value_id integer NOT NULL,
    block integer NOT NULL,
    plane integer NOT NULL,
    -- Before the bits: whoever adds them up reads one line of memory instead of sixty.
    ones integer NOT NULL GENERATED ALWAYS AS (bit_count(bits)::integer) STORED,
    bits bit(32000) NOT NULL,
    PRIMARY KEY (value_id, plane, block)
);
COMMENT ON TABLE facet_bitmap IS 'Which of 32,000 consecutive products have a value (plane 0), and which of their first, second, … variants do (plane 1, 2, …).';
-- Neither compressed nor moved out of the row: unpacking would take longer than counting.
ALTER TABLE facet_bitmap ALTER bits SET STORAGE PLAIN;

-- What was folded stays folded: each wide bitmap out of the five or six narrow ones that it covers.
INSERT INTO facet_bitmap (value_id, plane, block, bits)
SELECT w.value_id, w.plane, w.block, w.bits FROM (
    SELECT m.value_id, m.plane, m.block,
        rpad(substr(string_agg(coalesce(n.bits::text, repeat('0', 8192)), '' ORDER BY m.narrow), m.block * 32000 - min(m.narrow) * 8192 + 1, 32000), 32000, '0')::bit(32000) AS bits
    FROM (
        SELECT DISTINCT n.value_id, n.plane, w.block, i AS narrow FROM narrow_bitmap n
        CROSS JOIN generate_series(n.block * 8192 / 32000, (n.block * 8192 + 8191) / 32000) w (block)
        CROSS JOIN generate_series(w.block * 32000 / 8192, (w.block * 32000 + 31999) / 8192) i
    ) m LEFT JOIN narrow_bitmap n ON (n.value_id, n.plane, n.block) = (m.value_id, m.plane, m.narrow)
    GROUP BY m.value_id, m.plane, m.block) w
WHERE bit_count(w.bits) > 0 ORDER BY w.value_id, w.plane, w.block;

-- Made anew as blocks are folded; until then values are counted by their bitmaps.
TRUNCATE facet_column;
COMMENT ON TABLE facet_column IS 'Of a field with many values, the number of the value that each of 32,000 consecutive products has: the bitmaps turned round, for counts of few products.';

-- So that nobody need compare the spellings of all values of a facet.
ALTER TABLE facet_value ADD spelt boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN facet_value.spelt IS 'Whether it has, or had, another spelling.';
UPDATE facet_value v SET spelt = true
FROM (SELECT o.field, lower(o.name) AS name, lower(o.element #>> '{}') AS shown FROM facet_value o GROUP BY 1, 2, 3 HAVING count(*) > 1) o
WHERE v.field = o.field AND lower(v.name) = o.name AND lower(v.element #>> '{}') = o.shown;

-- Of the cells of variants' prices, whether they are odd has yet to be folded.
INSERT INTO facet_change (product_id, prices_only) SELECT p.product_id, true FROM product p ORDER BY p.product_id;

-- Functions whose arguments changed.
DROP FUNCTION IF EXISTS facet_answers(jsonb, facet_patch, integer, bigint[], integer[], integer[], integer[], bit[]);
DROP FUNCTION IF EXISTS facet_asked_values(jsonb, facet_patch);
DROP FUNCTION IF EXISTS facet_columns(jsonb, jsonb);
DROP FUNCTION IF EXISTS facet_counts_of_patch(facet_patch, integer[], integer[], integer[], integer[], integer[], bit[]);
DROP FUNCTION IF EXISTS facet_counts_of_products(facet_patch, integer[], integer[], integer[], integer[], integer[], bit[]);
DROP FUNCTION IF EXISTS facet_counts_together(facet_patch, integer[], integer[], integer[], boolean[], integer[], integer[], integer[], bit[]);
DROP FUNCTION IF EXISTS facet_list(jsonb, text[], bigint[]);
DROP FUNCTION IF EXISTS facet_price_terms(bigint[], boolean);
DROP FUNCTION IF EXISTS facet_value_counts(facet_patch, integer[], integer[], integer[], boolean[], boolean[], boolean[], text[], integer[], integer[], integer[], bit[]);
DROP FUNCTION IF EXISTS facet_sets_sql(jsonb, jsonb, jsonb, boolean, integer[], integer[]);

ALTER TYPE facet_patch ALTER ATTRIBUTE keep TYPE bit(32000)[], ALTER ATTRIBUTE prices_keep TYPE bit(32000)[], ALTER ATTRIBUTE bits TYPE bit(32000)[];
