-- A retired product's waiting work leaves the queue; coming back is the queue's own trigger.

-- Runs as its owner, as the other triggers of the queue do.
CREATE OR REPLACE FUNCTION dequeue_retired() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path FROM CURRENT AS $$
BEGIN
    DELETE FROM work_queue q WHERE q.product_id = NEW.product_id;
    RETURN NULL;
END $$;

CREATE OR REPLACE TRIGGER product_dequeue_retired
    AFTER UPDATE OF status ON product
    FOR EACH ROW WHEN (OLD.status = 'active' AND NEW.status = 'retired')
    EXECUTE FUNCTION dequeue_retired();
