-- Prices in their order, which updates of variants do not write: they note their products, and folding lists these anew.

-- Of all updates, not of prices alone: a trigger of the shop's own may write a price under any of them. Nothing is compared, and a product is noted as often
-- as it has rows: a plan that was made for one row serves a hundred thousand.
CREATE OR REPLACE FUNCTION note_prices() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    INSERT INTO price_change (product_id) SELECT c.product_id FROM changed c;
    RETURN NULL;
END $$;

-- New ones are listed at once: a catalogue that nobody folds is searched by prices as well.
CREATE OR REPLACE FUNCTION list_prices() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    INSERT INTO listed_price (price, product_id, variant_id)
    SELECT c.price::double precision, c.product_id, c.variant_id FROM changed c WHERE c.price IS NOT NULL;
    -- By district they are placed when they are folded.
    INSERT INTO place_change (product_id) SELECT DISTINCT c.product_id FROM changed c;
    RETURN NULL;
END $$;

CREATE OR REPLACE TRIGGER variant_prices_update
    AFTER UPDATE ON variant REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION note_prices();
CREATE OR REPLACE TRIGGER variant_prices_insert
    AFTER INSERT ON variant REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION list_prices();
-- Also for who loads with triggers switched off.
ALTER TABLE variant ENABLE ALWAYS TRIGGER variant_prices_update, ENABLE ALWAYS TRIGGER variant_prices_insert;

-- Lists the prices of some products as they are. What others write meanwhile they note or list, and take nothing from.
CREATE OR REPLACE FUNCTION relist_prices(products bigint[]) RETURNS void
LANGUAGE plpgsql SET search_path FROM CURRENT SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
BEGIN
    DELETE FROM listed_price l USING unnest(products) g (product_id)
    WHERE l.product_id = g.product_id AND NOT EXISTS (
        SELECT FROM variant v WHERE v.product_id = l.product_id AND v.variant_id = l.variant_id AND v.price::double precision = l.price OFFSET 0);
    INSERT INTO listed_price (price, product_id, variant_id)
    SELECT v.price::double precision, v.product_id, v.variant_id FROM unnest(products) g (product_id) JOIN variant v USING (product_id)
    WHERE v.price IS NOT NULL AND NOT EXISTS (
        SELECT FROM listed_price l WHERE l.price = v.price::double precision AND l.product_id = v.product_id AND l.variant_id = v.variant_id OFFSET 0);
END $$;

-- Whether so few prices are noted that to look these up costs less than to read all variants.
CREATE OR REPLACE FUNCTION prices_are_listed() RETURNS boolean
LANGUAGE sql STABLE SET search_path FROM CURRENT AS $$
    SELECT NOT EXISTS (SELECT FROM price_change OFFSET rows_of('variant', 150) / 25)
$$;

-- The prices of variants, and perhaps more: o. What is listed may hold no longer, so whoever needs to know asks the variant; prices that are noted
-- come from there, by its key whatever statistics say.
CREATE OR REPLACE FUNCTION prices_sql() RETURNS text
LANGUAGE sql STABLE SET search_path FROM CURRENT
RETURN CASE WHEN prices_are_listed() THEN '(SELECT l.price, l.product_id, l.variant_id FROM listed_price l UNION ALL '
    'SELECT n.price, c.product_id, n.variant_id FROM (SELECT DISTINCT c.product_id FROM price_change c) c CROSS JOIN LATERAL ('
    'SELECT n.price::double precision AS price, n.variant_id FROM variant n WHERE n.product_id = c.product_id OFFSET 0) n) o'
    ELSE '(SELECT n.price::double precision AS price, n.product_id, n.variant_id FROM variant n) o' END;
