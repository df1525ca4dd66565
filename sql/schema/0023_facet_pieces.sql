-- Facets answer as texts of JSON, and what changed comes in pieces: functions whose results or arguments changed, and the pieces.

DROP FUNCTION IF EXISTS facet_answers(jsonb, facet_patch, integer, bigint[], integer[], integer[], integer[], bit[]);
DROP FUNCTION IF EXISTS facet_histogram(jsonb, numeric, numeric, numeric[], bigint[]);
DROP FUNCTION IF EXISTS facet_list(jsonb, text[], bigint[], bigint);
DROP FUNCTION IF EXISTS facet_prices(jsonb, facet_patch, integer, record, integer, integer[], integer[], integer[], bit[]);
DROP FUNCTION IF EXISTS facet_stock(jsonb, facet_patch, record, integer, integer[], integer[], integer[], bit[]);
DROP FUNCTION IF EXISTS facet_tree(jsonb, text[], bigint[]);
DROP FUNCTION IF EXISTS facet_value_leaf(text, text, boolean, text, facet_patch, jsonb);

-- What changed comes in pieces of bitmaps: of few products an eighth as much is handed from function to function.
ALTER TYPE facet_patch RENAME ATTRIBUTE block TO piece;
ALTER TYPE facet_patch ALTER ATTRIBUTE bits TYPE bit(4000)[];
