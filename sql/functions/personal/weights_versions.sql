-- Versions of the reranker's weights: kept with their evidence, put in force, and taken back.

-- Concurrent changes wait for each other; readers never do.
CREATE OR REPLACE FUNCTION activate_weights(version integer) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SET search_path FROM CURRENT AS $$
BEGIN
    LOCK TABLE rerank_weights IN SHARE ROW EXCLUSIVE MODE;
    IF NOT EXISTS (SELECT FROM rerank_weights w WHERE w.version = activate_weights.version) THEN
        PERFORM argument_error(format('there are no weights of version %s', coalesce(version::text, 'NULL')),
            'Kept are ' || coalesce((SELECT string_agg(w.version::text, ', ' ORDER BY w.version) FROM rerank_weights w), 'none') || '.');
    END IF;
    UPDATE rerank_weights w SET active = false WHERE w.active AND w.version <> activate_weights.version;
    UPDATE rerank_weights w SET active = true, activated_at = clock_timestamp() WHERE w.version = activate_weights.version AND NOT w.active;
    RETURN personal_weights();
END $$;
COMMENT ON FUNCTION activate_weights IS 'Put a version of the weights in force; returns the weights that hold now.';

-- Back to what was in force before: the version that was activated last before this one, else the defaults.
CREATE OR REPLACE FUNCTION restore_weights() RETURNS integer
LANGUAGE plpgsql VOLATILE SET search_path FROM CURRENT AS $$
DECLARE
    present rerank_weights;
    before integer;
BEGIN
    LOCK TABLE rerank_weights IN SHARE ROW EXCLUSIVE MODE;
    SELECT w.* INTO present FROM rerank_weights w WHERE w.active;
    IF NOT FOUND THEN
        PERFORM argument_error('no version of the weights is in force: the defaults are', 'Put one in force with activate_weights(version).');
    END IF;
    before := (SELECT w.version FROM rerank_weights w WHERE w.activated_at < present.activated_at ORDER BY w.activated_at DESC LIMIT 1);
    -- What is taken back was never there for whoever goes back another time.
    UPDATE rerank_weights w SET active = false, activated_at = NULL WHERE w.active;
    UPDATE rerank_weights w SET active = true WHERE w.version = before;
    RETURN before;
END $$;
COMMENT ON FUNCTION restore_weights IS 'Take back the last activation of weights; returns the version in force now, NULL for the defaults.';

CREATE OR REPLACE FUNCTION keep_weights(weights jsonb, note text DEFAULT NULL, evidence jsonb DEFAULT NULL, activate boolean DEFAULT false) RETURNS integer
LANGUAGE plpgsql VOLATILE SET search_path FROM CURRENT AS $$
DECLARE
    kept integer;
BEGIN
    PERFORM check_weights(weights);
    INSERT INTO rerank_weights (weights, note, evidence) VALUES (weights, note, evidence) RETURNING rerank_weights.version INTO kept;
    IF activate THEN PERFORM activate_weights(kept); END IF;
    RETURN kept;
END $$;
COMMENT ON FUNCTION keep_weights IS 'Keep a version of the weights with its evidence; activate puts it in force. Returns its number.';

CREATE OR REPLACE FUNCTION check_weights(weights jsonb) RETURNS void
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
DECLARE
    wrong text;
BEGIN
    IF jsonb_typeof(weights) IS DISTINCT FROM 'object' THEN
        PERFORM argument_error('weights must be a JSON object', 'For example {"taste": 0.5}; the rest stays as it is by default.');
    END IF;
    SELECT w.key INTO wrong FROM jsonb_each(weights) w
    WHERE NOT default_personal_weights() ? w.key OR jsonb_typeof(w.value) <> 'number' ORDER BY 1 LIMIT 1;
    IF wrong IS NULL THEN
        SELECT w.key INTO wrong FROM jsonb_each(weights) w
        WHERE NOT (w.value::text)::numeric BETWEEN CASE WHEN w.key IN ('half_life_days', 'session_half_life', 'events', 'prior') THEN 0.001 ELSE 0 END AND 10000
        ORDER BY 1 LIMIT 1;
    END IF;
    IF wrong IS NOT NULL THEN
        PERFORM argument_error(format('the weight %s is %s', to_json(wrong), left((weights -> wrong)::text, 50)), format('Weights are numbers from 0 to 10,000: %s.',
            (SELECT string_agg(d.key, ', ' ORDER BY d.key) FROM jsonb_object_keys(default_personal_weights()) d (key))));
    END IF;
END $$;

-- What the option weights of a search stands for: a kept version (0: the defaults), or single weights laid over those in force.
CREATE OR REPLACE FUNCTION asked_weights(weights jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
DECLARE
    kept jsonb;
BEGIN
    IF coalesce(jsonb_typeof(weights), 'null') = 'null' THEN RETURN NULL; END IF;
    IF jsonb_typeof(weights) = 'object' THEN
        PERFORM check_weights(weights);
        RETURN weights;
    END IF;
    IF weights = '0' THEN RETURN default_personal_weights(); END IF;
    kept := (SELECT w.weights FROM rerank_weights w WHERE to_jsonb(w.version) = asked_weights.weights);
    IF kept IS NULL THEN
        PERFORM argument_error(format('the option weights is %s', left(weights::text, 50)),
            'Give the number of a kept version (0: the defaults), or an object such as {"taste": 0.5}.');
    END IF;
    RETURN default_personal_weights() || kept;
END $$;
