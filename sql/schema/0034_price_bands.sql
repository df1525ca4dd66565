-- Where a product's price lies among those of its category, as one more value that a shopper may prefer.

CREATE TABLE price_band (
    -- No reference: who deletes a category need not wait for who counts, and what is left of it is gone with the next count.
    category_id bigint PRIMARY KEY,
    ends double precision[] NOT NULL,
    CONSTRAINT price_band_ends CHECK (cardinality(ends) = 3 AND ends[1] <= ends[2] AND ends[2] <= ends[3])
);
COMMENT ON TABLE price_band IS 'The prices at which the cheapest quarter, the half and the three quarters of a category''s products end, from a sample; of categories whose prices differ.';

CREATE TABLE price_sweep (
    one boolean PRIMARY KEY DEFAULT true,
    product_id bigint NOT NULL DEFAULT 0,
    looked_at bigint NOT NULL DEFAULT 0,
    changed bigint NOT NULL DEFAULT 0,
    settled_at timestamptz,
    CONSTRAINT price_sweep_one CHECK (one)
);
COMMENT ON TABLE price_sweep IS 'Up to which product, by the order of their ids, tend_price_bands has looked in this round.';
COMMENT ON COLUMN price_sweep.looked_at IS 'At how many products it has looked in this round.';
COMMENT ON COLUMN price_sweep.changed IS 'How many of these lay in another band.';
COMMENT ON COLUMN price_sweep.settled_at IS 'When the last round ended that put many products into other bands; histories kept before know too little of them.';
INSERT INTO price_sweep DEFAULT VALUES;

-- To be counted at once.
UPDATE value_share SET counted_at = '-infinity';
