-- The vocabulary follows the catalogue: values that come are added, values that a product loses are doubted.

-- The triggers run as their owner: who writes the catalogue need not write the vocabulary.

CREATE OR REPLACE FUNCTION vocabulary_product_added() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    PERFORM add_vocabulary('brand', array_agg(''::text), array_agg(c.brand)) FROM (
        SELECT DISTINCT n.brand FROM changed n WHERE n.status = 'active' AND n.brand IS NOT NULL AND length(n.brand) <= 60) c;
    PERFORM add_vocabulary('attributes', array_agg(m.name), array_agg(m.value)) FROM (
        SELECT DISTINCT m.name, m.value FROM changed n CROSS JOIN LATERAL nameable_members('attributes', n.attributes) m
        WHERE n.status = 'active' AND n.attributes <> '{}') m;
    RETURN NULL;
END $$;

CREATE OR REPLACE TRIGGER product_vocabulary_insert
    AFTER INSERT ON product REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION vocabulary_product_added();

-- What these products have is doubted: their brand, attributes and options, or the options alone.
CREATE OR REPLACE FUNCTION doubt_product(brands text[], attributes jsonb[]) RETURNS void
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    PERFORM doubt_vocabulary('brand', array_agg(''::text), array_agg(u.brand)) FROM (
        SELECT DISTINCT b.brand FROM unnest(brands) b (brand) WHERE b.brand IS NOT NULL AND length(b.brand) <= 60) u;
    PERFORM doubt_vocabulary('attributes', array_agg(m.name), array_agg(m.value)) FROM (
        SELECT DISTINCT m.name, m.value FROM unnest(attributes) a (object) CROSS JOIN LATERAL nameable_members('attributes', a.object) m) m;
END $$;

CREATE OR REPLACE FUNCTION doubt_options(objects jsonb[]) RETURNS void
LANGUAGE sql SET search_path FROM CURRENT AS $$
    SELECT doubt_vocabulary('options', array_agg(m.name), array_agg(m.value)) FROM (
        SELECT DISTINCT m.name, m.value FROM (SELECT DISTINCT o.object FROM unnest(objects) o (object)) o
        CROSS JOIN LATERAL nameable_members('options', o.object) m) m
$$;

CREATE OR REPLACE FUNCTION add_options(objects jsonb[]) RETURNS void
LANGUAGE sql SET search_path FROM CURRENT AS $$
    SELECT add_vocabulary('options', array_agg(m.name), array_agg(m.value)) FROM (
        SELECT DISTINCT m.name, m.value FROM unnest(objects) o (object)
        CROSS JOIN LATERAL nameable_members('options', o.object) m) m
$$;

-- A plan that was cached for single rows would be slow for many: what joins two tables of changed rows is planned anew.
CREATE OR REPLACE FUNCTION vocabulary_product_changed() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
    moved record;
BEGIN
    EXECUTE 'SELECT array_agg(o.brand) FILTER (WHERE o.status = ''active'') AS old_brands, '
        'array_agg(o.attributes) FILTER (WHERE o.status = ''active'') AS old_attributes, '
        'array_agg(n.brand) FILTER (WHERE n.status = ''active'') AS brands, '
        'array_agg(n.attributes) FILTER (WHERE n.status = ''active'') AS attributes, '
        'array_agg(n.product_id) FILTER (WHERE n.status <> o.status) AS products '
        'FROM changed n JOIN previous o USING (product_id) '
        'WHERE (n.brand, n.attributes, n.status) IS DISTINCT FROM (o.brand, o.attributes, o.status)' INTO moved;
    IF moved.old_brands IS NOT NULL THEN PERFORM doubt_product(moved.old_brands, moved.old_attributes); END IF;
    IF moved.brands IS NOT NULL THEN
        PERFORM add_vocabulary('brand', array_agg(''::text), array_agg(u.brand)) FROM (
            SELECT DISTINCT b.brand FROM unnest(moved.brands) b (brand) WHERE b.brand IS NOT NULL AND length(b.brand) <= 60) u;
        PERFORM add_vocabulary('attributes', array_agg(m.name), array_agg(m.value)) FROM (
            SELECT DISTINCT m.name, m.value FROM unnest(moved.attributes) a (object) CROSS JOIN LATERAL nameable_members('attributes', a.object) m) m;
    END IF;
    -- Options come and go with their product's status.
    IF moved.products IS NOT NULL THEN
        PERFORM doubt_options(o.objects), add_options(o.objects) FROM (
            SELECT array_agg(DISTINCT v.options) AS objects FROM unnest(moved.products) g (product_id)
            CROSS JOIN LATERAL (SELECT v.options FROM variant v WHERE v.product_id = g.product_id AND v.status = 'active' OFFSET 0) v) o;
    END IF;
    RETURN NULL;
END $$;

CREATE OR REPLACE TRIGGER product_vocabulary_update
    AFTER UPDATE ON product REFERENCING OLD TABLE AS previous NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION vocabulary_product_changed();

