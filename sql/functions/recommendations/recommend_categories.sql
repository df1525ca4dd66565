-- The categories that a shopper is likely to buy from next for the first time.

CREATE OR REPLACE FUNCTION check_next_categories(k integer, options jsonb) RETURNS void
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
DECLARE
    wrong text;
BEGIN
    IF k IS NULL OR k NOT BETWEEN 1 AND 1000 THEN
        PERFORM argument_error(format('k is %s', coalesce(k::text, 'NULL')), 'Ask for 1 to 1,000 categories.');
    ELSIF coalesce(jsonb_typeof(options), '') <> 'object' THEN
        PERFORM argument_error('options must be a JSON object', 'For example {"as_of": "2026-11-21T12:00:00Z"}.');
    END IF;
    SELECT o.key INTO wrong FROM jsonb_object_keys(options) o (key) WHERE o.key <> 'as_of';
    IF FOUND THEN PERFORM argument_error(format('unknown option %s', to_json(wrong)), 'The option is as_of.'); END IF;
    PERFORM check_moment('as_of', options -> 'as_of');
END $$;

-- From which categories a shopper bought, the latest first: of a client the latest 1,000 purchases, of a session its latest 1,000
-- events. Who opted out has bought nothing.
CREATE OR REPLACE FUNCTION bought_categories(client text, session text, until timestamptz) RETURNS bigint[]
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT SET enable_seqscan = off SET enable_bitmapscan = off SET jit = off AS $$
DECLARE
    names text[];
    moments timestamptz[];
BEGIN
    client := nullif(client, '');
    session := nullif(session, '');
    IF client IS NULL AND session IS NULL THEN RETURN '{}'; END IF;
    IF NOT has_table_privilege('event', 'SELECT') THEN
        RAISE insufficient_privilege USING MESSAGE = 'next_categories reads the events of shoppers, which this login may not',
            HINT = format('Leave client and session out, or log in as a member of %s_app.', current_schema());
    END IF;
    IF opted_out(client, session) THEN RETURN '{}'; END IF;
    SELECT array_agg(b.object_id), array_agg(b.latest) INTO names, moments FROM (
        SELECT e.object_id, max(e.timestamp) AS latest FROM (
            (SELECT e.object_id, e.timestamp FROM event e
             WHERE e.client_id = client AND e.action_name = 'purchase' AND e.object_id_field = 'external_id' AND e.timestamp <= until ORDER BY e.timestamp DESC LIMIT 1000)
            UNION ALL
            (SELECT v.object_id, v.timestamp FROM (
                 SELECT e.object_id, e.object_id_field, e.timestamp, e.action_name FROM event e
                 WHERE e.session_id = session AND e.client_id IS NULL AND e.timestamp <= until
                   AND e.action_name IN ('click', 'view', 'wishlist', 'add_to_cart', 'remove_from_cart', 'purchase')
                 ORDER BY e.timestamp DESC LIMIT 1000) v
             WHERE v.action_name = 'purchase' AND v.object_id_field = 'external_id')) e
        GROUP BY e.object_id) b;
    RETURN ARRAY(
        WITH product AS MATERIALIZED (
            SELECT p.product_id, b.latest FROM unnest(names, moments) b (name, latest)
            CROSS JOIN LATERAL (SELECT p.product_id FROM product p WHERE p.external_id = b.name OFFSET 0) p
        )
        SELECT l.category_id FROM leaf_categories(ARRAY(SELECT p.product_id FROM product p)) l JOIN product p USING (product_id)
        GROUP BY l.category_id ORDER BY max(p.latest) DESC, l.category_id);
END $$;

-- Whether a category has something to buy: one of the 2,000 products last filed in it.
CREATE OR REPLACE FUNCTION category_is_stocked(category bigint) RETURNS boolean
LANGUAGE sql STABLE SET search_path FROM CURRENT SET enable_seqscan = off AS $$
    SELECT EXISTS (
        SELECT FROM (SELECT pc.product_id FROM product_category pc WHERE pc.category_id = category ORDER BY pc.product_id DESC LIMIT 2000) n
        WHERE product_is_shown(n.product_id))
$$;

-- A naive Bayes score whose evidence is weighed down to a fifth, because categories bought by one shopper say much the same:
-- the logarithm of how many buy from a category, and a fifth of the sum of the logarithms of its lifts with what the shopper
-- bought from, the latest 100 categories.
CREATE OR REPLACE FUNCTION next_categories(client text DEFAULT NULL, session text DEFAULT NULL, k integer DEFAULT 12, options jsonb DEFAULT '{}')
RETURNS TABLE (rank integer, category_id bigint, path text, score real, why jsonb)
LANGUAGE plpgsql STABLE ROWS 12 COST 10000 SET search_path FROM CURRENT SET enable_seqscan = off SET jit = off AS $$
#variable_conflict use_column
DECLARE
    bought bigint[];
    used bigint[];
    total double precision;
BEGIN
    PERFORM check_next_categories(k, options);
    -- Not now(): in a long transaction that lies behind what others wrote.
    bought := bought_categories(client, session, coalesce((options ->> 'as_of')::timestamptz, clock_timestamp()));
    used := bought[:100];
    total := greatest((SELECT h.total FROM recommendation_horizon h WHERE h.kind = 'categories'), 1);
    RETURN QUERY
    WITH said AS MATERIALIZED (
        SELECT p.partner_id, sum(ln(p.lift::double precision)) AS said FROM category_pair p WHERE p.category_id = ANY (used) GROUP BY p.partner_id
    ), scored AS MATERIALIZED (
        SELECT c.category_id, c.shoppers, ln(c.shoppers::double precision) + 0.2 * coalesce(s.said, 0) AS score
        FROM category_count c LEFT JOIN said s ON s.partner_id = c.category_id WHERE c.category_id <> ALL (bought)
    ), page AS MATERIALIZED (
        SELECT s.* FROM (SELECT s.* FROM scored s ORDER BY s.score DESC, s.category_id OFFSET 0) s
        WHERE category_is_stocked(s.category_id) LIMIT next_categories.k
    )
    SELECT (row_number() OVER (ORDER BY p.score DESC, p.category_id))::integer, p.category_id, c.path, p.score::real,
        jsonb_build_object('shoppers', p.shoppers, 'popularity', round((p.shoppers / total)::numeric, 4), 'because', b.because)
    FROM page p JOIN category c USING (category_id)
    CROSS JOIN LATERAL (
        SELECT coalesce(jsonb_agg(jsonb_build_object('path', l.path, 'lift', round(l.lift::numeric, 3)) ORDER BY l.lift DESC, l.category_id), '[]') AS because
        FROM (SELECT a.category_id, o.path, a.lift FROM category_pair a JOIN category o ON o.category_id = a.category_id
              WHERE a.partner_id = p.category_id AND a.category_id = ANY (used) AND a.lift > 1 ORDER BY a.lift DESC, a.category_id LIMIT 3) l) b
    ORDER BY 1;
END $$;
COMMENT ON FUNCTION next_categories IS 'The categories that a shopper has not bought from and is most likely to buy from next; the most popular ones for who is unknown. Needs the app role where a client or a session is given: it reads raw events.';
