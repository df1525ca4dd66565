-- From which categories shoppers buy, and from which two: what next_categories knows.

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

ALTER TABLE recommendation_horizon DROP CONSTRAINT recommendation_horizon_kind_known,
    ADD CONSTRAINT recommendation_horizon_kind_known CHECK (kind IN ('bought_together', 'viewed_after', 'trending', 'affinity', 'categories'));
COMMENT ON TABLE recommendation_horizon IS 'Up to when events are counted, when all products were counted last, and how often they were bought or viewed in all; of categories, how many shoppers were counted.';
