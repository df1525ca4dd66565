-- Puts changed pictures and captions into the work queue, in the transaction that changed them.

-- Rows of a statement (transition tables) are a trap: PostgreSQL remembers how many there were when a
-- function was first called, and plans for that number ever after. After single rows, a join of old and
-- new rows of a bulk statement took minutes. So joins are planned anew each time (EXECUTE), and lookups in
-- tables that may never have been analysed are written so that they can only be by key, row by row (LATERAL
-- with OFFSET 0). The functions run as their owner, so that a shop's role needs no right on the queue.

CREATE OR REPLACE FUNCTION input_changed() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    NEW.input_version := OLD.input_version + 1;
    RETURN NEW;
END $$;
COMMENT ON FUNCTION input_changed IS 'Count a change to what is encoded.';

-- What was seen at the old address says nothing about the new one.
CREATE OR REPLACE FUNCTION image_moved() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    NEW.input_version := OLD.input_version + 1;
    NEW.sha256 := NULL;
    NEW.byte_size := NULL;
    NEW.width := NULL;
    NEW.height := NULL;
    NEW.etag := NULL;
    NEW.last_modified := NULL;
    NEW.fetched_at := NULL;
    RETURN NEW;
END $$;
COMMENT ON FUNCTION image_moved IS 'Count a change of a picture''s address, and forget what was seen at the old one.';

CREATE OR REPLACE TRIGGER image_input_changed
    BEFORE UPDATE OF uri ON image
    FOR EACH ROW WHEN (OLD.uri IS DISTINCT FROM NEW.uri)
    EXECUTE FUNCTION image_moved();

CREATE OR REPLACE TRIGGER caption_input_changed
    BEFORE UPDATE OF text ON caption
    FOR EACH ROW WHEN (OLD.text IS DISTINCT FROM NEW.text)
    EXECUTE FUNCTION input_changed();

CREATE OR REPLACE FUNCTION notify_work() RETURNS void
LANGUAGE sql SET search_path FROM CURRENT AS $$
    SELECT pg_notify(current_schema() || '_work', '')
$$;
COMMENT ON FUNCTION notify_work IS 'Wake the workers once this transaction is committed.';

-- The lock keeps a space from being dropped before this commits, as a foreign key would.
CREATE OR REPLACE FUNCTION used_spaces() RETURNS integer[]
LANGUAGE sql SET search_path FROM CURRENT AS $$
    SELECT array_agg(u.space_id) FROM (
        SELECT s.space_id FROM space s WHERE s.status <> 'retired' FOR KEY SHARE) u
$$;

-- A new picture or caption cannot be waiting yet: looking for a conflict would cost a third more. What
-- belongs to a retired product waits until it is active again.
CREATE OR REPLACE FUNCTION enqueue_inserted() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
    queued bigint;
BEGIN
    EXECUTE format(
        'INSERT INTO work_queue (product_id, kind, item_id, space_id, input_version)
        SELECT n.product_id, %L, n.%I, s.space_id, n.input_version
        FROM changed n
        CROSS JOIN LATERAL (
            SELECT FROM product p WHERE p.product_id = n.product_id AND p.status = ''active'' OFFSET 0) p
        CROSS JOIN unnest($1) s (space_id)',
        TG_TABLE_NAME, TG_TABLE_NAME || '_id') USING used_spaces();
    GET DIAGNOSTICS queued = ROW_COUNT;
    IF queued > 0 THEN PERFORM notify_work(); END IF;
    RETURN NULL;
END $$;

CREATE OR REPLACE TRIGGER image_enqueue_inserted
    AFTER INSERT ON image REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION enqueue_inserted();
CREATE OR REPLACE TRIGGER caption_enqueue_inserted
    AFTER INSERT ON caption REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION enqueue_inserted();

CREATE OR REPLACE FUNCTION enqueue_updated() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
    queued bigint;
BEGIN
    EXECUTE format(
        'INSERT INTO work_queue AS q (product_id, kind, item_id, space_id, input_version)
        SELECT n.product_id, %1$L, n.%2$I, s.space_id, n.input_version
        FROM changed n
        JOIN previous o USING (product_id, %2$I)
        CROSS JOIN LATERAL (
            SELECT FROM product p WHERE p.product_id = n.product_id AND p.status = ''active'' OFFSET 0) p
        CROSS JOIN unnest($1) s (space_id)
        WHERE n.input_version <> o.input_version
        ON CONFLICT (product_id, kind, item_id, space_id) DO UPDATE
            SET input_version = excluded.input_version, available_at = now(), lease_token = NULL,
                priority = least(q.priority, excluded.priority),
                enqueued_at = CASE WHEN q.dead_at IS NULL THEN q.enqueued_at ELSE now() END,
                claims = 0, attempts = 0, dead_at = NULL, reason = NULL, detail = NULL
            WHERE q.input_version <> excluded.input_version',
        TG_TABLE_NAME, TG_TABLE_NAME || '_id') USING used_spaces();
    GET DIAGNOSTICS queued = ROW_COUNT;
    IF queued > 0 THEN PERFORM notify_work(); END IF;
    RETURN NULL;
