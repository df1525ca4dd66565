-- Personal search: the weights of reranking, how common each value is in the catalogue, and the ways to a shopper's history.

CREATE TABLE rerank_weights (
    version integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    created_at timestamptz NOT NULL DEFAULT now(),
    weights jsonb NOT NULL,
    note text,
    evidence jsonb,
    active boolean NOT NULL DEFAULT false,
    CONSTRAINT rerank_weights_object CHECK (jsonb_typeof(weights) = 'object')
);
COMMENT ON TABLE rerank_weights IS 'Versions of the weights of personal search; the active one is laid over the defaults.';
COMMENT ON COLUMN rerank_weights.evidence IS 'What the version was kept for: the figures of its fitting.';
CREATE UNIQUE INDEX rerank_weights_one_active_idx ON rerank_weights (active) WHERE active;

CREATE TABLE value_share (
    value text PRIMARY KEY,
    share double precision NOT NULL,
    counted_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT value_share_valid CHECK (share > 0 AND share <= 1)
);
COMMENT ON TABLE value_share IS 'The share of a value, such as brand=acme, in the catalogue by popularity, from a sample; the empty value has the least share that was counted, =again how far shoppers buy the same again.';

-- What says something of a shopper's taste, the latest first; impressions, of which there are most, are not in them.
CREATE INDEX event_history_idx ON event (client_id, timestamp)
    WHERE action_name IN ('click', 'view', 'wishlist', 'add_to_cart', 'remove_from_cart', 'purchase');
CREATE INDEX event_visit_idx ON event (session_id, timestamp)
    WHERE action_name IN ('click', 'view', 'wishlist', 'add_to_cart', 'remove_from_cart', 'purchase') AND client_id IS NULL;

CREATE TYPE personal_history AS (
    events integer, gate double precision, weights jsonb, product_ids bigint[], tastes double precision[], recents double precision[],
    repurchases double precision[], liked text[], amounts double precision[], total double precision, kind text, taste halfvec, recent halfvec,
    examples bigint[], pictures halfvec[]
);
COMMENT ON TYPE personal_history IS 'What search knows of a shopper, by product and by value: functions/personal_history.sql.';
ALTER TYPE search_question ADD ATTRIBUTE history personal_history, ADD ATTRIBUTE strength double precision;
ALTER TYPE search_arms ADD ATTRIBUTE near_ids bigint[], ADD ATTRIBUTE tastes double precision[], ADD ATTRIBUTE recents double precision[];

-- Functions whose arguments changed.
DROP FUNCTION IF EXISTS search_arm(text, integer, halfvec, search_filter, integer, timestamptz, boolean);
DROP FUNCTION IF EXISTS search_text(tsquery[], text, integer, search_filter, integer, double precision, timestamptz, boolean);
DROP FUNCTION IF EXISTS search_all_arms(search_question, integer, timestamptz, boolean);
DROP FUNCTION IF EXISTS search_fingerprint(text, jsonb, jsonb, text, text, jsonb);
