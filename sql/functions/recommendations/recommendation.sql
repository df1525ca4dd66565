-- What every recommendation is asked for, checked; and its page, filled up so that k products come back whenever k match.

CREATE OR REPLACE FUNCTION check_recommendation(k integer, options jsonb) RETURNS void
LANGUAGE plpgsql IMMUTABLE SET search_path FROM CURRENT AS $$
DECLARE
    known CONSTANT text[] := '{space,fill,rules,bought_within,level}';
    wrong text;
BEGIN
    IF k IS NULL OR k NOT BETWEEN 1 AND 1000 THEN
        PERFORM argument_error(format('k is %s', coalesce(k::text, 'NULL')), 'Ask for 1 to 1,000 products.');
    ELSIF coalesce(jsonb_typeof(options), '') <> 'object' THEN
        PERFORM argument_error('options must be a JSON object', 'For example {"fill": false}.');
    END IF;
    SELECT o.key INTO wrong FROM jsonb_object_keys(options) o (key) WHERE o.key <> ALL (known);
    IF FOUND THEN
        PERFORM argument_error(format('unknown option %s', to_json(wrong)), format('The options are %s.', array_to_string(known, ', ')));
    END IF;
    SELECT o.key INTO wrong FROM jsonb_each(options) o WHERE o.key IN ('fill', 'rules') AND jsonb_typeof(o.value) NOT IN ('boolean', 'null');
    IF FOUND THEN
        PERFORM argument_error(format('the option %s must be true or false', wrong), CASE wrong
            WHEN 'fill' THEN 'With false, no popular products follow where too little is known.' ELSE 'With false, no merchandising rule is applied.' END);
    ELSIF jsonb_typeof(options -> 'space') NOT IN ('string', 'null') THEN
        PERFORM argument_error('the option space must be text', 'Give the name of an embedding space.');
    END IF;
    PERFORM check_number('bought_within', options -> 'bought_within', 0, 3650, 'days'),
        check_number('level', options -> 'level', 1, 10, 'a level of the category tree');
END $$;

-- The product that an external_id or a SKU names.
CREATE OR REPLACE FUNCTION named_product(asked text) RETURNS bigint
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
DECLARE
    found_id bigint := coalesce((SELECT p.product_id FROM product p WHERE p.external_id = asked), (SELECT v.product_id FROM variant v WHERE v.sku = asked));
BEGIN
    IF found_id IS NULL THEN
        PERFORM argument_error(format('no product has the external_id or SKU %s', coalesce(to_json(left(asked, 200))::text, 'NULL')),
            'Give a product''s external_id or a variant''s sku, exactly as they stand in the catalogue.');
    END IF;
    RETURN found_id;
END $$;

CREATE OR REPLACE FUNCTION bought_within_days() RETURNS double precision
LANGUAGE sql STABLE SET search_path FROM CURRENT AS $$
    SELECT least(greatest(coalesce((SELECT CASE jsonb_typeof(s.value) WHEN 'number' THEN (s.value)::double precision END
        FROM setting s WHERE s.name = 'bought_within_days'), 90), 0), 3650)
$$;
COMMENT ON FUNCTION bought_within_days IS 'For how many days recommendations leave out what was bought; the setting bought_within_days.';

-- What a shopper has bought lately, but for what is bought again and again: what the shopper bought on three days or more, or on two a week apart (sooner
-- it is the other size), or at least a fifth of its shoppers did. That may be shown again once half the usual interval is over.
CREATE OR REPLACE FUNCTION just_bought(client text, session text, within interval DEFAULT '90 days') RETURNS bigint[]
LANGUAGE sql STABLE SET search_path FROM CURRENT SET enable_seqscan = off AS $$
    WITH bought AS MATERIALIZED (
        SELECT e.object_id, max(e.timestamp) AS latest, count(DISTINCT (e.timestamp AT TIME ZONE 'UTC')::date) AS days, min(e.timestamp) AS first
        FROM ((SELECT e.object_id, e.timestamp FROM event e WHERE e.client_id = client AND e.action_name = 'purchase' AND e.object_id_field = 'external_id' ORDER BY e.timestamp DESC LIMIT 500)
              UNION ALL
              (SELECT e.object_id, e.timestamp FROM event e WHERE e.session_id = session AND e.client_id IS NULL
                   AND e.action_name = 'purchase' AND e.object_id_field = 'external_id' ORDER BY e.timestamp DESC LIMIT 500)) e
        GROUP BY e.object_id
    )
    SELECT coalesce(array_agg(p.product_id), '{}')
    FROM bought b
    CROSS JOIN LATERAL (SELECT p.product_id FROM product p WHERE p.external_id = b.object_id OFFSET 0) p
    LEFT JOIN association_count c ON c.product_id = p.product_id AND c.kind = 'bought_together'
    CROSS JOIN LATERAL (SELECT CASE
        WHEN b.days > 2 OR b.days = 2 AND b.latest - b.first >= interval '7 days' THEN (b.latest - b.first) / (b.days - 1)
        WHEN c.again >= 0.2 * c.shoppers AND c.again >= least_shoppers() THEN c.interval_days * interval '1 day' END AS usual) u
    WHERE b.latest > clock_timestamp() - within AND NOT coalesce(b.latest + 0.5 * u.usual < clock_timestamp(), false)
