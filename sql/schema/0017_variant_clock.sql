-- A clock that every statement that updates variants moves: while it stands, nobody need look which prices and stock were written.

-- Not of the transaction: a statement moves it before it writes, and all see it at once. Logged: after a crash it is further on, never back.
CREATE SEQUENCE variant_clock;
COMMENT ON SEQUENCE variant_clock IS 'Moved by each statement that updates variants, before it writes.';
SELECT nextval('variant_clock');
-- Whoever may update variants has to be able to move it, also with a right that the shop gave by hand. It tells nothing.
GRANT USAGE ON SEQUENCE variant_clock TO PUBLIC;

ALTER TABLE facet_horizon ADD clock bigint;
COMMENT ON COLUMN facet_horizon.clock IS 'Where the clock of variants stood; NULL where somebody was still writing.';

-- Bitmaps of what is in stock have yet to be made.
INSERT INTO facet_change (product_id, prices_only) SELECT p.product_id, true FROM product p ORDER BY p.product_id;

-- Functions whose arguments or answers changed, and those that are gone.
DROP FUNCTION IF EXISTS facet_candidates(jsonb, jsonb, facet_patch, bigint[]);
DROP FUNCTION IF EXISTS facet_columns(jsonb, jsonb);
DROP FUNCTION IF EXISTS facet_sets_of_products(facet_patch, boolean, integer[], integer[], integer[], bit[]);
DROP FUNCTION IF EXISTS facet_sets_sql(jsonb, jsonb, jsonb, boolean, integer[]);
DROP FUNCTION IF EXISTS facet_value_counts(facet_patch, integer[], integer[], integer[], boolean[], boolean[], boolean[], text[], integer[], integer[], integer[], bit[]);
DROP FUNCTION IF EXISTS facet_buckets_by_cells(numeric[], facet_patch, boolean, integer, integer[], integer[], integer[], bit[]);
DROP FUNCTION IF EXISTS facet_counts_of_products(facet_patch, integer[], integer[], boolean, integer[], integer[], integer[], bit[]);
DROP FUNCTION IF EXISTS facet_extremes(facet_patch, integer, boolean, integer, integer[], integer[], integer[], bit[]);
DROP FUNCTION IF EXISTS facet_offers(bigint[], boolean, integer, integer[], integer[], integer[], bit[]);
DROP FUNCTION IF EXISTS facet_planes(facet_patch, integer, integer[], integer[], integer[], bit[]);
DROP FUNCTION IF EXISTS facet_price_terms(bigint[]);
DROP FUNCTION IF EXISTS facet_patch(bigint[], bigint[]);
DROP FUNCTION IF EXISTS facet_repatched(facet_patch, bigint[], bigint[]);
