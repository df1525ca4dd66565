"""The category tree keeps its paths true, and refuses loops."""

from __future__ import annotations

import psycopg
import pytest

from vitrine.database import Connection


def add(connection: Connection, name: str, parent: int | None = None) -> int:
    row = connection.execute(
        "INSERT INTO category (name, parent_id) VALUES (%s, %s) RETURNING category_id",
        (name, parent),
    ).fetchone()
    assert row
    return int(row[0])


def paths(connection: Connection) -> list[str]:
    return [row[0] for row in connection.execute("SELECT path FROM category ORDER BY category_id")]


def test_a_path_is_the_lower_case_names_from_the_root(connection: Connection) -> None:
    women = add(connection, " Women ")
    add(connection, "Tops / Shirts", women)
    add(connection, "Größe ÄÖ 裙子", women)
    assert paths(connection) == ["women", "women/tops - shirts", "women/größe äö 裙子"]


def test_renaming_and_moving_carry_the_whole_subtree(connection: Connection) -> None:
    women = add(connection, "Women")
    dresses = add(connection, "Dresses", women)
    add(connection, "Maxi", dresses)
    connection.execute("UPDATE category SET name = 'Ladies' WHERE category_id = %s", (women,))
    assert paths(connection) == ["ladies", "ladies/dresses", "ladies/dresses/maxi"]
    connection.execute("UPDATE category SET parent_id = NULL WHERE category_id = %s", (dresses,))
    assert paths(connection) == ["ladies", "dresses", "dresses/maxi"]


def test_a_path_cannot_be_written_by_hand(connection: Connection) -> None:
    connection.execute("INSERT INTO category (name, path) VALUES ('Women', 'other')")
    connection.execute("UPDATE category SET path = 'another'")
    assert paths(connection) == ["women"]


def test_a_loop_is_refused_and_named(connection: Connection) -> None:
    top = add(connection, "Top")
    middle = add(connection, "Middle", top)
    bottom = add(connection, "Bottom", middle)
    for child, parent in ((top, bottom), (top, top), (middle, bottom)):
        with pytest.raises(psycopg.errors.CheckViolation, match=r"category loop: .*>"):
            connection.execute(
                "UPDATE category SET parent_id = %s WHERE category_id = %s", (parent, child)
            )
    assert paths(connection) == ["top", "top/middle", "top/middle/bottom"]


def test_two_of_one_name_live_under_different_parents_only(connection: Connection) -> None:
    women, men = add(connection, "Women"), add(connection, "Men")
    add(connection, "Shoes", women)
    add(connection, "Shoes", men)
    with pytest.raises(psycopg.errors.UniqueViolation):
        add(connection, "SHOES", men)
    with pytest.raises(psycopg.errors.CheckViolation):
        add(connection, "  ", men)


def test_a_deep_tree_is_moved_whole(connection: Connection) -> None:
    parent = None
    for level in range(60):
        parent = add(connection, f"L{level}", parent)
    connection.execute("UPDATE category SET name = 'root' WHERE parent_id IS NULL")
    assert all(path.startswith("root") for path in paths(connection))
