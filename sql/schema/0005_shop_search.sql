-- Full text: one weighted document per product and locale, and the words by which typing errors are forgiven.

CREATE TABLE product_document (
    product_id bigint NOT NULL REFERENCES product ON DELETE CASCADE,
    locale text NOT NULL,
    document tsvector NOT NULL,
    PRIMARY KEY (product_id, locale)
);
COMMENT ON TABLE product_document IS 'All words of a product that full text finds it by, per locale; kept by triggers (functions/document.sql).';
CREATE INDEX product_document_document_idx ON product_document USING gin (document);
CREATE INDEX product_document_locale_idx ON product_document (locale);

-- No unique constraint: two imports that meet the same new word must not wait for each other.
CREATE TABLE word (
    word_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    word text NOT NULL,
    keys integer[] NOT NULL
);
COMMENT ON TABLE word IS 'Words of the catalogue, as they are written; keys find those that a typing error is near to.';
CREATE INDEX word_word_idx ON word (word text_pattern_ops);
CREATE INDEX word_keys_idx ON word USING gin (keys);

CREATE TABLE held_document (
    made_by bigint NOT NULL,
    number bigint GENERATED ALWAYS AS IDENTITY,
    product_id bigint NOT NULL,
    PRIMARY KEY (made_by, number)
);
COMMENT ON TABLE held_document IS 'Products whose documents a running import has still to make; empty to everybody else.';

-- The document was of title and description alone.
ALTER TABLE product_text DROP COLUMN document;
COMMENT ON TABLE product_text IS 'Title and description of a product, per locale.';

CREATE INDEX product_created_idx ON product (created_at DESC, product_id DESC);

CREATE TABLE whitening (
    space_id integer PRIMARY KEY REFERENCES space ON DELETE CASCADE,
    trained_on bigint NOT NULL,
    mean vector NOT NULL,
    factors vector[] NOT NULL,
    height real
);
COMMENT ON TABLE whitening IS 'How pictures of a space differ as a rule: their mean, and the rows of the inverse of their covariance.';
COMMENT ON COLUMN whitening.height IS 'By how much the picture nearest to a caption is more similar to it than pictures are on the average: the median.';

-- A picture to search with may be one on the web, which a worker fetches.
ALTER TABLE encoding_request ADD COLUMN image_url text;
ALTER TABLE encoding_request DROP CONSTRAINT encoding_request_content;
ALTER TABLE encoding_request ADD CONSTRAINT encoding_request_content CHECK (num_nonnulls(query, picture, image_url) = 1);
COMMENT ON TABLE query_vector IS 'Vectors of known queries; key is the SHA-256 of the normalised words, of the picture''s bytes or of its web address.';

-- What search functions hand to each other.
ALTER TYPE search_filter ALTER ATTRIBUTE excluded TYPE bigint[];
CREATE TYPE search_hit AS (
    rank integer, product_id bigint, external_id text, variant_id bigint, image_id bigint, score real, why jsonb
);
COMMENT ON TYPE search_hit IS 'A row of a search''s answer.';
CREATE TYPE search_answer AS (
    hits search_hit[], complete boolean, cursor text, total bigint, facets jsonb, more jsonb, understood jsonb, corrections jsonb, redirect text, suggestions jsonb
);
COMMENT ON TYPE search_answer IS 'All that a search found out: functions/search.sql.';
CREATE TYPE search_question AS (
    browses boolean, words text, filters jsonb, wider jsonb, understood jsonb, corrections jsonb, redirect text, pins jsonb, boosts jsonb,
    space_id integer, image halfvec, caption halfvec, parts tsquery[], locale text,
    arm_weights double precision[], named bigint[], brand text, excluded bigint[], filter search_filter
);
COMMENT ON TYPE search_question IS 'What a search asks for, as it was understood: functions/search_question.sql.';
CREATE TYPE search_arms AS (
    image_ids bigint[], image_distances double precision[], caption_ids bigint[], caption_distances double precision[],
    text_ids bigint[], text_scores double precision[], complete boolean, share double precision, report jsonb
);
COMMENT ON TYPE search_arms IS 'What each arm of a search found: functions/search_arms.sql.';

-- Functions of earlier versions whose arguments or results changed.
DROP FUNCTION IF EXISTS search_conditions(jsonb, bigint);
DROP FUNCTION IF EXISTS search_part(text, jsonb);
DROP FUNCTION IF EXISTS known_vector(text, text, integer, text);
DROP FUNCTION IF EXISTS request_encoding(text, bytea, text);
DROP PROCEDURE IF EXISTS encode(text, bytea, text, integer, text);
DROP FUNCTION IF EXISTS search_page_sql(integer, search_filter);
DROP FUNCTION IF EXISTS search_others(integer, search_filter, bigint[], integer, double precision);
