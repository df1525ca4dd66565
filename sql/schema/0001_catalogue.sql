-- The catalogue: products, their texts, categories, variants, pictures and captions.

CREATE TABLE setting (
    name text PRIMARY KEY,
    value jsonb NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE setting IS 'What the whole shop shares, such as its currency and its default locale.';

-- The text search configuration of a locale: its language's, or "simple" where PostgreSQL has none.
CREATE FUNCTION text_configuration(locale text) RETURNS regconfig
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE lower(split_part(replace(locale, '_', '-'), '-', 1))
    WHEN 'da' THEN 'pg_catalog.danish' WHEN 'de' THEN 'pg_catalog.german'
    WHEN 'en' THEN 'pg_catalog.english' WHEN 'es' THEN 'pg_catalog.spanish'
    WHEN 'fi' THEN 'pg_catalog.finnish' WHEN 'fr' THEN 'pg_catalog.french'
    WHEN 'hu' THEN 'pg_catalog.hungarian' WHEN 'it' THEN 'pg_catalog.italian'
    WHEN 'nl' THEN 'pg_catalog.dutch' WHEN 'no' THEN 'pg_catalog.norwegian'
    WHEN 'pt' THEN 'pg_catalog.portuguese' WHEN 'ro' THEN 'pg_catalog.romanian'
    WHEN 'ru' THEN 'pg_catalog.russian' WHEN 'sv' THEN 'pg_catalog.swedish'
    WHEN 'tr' THEN 'pg_catalog.turkish' ELSE 'pg_catalog.simple'
END::regconfig;

CREATE TABLE product (
    product_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    external_id text NOT NULL,
    brand text,
    attributes jsonb NOT NULL DEFAULT '{}',
    popularity real NOT NULL DEFAULT 0,
    status text NOT NULL DEFAULT 'active',
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT product_external_id_key UNIQUE (external_id),
    CONSTRAINT product_external_id_not_empty CHECK (external_id <> ''),
    CONSTRAINT product_attributes_object CHECK (jsonb_typeof(attributes) = 'object'),
    CONSTRAINT product_popularity_finite CHECK (popularity >= 0 AND popularity < 'Infinity'),
    CONSTRAINT product_status_known CHECK (status IN ('active', 'retired'))
);
COMMENT ON TABLE product IS 'What a result list shows once.';
COMMENT ON COLUMN product.external_id IS 'The shop''s own key.';

CREATE TABLE product_text (
    product_id bigint NOT NULL REFERENCES product ON DELETE CASCADE,
    locale text NOT NULL,
    title text NOT NULL,
    description text NOT NULL DEFAULT '',
    document tsvector NOT NULL GENERATED ALWAYS AS (
        setweight(to_tsvector(text_configuration(locale), title), 'A')
        || setweight(to_tsvector(text_configuration(locale), description), 'C')
    ) STORED,
    PRIMARY KEY (product_id, locale)
);
COMMENT ON TABLE product_text IS 'Title, description and full-text document of a product, per locale.';
CREATE INDEX product_text_document_idx ON product_text USING gin (document);

CREATE TABLE category (
    category_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    parent_id bigint REFERENCES category,
    name text NOT NULL,
    path text NOT NULL,
    CONSTRAINT category_path_key UNIQUE (path),
    CONSTRAINT category_name_not_empty CHECK (btrim(name) <> '')
);
COMMENT ON TABLE category IS 'A tree; path is the lower-case names from the root, joined by slashes.';
CREATE INDEX category_parent_idx ON category (parent_id);
CREATE INDEX category_path_prefix_idx ON category (path text_pattern_ops);

CREATE TABLE product_category (
    product_id bigint NOT NULL REFERENCES product ON DELETE CASCADE,
    category_id bigint NOT NULL REFERENCES category ON DELETE CASCADE,
    PRIMARY KEY (product_id, category_id)
);
CREATE INDEX product_category_category_idx ON product_category (category_id, product_id);

-- A domain checks the one column that is written. A check of the table is made ready anew for every
-- statement that writes anything: four of them took a quarter of a one-row price update. (Drivers
-- know no arrays of domains: an aggregate of prices wants array_agg(price::numeric).)
CREATE DOMAIN variant_price AS numeric
    CONSTRAINT variant_price_valid CHECK (VALUE >= 0 AND VALUE < 'Infinity');
CREATE DOMAIN variant_status AS text
    CONSTRAINT variant_status_known CHECK (VALUE IN ('active', 'retired'));

CREATE TABLE variant (
    product_id bigint NOT NULL REFERENCES product ON DELETE CASCADE,
    variant_id bigint GENERATED ALWAYS AS IDENTITY,
    sku text NOT NULL,
    price variant_price,
    stock integer,
    options jsonb NOT NULL DEFAULT '{}',
    status variant_status NOT NULL DEFAULT 'active',
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (product_id, variant_id),
    CONSTRAINT variant_sku_key UNIQUE (sku)
);
COMMENT ON TABLE variant IS 'What is sold. No vector, and nothing that price and stock updates set off: they stay cheap.';
COMMENT ON COLUMN variant.stock IS 'NULL means not tracked, which counts as available.';

CREATE TABLE image (
    product_id bigint NOT NULL REFERENCES product ON DELETE CASCADE,
    image_id bigint GENERATED ALWAYS AS IDENTITY,
    uri text NOT NULL,
    position integer NOT NULL DEFAULT 0,
    input_version bigint NOT NULL DEFAULT 1,
    sha256 bytea,
    byte_size bigint,
    width integer,
    height integer,
    etag text,
    last_modified text,
    fetched_at timestamptz,
    PRIMARY KEY (product_id, image_id),
    CONSTRAINT image_uri_key UNIQUE (product_id, uri),
    CONSTRAINT image_uri_not_empty CHECK (uri <> '')
);
COMMENT ON TABLE image IS 'A product''s pictures; the columns after input_version are what the worker saw.';
COMMENT ON COLUMN image.input_version IS 'Grows when the bytes may have changed; a vector is written only for the version claimed.';

-- Triggers that look at a statement's rows together keep its references true (functions/image_variant):
-- foreign keys, which look at each row, took three quarters of the time of an import into this table.
CREATE TABLE image_variant (
    product_id bigint NOT NULL,
    image_id bigint NOT NULL,
    variant_id bigint NOT NULL,
    PRIMARY KEY (product_id, image_id, variant_id)
);
COMMENT ON TABLE image_variant IS 'Which variants a picture shows; a picture of none in particular has no row.';
CREATE INDEX image_variant_variant_idx ON image_variant (product_id, variant_id);

CREATE TABLE caption (
    product_id bigint NOT NULL REFERENCES product ON DELETE CASCADE,
    caption_id bigint GENERATED ALWAYS AS IDENTITY,
    locale text NOT NULL,
    source text NOT NULL,
    image_id bigint,
    text text NOT NULL,
    input_version bigint NOT NULL DEFAULT 1,
    PRIMARY KEY (product_id, caption_id),
    FOREIGN KEY (product_id, image_id) REFERENCES image (product_id, image_id) ON DELETE CASCADE,
    CONSTRAINT caption_origin_key UNIQUE NULLS NOT DISTINCT (product_id, locale, source, image_id),
    CONSTRAINT caption_source_known CHECK (source IN ('catalogue', 'generated')),
    CONSTRAINT caption_text_not_empty CHECK (btrim(text) <> '')
);
COMMENT ON TABLE caption IS 'A text worth encoding: title and description, or generated from a picture.';
CREATE INDEX caption_image_idx ON caption (product_id, image_id);

CREATE TABLE import_run (
    import_run_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    source text NOT NULL,
    fingerprint text NOT NULL,
    options jsonb NOT NULL DEFAULT '{}',
    status text NOT NULL DEFAULT 'staging',
    progress jsonb NOT NULL DEFAULT '{}',
    counts jsonb NOT NULL DEFAULT '{}',
    started_at timestamptz NOT NULL DEFAULT now(),
    finished_at timestamptz,
    CONSTRAINT import_run_status_known CHECK (status IN ('staging', 'applying', 'done', 'failed'))
);
COMMENT ON TABLE import_run IS 'Each catalogue import: what it read, how far it came, what it changed.';

-- Where an import keeps its file until it is applied. A crash of the server empties these tables; the
-- import then reads its file again, so they need no log.
CREATE UNLOGGED TABLE import_row (
    record integer PRIMARY KEY,
    line integer NOT NULL,
    role text NOT NULL,
    product_key text,
    sku text,
    locale text,
    title text,
    description text,
    brand text,
    attributes jsonb,
    categories text[],
    price numeric,
    stock integer,
    options jsonb,
    active boolean,
    position integer,
    images text[],
    variant_images text[],
    CONSTRAINT import_row_role_known
        CHECK (role IN ('product', 'item', 'hidden', 'variant', 'text', 'picture', 'rejected'))
);
COMMENT ON TABLE import_row IS 'Rows of the file being imported, in the order of the file.';

CREATE UNLOGGED TABLE import_link (
    sku text NOT NULL,
    product_key text NOT NULL,
    line integer NOT NULL,
    options jsonb NOT NULL DEFAULT '{}'
);
COMMENT ON TABLE import_link IS 'Variants that a product''s row names, which may stand anywhere in the file.';

CREATE UNLOGGED TABLE import_member (
    anchor integer NOT NULL,
    record integer NOT NULL,
    product_key text NOT NULL,
    part text NOT NULL,
    complete boolean NOT NULL,
    options jsonb,
    CONSTRAINT import_member_part_known CHECK (part IN ('own', 'variant', 'text', 'picture'))
);
COMMENT ON TABLE import_member IS 'Which rows make one product (an anchor each); batches are ranges of anchors.';
CREATE INDEX import_member_anchor_idx ON import_member (anchor);

CREATE UNLOGGED TABLE import_reject (
    line integer NOT NULL,
    column_name text NOT NULL,
    value text NOT NULL,
    reason text NOT NULL
);
COMMENT ON TABLE import_reject IS 'What was not imported, and why; written to a file at the end.';