$$;
COMMENT ON FUNCTION just_bought IS 'The products that a shopper bought lately and is not about to buy again, which recommendations leave out.';

-- A filter with what merchandising rules hide from all, or from the categories that it asks for.
CREATE OR REPLACE FUNCTION recommendation_filters(filters jsonb, rules boolean) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
BEGIN
    PERFORM compile_filter(filters);
    IF NOT rules THEN RETURN filters; END IF;
    RETURN filters_together(filters, (SELECT jsonb_build_object('all', jsonb_agg(jsonb_build_object('not', h.value -> 'filter')))
        FROM jsonb_array_elements(search_rules(NULL, filter_paths(filters)) -> 'hidden') h HAVING count(*) > 0));
END $$;

CREATE OR REPLACE FUNCTION recommendation(
    kind text, product text, client text, session text, filters jsonb, k integer, options jsonb
) RETURNS recommendation
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
DECLARE
    asked recommendation;
BEGIN
    PERFORM check_recommendation(k, options);
    asked.kind := kind;
    asked.k := k;
    -- Nothing is chosen by the history of those who want none.
    IF nullif(client, '') IS NOT NULL OR nullif(session, '') IS NOT NULL THEN
        IF NOT has_table_privilege('event', 'SELECT') THEN
            RAISE insufficient_privilege USING MESSAGE = 'recommendations for a shopper read the events of shoppers, which this login may not',
                HINT = format('Leave client and session out, or log in as a member of %s_app.', current_schema());
        END IF;
        IF NOT opted_out(client, session) THEN
            asked.client := nullif(client, '');
            asked.session := nullif(session, '');
        END IF;
    END IF;
    asked.fill := coalesce((options ->> 'fill')::boolean, true);
    asked.filters := recommendation_filters(filters, coalesce((options ->> 'rules')::boolean, true));
    IF options ->> 'space' IS NOT NULL THEN
        asked.space_id := (SELECT s.space_id FROM search_space(options ->> 'space') s);
    ELSE
        asked.space_id := (SELECT s.space_id FROM space s WHERE s.status = 'active');
    END IF;
    IF kind NOT IN ('for_you', 'trending', 'new_arrivals') THEN asked.product_id := named_product(product); END IF;
    -- Who asks for nobody may read nobody's events.
    asked.excluded := array_remove(CASE WHEN num_nonnulls(asked.client, asked.session) > 0 THEN just_bought(asked.client, asked.session,
        coalesce((options ->> 'bought_within')::double precision, bought_within_days()) * interval '1 day') ELSE '{}' END || asked.product_id, NULL);
    asked.filter := search_conditions(asked.filters, asked.excluded);
    RETURN asked;
END $$;

-- Of candidates in their order, those that the filter keeps: at most k, each once.
CREATE OR REPLACE FUNCTION recommendation_kept(
    asked recommendation, product_ids bigint[], scores double precision[], reasons jsonb[],
    OUT kept_ids bigint[], OUT kept_scores double precision[], OUT kept_reasons jsonb[]
)
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
BEGIN
    EXECUTE concat('SELECT coalesce(array_agg(f.product_id ORDER BY f.place), ''{}''), array_agg(f.score ORDER BY f.place), array_agg(f.reason ORDER BY f.place) '
        'FROM (SELECT * FROM (SELECT DISTINCT ON (u.product_id) u.* FROM unnest($1, $2, $3) WITH ORDINALITY u (product_id, score, reason, place) '
        'ORDER BY u.product_id, u.place) u WHERE EXISTS (SELECT FROM product p WHERE p.product_id = u.product_id AND ', (asked.filter).shown,
        ' OFFSET 0) ORDER BY u.place LIMIT $4) f')
    INTO kept_ids, kept_scores, kept_reasons USING product_ids, scores, reasons, asked.k;
END $$;

-- What follows where too little is known: what trends among things of the same kind, what trends, what is popular.
CREATE OR REPLACE FUNCTION recommendation_filled(asked recommendation, product_ids bigint[], OUT more_ids bigint[], OUT sources text[])
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
DECLARE
    source text;
    narrowed search_filter;
    path text;
    found_ids bigint[];
    needed integer;
