-- Facets answer as texts of JSON, put together once: functions whose results or arguments changed.

DROP FUNCTION IF EXISTS facet_answers(jsonb, facet_patch, integer, bigint[], integer[], integer[], integer[], bit[]);
DROP FUNCTION IF EXISTS facet_histogram(jsonb, numeric, numeric, numeric[], bigint[]);
DROP FUNCTION IF EXISTS facet_list(jsonb, text[], bigint[], bigint);
DROP FUNCTION IF EXISTS facet_prices(jsonb, facet_patch, integer, record, integer, integer[], integer[], integer[], bit[]);
DROP FUNCTION IF EXISTS facet_stock(jsonb, facet_patch, record, integer, integer[], integer[], integer[], bit[]);
DROP FUNCTION IF EXISTS facet_tree(jsonb, text[], bigint[]);
DROP FUNCTION IF EXISTS facet_value_leaf(text, text, boolean, text, facet_patch, jsonb);
