"""What the sketches of a catalogue must be, told from its tables and by making them anew."""

from __future__ import annotations

from typing import Any

from vitrine.database import Connection

TABLES = {
    "image": "SELECT product_id, image_id, cell_id, sketch, uniq_sorted(terms), vector_at "
    "FROM image_sketch_1",
    "caption": "SELECT product_id, caption_id, cell_id, sketch, uniq_sorted(terms), vector_at "
    "FROM caption_sketch_1",
    "waiting": "SELECT space_id, product_id FROM waiting_product",
}
UNIQ_SORTED = (
    "CREATE FUNCTION uniq_sorted(terms integer[]) RETURNS integer[] LANGUAGE sql AS "
    "'SELECT array_agg(DISTINCT t ORDER BY t) FROM unnest(terms) t'"
)

# What docs/filters.md says of products and pictures, without any help from the search's functions.
SHOWN = (
    "p.status = 'active' AND (EXISTS (SELECT FROM variant v WHERE v.product_id = p.product_id "
    "AND v.status = 'active') OR NOT EXISTS (SELECT FROM variant v "
    "WHERE v.product_id = p.product_id))"
)
PICTURES = f"""
SELECT x.product_id, x.image_id FROM image_vector_1 x JOIN product p USING (product_id)
WHERE {SHOWN} AND (
    NOT EXISTS (SELECT FROM image_variant l
        WHERE (l.product_id, l.image_id) = (x.product_id, x.image_id))
    OR EXISTS (SELECT FROM image_variant l JOIN variant v USING (product_id, variant_id)
        WHERE (l.product_id, l.image_id) = (x.product_id, x.image_id) AND v.status = 'active'))
"""
CAPTIONS = f"""
SELECT x.product_id, x.caption_id FROM caption_vector_1 x JOIN product p USING (product_id)
WHERE {SHOWN}
"""
WAITING = f"""
SELECT p.product_id FROM product p WHERE p.status = 'active'
EXCEPT (SELECT product_id FROM ({PICTURES}) i UNION SELECT product_id FROM ({CAPTIONS}) c)
"""
ANCESTORS = """
WITH RECURSIVE above (product_id, category_id) AS (
    SELECT product_id, category_id FROM product_category
    UNION SELECT a.product_id, c.parent_id FROM above a JOIN category c USING (category_id)
    WHERE c.parent_id IS NOT NULL)
SELECT product_id, term('category', category_id::text) FROM above
"""
EACH = (
    "jsonb_array_elements_text(CASE jsonb_typeof(a.value) WHEN 'array' THEN a.value "
    "ELSE jsonb_build_array(a.value) END) e (value)"
)
OWN_TERMS = f"""
SELECT product_id, term('external_id', external_id) FROM product
UNION SELECT product_id, term('brand', brand) FROM product WHERE brand IS NOT NULL
UNION SELECT product_id, term('attributes.' || lower(a.key), e.value)
    FROM product CROSS JOIN jsonb_each(attributes) a CROSS JOIN {EACH}
UNION ({ANCESTORS})
"""
# Variants that a picture shows: those it is linked to, or all where it is linked to none.
PICTURED = """
SELECT i.product_id, i.image_id, v.sku, v.options FROM image i JOIN variant v USING (product_id)
WHERE v.status = 'active' AND (
    NOT EXISTS (SELECT FROM image_variant l
        WHERE (l.product_id, l.image_id) = (i.product_id, i.image_id))
    OR (i.product_id, i.image_id, v.variant_id) IN (SELECT * FROM image_variant))
"""
VARYING_TERMS = f"""
SELECT product_id, image_id, term('sku', sku) FROM ({PICTURED}) i
UNION SELECT product_id, image_id, term('options.' || lower(a.key), e.value)
    FROM ({PICTURED}) i CROSS JOIN jsonb_each(i.options) a CROSS JOIN {EACH}
"""


def rows(connection: Connection, query: str) -> list[tuple[Any, ...]]:
    return sorted(connection.execute(query.encode()).fetchall())


def contents(connection: Connection) -> dict[str, list[tuple[Any, ...]]]:
    return {name: rows(connection, query) for name, query in TABLES.items()}


def from_scratch(connection: Connection) -> dict[str, list[tuple[Any, ...]]]:
    """What the tables hold if they are emptied and made anew; leaves them as they are."""
    with connection.transaction(force_rollback=True):
        for table in ("image_sketch_1", "caption_sketch_1", "waiting_product"):
            connection.execute(f"DELETE FROM {table}".encode())
        connection.execute("SELECT sketch_products(array_agg(product_id)) FROM product")
        return contents(connection)


def check(connection: Connection, after: object = "") -> None:
    """Sketches are those of a new start, and the rows and terms that the catalogue asks for."""
    held = contents(connection)
    assert held == from_scratch(connection), after
    assert [row[:2] for row in held["image"]] == rows(connection, PICTURES), after
    assert [row[:2] for row in held["caption"]] == rows(connection, CAPTIONS), after
    assert [row[1:] for row in held["waiting"]] == rows(connection, WAITING), after
    own = set(rows(connection, OWN_TERMS))
    varying = set(rows(connection, VARYING_TERMS))
    for product_id, image_id, _, _, terms, _ in held["image"]:
        wanted = {term for product, term in own if product == product_id}
        wanted |= {term for *item, term in varying if item == [product_id, image_id]}
        assert wanted <= set(terms), after
