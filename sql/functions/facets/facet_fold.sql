-- Folds what changed in the catalogue into the bitmaps of facets; counts are as exact without, only slower.

CREATE OR REPLACE FUNCTION mark_facets(products bigint[]) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path FROM CURRENT AS $$
    INSERT INTO facet_change (product_id) SELECT unnest(products)
$$;

-- Some of what changed; returns how many notes are left. Whoever writes is not kept waiting: notes are added, and
-- only those that this transaction can see are taken.
CREATE OR REPLACE FUNCTION fold_facets(most integer DEFAULT 16384) RETURNS bigint
LANGUAGE plpgsql SET search_path FROM CURRENT SET enable_seqscan = off SET jit = off AS $$
DECLARE
    changed bigint[];
    repriced bigint[];
    repriced_left bigint;
    moved bigint[];
    moved_left bigint;
BEGIN
    -- One at a time. Another shop's folding has another number.
    IF NOT pg_try_advisory_xact_lock(hashtext('fold_facets'), hashoid(to_regclass('facet_bitmap'))) THEN
        RETURN (SELECT count(*) FROM facet_change) + (SELECT count(*) FROM price_change) + (SELECT count(*) FROM place_change);
    END IF;
    WITH taken AS (
        DELETE FROM facet_change f WHERE f.number <= (
            SELECT max(n.number) FROM (SELECT c.number FROM facet_change c ORDER BY c.number LIMIT most) n)
        RETURNING f.product_id
    )
    SELECT array_agg(DISTINCT t.product_id) INTO changed FROM taken t;
    -- What others note meanwhile is for the next time: who changes prices all day long would keep the worker at it.
    WITH taken AS (
        DELETE FROM price_change c USING (SELECT DISTINCT n.product_id FROM price_change n LIMIT most) n WHERE c.product_id = n.product_id
        RETURNING c.product_id
    )
    SELECT array_agg(DISTINCT t.product_id), (SELECT count(*) FROM price_change) - count(*) INTO repriced, repriced_left FROM taken t;
    WITH taken AS (
        DELETE FROM place_change c USING (SELECT DISTINCT n.product_id FROM place_change n LIMIT most) n WHERE c.product_id = n.product_id
        RETURNING c.product_id
    )
    SELECT array_agg(DISTINCT t.product_id), (SELECT count(*) FROM place_change) - count(*) INTO moved, moved_left FROM taken t;
    IF changed IS NOT NULL THEN repriced := nullif(ARRAY(SELECT unnest(repriced) EXCEPT SELECT unnest(changed)), '{}'); END IF;
    PERFORM relist_prices(changed || repriced);
    moved := ARRAY(SELECT DISTINCT unnest(changed || repriced || moved));
    IF NOT place_prices(moved) THEN INSERT INTO place_change (product_id) SELECT unnest(moved); END IF;
    IF changed IS NOT NULL THEN PERFORM keep_values(changed); END IF;
    IF changed IS NOT NULL OR repriced IS NOT NULL THEN
        PERFORM fold_facet_patch(facet_patch(changed, repriced, NULL, true));
    END IF;
    RETURN (SELECT count(*) FROM facet_change) + repriced_left + moved_left;
END $$;
COMMENT ON FUNCTION fold_facets IS 'Fold changed products into the bitmaps that facets are counted from, as a worker does by itself; returns how many changes are left.';

-- New bits of bitmaps, in the order in which they come: those that are read together are to lie beside each other, two to a page.
CREATE OR REPLACE FUNCTION write_facet_bitmaps(places tid[], new_bits bit(32000)[]) RETURNS void
LANGUAGE plpgsql SET search_path FROM CURRENT SET enable_hashjoin = off SET enable_mergejoin = off SET enable_seqscan = off AS $$
BEGIN
    UPDATE facet_bitmap b SET bits = n.bits FROM unnest(places, new_bits) n (place, bits) WHERE b.ctid = n.place;
END $$;

CREATE OR REPLACE FUNCTION fold_facet_patch(patch facet_patch) RETURNS void
LANGUAGE plpgsql SET search_path FROM CURRENT SET enable_seqscan = on AS $$
DECLARE
    none CONSTANT bit(32000) := 0::bit(32000);
    added integer[];
    come record;
    become record;
