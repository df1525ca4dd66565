-- Least privilege for the three roles: the shop's own process, the workers, the analysts.

DO $$
DECLARE
    shop text := current_schema();
    app text := shop || '_app';
    worker text := shop || '_worker';
    analyst text := shop || '_analyst';
    -- What functions that run as their owner call in turn.
    called text[] := '{notify_work,used_spaces,known_spaces,caption_delete,caption_text,create_vector_table,create_sketch_table,create_price_table,keep_unfiltered,unfiltered_name,search_arm_sql,search_candidates_sql,search_listed_sql,search_passing_sql,search_unchecked_sql,search_sketch_sql,search_check_sql,
        search_distance_sql,search_vector_sql,search_best_sql,search_left_to_check,search_is_listed,search_is_placed,search_listed_part,search_has_two,search_is_told,search_is_checked,search_is_checked_by_terms,search_priced_sql,priced_sketches_sql,place_prices,grant_space_table,enqueue_missing,check_query,
        check_address,search_space,vector_schema,sketch_sql,sketch_refresh_sql,waiting_refresh_sql,nearest_cell_sql,wait_for_vectors,phrase_dictionary,
        value_phrases,add_vocabulary,doubt_vocabulary,product_is_shown,vocabulary_used,rebuild_vocabulary,doubt_product,doubt_options,add_options,
        doubt_variants,settle_vocabulary,title_query,title_evidence,history_setting,history_bounds,keep_event_days,shopper_lock,shopper_hash,pass_gate,
        shopper_buckets,hold_shoppers,unwanted_shoppers,is_telling,shopper_columns,word_pattern,in_json,names_client,column_holds,shopper_names,check_clients,
        stale_statistics,shopper_links,lock_shopper,own_rows,forget_rows,without_client,column_without,forget_mentions,own_questions,forget_questions,
        forget_statistics,forget_steps,shopper_key,own_links,smallest_group,search_outcomes,common_words,rollup_rows,has_both_months,rollup_late_days,doubt_rollups,roll_up_before_drop,drop_aged_quarantine,count_again,count_loyalty,least_shoppers,
        association_score,association_actions,association_days,association_events,count_products,count_bought_together,count_viewed_after,gather_due,
        tend_counts,tend_partners,tend_associations,tend_affinities,count_category_pairs,sampled_shoppers,sampled_categories,leaf_categories,
        product_kinds,look_level,trend_half_life,trend_moment,count_trends,action_weight,
        product_values,product_prices,product_bands,price_bands,price_band_of,count_price_bands,value_number,keep_values,count_value,fold_facets,relist_prices,fold_facet_patch,write_facet_bitmaps,fold_facet_columns,facet_column_of,facet_wide,facet_patch,facet_terms,facet_price_terms,facet_stocked_options,
        facet_price_cells,
        keep_history,stop_sweep_at,sweep_histories,events_worth_keeping,kept_history,history_with,latest_events,latest_known_events,opted_out,history_fingerprint,events_since,events_hashed,whole_history,history_of,with_vectors,history_vectors,with_values,with_preferences,product_numbers,without_values,
        common_values,value_preference,value_place,value_vector,value_profile,value_said,personal_weights,default_personal_weights,most_events}';
    -- What nobody but the owner reads.
    hidden text[] := '{encoding_request,client_secret,forgotten,opt_out,forget_gate}';
    routine regprocedure;
    own oid[];
    role_name text;
    right_on record;