END $$;

CREATE OR REPLACE TRIGGER image_enqueue_updated
    AFTER UPDATE ON image REFERENCING OLD TABLE AS previous NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION enqueue_updated();
CREATE OR REPLACE TRIGGER caption_enqueue_updated
    AFTER UPDATE ON caption REFERENCING OLD TABLE AS previous NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION enqueue_updated();

-- A deleted picture or caption takes its waiting work along.
CREATE OR REPLACE FUNCTION dequeue_deleted() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    -- By key, not by place: a worker may be claiming the entry, and its new version must go too.
    EXECUTE format(
        'DELETE FROM work_queue q USING removed r
        WHERE q.product_id = r.product_id AND q.kind = %L AND q.item_id = r.%I',
        TG_TABLE_NAME, TG_TABLE_NAME || '_id');
    RETURN NULL;
END $$;

CREATE OR REPLACE TRIGGER image_dequeue_deleted
    AFTER DELETE ON image REFERENCING OLD TABLE AS removed
    FOR EACH STATEMENT EXECUTE FUNCTION dequeue_deleted();
CREATE OR REPLACE TRIGGER caption_dequeue_deleted
    AFTER DELETE ON caption REFERENCING OLD TABLE AS removed
    FOR EACH STATEMENT EXECUTE FUNCTION dequeue_deleted();

CREATE OR REPLACE FUNCTION dequeue_space() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    DELETE FROM work_queue q USING removed r WHERE q.space_id = r.space_id;
    RETURN NULL;
END $$;

CREATE OR REPLACE TRIGGER space_dequeue_deleted
    AFTER DELETE ON space REFERENCING OLD TABLE AS removed
    FOR EACH STATEMENT EXECUTE FUNCTION dequeue_space();

-- Emptying the catalogue at once, which fires no trigger of rows, empties the queue.
CREATE OR REPLACE FUNCTION dequeue_truncated() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    DELETE FROM work_queue q WHERE q.kind = TG_TABLE_NAME;
    RETURN NULL;
END $$;

CREATE OR REPLACE TRIGGER image_dequeue_truncated
    AFTER TRUNCATE ON image FOR EACH STATEMENT EXECUTE FUNCTION dequeue_truncated();
CREATE OR REPLACE TRIGGER caption_dequeue_truncated
    AFTER TRUNCATE ON caption FOR EACH STATEMENT EXECUTE FUNCTION dequeue_truncated();

-- What has no vector of its present input in some space that is in use; all of it or one product's.
CREATE OR REPLACE FUNCTION enqueue_missing(
    only_space integer DEFAULT NULL, only_product bigint DEFAULT NULL, priority smallint DEFAULT 1
) RETURNS bigint
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    target integer;
    kind text;
    added bigint;
    total bigint := 0;
BEGIN
    FOR target, kind IN
        SELECT s.space_id, k FROM space s, unnest(ARRAY['image', 'caption']) k
        WHERE s.status <> 'retired' AND s.space_id = coalesce(only_space, s.space_id)
        ORDER BY s.space_id, k DESC
    LOOP
        EXECUTE format(
            'INSERT INTO work_queue (product_id, kind, item_id, space_id, input_version, priority)
            SELECT n.product_id, %1$L, n.%2$I, $1, n.input_version, $2
            FROM %1$I n
            JOIN product p USING (product_id)
            LEFT JOIN %3$I v USING (product_id, %2$I, input_version)
            WHERE p.status = ''active'' AND v.product_id IS NULL
              AND ($3 IS NULL OR n.product_id = $3)
            ORDER BY n.product_id, n.%2$I
            ON CONFLICT DO NOTHING',
            kind, kind || '_id', format('%s_vector_%s', kind, target)
        ) USING target, priority, only_product;
        GET DIAGNOSTICS added = ROW_COUNT;
        total := total + added;
    END LOOP;
    IF total > 0 THEN PERFORM notify_work(); END IF;
    RETURN total;
END $$;
COMMENT ON FUNCTION enqueue_missing IS 'Queue what lacks a vector of its present input: of one space or all, of one product or all.';

-- A product that comes back may have missed spaces made, and pictures changed, while it was away.
CREATE OR REPLACE FUNCTION enqueue_reactivated() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    PERFORM enqueue_missing(only_product => NEW.product_id, priority => 0::smallint);
    RETURN NULL;
END $$;

CREATE OR REPLACE TRIGGER product_enqueue_reactivated
    AFTER UPDATE OF status ON product
    FOR EACH ROW WHEN (OLD.status = 'retired' AND NEW.status = 'active')
    EXECUTE FUNCTION enqueue_reactivated();
