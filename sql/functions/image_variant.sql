-- Keeps image_variant true to pictures and variants, as two foreign keys would, a statement at a time.

-- Plans are made anew each time, as those of the queue's triggers. The locks are those of a foreign key:
-- neither picture nor variant can be deleted before this transaction ends. Numbers are compared first,
-- because a join with what was locked, whose size the planner cannot know, took minutes.
CREATE OR REPLACE FUNCTION image_variant_refers() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path FROM CURRENT SET plan_cache_mode = force_custom_plan AS $$
DECLARE
    images bigint := (SELECT count(*) FROM (SELECT DISTINCT product_id, image_id FROM changed) c);
    variants bigint := (SELECT count(*) FROM (SELECT DISTINCT product_id, variant_id FROM changed) c);
    wrong record;
BEGIN
    images := images - (SELECT count(*) FROM (
        SELECT FROM image i JOIN (SELECT DISTINCT product_id, image_id FROM changed) c
            USING (product_id, image_id) FOR KEY SHARE OF i) locked);
    variants := variants - (SELECT count(*) FROM (
        SELECT FROM variant v JOIN (SELECT DISTINCT product_id, variant_id FROM changed) c
            USING (product_id, variant_id) FOR KEY SHARE OF v) locked);
    IF images = 0 AND variants = 0 THEN RETURN NULL; END IF;
    SELECT c.product_id, n.noun, CASE n.noun WHEN 'image' THEN c.image_id ELSE c.variant_id END AS id
    INTO wrong
    FROM changed c CROSS JOIN (VALUES ('image'), ('variant')) n (noun)
    WHERE CASE n.noun
        WHEN 'image' THEN NOT EXISTS (
            SELECT FROM image i WHERE i.product_id = c.product_id AND i.image_id = c.image_id)
        ELSE NOT EXISTS (
            SELECT FROM variant v WHERE v.product_id = c.product_id AND v.variant_id = c.variant_id) END
    LIMIT 1;
    RAISE EXCEPTION 'image_variant: product % has no % %', wrong.product_id, wrong.noun, wrong.id
        USING ERRCODE = 'foreign_key_violation', TABLE = 'image_variant',
              HINT = 'Image and variant belong to the same product; insert both first.';
END $$;

CREATE OR REPLACE TRIGGER image_variant_refers_inserted
    AFTER INSERT ON image_variant REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION image_variant_refers();
CREATE OR REPLACE TRIGGER image_variant_refers_updated
    AFTER UPDATE ON image_variant REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION image_variant_refers();

CREATE OR REPLACE FUNCTION image_variant_forget() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path FROM CURRENT SET plan_cache_mode = force_custom_plan AS $$
BEGIN
    IF TG_TABLE_NAME = 'image' THEN
        DELETE FROM image_variant x USING removed r
        WHERE x.product_id = r.product_id AND x.image_id = (to_jsonb(r) ->> 'image_id')::bigint;
    ELSE
        DELETE FROM image_variant x USING removed r
        WHERE x.product_id = r.product_id AND x.variant_id = (to_jsonb(r) ->> 'variant_id')::bigint;
    END IF;
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
