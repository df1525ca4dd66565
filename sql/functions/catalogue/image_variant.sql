-- Keeps image_variant true to pictures and variants, as two foreign keys would, a statement at a time.

-- The locks are those of a foreign key: neither picture nor variant can be deleted before this transaction
-- ends; what this transaction made itself, nobody else can. An EXISTS with OFFSET 0 is looked up by key, row
-- by row: see enqueue.sql.
CREATE OR REPLACE FUNCTION image_variant_refers() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
    me CONSTANT xid := pg_current_xact_id()::xid;
    wrong record;
BEGIN
    SELECT 'image' AS noun, c.product_id, c.image_id AS id INTO wrong
    FROM (SELECT DISTINCT n.product_id, n.image_id FROM changed n) c
    WHERE NOT EXISTS (
        SELECT FROM image i WHERE i.product_id = c.product_id AND i.image_id = c.image_id AND i.xmin = me
        OFFSET 0)
      AND NOT EXISTS (
        SELECT FROM image i WHERE i.product_id = c.product_id AND i.image_id = c.image_id
        FOR KEY SHARE OFFSET 0)
    UNION ALL
    SELECT 'variant', c.product_id, c.variant_id
    FROM (SELECT DISTINCT n.product_id, n.variant_id FROM changed n) c
    WHERE NOT EXISTS (
        SELECT FROM variant v WHERE v.product_id = c.product_id AND v.variant_id = c.variant_id AND v.xmin = me
        OFFSET 0)
      AND NOT EXISTS (
        SELECT FROM variant v WHERE v.product_id = c.product_id AND v.variant_id = c.variant_id
        FOR KEY SHARE OFFSET 0)
    LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'image_variant: product % has no % %', wrong.product_id, wrong.noun, wrong.id
            USING ERRCODE = 'foreign_key_violation', TABLE = 'image_variant',
                  HINT = 'Image and variant belong to the same product; insert both first.';
    END IF;
    RETURN NULL;
END $$;

CREATE OR REPLACE TRIGGER image_variant_refers_inserted
    AFTER INSERT ON image_variant REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION image_variant_refers();
CREATE OR REPLACE TRIGGER image_variant_refers_updated
    AFTER UPDATE ON image_variant REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION image_variant_refers();

CREATE OR REPLACE FUNCTION image_variant_forget() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path FROM CURRENT AS $$
BEGIN
    EXECUTE format(
        'DELETE FROM image_variant x USING removed r WHERE x.product_id = r.product_id AND x.%1$I = r.%1$I',
        TG_TABLE_NAME || '_id');
    RETURN NULL;
END $$;

CREATE OR REPLACE TRIGGER image_forget_variants
    AFTER DELETE ON image REFERENCING OLD TABLE AS removed
    FOR EACH STATEMENT EXECUTE FUNCTION image_variant_forget();
CREATE OR REPLACE TRIGGER variant_forget_images
    AFTER DELETE ON variant REFERENCING OLD TABLE AS removed
    FOR EACH STATEMENT EXECUTE FUNCTION image_variant_forget();

-- Only a statement that writes the key gets here, so price and stock updates pay nothing.
CREATE OR REPLACE FUNCTION image_variant_keep() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
    key bigint := (to_jsonb(OLD) ->> (TG_TABLE_NAME || '_id'))::bigint;
BEGIN
    IF EXISTS (SELECT FROM image_variant x
               WHERE x.product_id = OLD.product_id
                 AND CASE TG_TABLE_NAME WHEN 'image' THEN x.image_id ELSE x.variant_id END = key) THEN
        RAISE EXCEPTION 'image_variant still refers to % % of product %', TG_TABLE_NAME, key, OLD.product_id
            USING ERRCODE = 'foreign_key_violation', TABLE = 'image_variant',
                  HINT = 'Delete its rows of image_variant before it moves to another product.';
    END IF;
    RETURN NULL;
END $$;

CREATE OR REPLACE TRIGGER image_keep_variants
    AFTER UPDATE OF product_id, image_id ON image
    FOR EACH ROW WHEN ((OLD.product_id, OLD.image_id) IS DISTINCT FROM (NEW.product_id, NEW.image_id))
    EXECUTE FUNCTION image_variant_keep();
CREATE OR REPLACE TRIGGER variant_keep_images
    AFTER UPDATE OF product_id, variant_id ON variant
    FOR EACH ROW WHEN ((OLD.product_id, OLD.variant_id) IS DISTINCT FROM (NEW.product_id, NEW.variant_id))
    EXECUTE FUNCTION image_variant_keep();

CREATE OR REPLACE FUNCTION image_variant_empty() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    DELETE FROM image_variant;
    RETURN NULL;
END $$;

CREATE OR REPLACE TRIGGER image_empty_variants
    AFTER TRUNCATE ON image FOR EACH STATEMENT EXECUTE FUNCTION image_variant_empty();
CREATE OR REPLACE TRIGGER variant_empty_images
    AFTER TRUNCATE ON variant FOR EACH STATEMENT EXECUTE FUNCTION image_variant_empty();
