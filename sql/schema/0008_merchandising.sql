-- Merchandising: what the shop's own people say about the answers to some words, in some category, for some time.

CREATE TABLE rule (
    rule_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL,
    kind text NOT NULL,
    query text,
    match text NOT NULL DEFAULT 'exact',
    category text,
    product text,
    position integer,
    products text[],
    filters jsonb,
    factor real,
    words text[],
    instead text[],
    url text,
    starts_at timestamptz,
    ends_at timestamptz,
    enabled boolean NOT NULL DEFAULT true,
    note text,
    phrases text[] NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT rule_name_key UNIQUE (name),
    CONSTRAINT rule_name_not_empty CHECK (btrim(name) <> ''),
    CONSTRAINT rule_match_known CHECK (match IN ('exact', 'phrase')),
    CONSTRAINT rule_position_valid CHECK (position BETWEEN 1 AND 1000),
    CONSTRAINT rule_factor_valid CHECK (factor > 0 AND factor <= 1000),
    CONSTRAINT rule_filters_object CHECK (jsonb_typeof(filters) = 'object'),
    CONSTRAINT rule_period_valid CHECK (starts_at < ends_at),
    CONSTRAINT rule_kind_has_its_parts CHECK (CASE kind
        WHEN 'pin' THEN num_nonnulls(product, position) = 2 AND num_nulls(products, filters, factor, words, instead, url) = 6
        WHEN 'boost' THEN num_nonnulls(products, filters) = 1 AND num_nulls(product, position, words, instead, url) = 5
            AND factor IS NOT NULL AND factor > 1
        WHEN 'bury' THEN num_nonnulls(products, filters) = 1 AND num_nulls(product, position, words, instead, url) = 5
            AND factor IS NOT NULL AND factor < 1
        WHEN 'hide' THEN num_nonnulls(products, filters) = 1 AND num_nulls(product, position, factor, words, instead, url) = 6
        WHEN 'synonym' THEN num_nonnulls(words, instead) = 2 AND num_nulls(query, product, position, products, filters, factor, url) = 7
            AND match = 'phrase'
        WHEN 'redirect' THEN url IS NOT NULL AND num_nulls(product, position, products, filters, factor, words, instead) = 7
            AND num_nonnulls(query, category) > 0
        ELSE false END)
);
COMMENT ON TABLE rule IS 'Merchandising: pins, boosts, burials, hidden products, synonyms and redirects, each for some words, a category or always.';
COMMENT ON COLUMN rule.match IS 'Whether the shopper''s words are the query (exact) or hold it among others (phrase).';
COMMENT ON COLUMN rule.category IS 'A path: the rule is for searches in this category or below it.';
COMMENT ON COLUMN rule.phrases IS 'The words that set the rule off, as searches compare them; a trigger keeps it.';
CREATE INDEX rule_phrases_idx ON rule USING gin (phrases) WITH (fastupdate = off);
CREATE INDEX rule_category_idx ON rule (category) WHERE phrases = '{}';
