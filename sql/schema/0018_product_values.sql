-- What personal search compares, ready-made: the values of each product as numbers, and the share of each number.

CREATE TABLE product_value (
    product_id bigint NOT NULL,
    numbers bigint[] NOT NULL,
    -- Read from the index alone.
    PRIMARY KEY (product_id) INCLUDE (numbers)
);
COMMENT ON TABLE product_value IS 'The values of a product, such as brand=acme, each as value_number, as they were when its changes were folded last; personal search reads the catalogue for a product that is not here.';

ALTER TABLE value_share ADD number bigint GENERATED ALWAYS AS (hashtextextended(value, 0)) STORED;
COMMENT ON COLUMN value_share.number IS 'value_number of the value.';
CREATE INDEX value_share_number_idx ON value_share (number);

-- Functions whose arguments or answers changed.
DROP FUNCTION IF EXISTS personal_values(personal_history);
DROP FUNCTION IF EXISTS personal_nearness(integer, personal_history, bigint[], search_arms);
DROP FUNCTION IF EXISTS personal_preferences(personal_history, bigint[]);
DROP FUNCTION IF EXISTS personal_weighed(search_question, search_arms, bigint[], double precision[]);
DROP FUNCTION IF EXISTS personal_likeness(integer, personal_history, bigint[]);
DROP FUNCTION IF EXISTS personal_reasons(integer, personal_history, bigint[], bigint[], bigint[], text[], double precision[]);
DROP FUNCTION IF EXISTS personal_explained(search_question);

-- What shoppers like is added up where it is compared; the names of what they looked at are known already.
ALTER TYPE personal_history DROP ATTRIBUTE liked, DROP ATTRIBUTE amounts, DROP ATTRIBUTE total, ADD ATTRIBUTE external_ids text[];
