-- The weights of personal search: the defaults, and the version in force laid over them.

-- relevance, popularity, taste, session, attributes and repurchase multiply the features of these names
-- (personal.sql, docs/personal-search.md); gate is how many events make half of the full strength;
-- half_life_days and session_half_life (in events) say how fast the past is forgotten; events is how many are read at
-- most, and prior how many purchases as anybody makes them a value's count is mixed with.
CREATE OR REPLACE FUNCTION default_personal_weights() RETURNS jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN '{"relevance": 3, "popularity": 1, "taste": 0.3, "session": 0.1, "attributes": 0.5, "repurchase": 4, "gate": 10, "half_life_days": 90,
    "session_half_life": 4, "events": 300, "prior": 2}'::jsonb;
COMMENT ON FUNCTION default_personal_weights IS 'The weights of personal search before any were fitted.';

-- What was bought before counts as far as this shop's shoppers buy the same again, all else as far as they keep to what they like (tend_shares).
-- Next to nothing is nothing, which breaks no tie. In PL/pgSQL, because its plans are kept.
CREATE OR REPLACE FUNCTION personal_weights() RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
BEGIN
    RETURN default_personal_weights()
        || coalesce((SELECT jsonb_build_object('repurchase', (default_personal_weights() ->> 'repurchase')::double precision * CASE WHEN s.share < 0.005 THEN 0 ELSE s.share END)
                     FROM value_share s WHERE s.value = '=again'), '{}')
        || coalesce((SELECT jsonb_object_agg(d.key, d.value::double precision * CASE WHEN s.share < 0.005 THEN 0 ELSE s.share END)
                     FROM value_share s CROSS JOIN jsonb_each_text(default_personal_weights()) d
                     WHERE s.value = '=loyal' AND s.share < 1 AND d.key IN ('taste', 'session', 'attributes')), '{}')
        || coalesce((SELECT w.weights FROM rerank_weights w WHERE w.active), '{}');
END $$;
COMMENT ON FUNCTION personal_weights IS 'The weights of personal search in force.';

-- How many events are read.
CREATE OR REPLACE FUNCTION most_events(weights jsonb) RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN least((weights ->> 'events')::integer, 1000);
