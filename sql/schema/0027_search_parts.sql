-- The parts of a search are read once, and a sample of the sketches tells no distance: functions whose arguments changed.

DROP FUNCTION IF EXISTS search_vectors(text, text, jsonb, integer, text);
DROP FUNCTION IF EXISTS search_sample(text, integer, halfvec, search_filter, bigint, integer);
