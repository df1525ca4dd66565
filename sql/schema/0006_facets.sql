-- What facet counts are made from: the catalogue as bitmaps, and the products that changed since.

CREATE TABLE facet_value (
    value_id integer GENERATED ALWAYS AS IDENTITY (START WITH 1024) PRIMARY KEY,
    field text NOT NULL,
    name text NOT NULL,
    element jsonb
);
COMMENT ON TABLE facet_value IS 'What products and variants have, each with the number of its bitmaps: a category, a brand, one value of an attribute or of an option.';
-- Of the hash: a value may be longer than an index takes.
CREATE UNIQUE INDEX facet_value_meaning_idx ON facet_value (field, lower(name), name, md5(element::text)) NULLS NOT DISTINCT;

CREATE TABLE facet_bitmap (
    value_id integer NOT NULL,
    block integer NOT NULL,
    plane integer NOT NULL,
    -- Before the bits: whoever adds them up reads one line of memory instead of sixteen.
    ones integer NOT NULL GENERATED ALWAYS AS (bit_count(bits)::integer) STORED,
    bits bit(8192) NOT NULL,
    PRIMARY KEY (value_id, plane, block)
);
COMMENT ON TABLE facet_bitmap IS 'Which of 8,192 consecutive products have a value (plane 0), and which of their first, second, … variants do (plane 1, 2, …).';

CREATE TABLE facet_change (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    product_id bigint NOT NULL,
    prices_only boolean NOT NULL DEFAULT false
);
COMMENT ON TABLE facet_change IS 'Products that changed since they were folded into the bitmaps; counts read them from the catalogue.';
INSERT INTO facet_change (product_id) SELECT p.product_id FROM product p ORDER BY p.product_id;

CREATE TABLE facet_horizon (
    one boolean PRIMARY KEY DEFAULT true,
    transaction_id bigint NOT NULL,
    server bigint NOT NULL,
    CONSTRAINT facet_horizon_one CHECK (one)
);
COMMENT ON TABLE facet_horizon IS 'Prices and stock that older transactions of this server wrote are in the bitmaps.';

-- What the functions of facets hand to each other: the bitmaps of what changed, and what hides the folded ones.
CREATE TYPE facet_patch AS (
    masked integer[], keep bit(8192)[], prices_keep bit(8192)[],
    value_id integer[], block integer[], plane integer[], bits bit(8192)[],
    new_id integer[], new_field text[], new_name text[], new_element jsonb[]
);
COMMENT ON TYPE facet_patch IS 'Products that changed since they were folded, as bitmaps: functions/facet_terms.sql.';
