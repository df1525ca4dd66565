-- Housekeeping of the vocabulary: drops what nothing uses, and gathers the evidence that look-ups judge by.

-- A value that no product has is dropped in three calls, so that no lock is needed: the first says that nobody may
-- rely on its phrases, the second (which sees that said) notes who may not have heard, the third finds all of those
-- gone, looks once more, and drops them. Whoever brings such a value meanwhile adds its phrases anew.
-- A look at the catalogue may be a scan, so that it ends with the first one after its time.
CREATE OR REPLACE FUNCTION settle_vocabulary(until timestamptz) RETURNS void
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    doubted record;
BEGIN
    FOR doubted IN
        SELECT d.field, d.name, d.value FROM vocabulary_doubt d
        WHERE d.waits_for > 0 AND d.waits_for <= pg_snapshot_xmin(pg_current_snapshot())::text::bigint
        GROUP BY d.field, d.name, d.value ORDER BY min(d.doubt_id)
    LOOP
        -- One statement: what is added after its look at the catalogue, it cannot see and does not delete.
        WITH judged AS MATERIALIZED (SELECT vocabulary_used(doubted.field, doubted.name, doubted.value) AS used), dropped AS (
            DELETE FROM vocabulary v USING judged j
            WHERE NOT j.used AND (v.field, lower(v.name), lower(v.value)) = (doubted.field, doubted.name, doubted.value)
        )
        DELETE FROM vocabulary_doubt d USING judged j WHERE (d.field, d.name, d.value) = (doubted.field, doubted.name, doubted.value);
        EXIT WHEN clock_timestamp() > until;
    END LOOP;
    UPDATE vocabulary_doubt SET waits_for = pg_snapshot_xmax(pg_current_snapshot())::text::bigint WHERE waits_for = 0;
    FOR doubted IN
        SELECT d.field, d.name, d.value FROM vocabulary_doubt d WHERE d.waits_for IS NULL
        GROUP BY d.field, d.name, d.value ORDER BY min(d.doubt_id)
    LOOP
        EXIT WHEN clock_timestamp() > until;
        WITH judged AS MATERIALIZED (SELECT vocabulary_used(doubted.field, doubted.name, doubted.value) AS used), settled AS (
            DELETE FROM vocabulary_doubt d USING judged j
            WHERE j.used AND (d.field, d.name, d.value) = (doubted.field, doubted.name, doubted.value)
        )
        UPDATE vocabulary_doubt d SET waits_for = 0 FROM judged j
        WHERE NOT j.used AND d.waits_for IS NULL AND (d.field, d.name, d.value) = (doubted.field, doubted.name, doubted.value);
    END LOOP;
    -- What two transactions added at once.
    DELETE FROM vocabulary v USING vocabulary w
    WHERE w.field = v.field AND lower(w.name) = lower(v.name) AND lower(w.value) = lower(v.value)
      AND w.phrase = v.phrase AND w.vocabulary_id > v.vocabulary_id;
    -- Categories leave by themselves.
    DELETE FROM vocabulary v WHERE v.field = 'category' AND NOT vocabulary_used(v.field, v.name, v.value)
      AND v.judged_at < now() - interval '1 day';
END $$;