BEGIN
    INSERT INTO facet_value (field, name, element)
    SELECT n.* FROM unnest((patch).new_field, (patch).new_name, (patch).new_element) n ON CONFLICT DO NOTHING;
    UPDATE facet_value v SET spelt = true
    FROM (SELECT DISTINCT n.field, lower(n.name) AS name, lower(n.element #>> '{}') AS shown FROM unnest((patch).new_field, (patch).new_name, (patch).new_element) n (field, name, element)) n,
        facet_value o
    WHERE v.field = n.field AND lower(v.name) = n.name AND lower(v.element #>> '{}') = n.shown AND NOT v.spelt
      AND o.field = n.field AND lower(o.name) = n.name AND lower(o.element #>> '{}') = n.shown AND o.value_id <> v.value_id;
    added := ARRAY(
        SELECT CASE WHEN k.value_id IS NULL THEN b.value_id WHEN n.id = b.value_id THEN k.value_id ELSE facet_stocked(k.value_id) END
        FROM unnest((patch).value_id) WITH ORDINALITY b (value_id, place)
        LEFT JOIN unnest((patch).new_id, (patch).new_field, (patch).new_name, (patch).new_element) n (id, field, name, element)
            ON b.value_id < 0 AND b.value_id IN (n.id, facet_stocked(n.id))
        LEFT JOIN facet_value k ON (k.field, k.name) = (n.field, n.name) AND md5(k.element::text) IS NOT DISTINCT FROM md5(n.element::text)
        ORDER BY b.place);
    SELECT array_agg(j.value_id) AS value_id, array_agg(j.block) AS block, array_agg(j.plane) AS plane, array_agg(j.bits) AS bits INTO come FROM (
        SELECT f.value_id, f.piece / 8 AS block, f.plane, facet_joined(f.bits, f.piece % 8 * 4000 + 1) AS bits
        FROM unnest(added, (patch).piece, (patch).plane, (patch).bits) f (value_id, piece, plane, bits) GROUP BY 1, 2, 3) j;
    -- What the changed products had goes, what they have now comes.
    SELECT array_agg(c.place) AS places, array_agg(c.bits) AS bits INTO become
    FROM (
        SELECT o.ctid AS place, o.bits AS old_bits, o.bits & CASE WHEN facet_is_price(o.value_id) THEN k.prices_keep ELSE k.keep END
            | coalesce(f.bits, none) AS bits
        FROM facet_bitmap o
        JOIN unnest((patch).masked, (patch).keep, (patch).prices_keep) k (block, keep, prices_keep) ON k.block = o.block
        LEFT JOIN unnest(come.value_id, come.block, come.plane, come.bits) f (value_id, block, plane, bits)
            ON (f.value_id, f.block, f.plane) = (o.value_id, o.block, o.plane)
        ORDER BY o.value_id, o.plane, o.block) c
    WHERE c.bits <> c.old_bits;
    PERFORM write_facet_bitmaps(become.places, become.bits);
    INSERT INTO facet_bitmap (value_id, block, plane, bits)
    SELECT f.* FROM unnest(come.value_id, come.block, come.plane, come.bits) f (value_id, block, plane, bits) ORDER BY f.value_id, f.plane, f.block ON CONFLICT DO NOTHING;
    IF EXISTS (SELECT FROM unnest((patch).keep) k (keep) WHERE bit_count(k.keep) < 32000) THEN
        UPDATE facet_value v SET held = c.held
        FROM (SELECT b.value_id, sum(b.ones)::integer AS held FROM facet_bitmap b WHERE b.plane = 0 AND NOT facet_is_price(b.value_id) GROUP BY b.value_id) c
        WHERE v.value_id = c.value_id AND v.held <> c.held;
        PERFORM fold_facet_columns(ARRAY(SELECT k.block FROM unnest((patch).masked, (patch).keep) k (block, keep) WHERE bit_count(k.keep) < 32000));
    END IF;
    WITH gone AS (
        DELETE FROM facet_bitmap b WHERE b.block = ANY ((patch).masked) AND b.bits = none RETURNING b.value_id
    )
    DELETE FROM facet_value v USING gone g WHERE v.value_id = g.value_id
    AND NOT EXISTS (SELECT FROM facet_bitmap b WHERE b.value_id = g.value_id AND b.bits <> none);
END $$;
