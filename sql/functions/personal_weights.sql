-- The weights of personal search: the defaults, and the version in force laid over them.

-- popularity, taste, session, attributes and repurchase multiply the features of these names (functions/personal.sql);
-- gate is how many events make half of the full strength; half_life_days and session_half_life (in events) say how fast
-- the past is forgotten; events is how many are read at most, and prior how many events a value's share in the
-- catalogue counts for.
CREATE OR REPLACE FUNCTION default_personal_weights() RETURNS jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN '{"popularity": 0.3, "taste": 0.5, "session": 0.3, "attributes": 0.25, "repurchase": 0.5, "gate": 5, "half_life_days": 60,
    "session_half_life": 4, "events": 300, "prior": 20}'::jsonb;
COMMENT ON FUNCTION default_personal_weights IS 'The weights of personal search before any were fitted.';

CREATE OR REPLACE FUNCTION personal_weights() RETURNS jsonb
LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT default_personal_weights() || coalesce((SELECT w.weights FROM rerank_weights w WHERE w.active), '{}'::jsonb);
END;
COMMENT ON FUNCTION personal_weights IS 'The weights of personal search in force.';
