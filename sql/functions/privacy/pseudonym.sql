-- Shoppers under other names: keyed hashes made before ids are stored, and the pseudonyms that analysts see.

-- RFC 2104, out of what PostgreSQL has built in: a key's block xor the two pads, as bit strings.
CREATE OR REPLACE FUNCTION hmac_sha256(data bytea, key bytea) RETURNS bytea
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN (SELECT sha256(substring(bit_send(k.block # ('x' || repeat('5c', 64))::bit(512)) FROM 5)
        || sha256(substring(bit_send(k.block # ('x' || repeat('36', 64))::bit(512)) FROM 5) || data))
    FROM (SELECT ('x' || rpad(pg_catalog.encode(CASE WHEN length(key) > 64 THEN sha256(key) ELSE key END, 'hex'), 128, '0'))::bit(512)) k (block));
COMMENT ON FUNCTION hmac_sha256 IS 'HMAC-SHA256 (RFC 2104).';

CREATE OR REPLACE FUNCTION client_hash(client text, key text) RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path FROM CURRENT AS $$
BEGIN
    -- The key is in no message.
    IF key IS NULL OR octet_length(key) < 16 THEN
        PERFORM argument_error('the key of client_hash has fewer than 16 bytes', 'Give the one of VITRINE_CLIENT_KEY, as a parameter so that it is not logged.');
    END IF;
    RETURN pg_catalog.encode(hmac_sha256(convert_to(client, 'UTF8'), convert_to(key, 'UTF8')), 'hex');
END $$;
COMMENT ON FUNCTION client_hash IS 'The keyed hash of a client id as Python''s Shop stores it under VITRINE_CLIENT_KEY: HMAC-SHA256 in hex.';

-- Runs as its owner, for functions that run so themselves: who could call it could try every id there might be.
CREATE OR REPLACE FUNCTION client_pseudonym(client text) RETURNS text
LANGUAGE sql STABLE STRICT SECURITY DEFINER SET search_path FROM CURRENT AS $$
    SELECT left(pg_catalog.encode(sha256(s.outer_key || sha256(s.inner_key || convert_to(client, 'UTF8'))), 'hex'), 32) FROM client_secret s
$$;
COMMENT ON FUNCTION client_pseudonym IS 'Under which name analysts see a client, a session or an order; for the owner alone.';

-- How few shoppers are too few for their words to be shown.
CREATE OR REPLACE FUNCTION smallest_group() RETURNS integer
LANGUAGE sql STABLE SET search_path FROM CURRENT
RETURN coalesce((SELECT (s.value #>> '{}')::integer FROM setting s WHERE s.name = 'smallest_group'), 5);
COMMENT ON FUNCTION smallest_group IS 'How many different shoppers must share what an aggregate says of them; the setting smallest_group, else 5.';

-- The pseudonyms stand in the views themselves, because a function called in a view is called with the reader's rights.
CREATE OR REPLACE VIEW search_log AS
SELECT q.query_id, q.timestamp, q.application,
    left(pg_catalog.encode(sha256(s.outer_key || sha256(s.inner_key || convert_to(q.client_id, 'UTF8'))), 'hex'), 32) AS client_pseudonym,
    left(pg_catalog.encode(sha256(s.outer_key || sha256(s.inner_key || convert_to(q.session_id, 'UTF8'))), 'hex'), 32) AS session_pseudonym,
    left(pg_catalog.encode(sha256(s.outer_key || sha256(s.inner_key || convert_to(normalize_query(q.user_query), 'UTF8'))), 'hex'), 32) AS words_pseudonym,
    w.words AS user_query, q.filters, q.object_ids, q.received_at
FROM query q CROSS JOIN client_secret s
-- Not computed at all by a statement that does not ask for the words.
LEFT JOIN (
    SELECT normalize_query(o.user_query) AS words FROM query o WHERE o.user_query IS NOT NULL
    GROUP BY 1 HAVING count(DISTINCT coalesce(o.client_id, o.session_id)) >= smallest_group()
) w ON w.words = normalize_query(q.user_query);
COMMENT ON VIEW search_log IS 'Searches for analysts: shoppers under pseudonyms, and words only where smallest_group() shoppers have searched for them.';

CREATE OR REPLACE VIEW event_log AS
SELECT e.event_id, e.timestamp, e.application, e.action_name, e.query_id,
    left(pg_catalog.encode(sha256(s.outer_key || sha256(s.inner_key || convert_to(e.client_id, 'UTF8'))), 'hex'), 32) AS client_pseudonym,
    left(pg_catalog.encode(sha256(s.outer_key || sha256(s.inner_key || convert_to(e.session_id, 'UTF8'))), 'hex'), 32) AS session_pseudonym,
    CASE WHEN e.object_id_field IN ('external_id', 'sku') THEN e.object_id END AS object_id, e.object_id_field, e.position, e.propensity,
    e.sku, e.quantity, e.amount, e.currency,
    left(pg_catalog.encode(sha256(s.outer_key || sha256(s.inner_key || convert_to(e.order_id, 'UTF8'))), 'hex'), 32) AS order_pseudonym,
    e.received_at
FROM event e CROSS JOIN client_secret s;
COMMENT ON VIEW event_log IS 'Events for analysts: shoppers, sessions and orders under pseudonyms, without what the shop wrote beside them.';
