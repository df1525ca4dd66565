-- The working tables of one importing session; each batch empties them by its commit.

CREATE TEMP TABLE batch_product (
    product_key text NOT NULL,
    record integer,              -- of its own row; NULL where the file has only rows of its variants
    product_id bigint,
    is_new boolean NOT NULL DEFAULT false,
    complete boolean NOT NULL DEFAULT false
) ON COMMIT DELETE ROWS;

CREATE TEMP TABLE batch_text (
    product_id bigint NOT NULL,
    locale text NOT NULL,
    title text NOT NULL,
    description text NOT NULL
) ON COMMIT DELETE ROWS;

CREATE TEMP TABLE batch_variant (
    record integer NOT NULL,
    product_id bigint NOT NULL,
    variant_id bigint,
    old_product_id bigint,
    sku text NOT NULL,
    price numeric,
    stock integer,
    options jsonb,
    status text NOT NULL,
    rank bigint NOT NULL,
    alone boolean NOT NULL,      -- a simple product's only variant: what shows it shows the product
    images text[],
    variant_images text[]
) ON COMMIT DELETE ROWS;

CREATE TEMP TABLE batch_picture (
    product_id bigint NOT NULL,
    variant_id bigint,           -- NULL: the picture is the whole product's
    uri text NOT NULL,
    rank bigint NOT NULL
) ON COMMIT DELETE ROWS;

CREATE TEMP TABLE batch_image (
    product_id bigint NOT NULL,
    image_id bigint,
    uri text NOT NULL,
    position integer NOT NULL,
    is_new boolean NOT NULL DEFAULT false
) ON COMMIT DELETE ROWS;

-- Category paths as the file writes them; they are few, and stay for the whole session.
CREATE TEMP TABLE known_category (
    written text PRIMARY KEY,
    category_id bigint NOT NULL
);

CREATE TEMP TABLE tally (
    noun text NOT NULL,
    outcome text NOT NULL,
    number bigint NOT NULL
) ON COMMIT DELETE ROWS;
