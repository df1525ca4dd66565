-- Refuses variants without a SKU or with options that are no object, at no cost to price updates.

-- A trigger on these columns alone is passed over by statements that write others, while a CHECK of
-- the table is not; and it fires afterwards, because one before an update locks every row once more.
CREATE OR REPLACE FUNCTION refuse_variant() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.sku = '' THEN
        RAISE EXCEPTION 'a variant has an empty sku'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'variant_sku_not_empty',
                  TABLE = 'variant', COLUMN = 'sku';
    END IF;
    RAISE EXCEPTION 'the options of variant "%" are a JSON %, not an object',
        NEW.sku, jsonb_typeof(NEW.options)
        USING ERRCODE = 'check_violation', CONSTRAINT = 'variant_options_object',
              TABLE = 'variant', COLUMN = 'options';
END $$;

CREATE OR REPLACE TRIGGER variant_valid
    AFTER INSERT OR UPDATE OF sku, options ON variant
    FOR EACH ROW WHEN (NEW.sku = '' OR jsonb_typeof(NEW.options) <> 'object')
    EXECUTE FUNCTION refuse_variant();
