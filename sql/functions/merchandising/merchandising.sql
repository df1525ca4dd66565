-- Merchandising as the shop's people write it: one function an action, each rule known by its name.

-- A rule of that name is replaced, whatever kind it was of.
CREATE OR REPLACE FUNCTION put_rule(
    kind text, name text, query text, match text, category text, starts_at timestamptz, ends_at timestamptz, enabled boolean, note text,
    product text DEFAULT NULL, "position" integer DEFAULT NULL, products text[] DEFAULT NULL, filters jsonb DEFAULT NULL,
    factor double precision DEFAULT NULL, words text[] DEFAULT NULL, instead text[] DEFAULT NULL, url text DEFAULT NULL
) RETURNS bigint
LANGUAGE sql SET search_path FROM CURRENT AS $$
    INSERT INTO rule AS r (kind, name, query, match, category, starts_at, ends_at, enabled, note, product, position, products, filters, factor,
        words, instead, url)
    VALUES (put_rule.kind, put_rule.name, put_rule.query, put_rule.match, put_rule.category, put_rule.starts_at, put_rule.ends_at,
        coalesce(put_rule.enabled, true), put_rule.note, put_rule.product, put_rule.position, put_rule.products, put_rule.filters, put_rule.factor::real,
        put_rule.words, put_rule.instead, put_rule.url)
    ON CONFLICT (name) DO UPDATE SET (kind, query, match, category, starts_at, ends_at, enabled, note, product, position, products, filters,
        factor, words, instead, url) = (excluded.kind, excluded.query, excluded.match, excluded.category, excluded.starts_at, excluded.ends_at,
        excluded.enabled, excluded.note, excluded.product, excluded.position, excluded.products, excluded.filters, excluded.factor,
        excluded.words, excluded.instead, excluded.url)
    RETURNING rule_id
$$;

CREATE OR REPLACE FUNCTION pin(
    name text, product text, "position" integer,
    query text DEFAULT NULL, match text DEFAULT 'exact', category text DEFAULT NULL,
    starts_at timestamptz DEFAULT NULL, ends_at timestamptz DEFAULT NULL, enabled boolean DEFAULT true, note text DEFAULT NULL
) RETURNS bigint
LANGUAGE sql SET search_path FROM CURRENT AS $$
    SELECT put_rule('pin', pin.name, pin.query, pin.match, pin.category, pin.starts_at, pin.ends_at, pin.enabled, pin.note,
        product => pin.product, "position" => pin.position)
$$;
COMMENT ON FUNCTION pin IS 'Show a product (an external_id) at a position of the answers, where it passes the shopper''s filters.';

CREATE OR REPLACE FUNCTION boost(
    name text, products text[] DEFAULT NULL, filters jsonb DEFAULT NULL, factor double precision DEFAULT 2,
    query text DEFAULT NULL, match text DEFAULT 'exact', category text DEFAULT NULL,
    starts_at timestamptz DEFAULT NULL, ends_at timestamptz DEFAULT NULL, enabled boolean DEFAULT true, note text DEFAULT NULL
) RETURNS bigint
LANGUAGE sql SET search_path FROM CURRENT AS $$
    SELECT put_rule('boost', boost.name, boost.query, boost.match, boost.category, boost.starts_at, boost.ends_at, boost.enabled, boost.note,
        products => boost.products, filters => boost.filters, factor => boost.factor)
$$;
COMMENT ON FUNCTION boost IS 'Multiply the score of some products, or of those that a filter keeps, by a factor above 1.';

CREATE OR REPLACE FUNCTION bury(
    name text, products text[] DEFAULT NULL, filters jsonb DEFAULT NULL, factor double precision DEFAULT 0.5,
    query text DEFAULT NULL, match text DEFAULT 'exact', category text DEFAULT NULL,
    starts_at timestamptz DEFAULT NULL, ends_at timestamptz DEFAULT NULL, enabled boolean DEFAULT true, note text DEFAULT NULL
) RETURNS bigint
LANGUAGE sql SET search_path FROM CURRENT AS $$
    SELECT put_rule('bury', bury.name, bury.query, bury.match, bury.category, bury.starts_at, bury.ends_at, bury.enabled, bury.note,
        products => bury.products, filters => bury.filters, factor => bury.factor)
$$;
COMMENT ON FUNCTION bury IS 'Multiply the score of some products, or of those that a filter keeps, by a factor below 1.';

CREATE OR REPLACE FUNCTION hide(
    name text, products text[] DEFAULT NULL, filters jsonb DEFAULT NULL,
    query text DEFAULT NULL, match text DEFAULT 'exact', category text DEFAULT NULL,
    starts_at timestamptz DEFAULT NULL, ends_at timestamptz DEFAULT NULL, enabled boolean DEFAULT true, note text DEFAULT NULL
) RETURNS bigint
LANGUAGE sql SET search_path FROM CURRENT AS $$
    SELECT put_rule('hide', hide.name, hide.query, hide.match, hide.category, hide.starts_at, hide.ends_at, hide.enabled, hide.note,
        products => hide.products, filters => hide.filters)
