-- What the search engine keeps beside the vectors: cells, and products that no vector stands for.

-- Room for the next version of a row on its own page: then a stock update touches no index.
ALTER TABLE variant SET (fillfactor = 70);

ALTER TABLE category ADD COLUMN lineage bigint[] NOT NULL DEFAULT '{}';
COMMENT ON COLUMN category.lineage IS 'The category_ids from the root down to the category itself.';
WITH RECURSIVE node AS (
    SELECT c.category_id, ARRAY[c.category_id] AS lineage FROM category c WHERE c.parent_id IS NULL
    UNION ALL
    SELECT c.category_id, n.lineage || c.category_id FROM category c JOIN node n ON c.parent_id = n.category_id
)
UPDATE category c SET lineage = n.lineage FROM node n WHERE n.category_id = c.category_id;

CREATE INDEX product_popularity_idx ON product (popularity DESC, product_id DESC);
-- Floating point, with the product as a second key: of the indexes tried the one that updates of prices feel least.
CREATE INDEX variant_price_idx ON variant ((price::double precision), product_id) INCLUDE (price);

CREATE TABLE cell_generation (
    space_id integer NOT NULL REFERENCES space ON DELETE CASCADE,
    kind text NOT NULL,
    generation integer NOT NULL,
    trained_on bigint NOT NULL,
    made_by bigint NOT NULL DEFAULT pg_current_xact_id()::text::bigint,
    PRIMARY KEY (space_id, kind, generation),
    CONSTRAINT cell_generation_kind_known CHECK (kind IN ('image', 'caption'))
);
COMMENT ON TABLE cell_generation IS 'Each training of the cells of a space; trained_on is how many vectors there were.';

CREATE TABLE cell (
    space_id integer NOT NULL,
    kind text NOT NULL,
    cell_id integer NOT NULL,
    parent_id integer NOT NULL,
    generation integer NOT NULL,
    centroid halfvec NOT NULL,
    PRIMARY KEY (space_id, kind, cell_id),
    FOREIGN KEY (space_id, kind, generation) REFERENCES cell_generation ON DELETE CASCADE
);
COMMENT ON TABLE cell IS 'Regions of a space, the districts of a region, the cells of a district, each with its centre; a vector lies in a cell near it.';
CREATE INDEX cell_parent_idx ON cell (space_id, kind, parent_id, generation);

CREATE TABLE waiting_product (
    space_id integer NOT NULL REFERENCES space ON DELETE CASCADE,
    product_id bigint NOT NULL,
    PRIMARY KEY (space_id, product_id)
);
COMMENT ON TABLE waiting_product IS 'Active products that no vector of a space stands for yet; a search lists them last.';

CREATE TABLE stale_product (
    made_by bigint NOT NULL,
    number bigint GENERATED ALWAYS AS IDENTITY,
    product_id bigint NOT NULL,
    PRIMARY KEY (made_by, number)
);
COMMENT ON TABLE stale_product IS 'Products whose sketches a running transaction has to make anew, by statement; empty to everybody else.';

-- What search functions hand to each other.
CREATE TYPE search_filter AS (
    shown text, fits text, counts text, on_options boolean,
    is_empty boolean, excluded bigint, listed_check text, needs_product boolean, terms_alone boolean,
    terms text, placed text, placed_keys text, placed_width integer, listing text, prices text
);
COMMENT ON TYPE search_filter IS 'A filter as SQL conditions, and what lists the rows that may satisfy it: functions/search_filter.sql.';
CREATE TYPE search_route AS (
    plan text, source text, cells integer[], total bigint, matching bigint, share double precision, pass double precision
);
COMMENT ON TYPE search_route IS 'How an arm finds its rows, and the estimates that chose it: functions/search_route.sql.';

-- Functions of earlier versions whose arguments or results changed.
DROP FUNCTION IF EXISTS search_conditions(jsonb, bigint);
DROP FUNCTION IF EXISTS search_is_broad(text, integer);
DROP FUNCTION IF EXISTS search_matches(text, integer);
DROP FUNCTION IF EXISTS search_nearest_sql(text, integer, text, boolean, text, text, boolean, integer);
DROP FUNCTION IF EXISTS search_arm(text, integer, halfvec, bigint[], text, text, boolean, integer);
DROP FUNCTION IF EXISTS search_page_sql(integer, text, text, text);
DROP FUNCTION IF EXISTS filter_category_ids(text, text);
