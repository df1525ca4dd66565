-- Experiments: who sees which arm, stable for each shopper, and team-draft interleaving of two answers.

-- A number in (0, 1) that is as good as random for each salt, arm and shopper, and always the same.
CREATE OR REPLACE FUNCTION experiment_draw(salt text, arm text, client text) RETURNS double precision
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN (('x' || left(encode(sha256(convert_to(concat_ws(chr(31), salt, arm, client), 'UTF8')), 'hex'), 13))::bit(52)::bigint + 0.5) / 4503599627370496;

-- Weighted rendezvous hashing: each arm bids, by its share and its draw, and the best bid has the shopper. An arm that is
-- added or grows takes shoppers of all others for itself, and nobody moves between two that stay as they are. What the
-- shares leave over, the arm without a name, is not in the experiment.
CREATE OR REPLACE FUNCTION experiment_drawn(arms jsonb, salt text, client text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT nullif(b.name, '') FROM (
        SELECT a.arm ->> 'name' AS name, (a.arm ->> 'share')::double precision AS share FROM jsonb_array_elements(arms) a (arm)
        UNION ALL
        SELECT '', 1 - sum((a.arm ->> 'share')::double precision) FROM jsonb_array_elements(arms) a (arm)) b
    WHERE b.share > 1e-9
    ORDER BY -ln(experiment_draw(salt, b.name, client)) / b.share, b.name LIMIT 1;
END;

CREATE OR REPLACE FUNCTION experiment_named(name text) RETURNS experiment
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
DECLARE
    found_one experiment;
BEGIN
    SELECT e.* INTO found_one FROM experiment e WHERE e.name = experiment_named.name;
    IF NOT FOUND THEN
        PERFORM argument_error(format('there is no experiment %s', coalesce(to_json(left(experiment_named.name, 100))::text, 'NULL')),
            'There are: ' || coalesce((SELECT string_agg(e.name, ', ' ORDER BY e.name) FROM experiment e), 'none') || '.');
    END IF;
    RETURN found_one;
END $$;

-- The name of a shopper's arm; NULL for a shopper who is not in it, without a client, and before and after it.
CREATE OR REPLACE FUNCTION experiment_arm(experiment text, client text, at timestamptz DEFAULT now()) RETURNS text
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
DECLARE
    e CONSTANT experiment := experiment_named(experiment);
BEGIN
    IF client IS NULL OR at < e.starts_at OR at >= least(e.ends_at, e.stopped_at) THEN RETURN NULL; END IF;
    RETURN experiment_drawn(e.arms, e.salt, client);
END $$;
COMMENT ON FUNCTION experiment_arm IS 'The arm of an experiment that a shopper is in, always the same one; NULL for none, and while it does not run.';

CREATE OR REPLACE FUNCTION experiment_options(experiment text, client text, at timestamptz DEFAULT now()) RETURNS jsonb
LANGUAGE sql STABLE SET search_path FROM CURRENT
RETURN coalesce((SELECT a.arm -> 'options' FROM jsonb_array_elements((experiment_named(experiment)).arms) a (arm)
    WHERE a.arm ->> 'name' = experiment_arm(experiment, client, at)), '{}');
COMMENT ON FUNCTION experiment_options IS 'The options of search of a shopper''s arm, to search with; an empty object for none.';

-- The arms as they are kept, or an error that names what is wrong.
CREATE OR REPLACE FUNCTION experiment_arms(arms jsonb, kind text) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE SET search_path FROM CURRENT AS $$
DECLARE
    example CONSTANT text := 'For example [{"name": "control", "share": 0.5}, {"name": "personal", "share": 0.5, "options": {"strength": 1}}].';
    arm jsonb;
    names text[] := '{}';
    total numeric := 0;
BEGIN
    IF jsonb_typeof(arms) IS DISTINCT FROM 'array' OR jsonb_array_length(arms) NOT BETWEEN 2 AND 20 THEN
        PERFORM argument_error('arms must be a list of 2 to 20 objects', example);
    END IF;
    FOR arm IN SELECT a.value FROM jsonb_array_elements(arms) a LOOP
        IF jsonb_typeof(arm) <> 'object' OR EXISTS (SELECT FROM jsonb_object_keys(arm) k (key) WHERE k.key NOT IN ('name', 'share', 'options')) THEN
            PERFORM argument_error(format('an arm is %s', left(arm::text, 100)), 'An arm has a name, a share and options. ' || example);
        ELSIF coalesce(btrim(arm ->> 'name'), '') = '' OR length(arm ->> 'name') > 100 OR arm ->> 'name' = ANY (names) THEN
            PERFORM argument_error(format('an arm has the name %s', coalesce((arm -> 'name')::text, 'NULL')), 'Each arm needs a name of its own, of 1 to 100 characters.');
        ELSIF jsonb_typeof(arm -> 'share') IS DISTINCT FROM 'number' OR (arm ->> 'share')::numeric NOT BETWEEN 0 AND 1 THEN
            PERFORM argument_error(format('the arm %s has the share %s', arm -> 'name', coalesce((arm -> 'share')::text, 'NULL')), 'A share is a number from 0 to 1.');
        ELSIF jsonb_typeof(coalesce(arm -> 'options', '{}')) <> 'object' THEN
            PERFORM argument_error(format('the options of the arm %s are no object', arm -> 'name'), example);
        END IF;
        names := names || (arm ->> 'name');
        total := total + (arm ->> 'share')::numeric;
    END LOOP;
    IF total > 1.000001 OR total = 0 THEN
        PERFORM argument_error(format('the shares add up to %s', total), 'They are parts of all shoppers: together at most 1, and more than 0.');
    ELSIF kind = 'interleaving' AND cardinality(names) <> 2 THEN
        PERFORM argument_error(format('an interleaving of %s arms', cardinality(names)), 'It mixes the answers of exactly two.');
    END IF;
    RETURN (SELECT jsonb_agg(jsonb_build_object('options', '{}'::jsonb) || a.value ORDER BY a.place) FROM jsonb_array_elements(arms) WITH ORDINALITY a (value, place));
END $$;

-- Whoever writes an experiment, through the functions below or not: its salt and name stay, and old shares are remembered.
CREATE OR REPLACE FUNCTION experiment_prepare() RETURNS trigger
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    IF coalesce(btrim(NEW.name), '') = '' OR length(NEW.name) > 100 THEN
        PERFORM argument_error('an experiment needs a name of 1 to 100 characters', 'Events are found by it later.');
    ELSIF NEW.starts_at >= NEW.ends_at THEN
        PERFORM argument_error(format('the experiment %s ends at %s, before it starts at %s', to_json(NEW.name), NEW.ends_at, NEW.starts_at), 'Give a starts_at before its ends_at.');
    -- Its report counts the products chosen from either team; an experiment of before may still be stopped.
    ELSIF NEW.kind = 'interleaving' AND NEW.metric IN ('buyers', 'clickers', 'revenue') AND NEW.metric IS DISTINCT FROM OLD.metric THEN
        PERFORM argument_error(format('the interleaving %s cannot be decided by %s', to_json(NEW.name), NEW.metric),
            'It counts whose products are chosen more: give clicks, carts or purchases, or create an ab experiment.');
    END IF;
    NEW.arms := experiment_arms(NEW.arms, NEW.kind);
    IF TG_OP = 'INSERT' THEN RETURN NEW; END IF;
    IF (NEW.name, NEW.salt, NEW.kind) IS DISTINCT FROM (OLD.name, OLD.salt, OLD.kind) THEN
        PERFORM argument_error(format('the experiment %s cannot change its name, kind or salt', to_json(OLD.name)), 'Every shopper would be drawn anew: stop it, and create another.');
    END IF;
    IF NEW.arms <> OLD.arms AND OLD.starts_at <= now() THEN
        NEW.former_arms := OLD.former_arms || jsonb_build_array(jsonb_build_object('until', now(), 'arms', OLD.arms));
    END IF;
    RETURN NEW;
END $$;
CREATE OR REPLACE TRIGGER experiment_prepare BEFORE INSERT OR UPDATE ON experiment FOR EACH ROW EXECUTE FUNCTION experiment_prepare();

CREATE OR REPLACE FUNCTION create_experiment(
    name text, arms jsonb, kind text DEFAULT 'ab', metric text DEFAULT NULL, starts_at timestamptz DEFAULT NULL, ends_at timestamptz DEFAULT NULL,
    note text DEFAULT NULL, salt text DEFAULT NULL
) RETURNS text
LANGUAGE plpgsql VOLATILE SET search_path FROM CURRENT AS $$
BEGIN
    IF kind IS NULL OR kind NOT IN ('ab', 'interleaving') THEN
        PERFORM argument_error(format('the kind of experiment is %s', coalesce(to_json(left(kind, 100))::text, 'NULL')), 'It is ab or interleaving.');
    ELSIF metric NOT IN ('buyers', 'clickers', 'purchases', 'revenue', 'carts', 'clicks') THEN
        PERFORM argument_error(format('the metric is %s', to_json(left(metric, 100))), 'It is one of buyers, clickers, purchases, revenue, carts, clicks.');
    END IF;
    INSERT INTO experiment (name, kind, arms, metric, starts_at, ends_at, note, salt)
    VALUES (create_experiment.name, create_experiment.kind, create_experiment.arms,
        coalesce(create_experiment.metric, CASE kind WHEN 'interleaving' THEN 'clicks' ELSE 'buyers' END), coalesce(create_experiment.starts_at, now()),
        create_experiment.ends_at, create_experiment.note, coalesce(create_experiment.salt, gen_random_uuid()::text));
    RETURN create_experiment.name;
EXCEPTION WHEN unique_violation THEN
    PERFORM argument_error(format('there is an experiment %s already', to_json(create_experiment.name)), 'Its figures would be mixed with the new one''s: choose another name.');
END $$;
COMMENT ON FUNCTION create_experiment IS 'Begin an experiment: arms with their shares and options of search; kind is ab or interleaving.';

CREATE OR REPLACE FUNCTION change_shares(experiment text, arms jsonb) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SET search_path FROM CURRENT AS $$
DECLARE
    known CONSTANT experiment := experiment_named(experiment);
    changed jsonb;
BEGIN
    UPDATE experiment e SET arms = change_shares.arms WHERE e.name = known.name RETURNING e.arms INTO changed;
    RETURN changed;
END $$;
COMMENT ON FUNCTION change_shares IS 'Give an experiment other shares or more arms; nobody moves between two arms that keep their shares.';

CREATE OR REPLACE FUNCTION stop_experiment(experiment text) RETURNS timestamptz
LANGUAGE plpgsql VOLATILE SET search_path FROM CURRENT AS $$
DECLARE
    known CONSTANT experiment := experiment_named(experiment);
BEGIN
    UPDATE experiment e SET stopped_at = coalesce(e.stopped_at, now()) WHERE e.name = known.name;
    RETURN (experiment_named(experiment)).stopped_at;
END $$;
COMMENT ON FUNCTION stop_experiment IS 'End an experiment now: all shoppers see what the shop shows without it.';

-- Team-draft interleaving (Radlinski, Kurup and Joachims 2008): the team with fewer picks, else the one a coin names,
-- adds its best product that is not there yet. The same seed gives the same page.
CREATE OR REPLACE FUNCTION interleave(first bigint[], second bigint[], k integer, seed text)
RETURNS TABLE (rank integer, product_id bigint, team integer)
LANGUAGE plpgsql IMMUTABLE SET search_path FROM CURRENT AS $$
DECLARE
    shown bigint[] := '{}';
    picks integer[] := '{0,0}';
    places integer[] := '{1,1}';
    pick bigint;
BEGIN
    IF k IS NULL OR k NOT BETWEEN 1 AND 1000 THEN PERFORM argument_error(format('k is %s', coalesce(k::text, 'NULL')), 'Ask for 1 to 1,000 products.'); END IF;
    first := coalesce(first, '{}');
    second := coalesce(second, '{}');
    FOR turn IN 1..k LOOP
        WHILE places[1] <= cardinality(first) AND first[places[1]] = ANY (shown) LOOP places[1] := places[1] + 1; END LOOP;
        WHILE places[2] <= cardinality(second) AND second[places[2]] = ANY (shown) LOOP places[2] := places[2] + 1; END LOOP;
        -- With one list at its end the other goes on alone.
        team := CASE WHEN places[1] > cardinality(first) AND places[2] > cardinality(second) THEN NULL
            WHEN places[1] > cardinality(first) THEN 2 WHEN places[2] > cardinality(second) THEN 1
            WHEN picks[1] <> picks[2] THEN CASE WHEN picks[1] < picks[2] THEN 1 ELSE 2 END
            WHEN experiment_draw(coalesce(seed, ''), turn::text, 'coin') < 0.5 THEN 1 ELSE 2 END;
        EXIT WHEN team IS NULL;
        pick := CASE team WHEN 1 THEN first[places[1]] ELSE second[places[2]] END;
        shown := shown || pick;
        picks[team] := picks[team] + 1;
        rank := turn;
        product_id := pick;
        RETURN NEXT;
    END LOOP;
END $$;
COMMENT ON FUNCTION interleave IS 'Team-draft interleaving of two answers: each product with the team (1 or 2) that a choice of it counts for.';
