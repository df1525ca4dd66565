-- Where a product's price lies among those of its category, as one more value that a shopper may prefer.

CREATE TABLE price_band (
    category_id bigint PRIMARY KEY REFERENCES category ON DELETE CASCADE,
    ends double precision[] NOT NULL,
    CONSTRAINT price_band_ends CHECK (cardinality(ends) = 3 AND ends[1] <= ends[2] AND ends[2] <= ends[3])
);
COMMENT ON TABLE price_band IS 'The prices at which the cheapest quarter, the half and the three quarters of a category''s products end, from a sample; of categories whose prices differ.';

CREATE TABLE price_sweep (
    one boolean PRIMARY KEY DEFAULT true,
    product_id bigint NOT NULL,
    CONSTRAINT price_sweep_one CHECK (one)
);
COMMENT ON TABLE price_sweep IS 'Up to which product, by the order of their ids, tend_price_bands has looked; no row where it begins anew.';

-- To be counted at once.
UPDATE value_share SET counted_at = '-infinity';
