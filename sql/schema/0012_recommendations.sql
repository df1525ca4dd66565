-- Recommendations: which products are bought together or viewed one after another, and what is much looked at lately.

-- Only purchases are in them: a shopper's orders, and what lay in one order, without reading what was looked at.
CREATE INDEX event_purchase_idx ON event (client_id, timestamp) WHERE action_name = 'purchase';
CREATE INDEX event_order_idx ON event (order_id, timestamp) WHERE order_id IS NOT NULL;

CREATE TABLE association (
    product_id bigint NOT NULL REFERENCES product ON DELETE CASCADE,
    kind text NOT NULL,
    partner_id bigint NOT NULL,
    times integer NOT NULL,
    shoppers integer NOT NULL,
    score real NOT NULL,
    PRIMARY KEY (product_id, kind, partner_id),
    CONSTRAINT association_kind_known CHECK (kind IN ('bought_together', 'viewed_after'))
);
COMMENT ON TABLE association IS 'Products bought together with a product, or viewed after it: the 50 that say most, each of enough shoppers; it names nobody.';
COMMENT ON COLUMN association.times IS 'Baskets with both; visits that went on to the partner, those that bought it counted twice.';
COMMENT ON COLUMN association.score IS 'How much the partner says of the product: association_score, when it was counted.';

CREATE TABLE association_count (
    product_id bigint NOT NULL REFERENCES product ON DELETE CASCADE,
    kind text NOT NULL,
    times integer NOT NULL,
    shoppers integer NOT NULL,
    again integer NOT NULL,
    interval_days real,
    PRIMARY KEY (product_id, kind),
    CONSTRAINT association_count_kind_known CHECK (kind IN ('bought_together', 'viewed_after'))
);
COMMENT ON TABLE association_count IS 'How often a product was bought or viewed at all, where enough shoppers did; it names nobody.';
COMMENT ON COLUMN association_count.again IS 'How many shoppers did so on two days or more.';
COMMENT ON COLUMN association_count.interval_days IS 'The median number of days from one such day of a shopper to the next.';

CREATE TABLE category_affinity (
    category_id bigint NOT NULL REFERENCES category ON DELETE CASCADE,
    partner_id bigint NOT NULL REFERENCES category ON DELETE CASCADE,
    times bigint NOT NULL,
    lift real NOT NULL,
    PRIMARY KEY (category_id, partner_id)
);
COMMENT ON TABLE category_affinity IS 'Which kinds of things are bought with which, learned from association; what completes a look comes from these.';
COMMENT ON COLUMN category_affinity.lift IS 'How many times oftener than if baskets were filled at random.';
CREATE INDEX category_affinity_partner_idx ON category_affinity (partner_id);

CREATE TABLE category_count (
    category_id bigint PRIMARY KEY REFERENCES category ON DELETE CASCADE,
    shoppers integer NOT NULL
);
COMMENT ON TABLE category_count IS 'How many shoppers of a sample bought from a category within a year, where enough did; it names nobody.';

CREATE TABLE category_pair (
    category_id bigint NOT NULL REFERENCES category ON DELETE CASCADE,
    partner_id bigint NOT NULL REFERENCES category ON DELETE CASCADE,
    shoppers integer NOT NULL,
    lift real NOT NULL,
    PRIMARY KEY (category_id, partner_id),
    CONSTRAINT category_pair_lift_positive CHECK (lift > 0)
);
COMMENT ON TABLE category_pair IS 'How many shoppers of the same sample bought from both of two categories, where enough did: of each the 300 that say most; it names nobody.';
COMMENT ON COLUMN category_pair.lift IS 'How many times oftener than if one had nothing to do with the other, drawn towards 1 by 50 shoppers.';
CREATE INDEX category_pair_partner_idx ON category_pair (partner_id);

CREATE TABLE trend (
    product_id bigint PRIMARY KEY REFERENCES product ON DELETE CASCADE,
    heat double precision NOT NULL,
    shoppers integer NOT NULL,
    neighbours bigint[],
    counted_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE trend IS 'How much shoppers have looked at, carted and bought a product lately, each counted once a day; it names nobody.';
COMMENT ON COLUMN trend.heat IS 'Logarithm to base 2 of the decayed sum at a fixed moment: all decay alike, so that the order holds without being written again.';
COMMENT ON COLUMN trend.neighbours IS 'The products that look like it, whose heat stands in for its own while it has none.';
CREATE INDEX trend_heat_idx ON trend (heat DESC, product_id DESC);
CREATE INDEX trend_cold_idx ON trend (counted_at) WHERE shoppers = 0;

CREATE TABLE recommendation_due (
    product_id bigint NOT NULL REFERENCES product ON DELETE CASCADE,
    kind text NOT NULL,
    counted boolean NOT NULL DEFAULT false,
    PRIMARY KEY (product_id, kind),
    CONSTRAINT recommendation_due_kind_known CHECK (kind IN ('bought_together', 'viewed_after', 'trending'))
);
COMMENT ON TABLE recommendation_due IS 'Products whose events are to be counted again, because new ones came or old ones have aged.';
COMMENT ON COLUMN recommendation_due.counted IS 'Whether its own events are counted already, and only its partners are not.';
CREATE INDEX recommendation_due_kind_idx ON recommendation_due (kind, counted);

CREATE TABLE recommendation_horizon (
    kind text PRIMARY KEY,
    received_at timestamptz NOT NULL DEFAULT '-infinity',
    recounted_at timestamptz NOT NULL DEFAULT now(),
    total double precision NOT NULL DEFAULT 0,
    CONSTRAINT recommendation_horizon_kind_known CHECK (kind IN ('bought_together', 'viewed_after', 'trending', 'affinity', 'categories'))
);
COMMENT ON TABLE recommendation_horizon IS 'Up to when events are counted, when all products were counted last, and how often they were bought or viewed in all; of categories, how many shoppers were counted.';

-- What recommendation functions hand to each other.
CREATE TYPE recommendation AS (
    kind text, k integer, filter search_filter, filters jsonb, space_id integer, client text, session text, fill boolean,
    product_id bigint, excluded bigint[]
);
COMMENT ON TYPE recommendation IS 'What a recommendation is asked for, checked: functions/recommendation.sql.';