$$;
COMMENT ON FUNCTION hide IS 'Leave some products, or those that a filter keeps, out of the answers.';

CREATE OR REPLACE FUNCTION redirect(
    name text, url text,
    query text DEFAULT NULL, match text DEFAULT 'exact', category text DEFAULT NULL,
    starts_at timestamptz DEFAULT NULL, ends_at timestamptz DEFAULT NULL, enabled boolean DEFAULT true, note text DEFAULT NULL
) RETURNS bigint
LANGUAGE sql SET search_path FROM CURRENT AS $$
    SELECT put_rule('redirect', redirect.name, redirect.query, redirect.match, redirect.category, redirect.starts_at, redirect.ends_at, redirect.enabled, redirect.note,
        url => redirect.url)
$$;
COMMENT ON FUNCTION redirect IS 'Lead a search elsewhere: to http, https or a path of the shop.';

-- Both ways: all of them together set the rule off, and all are searched for.
CREATE OR REPLACE FUNCTION add_synonym(
    name text, words text, instead text[], both_ways boolean DEFAULT false, category text DEFAULT NULL,
    starts_at timestamptz DEFAULT NULL, ends_at timestamptz DEFAULT NULL, enabled boolean DEFAULT true, note text DEFAULT NULL
) RETURNS bigint
LANGUAGE sql SET search_path FROM CURRENT AS $$
    SELECT put_rule('synonym', add_synonym.name, NULL, 'phrase', add_synonym.category, add_synonym.starts_at, add_synonym.ends_at,
        add_synonym.enabled, add_synonym.note,
        words => CASE WHEN both_ways THEN add_synonym.words || add_synonym.instead WHEN add_synonym.words IS NOT NULL THEN ARRAY[add_synonym.words] END,
        instead => CASE WHEN both_ways THEN add_synonym.words || add_synonym.instead ELSE add_synonym.instead END)
$$;
COMMENT ON FUNCTION add_synonym IS 'Search for other words too where a query holds these; both ways, each of them stands for all.';

CREATE OR REPLACE FUNCTION remove_rule(name text) RETURNS boolean
LANGUAGE sql SET search_path FROM CURRENT AS $$
    WITH gone AS (DELETE FROM rule r WHERE r.name = remove_rule.name RETURNING r.rule_id)
    SELECT EXISTS (SELECT FROM gone)
$$;
COMMENT ON FUNCTION remove_rule IS 'Remove a rule by its name; false where there was none.';

CREATE OR REPLACE VIEW rule_status AS
SELECT r.rule_id, r.name, r.kind,
    CASE WHEN NOT r.enabled THEN 'disabled' WHEN r.ends_at <= now() THEN 'ended' WHEN r.starts_at > now() THEN 'scheduled' ELSE 'active' END AS state,
    coalesce(nullif(concat_ws(' in ',
        CASE WHEN r.kind = 'synonym' THEN format('"%s"', array_to_string(r.words, '", "'))
             WHEN r.match = 'exact' THEN '"' || r.query || '"' ELSE '… "' || r.query || '" …' END,
        r.category), ''), 'always') AS applies_to,
    CASE r.kind
        WHEN 'pin' THEN format('%s to position %s', r.product, r.position)
        WHEN 'synonym' THEN format('also "%s"', array_to_string(r.instead, '", "'))
        WHEN 'redirect' THEN r.url
        ELSE concat_ws(' ', coalesce(array_to_string(r.products, ', '), r.filters::text), '× ' || r.factor) END AS effect,
    nullif(concat_ws('; ',
        CASE WHEN r.kind = 'pin' AND pinned.status IS NULL THEN format('no product %s yet', r.product)
             WHEN pinned.status = 'retired' THEN format('the product %s is retired', r.product) END,
        CASE WHEN r.products IS NOT NULL THEN (
            SELECT 'no product ' || string_agg(l.external_id, ', ') FROM unnest(r.products) l (external_id)
            WHERE NOT EXISTS (SELECT FROM product p WHERE lower(p.external_id) = lower(l.external_id))) END,
        CASE WHEN r.category IS NOT NULL AND NOT EXISTS (SELECT FROM category c WHERE c.path = r.category)
             THEN format('no category %s any more', r.category) END), '') AS problem,
    r.query, r.match, r.category, r.product, r.position, r.products, r.filters, r.factor, r.words, r.instead, r.url,
    r.starts_at, r.ends_at, r.enabled, r.note, r.created_at, r.updated_at
FROM rule r LEFT JOIN product pinned ON pinned.external_id = r.product;
COMMENT ON VIEW rule_status IS 'Every rule with its state (scheduled, active, ended, disabled), what it applies to, what it does, and what is wrong with it.';
