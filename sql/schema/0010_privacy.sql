-- Shoppers who opted out or were forgotten, as hashes alone, and the secret that pseudonyms are made with.

-- Two random keys of a hash block each, made once and never shown: HMAC with both halves of its key chosen apart.
CREATE TABLE client_secret (
    single boolean PRIMARY KEY DEFAULT true,
    inner_key bytea NOT NULL,
    outer_key bytea NOT NULL,
    CONSTRAINT client_secret_single CHECK (single)
);
COMMENT ON TABLE client_secret IS 'What pseudonyms of shoppers are made with; no role but the owner reads it.';
INSERT INTO client_secret (inner_key, outer_key)
SELECT sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()))
        || sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())),
    sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()))
        || sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()));

CREATE TABLE opt_out (
    shopper_hash bytea PRIMARY KEY,
    opted_out_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE opt_out IS 'Shoppers whose history is not written, as hashes that say nothing without client_secret and the id.';

CREATE TABLE forgotten (
    shopper_hash bytea PRIMARY KEY,
    forgotten_at timestamptz NOT NULL DEFAULT 'infinity'
);
COMMENT ON TABLE forgotten IS 'Shoppers forgotten lately, as hashes, so that what began to be written before is not kept; emptied after two days.';
COMMENT ON COLUMN forgotten.forgotten_at IS 'Set when the forgetting commits.';

CREATE TABLE forget_gate (
    bucket smallint PRIMARY KEY,
    forgets bigint NOT NULL DEFAULT 0
);
COMMENT ON TABLE forget_gate IS 'Counts forgettings by a part of the shopper''s hash: a writer that cannot see the newest ones collides with them here.';
INSERT INTO forget_gate (bucket) SELECT generate_series(0, 255);
