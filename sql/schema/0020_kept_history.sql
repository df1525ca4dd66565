-- What is worked out of a shopper's latest events, kept for the next search.

-- Functions whose arguments or answers changed.
DROP FUNCTION IF EXISTS personal_taste(integer, personal_history);
DROP FUNCTION IF EXISTS personal_vectors(integer, personal_history);
DROP FUNCTION IF EXISTS personal_preferences(personal_history, bigint[]);
DROP FUNCTION IF EXISTS personal_nearness(integer, personal_history, bigint[], search_arms);
DROP FUNCTION IF EXISTS search_arm_reason(search_question, bigint, double precision);
DROP FUNCTION IF EXISTS search_followed(bigint[], bigint[], double precision[], jsonb[], bigint[], boolean);

-- Examples are looked up where they are shown.
ALTER TYPE personal_history DROP ATTRIBUTE examples, DROP ATTRIBUTE pictures;

-- What the shopper likes by value, and how much all of it has faded since it was worked out.
ALTER TYPE personal_history ADD ATTRIBUTE liked bigint[], ADD ATTRIBUTE amounts double precision[], ADD ATTRIBUTE total double precision,
    ADD ATTRIBUTE fading double precision;

CREATE TABLE kept_history (
    client_id text PRIMARY KEY,
    space_id integer NOT NULL REFERENCES space ON DELETE CASCADE,
    made_at timestamptz NOT NULL,
    fingerprint bigint NOT NULL,
    events integer NOT NULL,
    gate double precision NOT NULL,
    weights jsonb NOT NULL,
    product_ids bigint[],
    external_ids text[],
    tastes double precision[],
    recents double precision[],
    repurchases double precision[],
    kind text,
    taste halfvec,
    recent halfvec,
    liked bigint[],
    amounts double precision[],
    total double precision
);
COMMENT ON TABLE kept_history IS 'What is worked out of a shopper''s latest events (the type personal_history), kept for the next search; it is used while the events are still the same, for a day at most.';
COMMENT ON COLUMN kept_history.fingerprint IS 'Of the events and the weights that it was worked out of.';
