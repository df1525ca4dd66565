-- Shoppers who want no history: searches go on, nothing is written of them.

CREATE OR REPLACE FUNCTION shopper_key(client text, session text) RETURNS text
LANGUAGE plpgsql IMMUTABLE SET search_path FROM CURRENT AS $$
BEGIN
    IF num_nonnulls(client, session) <> 1 OR known_id(coalesce(client, session)) IS NULL THEN
        PERFORM argument_error('give a client or a session, exactly one of them, and not an empty one', 'The one that is given as client or session when searching and logging.');
    END IF;
    RETURN coalesce('c' || client, 's' || session);
END $$;

-- Runs as its owner, like all three: who opted out is nobody's to read.
CREATE OR REPLACE FUNCTION opt_out(client text DEFAULT NULL, session text DEFAULT NULL) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    INSERT INTO opt_out (shopper_hash) VALUES (shopper_hash(shopper_key(client, session))) ON CONFLICT DO NOTHING;
END $$;
COMMENT ON FUNCTION opt_out IS 'From now on write no history of a client (or of the session of a visitor without an account), and rank nothing by it; what there is already goes with forget.';

CREATE OR REPLACE FUNCTION opt_in(client text DEFAULT NULL, session text DEFAULT NULL) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    DELETE FROM opt_out o WHERE o.shopper_hash = shopper_hash(shopper_key(client, session));
END $$;
COMMENT ON FUNCTION opt_in IS 'Write history of a client (or session) again.';

CREATE OR REPLACE FUNCTION opted_out(client text DEFAULT NULL, session text DEFAULT NULL) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path FROM CURRENT AS $$
    SELECT EXISTS (SELECT FROM opt_out o) AND EXISTS (
        SELECT FROM client_secret s CROSS JOIN (VALUES ('c' || client), ('s' || session)) k (key)
        JOIN opt_out o ON o.shopper_hash = sha256(s.outer_key || sha256(s.inner_key || '\x00'::bytea || convert_to(k.key, 'UTF8'))))
$$;
COMMENT ON FUNCTION opted_out IS 'Whether a client or a session opted out.';