BEGIN
    -- What runs as its owner looks into the shop's schema alone: where the extension lives, others may
    -- be allowed to create a function that fits a call better than the one meant. A body that was
    -- parsed when it was created looks nowhere, and may be inlined.
    FOR routine IN
        SELECT p.oid FROM pg_proc p
        WHERE p.pronamespace = quote_ident(shop)::regnamespace AND (p.prosecdef OR p.proname = ANY (called) AND p.prosqlbody IS NULL) LOOP
        EXECUTE format('ALTER ROUTINE %s SET search_path = %I, pg_temp', routine, shop);
    END LOOP;

    -- From nothing, so that a right which an older version gave does not stay. The extension's own
    -- functions, should it live here, are left alone.
    own := ARRAY(
        SELECT p.oid FROM pg_proc p
        WHERE p.pronamespace = quote_ident(shop)::regnamespace AND NOT EXISTS (
            SELECT FROM pg_depend d
            WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'));
    FOREACH routine IN ARRAY own LOOP
        EXECUTE format('REVOKE ALL ON ROUTINE %s FROM PUBLIC', routine);
        FOR role_name IN SELECT r.rolname FROM pg_roles r WHERE r.rolname IN (app, worker, analyst) LOOP
            EXECUTE format('REVOKE ALL ON ROUTINE %s FROM %I', routine, role_name);
        END LOOP;
    END LOOP;
    -- A role that could not be created (no CREATEROLE) is passed over.
    FOR role_name IN SELECT r.rolname FROM pg_roles r WHERE r.rolname IN (app, worker, analyst) LOOP
        EXECUTE format('REVOKE ALL ON SCHEMA %I FROM %I', shop, role_name);
        EXECUTE format('REVOKE ALL ON ALL TABLES IN SCHEMA %I FROM %I', shop, role_name);
    END LOOP;

    FOR right_on IN
        SELECT r.role_name, g.target, g.rights
        FROM (VALUES (app), (worker), (analyst)) r (role_name)
        JOIN pg_roles known ON known.rolname = r.role_name
        JOIN LATERAL (
            SELECT format('SCHEMA %I', shop) AS target, 'USAGE' AS rights
            UNION ALL
            SELECT format('TABLE %I.%I', shop, c.relname),
                CASE r.role_name
                    WHEN app THEN CASE
                        WHEN c.relname IN ('setting', 'product', 'product_text', 'category',
                            'product_category', 'variant', 'image', 'image_variant', 'caption', 'rule', 'experiment',
                            'import_run', 'import_row', 'import_link', 'import_member',
                            'import_reject') THEN 'SELECT, INSERT, UPDATE, DELETE'
                        -- Into a month's partition nobody writes by its name: the guard of forgetting stands before the whole.
                        WHEN c.relname IN ('query', 'event') THEN 'SELECT, INSERT'
                        WHEN c.relname IN ('quarantine', 'event_row') THEN 'SELECT, INSERT, DELETE'
                        WHEN c.relname = 'rerank_weights' THEN 'SELECT, INSERT, UPDATE'
                        WHEN c.relname <> ALL (hidden) THEN 'SELECT' END
                    WHEN worker THEN CASE
                        WHEN c.relname ~ '^(image|caption)_(vector|sketch|price)_\d+$'
                          OR c.relname IN ('work_queue', 'worker', 'query_vector', 'encoding_request',
                              'cell', 'cell_generation', 'whitening', 'word', 'facet_value', 'facet_bitmap', 'facet_column', 'product_value', 'price_sweep', 'facet_change', 'listed_price', 'price_change', 'place_change', 'trend')
                            THEN 'SELECT, INSERT, UPDATE, DELETE'
                        WHEN c.relname <> ALL (hidden) AND NOT k.keyed AND c.relname NOT IN ('search_log', 'event_log') THEN 'SELECT' END
                    WHEN analyst THEN CASE
                        WHEN c.relname <> ALL (hidden) AND NOT k.keyed AND c.relname <> 'query_vector' THEN 'SELECT' END
                END
            FROM pg_class c CROSS JOIN LATERAL (
                SELECT EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname IN ('client_id', 'session_id') AND NOT a.attisdropped)
            ) k (keyed)
            WHERE c.relnamespace = quote_ident(shop)::regnamespace AND c.relkind IN ('r', 'p', 'v')
            UNION ALL
            -- Of the history an analyst sees what names nobody; the rest under pseudonyms in search_log and event_log.
            SELECT format('TABLE %I.%I', shop, c.relname), format('SELECT (%s)', string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum))
            FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
            WHERE r.role_name = analyst AND c.relnamespace = quote_ident(shop)::regnamespace AND c.relname IN ('query', 'event', 'query_vector')
              AND a.attname NOT IN ('client_id', 'session_id', 'user_query', 'query_attributes', 'object_id', 'event_attributes', 'message', 'order_id', 'query')
            GROUP BY c.relname
            UNION ALL
            -- A worker records what it saw of a picture, nothing else of the catalogue.
            SELECT format('TABLE %I.image', shop),
                'UPDATE (sha256, byte_size, width, height, etag, last_modified, fetched_at)'
            WHERE r.role_name = worker
            UNION ALL
            -- What runs as its caller can do no more than the caller; the rest is for whom it was made.
            SELECT format('ROUTINE %s', p.oid::regprocedure), 'EXECUTE'
            FROM pg_proc p
            WHERE p.oid = ANY (own)
              AND CASE WHEN NOT p.prosecdef THEN true
                       WHEN p.proname IN ('create_space', 'lock_products', 'index_sketches') THEN r.role_name = worker
                       WHEN p.proname IN ('ensure_partitions', 'tend_vocabulary', 'tend_events', 'tend_rollups', 'tend_shares',
                           'tend_co_purchases', 'tend_viewed_after', 'tend_trends', 'tend_category_pairs', 'tend_histories') THEN r.role_name IN (app, worker)
                       WHEN p.proname IN ('not_rolled_from', 'count_queries', 'count_positions', 'count_categories') THEN r.role_name IN (app, analyst)
                       WHEN p.proname IN ('forget_clients', 'client_traces', 'export_rows', 'opt_out', 'opt_in', 'opted_out', 'rename_client') THEN r.role_name = app
                       WHEN p.proname IN ('import_clear', 'import_analyze', 'release_documents', 'clear_event_rows') THEN r.role_name = app
                       ELSE p.proname IN ('request_encoding', 'encoding_answer') END
        ) g ON g.rights IS NOT NULL
    LOOP
        EXECUTE format('GRANT %s ON %s TO %I', right_on.rights, right_on.target, right_on.role_name);
    END LOOP;
END $$;
