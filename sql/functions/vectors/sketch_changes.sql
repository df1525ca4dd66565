-- Whatever changes the terms of a product, or whether it is shown, has its sketches and documents made anew, and facets told.

-- Rows that belong to a product: its categories, its variants, the variants that its pictures show.
CREATE OR REPLACE FUNCTION sketch_follow() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
    products bigint[];
BEGIN
    SELECT array_agg(g.product_id) INTO products FROM (SELECT DISTINCT c.product_id FROM changed c) g;
    IF products IS NULL THEN RETURN NULL; END IF;
    PERFORM sketch_products(products, skip_new => TG_OP = 'INSERT');
    -- Pictures say nothing of a product's words, and no facet speaks of them.
    IF TG_TABLE_NAME <> 'image_variant' THEN
        PERFORM document_products(products), mark_facets(products);
    END IF;
    RETURN NULL;
END $$;

-- A row that moves concerns the product it left as well.
CREATE OR REPLACE FUNCTION sketch_follow_moved() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    PERFORM sketch_products(m.products), CASE WHEN TG_TABLE_NAME <> 'image_variant' THEN document_products(m.products) END,
        CASE WHEN TG_TABLE_NAME <> 'image_variant' THEN mark_facets(m.products) END
    FROM (SELECT array_agg(m.product_id) AS products
          FROM (SELECT o.product_id FROM previous o UNION SELECT n.product_id FROM changed n) m) m;
    RETURN NULL;
END $$;

DO $$
DECLARE
    one record;
BEGIN
    FOR one IN
        SELECT t.name, e.event, CASE e.event WHEN 'DELETE' THEN 'OLD TABLE AS changed' WHEN 'INSERT' THEN 'NEW TABLE AS changed'
            ELSE 'OLD TABLE AS previous NEW TABLE AS changed' END AS rows,
            CASE e.event WHEN 'UPDATE' THEN 'sketch_follow_moved' ELSE 'sketch_follow' END AS action
        FROM unnest('{product_category,variant,image_variant}'::text[]) t (name)
        CROSS JOIN unnest('{INSERT,UPDATE,DELETE}'::text[]) e (event)
        -- An update of variants must not pay for what only options and status need: see below.
        WHERE NOT (t.name = 'variant' AND e.event = 'UPDATE')
    LOOP
        EXECUTE format('CREATE OR REPLACE TRIGGER %I AFTER %s ON %I REFERENCING %s FOR EACH STATEMENT EXECUTE FUNCTION %I()',
            format('%s_sketch_%s', one.name, lower(one.event)), one.event, one.name, one.rows, one.action);
    END LOOP;
END $$;

-- Rows note their product, and the end of the statement makes the sketches of all of them: a product's many
-- variants cost no more than one. A trigger of columns may have no table of changed rows.
CREATE OR REPLACE FUNCTION sketch_note() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    INSERT INTO stale_product (made_by, product_id)
    SELECT pg_current_xact_id()::text::bigint, c.product_id FROM (VALUES (OLD.product_id), (NEW.product_id)) c (product_id)
    GROUP BY c.product_id;
    RETURN NULL;
END $$;

-- Notes have numbers, and a statement begins after the last that was done: what this transaction deleted stays in the
-- index until it ends, and a thousand statements would each read it.
CREATE OR REPLACE FUNCTION sketch_noted() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT SET enable_seqscan = off AS $$
DECLARE
    -- One transaction may change the shops of several schemas.
    setting_name text := (SELECT 'sketches_made.shop_' || n.oid FROM pg_namespace n WHERE n.nspname = current_schema());
    done bigint := coalesce(nullif(current_setting(setting_name, true), ''), '0');
    products bigint[];
BEGIN
    WITH noted AS (
        DELETE FROM stale_product s WHERE s.made_by = pg_current_xact_id()::text::bigint AND s.number > done
        RETURNING s.number, s.product_id
    )
    SELECT array_agg(DISTINCT n.product_id), max(n.number) INTO products, done FROM noted n;
    IF products IS NOT NULL THEN
        PERFORM set_config(setting_name, done::text, true);
        PERFORM sketch_products(products);
        IF TG_TABLE_NAME = 'variant' THEN PERFORM document_products(products), mark_facets(products); END IF;
    END IF;
    RETURN NULL;
END $$;

-- A statement that updates a table twice (in WITH) may lose the trigger at its end: what is left is done at the
-- transaction's.
CREATE OR REPLACE FUNCTION sketch_left_over() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT SET enable_seqscan = off AS $$
BEGIN
    DELETE FROM stale_product s WHERE s.made_by = NEW.made_by AND s.number = NEW.number;
    IF FOUND THEN PERFORM sketch_products(ARRAY[NEW.product_id]), document_products(ARRAY[NEW.product_id]), mark_facets(ARRAY[NEW.product_id]); END IF;
    RETURN NULL;
END $$;

DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_trigger t WHERE t.tgrelid = to_regclass('stale_product') AND t.tgname = 'stale_product_left_over') THEN
        CREATE CONSTRAINT TRIGGER stale_product_left_over AFTER INSERT ON stale_product
            DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION sketch_left_over();
    END IF;
