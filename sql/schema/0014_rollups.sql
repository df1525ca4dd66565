-- Daily rollups of searches and events for analysts: counts by words, position and category, and no shopper.

-- Days are read by their time, wherever they lie in a month's partition.
CREATE INDEX query_timestamp_idx ON query USING brin (timestamp);
CREATE INDEX event_timestamp_idx ON event USING brin (timestamp);

CREATE TABLE rollup_day (
    day date PRIMARY KEY,
    queries bigint NOT NULL,
    events bigint NOT NULL,
    is_stale boolean NOT NULL DEFAULT false,
    rolled_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE rollup_day IS 'The days, in UTC, that the rollups hold, and how many rows they were made from.';
COMMENT ON COLUMN rollup_day.is_stale IS 'Rows of the day were taken away since, as when a shopper was forgotten.';
COMMENT ON COLUMN rollup_day.events IS 'Of this day and of the next, in which its searches may still lead to something.';

CREATE TABLE query_day (
    day date NOT NULL,
    kind text NOT NULL,
    user_query text NOT NULL,
    searches bigint NOT NULL,
    without_results bigint NOT NULL,
    clicked bigint NOT NULL,
    carted bigint NOT NULL,
    purchased bigint NOT NULL,
    abandoned bigint NOT NULL,
    revenue numeric NOT NULL,
    timed bigint NOT NULL,
    milliseconds double precision NOT NULL,
    slowest double precision,
    PRIMARY KEY (day, kind, user_query),
    CONSTRAINT query_day_kind_known CHECK (kind IN ('words', 'rare', 'browse'))
);
COMMENT ON TABLE query_day IS 'Searches of a day by their words, and what they led to within 24 hours.';
COMMENT ON COLUMN query_day.kind IS 'words; rare: words of too few shoppers to be written down; browse: no words.';
COMMENT ON COLUMN query_day.milliseconds IS 'The sum over the searches whose duration was logged.';

CREATE TABLE position_day (
    day date NOT NULL,
    position integer NOT NULL,
    impressions bigint NOT NULL,
    clicks bigint NOT NULL,
    PRIMARY KEY (day, position)
);
COMMENT ON TABLE position_day IS 'Impressions and clicks of a day by their position on the page.';

CREATE TABLE category_day (
    day date NOT NULL,
    category_id bigint NOT NULL REFERENCES category ON DELETE CASCADE,
    impressions bigint NOT NULL,
    clicks bigint NOT NULL,
    carts bigint NOT NULL,
    purchases bigint NOT NULL,
    quantity numeric NOT NULL,
    revenue numeric NOT NULL,
    PRIMARY KEY (day, category_id)
);
COMMENT ON TABLE category_day IS 'Events of a day by category; what lies in a category counts for those above it too.';
CREATE INDEX category_day_category_idx ON category_day (category_id);
