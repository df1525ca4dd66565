-- The vocabulary: phrases by which shoppers name brands, categories, options and attributes.

-- Nothing is unique but the number, so that two imports which add the same phrase never wait for each other.
CREATE TABLE vocabulary (
    vocabulary_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    field text NOT NULL,
    name text NOT NULL,
    value text NOT NULL,
    phrase text NOT NULL,
    key text NOT NULL,
    whole boolean NOT NULL,
    products integer,
    titles integer,
    contrary integer,
    judged_at timestamptz,
    CONSTRAINT vocabulary_field_known CHECK (field IN ('brand', 'category', 'options', 'attributes'))
);
COMMENT ON TABLE vocabulary IS 'Phrases that name a value of a field: the whole of it, or its last words (not whole). A pair may stand twice.';
COMMENT ON COLUMN vocabulary.key IS 'The stems of the phrase''s words.';
COMMENT ON COLUMN vocabulary.titles IS 'Evidence, as of judged_at: products with the phrase in a title; contrary are those of them without the value, products those with the value.';
CREATE INDEX vocabulary_key_idx ON vocabulary (key);
CREATE INDEX vocabulary_value_idx ON vocabulary (field, lower(name), lower(value));

CREATE TABLE vocabulary_doubt (
    doubt_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    made_by bigint NOT NULL DEFAULT pg_current_xact_id()::text::bigint,
    field text NOT NULL,
    name text NOT NULL,
    value text NOT NULL,
    waits_for bigint
);
COMMENT ON TABLE vocabulary_doubt IS 'Values that a product lost: a look-up asks the catalogue whether another has them, until tend_vocabulary has.';
COMMENT ON COLUMN vocabulary_doubt.waits_for IS 'NULL: nothing looked yet; 0: no product had it, and nobody may rely on its phrases any more; else they go once the transactions before this one have ended.';
CREATE INDEX vocabulary_doubt_value_idx ON vocabulary_doubt (field, name, value);

-- The categories of a name.
CREATE INDEX category_name_idx ON category (lower(replace(btrim(name), '/', '-')));
