-- A retired product leaves the work queue; one that is active again comes back with what it lacks.

-- Runs as its owner, as the other triggers of the queue do.
CREATE OR REPLACE FUNCTION product_status_changed() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path FROM CURRENT SET plan_cache_mode = force_custom_plan AS $$
BEGIN
    IF NEW.status = 'retired' THEN
        DELETE FROM work_queue q WHERE q.product_id = NEW.product_id;
    ELSE
        -- Counting the inputs once more queues them; a worker that finds the same bytes encodes nothing.
        PERFORM requeue_product(NEW.product_id);
    END IF;
    RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION requeue_product(wanted_id bigint) RETURNS void
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    each_space integer;
    queued bigint;
    total bigint := 0;
BEGIN
    FOR each_space IN SELECT s.space_id FROM space s WHERE s.status <> 'retired' LOOP
        EXECUTE format(
            'INSERT INTO work_queue (product_id, kind, item_id, space_id, input_version)
             SELECT i.product_id, ''image'', i.image_id, %1$s, i.input_version
             FROM image i LEFT JOIN %2$I v USING (product_id, image_id)
             WHERE i.product_id = $1 AND v.input_version IS DISTINCT FROM i.input_version
             UNION ALL
             SELECT c.product_id, ''caption'', c.caption_id, %1$s, c.input_version
             FROM caption c LEFT JOIN %3$I v USING (product_id, caption_id)
             WHERE c.product_id = $1 AND v.input_version IS DISTINCT FROM c.input_version
             ON CONFLICT (product_id, kind, item_id, space_id) DO NOTHING',
            each_space, 'image_vector_' || each_space, 'caption_vector_' || each_space
        ) USING wanted_id;
        GET DIAGNOSTICS queued = ROW_COUNT;
        total := total + queued;
    END LOOP;
    IF total > 0 THEN PERFORM notify_work(); END IF;
END $$;
COMMENT ON FUNCTION requeue_product IS 'Queue the pictures and captions of a product that lack a vector of their present version.';

CREATE OR REPLACE TRIGGER product_status_changed
    AFTER UPDATE OF status ON product
    FOR EACH ROW WHEN (OLD.status IS DISTINCT FROM NEW.status)
    EXECUTE FUNCTION product_status_changed();
