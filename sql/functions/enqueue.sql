-- Puts changed pictures and captions into the work queue, in the transaction that changed them.

-- Plans of the trigger functions are made anew each time: one cached after single rows is 200 times
-- slower on a bulk statement. They run as their owner, so that a shop's role needs no right on the queue.

CREATE OR REPLACE FUNCTION input_changed() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    NEW.input_version := OLD.input_version + 1;
    RETURN NEW;
END $$;
COMMENT ON FUNCTION input_changed IS 'Count a change to what is encoded.';

CREATE OR REPLACE TRIGGER image_input_changed
    BEFORE UPDATE OF uri ON image
    FOR EACH ROW WHEN (OLD.uri IS DISTINCT FROM NEW.uri)
    EXECUTE FUNCTION input_changed();

CREATE OR REPLACE TRIGGER caption_input_changed
    BEFORE UPDATE OF text ON caption
    FOR EACH ROW WHEN (OLD.text IS DISTINCT FROM NEW.text)
    EXECUTE FUNCTION input_changed();

CREATE OR REPLACE FUNCTION notify_work() RETURNS void
LANGUAGE sql SET search_path FROM CURRENT AS $$
    SELECT pg_notify(current_schema() || '_work', '')
$$;
COMMENT ON FUNCTION notify_work IS 'Wake the workers once this transaction is committed.';

CREATE OR REPLACE FUNCTION enqueue_images() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path FROM CURRENT SET plan_cache_mode = force_custom_plan AS $$
BEGIN
    INSERT INTO work_queue AS q (product_id, kind, item_id, space_id, input_version)
    SELECT n.product_id, 'image', n.image_id, s.space_id, n.input_version
    FROM changed n JOIN space s ON s.status <> 'retired'
    ON CONFLICT (product_id, kind, item_id, space_id) DO UPDATE
        SET input_version = excluded.input_version, available_at = now(), lease_token = NULL,
            claims = 0, attempts = 0, dead_at = NULL, reason = NULL, detail = NULL
        WHERE q.input_version <> excluded.input_version;
    IF FOUND THEN PERFORM notify_work(); END IF;
    RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION enqueue_captions() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path FROM CURRENT SET plan_cache_mode = force_custom_plan AS $$
BEGIN
    INSERT INTO work_queue AS q (product_id, kind, item_id, space_id, input_version)
    SELECT n.product_id, 'caption', n.caption_id, s.space_id, n.input_version
    FROM changed n JOIN space s ON s.status <> 'retired'
    ON CONFLICT (product_id, kind, item_id, space_id) DO UPDATE
        SET input_version = excluded.input_version, available_at = now(), lease_token = NULL,
            claims = 0, attempts = 0, dead_at = NULL, reason = NULL, detail = NULL
        WHERE q.input_version <> excluded.input_version;
    IF FOUND THEN PERFORM notify_work(); END IF;
    RETURN NULL;
END $$;

CREATE OR REPLACE TRIGGER image_enqueue_inserted
    AFTER INSERT ON image REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION enqueue_images();
CREATE OR REPLACE TRIGGER caption_enqueue_inserted
    AFTER INSERT ON caption REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION enqueue_captions();

CREATE OR REPLACE FUNCTION enqueue_updated_images() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path FROM CURRENT SET plan_cache_mode = force_custom_plan AS $$
BEGIN
    INSERT INTO work_queue AS q (product_id, kind, item_id, space_id, input_version)
    SELECT n.product_id, 'image', n.image_id, s.space_id, n.input_version
    FROM changed n
    JOIN previous p USING (product_id, image_id)
    JOIN space s ON s.status <> 'retired'
    WHERE n.input_version <> p.input_version
    ON CONFLICT (product_id, kind, item_id, space_id) DO UPDATE
        SET input_version = excluded.input_version, available_at = now(), lease_token = NULL,
            claims = 0, attempts = 0, dead_at = NULL, reason = NULL, detail = NULL
        WHERE q.input_version <> excluded.input_version;
    IF FOUND THEN PERFORM notify_work(); END IF;
    RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION enqueue_updated_captions() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path FROM CURRENT SET plan_cache_mode = force_custom_plan AS $$
BEGIN
    INSERT INTO work_queue AS q (product_id, kind, item_id, space_id, input_version)
    SELECT n.product_id, 'caption', n.caption_id, s.space_id, n.input_version
    FROM changed n
    JOIN previous p USING (product_id, caption_id)
    JOIN space s ON s.status <> 'retired'
    WHERE n.input_version <> p.input_version
    ON CONFLICT (product_id, kind, item_id, space_id) DO UPDATE
        SET input_version = excluded.input_version, available_at = now(), lease_token = NULL,
            claims = 0, attempts = 0, dead_at = NULL, reason = NULL, detail = NULL
        WHERE q.input_version <> excluded.input_version;
    IF FOUND THEN PERFORM notify_work(); END IF;
    RETURN NULL;
END $$;

CREATE OR REPLACE TRIGGER image_enqueue_updated
    AFTER UPDATE ON image REFERENCING OLD TABLE AS previous NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION enqueue_updated_images();
CREATE OR REPLACE TRIGGER caption_enqueue_updated
    AFTER UPDATE ON caption REFERENCING OLD TABLE AS previous NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION enqueue_updated_captions();

-- A deleted picture or caption takes its waiting work along.
CREATE OR REPLACE FUNCTION dequeue_deleted() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path FROM CURRENT SET plan_cache_mode = force_custom_plan AS $$
BEGIN
    IF TG_TABLE_NAME = 'image' THEN
        DELETE FROM work_queue q USING removed r
        WHERE q.product_id = r.product_id AND q.kind = 'image'
          AND q.item_id = (to_jsonb(r) ->> 'image_id')::bigint;
    ELSE
        DELETE FROM work_queue q USING removed r
        WHERE q.product_id = r.product_id AND q.kind = 'caption'
          AND q.item_id = (to_jsonb(r) ->> 'caption_id')::bigint;
    END IF;
    RETURN NULL;
END $$;

CREATE OR REPLACE TRIGGER image_dequeue_deleted
    AFTER DELETE ON image REFERENCING OLD TABLE AS removed
    FOR EACH STATEMENT EXECUTE FUNCTION dequeue_deleted();
CREATE OR REPLACE TRIGGER caption_dequeue_deleted
    AFTER DELETE ON caption REFERENCING OLD TABLE AS removed
    FOR EACH STATEMENT EXECUTE FUNCTION dequeue_deleted();
