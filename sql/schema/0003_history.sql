-- Searches and what shoppers did, in the field names of the User Behavior Insights standard, a partition a month.

CREATE TABLE query (
    query_id uuid NOT NULL DEFAULT gen_random_uuid(),
    timestamp timestamptz NOT NULL DEFAULT now(),
    application text,
    client_id text,
    session_id text,
    user_query text,
    filters jsonb NOT NULL DEFAULT '{}',
    query_attributes jsonb NOT NULL DEFAULT '{}',
    object_ids text[],
    PRIMARY KEY (query_id, timestamp)
) PARTITION BY RANGE (timestamp);
COMMENT ON TABLE query IS 'Searches, as User Behavior Insights names them; object_ids are the external_ids shown, in order.';
CREATE INDEX query_client_idx ON query (client_id, timestamp);

CREATE TABLE event (
    event_id bigint GENERATED ALWAYS AS IDENTITY,
    timestamp timestamptz NOT NULL DEFAULT now(),
    application text,
    action_name text NOT NULL,
    query_id uuid,
    client_id text,
    session_id text,
    object_id text,
    object_id_field text NOT NULL DEFAULT 'external_id',
    position integer,
    sku text,
    quantity numeric,
    amount numeric,
    currency text,
    order_id text,
    message text,
    event_attributes jsonb NOT NULL DEFAULT '{}',
    PRIMARY KEY (event_id, timestamp)
) PARTITION BY RANGE (timestamp);
COMMENT ON TABLE event IS 'Impressions, clicks, carts and purchases, as User Behavior Insights names them.';
CREATE INDEX event_client_idx ON event (client_id, timestamp);
CREATE INDEX event_object_idx ON event (object_id, timestamp);
CREATE INDEX event_query_idx ON event (query_id);
