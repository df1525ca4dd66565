-- Prices are listed in a table of their own and updates of variants note their products: an update of prices writes no index, and nobody need ask a row who wrote it.

-- Locks out writers until the triggers are there.
DROP INDEX variant_price_idx;

-- No key: rows that no longer hold are passed over until they are taken away.
CREATE TABLE listed_price (price double precision NOT NULL, product_id bigint NOT NULL, variant_id bigint NOT NULL);
COMMENT ON TABLE listed_price IS 'The prices of variants as they were when last folded, in their order; of products in price_change they may be others.';
INSERT INTO listed_price (price, product_id, variant_id)
SELECT v.price::double precision, v.product_id, v.variant_id FROM variant v WHERE v.price IS NOT NULL ORDER BY v.price::double precision, v.product_id;
CREATE INDEX listed_price_idx ON listed_price (price, product_id, variant_id);
CREATE INDEX listed_price_product_idx ON listed_price (product_id);

CREATE TABLE price_change (product_id bigint NOT NULL);
COMMENT ON TABLE price_change IS 'Products of which variants were updated since prices and stock were folded; searches and counts read these from the catalogue.';
INSERT INTO price_change (product_id)
-- As the bitmaps were kept until now: what the transactions wrote that are not known to be folded.
SELECT v.product_id FROM variant v WHERE EXISTS (SELECT FROM facet_bitmap) AND coalesce(
    age(v.xmin) <= (SELECT age((h.transaction_id & 4294967295)::text::xid) FROM facet_horizon h
        WHERE h.server = (SELECT c.system_identifier FROM pg_control_system() c)
          AND h.transaction_id + 2000000000 >= pg_snapshot_xmin(pg_current_snapshot())::text::bigint), true)
UNION
SELECT f.product_id FROM facet_change f WHERE f.prices_only;

DELETE FROM facet_change WHERE prices_only;
ALTER TABLE facet_change DROP prices_only;
DROP TABLE facet_horizon;
DROP TRIGGER IF EXISTS variant_clock ON variant;
DROP FUNCTION IF EXISTS move_variant_clock();
DROP FUNCTION IF EXISTS settled_variant_clock();
DROP FUNCTION IF EXISTS move_facet_horizon();
DROP SEQUENCE variant_clock;
COMMENT ON TABLE variant IS 'What is sold. No vector and no index that updates of price and stock would write: they stay cheap.';