END $$;

CREATE OR REPLACE TRIGGER variant_sketch_note
    AFTER UPDATE OF sku, options, status, product_id, variant_id ON variant
    FOR EACH ROW WHEN ((OLD.sku, OLD.options, OLD.status::text, OLD.product_id, OLD.variant_id)
        IS DISTINCT FROM (NEW.sku, NEW.options, NEW.status::text, NEW.product_id, NEW.variant_id))
    EXECUTE FUNCTION sketch_note();
CREATE OR REPLACE TRIGGER variant_sketch_update
    AFTER UPDATE OF sku, options, status, product_id, variant_id ON variant
    FOR EACH STATEMENT EXECUTE FUNCTION sketch_noted();
CREATE OR REPLACE TRIGGER caption_sketch_note
    AFTER UPDATE OF image_id ON caption
    FOR EACH ROW WHEN (OLD.image_id IS DISTINCT FROM NEW.image_id)
    EXECUTE FUNCTION sketch_note();
CREATE OR REPLACE TRIGGER caption_sketch_update
    AFTER UPDATE OF image_id ON caption
    FOR EACH STATEMENT EXECUTE FUNCTION sketch_noted();

CREATE OR REPLACE FUNCTION sketch_product_added() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    INSERT INTO waiting_product (space_id, product_id)
    SELECT s.space_id, c.product_id FROM changed c CROSS JOIN unnest(known_spaces()) s (space_id) WHERE c.status = 'active';
    PERFORM document_products(array_agg(c.product_id)), mark_facets(array_agg(c.product_id)) FROM changed c;
    RETURN NULL;
END $$;

-- The lock keeps a space from being dropped before this commits.
CREATE OR REPLACE FUNCTION known_spaces() RETURNS integer[]
LANGUAGE sql SET search_path FROM CURRENT AS $$
    SELECT array_agg(u.space_id) FROM (SELECT s.space_id FROM space s FOR KEY SHARE) u
$$;

CREATE OR REPLACE TRIGGER product_sketch_insert
    AFTER INSERT ON product REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION sketch_product_added();

CREATE OR REPLACE FUNCTION sketch_product_changed() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
    products bigint[];
BEGIN
    EXECUTE 'SELECT array_agg(n.product_id) FROM changed n JOIN previous o USING (product_id) '
        'WHERE (n.external_id, n.brand, n.attributes, n.status) IS DISTINCT FROM (o.external_id, o.brand, o.attributes, o.status)' INTO products;
    PERFORM sketch_products(products), document_products(products), mark_facets(products);
    RETURN NULL;
END $$;

CREATE OR REPLACE TRIGGER product_sketch_update
    AFTER UPDATE ON product REFERENCING OLD TABLE AS previous NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION sketch_product_changed();

CREATE OR REPLACE FUNCTION sketch_product_removed() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    EXECUTE 'DELETE FROM waiting_product w USING changed o WHERE w.product_id = o.product_id';
    PERFORM mark_facets(array_agg(o.product_id)) FROM changed o;
    RETURN NULL;
END $$;

CREATE OR REPLACE TRIGGER product_sketch_delete
    AFTER DELETE ON product REFERENCING OLD TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION sketch_product_removed();

-- A category that moves takes the products in it along; those below it have their own lineage changed in turn.
CREATE OR REPLACE FUNCTION sketch_category_moved() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    PERFORM sketch_products(array_agg(pc.product_id)), mark_facets(array_agg(pc.product_id)) FROM product_category pc WHERE pc.category_id = NEW.category_id;
    RETURN NULL;
END $$;

CREATE OR REPLACE TRIGGER category_sketch_moved
    AFTER UPDATE ON category
    FOR EACH ROW WHEN (OLD.lineage IS DISTINCT FROM NEW.lineage)
    EXECUTE FUNCTION sketch_category_moved();

-- Emptying a table at once fires no trigger of rows.
CREATE OR REPLACE FUNCTION sketch_all() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    IF TG_TABLE_NAME = 'product' THEN
        DELETE FROM waiting_product;
        DELETE FROM facet_bitmap;
        DELETE FROM facet_column;
        DELETE FROM product_value;
        UPDATE facet_value SET held = 0 WHERE held <> 0;
    END IF;
    IF TG_TABLE_NAME IN ('product', 'variant') THEN DELETE FROM listed_price; END IF;
    PERFORM sketch_products(array_agg(p.product_id)), document_products(array_agg(p.product_id)), mark_facets(array_agg(p.product_id)) FROM product p;
    RETURN NULL;
END $$;

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY '{product,product_text,product_category,variant,image_variant}'::text[] LOOP
        EXECUTE format('CREATE OR REPLACE TRIGGER %I AFTER TRUNCATE ON %I '
            'FOR EACH STATEMENT EXECUTE FUNCTION sketch_all()', name || '_sketch_truncate', name);
    END LOOP;
END $$;