BEGIN
    more_ids := '{}';
    sources := '{}';
    FOREACH source IN ARRAY CASE WHEN asked.product_id IS NULL OR asked.kind = 'complete_the_look' THEN '{}' ELSE '{same kind}' END::text[] || '{trending,popularity}'::text[] LOOP
        needed := asked.k - cardinality(product_ids) - cardinality(more_ids);
        EXIT WHEN needed <= 0;
        found_ids := '{}';
        IF source = 'popularity' THEN
            found_ids := search_browse(asked.space_id, asked.filter, 'popularity', product_ids || more_ids, needed, NULL);
        ELSIF source = 'trending' THEN
            found_ids := trending_ids(asked.space_id, asked.filter, product_ids || more_ids, needed);
        ELSE
            path := (SELECT c.path FROM product_kinds(ARRAY[asked.product_id]) n JOIN category c ON c.category_id = n.category_id);
            CONTINUE WHEN path IS NULL;
            narrowed := search_conditions(filters_together(asked.filters, jsonb_build_object('category', '/' || path)), asked.excluded);
            found_ids := trending_ids(asked.space_id, narrowed, product_ids, needed);
            found_ids := found_ids || search_browse(asked.space_id, narrowed, 'popularity', product_ids || found_ids, needed - cardinality(found_ids), NULL);
        END IF;
        more_ids := more_ids || found_ids;
        sources := sources || array_fill(source, ARRAY[cardinality(found_ids)]);
    END LOOP;
END $$;

-- The page: the candidates that the filter keeps, then what follows, each with its picture and the variant that fits.
CREATE OR REPLACE FUNCTION recommendation_page(asked recommendation, product_ids bigint[], scores double precision[], reasons jsonb[]) RETURNS SETOF search_hit
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
DECLARE
    kept record := recommendation_kept(asked, coalesce(product_ids, '{}'), scores, reasons);
    more record;
    hits search_hit[];
BEGIN
    IF asked.fill AND cardinality(kept.kept_ids) < asked.k THEN
        more := recommendation_filled(asked, kept.kept_ids);
        kept.kept_ids := kept.kept_ids || more.more_ids;
        kept.kept_scores := kept.kept_scores || array_fill(0::double precision, ARRAY[cardinality(more.more_ids)]);
        kept.kept_reasons := kept.kept_reasons || ARRAY(SELECT jsonb_build_object('fallback', s.source) FROM unnest(more.sources) WITH ORDINALITY s (source, place) ORDER BY s.place);
    END IF;
    hits := search_hits(asked.space_id, asked.filter, NULL, NULL, kept.kept_ids, array_fill(NULL::bigint, ARRAY[cardinality(kept.kept_ids)]),
        kept.kept_scores, kept.kept_reasons, 0, jsonb_build_object('plan', asked.kind));
    RETURN QUERY SELECT h.* FROM unnest(hits) h;
END $$;

-- What trends under a filter, the hottest first, without those shown already. Where the filter keeps much, the index of heats is
-- read in its order, at most its first 5,000; where it keeps little, what it lists.
CREATE OR REPLACE FUNCTION trending_ids(space_id integer, filter search_filter, shown_already bigint[], k integer) RETURNS bigint[]
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
DECLARE
    is_narrow CONSTANT boolean := space_id IS NOT NULL AND ((filter).listing IS NOT NULL OR (filter).prices IS NOT NULL) AND search_is_narrow(space_id, filter);
    products bigint[];
BEGIN
    IF k <= 0 OR NOT EXISTS (SELECT FROM trend) THEN RETURN '{}'; END IF;
    EXECUTE concat('SELECT coalesce(array_agg(o.product_id ORDER BY o.place), ''{}'') FROM (SELECT t.product_id, row_number() OVER () AS place FROM (SELECT t.product_id FROM (',
        CASE WHEN is_narrow THEN concat('SELECT t.product_id, t.heat FROM (', search_listing_sql(space_id, filter), ') l JOIN trend t USING (product_id) ORDER BY t.heat DESC, t.product_id DESC')
             ELSE 'SELECT t.product_id, t.heat FROM trend t ORDER BY t.heat DESC, t.product_id DESC LIMIT 5000' END,
        ') t WHERE t.heat > ''-Infinity'' AND t.product_id <> ALL ($1) AND EXISTS (SELECT FROM product p WHERE p.product_id = t.product_id AND ', (filter).shown,
        ' OFFSET 0) LIMIT $2) t) o')
    INTO products USING shown_already, k;
    RETURN products;
END $$;
