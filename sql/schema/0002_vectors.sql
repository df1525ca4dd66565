-- Embedding spaces, the work queue, known queries and the request bus; vector tables are made per space.

CREATE TABLE space (
    space_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL,
    model text NOT NULL,
    revision text NOT NULL,
    dimension integer NOT NULL,
    preprocessing text NOT NULL,
    status text NOT NULL DEFAULT 'building',
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT space_name_key UNIQUE (name),
    CONSTRAINT space_identity_key UNIQUE (model, revision, dimension, preprocessing),
    CONSTRAINT space_dimension_valid CHECK (dimension BETWEEN 1 AND 4000),
    CONSTRAINT space_status_known CHECK (status IN ('building', 'active', 'retired'))
);
COMMENT ON TABLE space IS 'Model, revision, dimension and preprocessing: vectors of two spaces never meet. The active one serves.';
CREATE UNIQUE INDEX space_one_active_idx ON space (status) WHERE status = 'active';

-- No foreign keys: the triggers that fill the queue empty it too, and cost a tenth of them.
CREATE TABLE work_queue (
    product_id bigint NOT NULL,
    kind text NOT NULL,
    item_id bigint NOT NULL,
    space_id integer NOT NULL,
    input_version bigint NOT NULL,
    priority smallint NOT NULL DEFAULT 0,
    enqueued_at timestamptz NOT NULL DEFAULT now(),
    available_at timestamptz NOT NULL DEFAULT now(),
    lease_token uuid,
    claims smallint NOT NULL DEFAULT 0,
    attempts smallint NOT NULL DEFAULT 0,
    dead_at timestamptz,
    reason text,
    detail text,
    PRIMARY KEY (product_id, kind, item_id, space_id),
    CONSTRAINT work_queue_kind_known CHECK (kind IN ('image', 'caption'))
);
COMMENT ON TABLE work_queue IS 'One entry per image or caption and space that waits for its vector, or that failed for good (dead_at).';
COMMENT ON COLUMN work_queue.available_at IS 'When a worker may take the entry; a claim moves it to the end of the lease.';
COMMENT ON COLUMN work_queue.claims IS 'Claims since the last outcome: many mean that workers die on this entry.';
CREATE INDEX work_queue_claim_idx ON work_queue (space_id, priority, available_at) WHERE dead_at IS NULL;
CREATE INDEX work_queue_dead_idx ON work_queue (space_id, reason) WHERE dead_at IS NOT NULL;

CREATE TABLE worker (
    worker_id uuid PRIMARY KEY,
    space_id integer NOT NULL REFERENCES space ON DELETE CASCADE,
    host text NOT NULL,
    pid integer NOT NULL,
    version text NOT NULL,
    device text NOT NULL,
    started_at timestamptz NOT NULL DEFAULT now(),
    seen_at timestamptz NOT NULL DEFAULT now(),
    encoded bigint NOT NULL DEFAULT 0,
    failed bigint NOT NULL DEFAULT 0,
    rate real NOT NULL DEFAULT 0
);
COMMENT ON TABLE worker IS 'The workers that run, by their heartbeat; rate is items encoded a second, lately.';

CREATE TABLE query_vector (
    space_id integer NOT NULL REFERENCES space ON DELETE CASCADE,
    kind text NOT NULL,
    key text NOT NULL,
    query text,
    embedding halfvec NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (space_id, kind, key),
    CONSTRAINT query_vector_kind_known CHECK (kind IN ('text', 'image'))
);
COMMENT ON TABLE query_vector IS 'Vectors of known queries; key is the SHA-256 of the normalised words or of the picture''s bytes.';
CREATE INDEX query_vector_created_idx ON query_vector (space_id, created_at);

-- A request that is lost with a crash is asked again by its client, so it needs no log.
CREATE UNLOGGED TABLE encoding_request (
    space_id integer NOT NULL,
    kind text NOT NULL,
    key text NOT NULL,
    query text,
    picture bytea,
    requested_at timestamptz NOT NULL DEFAULT now(),
    available_at timestamptz NOT NULL DEFAULT now(),
    error text,
    PRIMARY KEY (space_id, kind, key),
    CONSTRAINT encoding_request_kind_known CHECK (kind IN ('text', 'image')),
    CONSTRAINT encoding_request_content CHECK (num_nonnulls(query, picture) = 1)
);
COMMENT ON TABLE encoding_request IS 'Words and pictures that a client waits for; a worker answers into query_vector.';
