-- What a shopper likes is compared by one operator a product, and what was kept of a history is taken further by the events since.

-- Functions whose arguments or answers changed.
DROP FUNCTION IF EXISTS personal_nearness(integer, personal_history, bigint[], search_arms);
DROP FUNCTION IF EXISTS personal_preferences(personal_history, bigint[]);
DROP FUNCTION IF EXISTS personal_reasons(integer, personal_history, bigint[], bigint[], bigint[], text[], double precision[]);
DROP FUNCTION IF EXISTS history_middle(bigint[], halfvec[], bigint[], double precision[], double precision[], integer);
DROP FUNCTION IF EXISTS search_followed(bigint[], bigint[], double precision[], jsonb[], bigint[], boolean, boolean);
DROP FUNCTION IF EXISTS kept_history(text, integer, bigint, timestamptz);

ALTER TYPE personal_history DROP ATTRIBUTE fading, ADD ATTRIBUTE taste_norm double precision, ADD ATTRIBUTE recent_norm double precision,
    ADD ATTRIBUTE preferences sparsevec;

-- The upgrade makes the rows anew (ensure_values).
TRUNCATE product_value;
ALTER TABLE product_value ADD profile sparsevec NOT NULL, DROP CONSTRAINT product_value_pkey, ADD PRIMARY KEY (product_id) INCLUDE (profile);
COMMENT ON COLUMN product_value.profile IS 'How often the product has each value, by value_place; read from the index alone.';

ALTER TABLE value_share ADD said_as jsonb, ADD is_common boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN value_share.said_as IS 'The value as reasons say it: a category by its path.';
COMMENT ON COLUMN value_share.is_common IS 'Whether it is among the commonest, which common_preference holds.';
-- Due at once.
UPDATE value_share SET counted_at = '-infinity';

CREATE TABLE common_preference (
    ratio double precision PRIMARY KEY,
    preferences sparsevec NOT NULL
);
COMMENT ON TABLE common_preference IS 'How much less than anybody a shopper deals with the commonest values without having met them, by value_place, by how many priors the history weighs.';
-- Each personal search reads two: not to be unpacked.
ALTER TABLE common_preference ALTER preferences SET STORAGE EXTERNAL;

TRUNCATE kept_history;
ALTER TABLE kept_history ADD events_read integer NOT NULL, ADD last_at timestamptz NOT NULL, ADD taste_norm double precision, ADD recent_norm double precision,
    ADD preferences sparsevec;
COMMENT ON TABLE kept_history IS 'What is worked out of a shopper''s latest events (the type personal_history), kept for the next searches; what happened since is added to it, for a week at most.';
COMMENT ON COLUMN kept_history.fingerprint IS 'Of the events (but for the oldest of very many) and the weights that it was worked out of.';
COMMENT ON COLUMN kept_history.events_read IS 'How many events it was worked out of, those of unknown products among them.';
COMMENT ON COLUMN kept_history.last_at IS 'When the latest of these happened.';
COMMENT ON COLUMN kept_history.preferences IS 'How much more or less than somebody who never met it the shopper deals with each value, by value_place.';