CREATE OR REPLACE FUNCTION vocabulary_product_removed() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    PERFORM doubt_product(array_agg(o.brand), array_agg(o.attributes)) FROM changed o WHERE o.status = 'active';
    RETURN NULL;
END $$;

CREATE OR REPLACE TRIGGER product_vocabulary_delete
    AFTER DELETE ON product REFERENCING OLD TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION vocabulary_product_removed();

-- A statement brings many variants and few different options.
CREATE OR REPLACE FUNCTION vocabulary_variant_added() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    PERFORM add_options(array_agg(c.options)) FROM (SELECT DISTINCT n.options FROM changed n WHERE n.status = 'active' AND n.options <> '{}') c;
    RETURN NULL;
END $$;

CREATE OR REPLACE TRIGGER variant_vocabulary_insert
    AFTER INSERT ON variant REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION vocabulary_variant_added();

-- A product that loses its last active variant is no longer shown.
CREATE OR REPLACE FUNCTION doubt_variants(products bigint[], objects jsonb[]) RETURNS void
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    IF products IS NULL THEN RETURN; END IF;
    PERFORM doubt_options(objects);
    PERFORM doubt_product(array_agg(p.brand), array_agg(p.attributes)) FROM unnest(products) g (product_id)
    CROSS JOIN LATERAL (SELECT p.brand, p.attributes FROM product p WHERE p.product_id = g.product_id AND p.status = 'active'
        AND NOT EXISTS (SELECT FROM variant v WHERE v.product_id = p.product_id AND v.status = 'active' OFFSET 0) OFFSET 0) p;
END $$;

CREATE OR REPLACE FUNCTION vocabulary_variant_removed() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    PERFORM doubt_variants(array_agg(DISTINCT o.product_id), array_agg(DISTINCT o.options)) FROM changed o WHERE o.status = 'active';
    RETURN NULL;
END $$;

CREATE OR REPLACE TRIGGER variant_vocabulary_delete
    AFTER DELETE ON variant REFERENCING OLD TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION vocabulary_variant_removed();

-- Passed over by updates of prices and stock.
CREATE OR REPLACE FUNCTION vocabulary_variant_changed() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    IF OLD.status = 'active' THEN PERFORM doubt_variants(ARRAY[OLD.product_id], ARRAY[OLD.options]); END IF;
    IF NEW.status = 'active' THEN PERFORM add_options(ARRAY[NEW.options]); END IF;
    RETURN NULL;
END $$;

CREATE OR REPLACE TRIGGER variant_vocabulary_update
    AFTER UPDATE OF options, status, product_id ON variant
    FOR EACH ROW WHEN ((OLD.options, OLD.status::text, OLD.product_id) IS DISTINCT FROM (NEW.options, NEW.status::text, NEW.product_id))
    EXECUTE FUNCTION vocabulary_variant_changed();

-- Whether a category still has products is asked at each look-up, so nothing needs to be doubted.
CREATE OR REPLACE FUNCTION vocabulary_category_named() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    IF length(NEW.name) <= 60 THEN PERFORM add_vocabulary('category', '{""}', ARRAY[category_segment(NEW.name)]); END IF;
    RETURN NULL;
END $$;

CREATE OR REPLACE TRIGGER category_vocabulary_insert
    AFTER INSERT ON category FOR EACH ROW EXECUTE FUNCTION vocabulary_category_named();
CREATE OR REPLACE TRIGGER category_vocabulary_update
    AFTER UPDATE OF name ON category FOR EACH ROW WHEN (OLD.name <> NEW.name) EXECUTE FUNCTION vocabulary_category_named();

-- Whoever empties a table at once has locked it against everybody else.
CREATE OR REPLACE FUNCTION vocabulary_truncated() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    DELETE FROM vocabulary v WHERE CASE TG_TABLE_NAME WHEN 'variant' THEN v.field = 'options' ELSE v.field IN ('brand', 'attributes', 'options') END;
    RETURN NULL;
END $$;

CREATE OR REPLACE TRIGGER product_vocabulary_truncate AFTER TRUNCATE ON product
    FOR EACH STATEMENT EXECUTE FUNCTION vocabulary_truncated();
CREATE OR REPLACE TRIGGER variant_vocabulary_truncate AFTER TRUNCATE ON variant
    FOR EACH STATEMENT EXECUTE FUNCTION vocabulary_truncated();

-- The stems are those of the shop's language.
CREATE OR REPLACE FUNCTION vocabulary_locale_changed() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    PERFORM rebuild_vocabulary();
    RETURN NULL;
END $$;

CREATE OR REPLACE TRIGGER setting_vocabulary_insert AFTER INSERT ON setting
    FOR EACH ROW WHEN (NEW.name = 'locale') EXECUTE FUNCTION vocabulary_locale_changed();
CREATE OR REPLACE TRIGGER setting_vocabulary_update AFTER UPDATE ON setting
    FOR EACH ROW WHEN (NEW.name = 'locale' AND OLD.value IS DISTINCT FROM NEW.value) EXECUTE FUNCTION vocabulary_locale_changed();
