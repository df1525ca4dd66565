-- Events by ids of their own, with the exposure that showed them; what cannot be kept as history, and what outlives it.

-- A number made by the server cannot tell a repeated event from a new one: an id that the shop gives can.
ALTER TABLE event ALTER COLUMN event_id DROP IDENTITY;
ALTER TABLE event ALTER COLUMN event_id TYPE uuid USING md5('event ' || event_id)::uuid;
ALTER TABLE event ALTER COLUMN event_id SET DEFAULT gen_random_uuid();
ALTER TABLE event
    ADD COLUMN propensity double precision,
    ADD COLUMN received_at timestamptz NOT NULL DEFAULT now(),
    ADD CONSTRAINT event_propensity_valid CHECK (propensity > 0 AND propensity <= 1);
ALTER TABLE query ADD COLUMN received_at timestamptz NOT NULL DEFAULT now();
COMMENT ON COLUMN event.event_id IS 'The shop''s own id of the event, or a random one; with the timestamp it makes writing again harmless.';
COMMENT ON COLUMN event.propensity IS 'Probability of this product at this position under the policy that showed it.';
COMMENT ON COLUMN event.received_at IS 'When the row was written; the timestamp says when it happened.';
COMMENT ON COLUMN query.received_at IS 'When the row was written; the timestamp says when it happened.';
CREATE INDEX event_session_idx ON event (session_id, timestamp) WHERE session_id IS NOT NULL;
-- Tiny: rows are written in the order of this column, so summaries find what came late.
CREATE INDEX event_received_idx ON event USING brin (received_at);
CREATE INDEX query_received_idx ON query USING brin (received_at);

CREATE TABLE quarantine (
    quarantine_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    relation text NOT NULL,
    record_id uuid NOT NULL,
    timestamp timestamptz NOT NULL,
    client_id text,
    session_id text,
    reason text NOT NULL,
    record jsonb NOT NULL,
    quarantined_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT quarantine_record_key UNIQUE (record_id, timestamp, relation),
    CONSTRAINT quarantine_relation_known CHECK (relation IN ('query', 'event')),
    CONSTRAINT quarantine_reason_known CHECK (reason IN ('future', 'too old', 'past retention'))
);
COMMENT ON TABLE quarantine IS 'Events and searches with dates that cannot be right, whole, until somebody releases or drops them.';
COMMENT ON COLUMN quarantine.record IS 'The row of query or event as it would have been written.';
CREATE INDEX quarantine_client_idx ON quarantine (client_id);

CREATE TABLE event_day (
    day date NOT NULL,
    object_id text NOT NULL,
    action_name text NOT NULL,
    events bigint NOT NULL,
    clients bigint NOT NULL,
    quantity numeric,
    PRIMARY KEY (day, object_id, action_name)
);
COMMENT ON TABLE event_day IS 'Events of a day by product and action, of the months whose rows are dropped; it names no client.';
COMMENT ON COLUMN event_day.day IS 'In UTC; the first of the month where a single day had too few clients to be kept.';
COMMENT ON COLUMN event_day.clients IS 'How many different clients there were, never who.';

CREATE UNLOGGED TABLE event_row (
    line integer NOT NULL,
    event_id text NOT NULL,
    timestamp timestamptz NOT NULL,
    application text,
    action_name text NOT NULL,
    query_id uuid,
    client_id text,
    session_id text,
    object_id text,
    object_id_field text,
    position integer,
    propensity double precision,
    sku text,
    quantity numeric,
    amount numeric,
    currency text,
    order_id text,
    message text,
    event_attributes jsonb
);
COMMENT ON TABLE event_row IS 'Rows of a file of events, a chunk at a time; empty between imports.';