-- A phrase as a query of titles alone.
CREATE OR REPLACE FUNCTION title_query(phrase text) RETURNS tsquery
LANGUAGE sql STABLE SET search_path FROM CURRENT AS $$
    SELECT regexp_replace(phraseto_tsquery(text_configuration(coalesce(
        (SELECT s.value #>> '{}' FROM setting s WHERE s.name = 'locale'), 'en')), phrase)::text, '''(?= |$)', ''':A', 'g')::tsquery
$$;

-- Of at most 500 products with the phrase in a title, how many lack every value that it names.
CREATE OR REPLACE FUNCTION title_evidence(field text, name text, the_values text[], phrase text, OUT titles integer, OUT contrary integer)
LANGUAGE sql STABLE SET search_path FROM CURRENT SET enable_seqscan = off SET jit = off AS $$
    SELECT count(*), count(*) FILTER (WHERE NOT CASE title_evidence.field
        WHEN 'brand' THEN coalesce(lower(t.brand) = ANY (the_values), false)
        WHEN 'attributes' THEN EXISTS (SELECT FROM unnest(the_values) x (value) WHERE member_has(t.attributes, title_evidence.name, x.value))
        WHEN 'options' THEN EXISTS (SELECT FROM variant v CROSS JOIN unnest(the_values) x (value)
            WHERE v.product_id = t.product_id AND v.status = 'active' AND member_has(v.options, title_evidence.name, x.value) OFFSET 0)
        ELSE EXISTS (SELECT FROM product_category pc JOIN category c USING (category_id) CROSS JOIN unnest(c.lineage) a (category_id)
            JOIN category n ON n.category_id = a.category_id
            WHERE pc.product_id = t.product_id AND category_segment(n.name) = ANY (the_values)) END)
    FROM (SELECT DISTINCT p.product_id, p.brand, p.attributes
          FROM (SELECT x.product_id
                -- Once, not for each document that has the words.
                FROM (SELECT title_query(title_evidence.phrase) AS written OFFSET 0) q
                JOIN product_document x ON x.document @@ q.written
                -- The brand has the weight of the title, but "Red Wing" says nothing of what is red.
                CROSS JOIN LATERAL (SELECT t.title FROM product_text t WHERE t.product_id = x.product_id AND t.locale = x.locale OFFSET 0) t
                WHERE setweight(to_tsvector(text_configuration(x.locale), t.title), 'A') @@ q.written LIMIT 500) x
          JOIN product p USING (product_id) WHERE p.status = 'active') t
$$;

-- How many products have a value, from the bitmaps of facets.
CREATE OR REPLACE FUNCTION count_value(field text, name text, value text) RETURNS bigint
LANGUAGE sql STABLE SET search_path FROM CURRENT SET enable_seqscan = off SET jit = off AS $$
    SELECT sum(bit_count(h.bits)) FROM (
        SELECT bit_or(b.bits) AS bits
        FROM facet_value f CROSS JOIN LATERAL (SELECT b.block, b.bits FROM facet_bitmap b WHERE b.value_id = f.value_id OFFSET 0) b
        WHERE f.field = count_value.field AND lower(f.name) = count_value.name AND lower(f.element #>> '{}') = count_value.value
        GROUP BY b.block) h
$$;

-- Runs as its owner, so that a worker or an import may call it. A call ends soon after its second is over, between two
-- phrases: nothing that it holds is held for long.
CREATE OR REPLACE FUNCTION tend_vocabulary(phrases integer DEFAULT 2000) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
    until CONSTANT timestamptz := clock_timestamp() + interval '1 second';
    due record;
    unfolded bigint := (SELECT count(*) FROM facet_change);
    changes bigint;
    judged integer := 0;
BEGIN
    IF NOT pg_try_advisory_xact_lock(hashtextextended(current_schema() || '.tend_vocabulary', 0)) THEN RETURN 0; END IF;
    PERFORM settle_vocabulary(until);
    FOR due IN
        SELECT v.field, lower(v.name) AS name, v.key, array_agg(DISTINCT lower(v.value)) AS the_values, min(v.phrase) AS phrase
        FROM vocabulary v GROUP BY v.field, lower(v.name), v.key
        HAVING coalesce(min(v.judged_at), '-infinity') < now() - interval '1 day' OR bool_or(v.judged_at IS NULL)
        ORDER BY min(v.judged_at) NULLS FIRST LIMIT phrases
    LOOP
        -- What changed since it was folded would not be counted. Who finds more of it than a call can fold comes again.
        WHILE unfolded <> 0 LOOP
            changes := unfolded;
            unfolded := fold_facets(4096);
            IF unfolded = changes THEN RETURN judged; END IF;  -- another folds
            judged := 1;
            IF unfolded > 0 AND clock_timestamp() > until THEN RETURN judged; END IF;
        END LOOP;
        UPDATE vocabulary v SET titles = e.titles, contrary = e.contrary, judged_at = now(), products = count_value(v.field, lower(v.name), lower(v.value))
        FROM title_evidence(due.field, due.name, due.the_values, due.phrase) e
        WHERE v.field = due.field AND lower(v.name) = due.name AND v.key = due.key;
        judged := judged + 1;
        EXIT WHEN clock_timestamp() > until;
    END LOOP;
    RETURN judged;
END $$;
COMMENT ON FUNCTION tend_vocabulary IS 'Drop phrases that no product has any longer, and gather evidence of what words mean, for about a second; the worker calls it until it returns 0.';
