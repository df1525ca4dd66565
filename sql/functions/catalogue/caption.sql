-- The caption of a product follows its title and description, whoever writes them.

-- About what a text encoder reads at most (64 to 77 tokens): the title, then whole sentences or, failing
-- that, whole words of the description.
CREATE OR REPLACE FUNCTION caption_text(title text, description text) RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path FROM CURRENT AS $$
DECLARE
    name text := btrim(translate(title, E'\n\r\t\u00a0', '    '));
    room integer := 260 - length(name);
    start text;
    cut text;
BEGIN
    start := btrim(translate(left(description, 400), E'\n\r\t\u00a0', '    '));
    IF start = '' OR room < 20 THEN RETURN left(name, 260); END IF;
    IF length(start) > room THEN
        start := left(start, room + 1);
        cut := substring(start from '^(.*(?:[.!?](?=\s|$)|[。！？]))');
        IF cut IS NULL OR length(cut) < room / 3 THEN
            cut := coalesce(substring(start from '^(.*\S)\s'), left(start, room));
        END IF;
        start := cut;
    END IF;
    RETURN name || CASE WHEN name = '' THEN '' WHEN name ~ '[.!?。！？:]$' THEN ' ' ELSE '. ' END || start;
END $$;
COMMENT ON FUNCTION caption_text IS 'The caption of a product: its title and the first part of its description.';

-- They run as their owner, and see to their plans, as the triggers of the queue do (which they set off).
CREATE OR REPLACE FUNCTION caption_added() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path FROM CURRENT AS $$
BEGIN
    INSERT INTO caption AS c (product_id, locale, source, text)
    SELECT w.product_id, w.locale, 'catalogue', w.text
    FROM (SELECT n.product_id, n.locale, caption_text(n.title, n.description) AS text FROM changed n OFFSET 0) w
    WHERE btrim(w.text) <> ''
    ON CONFLICT (product_id, locale, source, image_id) DO UPDATE SET text = excluded.text
        WHERE c.text <> excluded.text;
    RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION caption_delete(products bigint[], locales text[]) RETURNS void
LANGUAGE sql SET search_path FROM CURRENT AS $$
    DELETE FROM caption c
    USING unnest(products, locales) g (product_id, locale)
    CROSS JOIN LATERAL (
        SELECT d.caption_id FROM caption d
        WHERE d.product_id = g.product_id AND d.locale = g.locale AND d.source = 'catalogue'
          AND d.image_id IS NULL
        OFFSET 0
    ) found
    WHERE c.product_id = g.product_id AND c.caption_id = found.caption_id
$$;

CREATE OR REPLACE FUNCTION caption_changed() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path FROM CURRENT AS $$
DECLARE
    products bigint[];
    locales text[];
BEGIN
    -- What no text stands for any longer: another locale's, or one that was emptied.
    SELECT array_agg(g.product_id), array_agg(g.locale) INTO products, locales
    FROM (SELECT product_id, locale FROM previous
          EXCEPT SELECT product_id, locale FROM changed
          WHERE btrim(caption_text(title, description)) <> '') g;
    PERFORM caption_delete(products, locales);
    INSERT INTO caption AS c (product_id, locale, source, text)
    SELECT w.product_id, w.locale, 'catalogue', w.text
    FROM (SELECT n.product_id, n.locale, caption_text(n.title, n.description) AS text FROM changed n OFFSET 0) w
    WHERE btrim(w.text) <> ''
    ON CONFLICT (product_id, locale, source, image_id) DO UPDATE SET text = excluded.text
        WHERE c.text <> excluded.text;
    RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION caption_removed() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path FROM CURRENT AS $$
BEGIN
    PERFORM caption_delete(array_agg(o.product_id), array_agg(o.locale)) FROM previous o;
    RETURN NULL;
END $$;

CREATE OR REPLACE TRIGGER product_text_caption_added
    AFTER INSERT ON product_text REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION caption_added();
CREATE OR REPLACE TRIGGER product_text_caption_changed
    AFTER UPDATE ON product_text REFERENCING OLD TABLE AS previous NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION caption_changed();
CREATE OR REPLACE TRIGGER product_text_caption_removed
    AFTER DELETE ON product_text REFERENCING OLD TABLE AS previous
    FOR EACH STATEMENT EXECUTE FUNCTION caption_removed();
