-- The setting `images`, where relative picture paths belong: who may set it, and what follows from it.

-- Workers read below the folder named there, on their own machines: that takes more trust than to
-- write the catalogue does. Names are qualified, because it runs as its caller.
CREATE OR REPLACE FUNCTION may_name_images() RETURNS boolean
LANGUAGE sql STABLE SET search_path FROM CURRENT AS $$
    SELECT pg_catalog.pg_has_role(c.relowner, 'MEMBER') OR EXISTS (
        SELECT FROM pg_catalog.pg_roles r
        WHERE r.rolname OPERATOR(pg_catalog.=) pg_catalog.format('%s_worker', n.nspname)
          AND pg_catalog.pg_has_role(r.oid, 'MEMBER'))
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
    WHERE c.oid OPERATOR(pg_catalog.=) pg_catalog.to_regclass('setting')::pg_catalog.oid
$$;
COMMENT ON FUNCTION may_name_images IS 'Whether this login may set where the workers look for pictures: the owner or a member of the worker''s role.';

CREATE OR REPLACE FUNCTION check_images_setting() RETURNS trigger
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    IF 'images' IN (NEW.name, OLD.name) AND NOT may_name_images() THEN
        RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege',
            MESSAGE = 'the setting "images" says which folder the workers read: this login may not set it',
            HINT = 'Start the worker with --images or VITRINE_IMAGES, or set it as the schema''s owner.';
    END IF;
    RETURN coalesce(NEW, OLD);
END $$;
COMMENT ON FUNCTION check_images_setting IS 'Keep the setting "images" from logins that only write the catalogue.';

CREATE OR REPLACE TRIGGER setting_images_checked
    BEFORE INSERT OR UPDATE OR DELETE ON setting
    FOR EACH ROW EXECUTE FUNCTION check_images_setting();

-- Another folder is another input: what failed in the old one begins anew, and what is being read
-- there now counts no more. What was encoded stays, for pictures move more often than they change.
CREATE OR REPLACE FUNCTION images_moved() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    IF ('images' IN (NEW.name, OLD.name)) IS NOT TRUE OR NEW.value IS NOT DISTINCT FROM OLD.value THEN
        RETURN NULL;
    END IF;
    UPDATE work_queue q
    SET available_at = now(), lease_token = NULL, claims = 0, attempts = 0, dead_at = NULL,
        enqueued_at = CASE WHEN q.dead_at IS NULL THEN q.enqueued_at ELSE now() END,
        reason = NULL, detail = NULL
    FROM image i
    WHERE q.kind = 'image' AND i.product_id = q.product_id AND i.image_id = q.item_id
      AND (q.reason IS NOT NULL OR q.lease_token IS NOT NULL)
      AND strpos(i.uri, '://') = 0
      AND q.space_id IN (SELECT s.space_id FROM space s WHERE s.status <> 'retired');
    IF FOUND THEN PERFORM notify_work(); END IF;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION images_moved IS 'Queue anew what failed in another folder, or is being read there.';

CREATE OR REPLACE TRIGGER setting_images_moved
    AFTER INSERT OR UPDATE OR DELETE ON setting
    FOR EACH ROW EXECUTE FUNCTION images_moved();
