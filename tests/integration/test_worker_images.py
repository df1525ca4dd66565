"""Where workers look for relative paths: they follow the shop's setting, within bounds."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from psycopg.types.json import Jsonb

from tests.integration.catalogue_files import MAGENTO, Writer, hoodie, one
from tests.integration.stub_encoder import StubEncoder
from tests.integration.workers import Shop, paint, until
from vitrine.catalogue import ImportOptions, import_catalogue
from vitrine.database import Connection, set_search_path
from vitrine.errors import CatalogueError

RED, GREEN, BLUE = (250, 0, 0), (0, 250, 0), (0, 0, 250)
NAME = (
    "INSERT INTO setting AS s (name, value) VALUES ('images', %s) "
    "ON CONFLICT (name) DO UPDATE SET value = excluded.value"
)


def name(connection: Connection, place: Path | str) -> None:
    """Set the shop's folder of pictures as an import does."""
    connection.execute(NAME, (Jsonb(str(place)),))


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """Two folders for pictures."""
    made = tmp_path / "old", tmp_path / "new"
    for folder in made:
        folder.mkdir()
    return made


def test_a_running_worker_learns_of_the_folder_that_an_import_names(
    shop: Shop, write_rows: Writer, tmp_path: Path
) -> None:
    colours = {shop.image(shop.product("a"), RED): RED}
    (image_id,) = colours
    with shop.working(images=""):
        until(lambda: shop.entry(image_id, "reason") == ("no_folder",), "the first try")
        path = write_rows(*hoodie(), columns=MAGENTO)
        import_catalogue(shop.url, "vitrine", path, ImportOptions(images=str(tmp_path)))
        until(lambda: image_id in shop.vectors(), "the picture's vector")


def test_a_running_worker_moves_to_another_folder_and_charges_nothing(
    shop: Shop, folders: tuple[Path, Path]
) -> None:
    old, new = folders
    paint(old, "a.png", RED)
    name(shop.connection, old)
    first = shop.image_at(shop.product("a"), "a.png")
    with shop.working(images=""):
        until(shop.vectors, "the first vector")
        paint(new, "b.png", BLUE)
        name(shop.connection, new)
        second = shop.image_at(shop.product("b"), "b.png")
        until(lambda: shop.entry(second, "attempts") in (None, (1,)), "an outcome")
    shop.assert_colours({first: RED, second: BLUE})


def test_another_folder_gives_what_failed_in_the_old_one_new_attempts(
    shop: Shop, folders: tuple[Path, Path]
) -> None:
    old, new = folders
    paint(old, "other.png", GREEN)
    paint(new, "a.png", RED)
    name(shop.connection, old)
    image_id = shop.image_at(shop.product("a"), "a.png")
    elsewhere = shop.image_at(shop.product("b"), "http://127.0.0.1/x.png")
    shop.work(images="", max_attempts=1)
    assert shop.entry(image_id, "dead_at IS NOT NULL") == (True,)

    name(shop.connection, old)  # the same again changes nothing
    assert shop.entry(image_id, "dead_at IS NOT NULL") == (True,)
    name(shop.connection, new)
    assert shop.entry(image_id, "dead_at, attempts, reason") == (None, 0, None)
    assert shop.entry(elsewhere, "dead_at IS NOT NULL") == (True,)
    shop.work(images="")
    shop.assert_colours({image_id: RED})


def test_what_is_read_from_the_old_folder_meanwhile_counts_no_more(
    shop: Shop, folders: tuple[Path, Path]
) -> None:
    old, new = folders
    paint(old, "a.png", RED)
    paint(new, "a.png", BLUE)
    name(shop.connection, old)
    image_id = shop.image_at(shop.product("a"), "a.png")
    moved: list[bool] = []

    def move(_: int) -> None:
        if not moved:
            moved.append(True)
            name(shop.connection, new)

    shop.work(StubEncoder(before=move), images="")
    shop.assert_colours({image_id: BLUE})


def test_the_workers_own_folder_wins(shop: Shop, folders: tuple[Path, Path]) -> None:
    old, new = folders
    paint(old, "a.png", RED)
    paint(new, "a.png", BLUE)
    name(shop.connection, old)
    image_id = shop.image_at(shop.product("a"), "a.png")
    shop.work(images=str(new))
    shop.assert_colours({image_id: BLUE})


@pytest.mark.parametrize(
    ("place", "remedy"),
    [
        ("/", "--images or VITRINE_IMAGES"),
        ("s3://somebody/else", "VITRINE_IMAGE_STORES=s3://somebody/else/"),
        ("ftp://host/x", "--images or VITRINE_IMAGES"),
    ],
)
def test_a_place_out_of_bounds_is_not_read_and_charged_to_nobody(
    shop: Shop, place: str, remedy: str
) -> None:
    picture = paint(shop.folder, "secret.png", RED)
    image_id = shop.image_at(shop.product("a"), str(picture))
    name(shop.connection, place)
    result = shop.work(images="")
    assert shop.vectors() == {}
    assert shop.entry(image_id, "reason, attempts, dead_at") == ("folder_refused", 0, None)
    assert remedy in str(result.trouble)


@pytest.fixture
def login(connection: Connection, database: str) -> Iterator[Callable[..., str]]:
    """Return a function that makes a login with some of the shop's roles and returns its URL."""
    made: list[sql.Identifier] = []

    def make(*roles: str) -> str:
        user = f"login_{uuid.uuid4().hex[:8]}"
        identifier = sql.Identifier(user)
        connection.execute(sql.SQL("CREATE ROLE {} LOGIN").format(identifier))
        made.append(identifier)
        for role in roles:
            granted = sql.Identifier(f"vitrine_{role}")
            connection.execute(sql.SQL("GRANT {} TO {}").format(granted, identifier))
        return psycopg.conninfo.make_conninfo(database, user=user)

    yield make
    for identifier in made:
        connection.execute(sql.SQL("DROP ROLE {}").format(identifier))


FORBIDDEN = [
    NAME.replace("%s", "'\"/\"'"),
    "UPDATE setting SET value = '\"/\"' WHERE name = 'images'",
    "UPDATE setting SET name = 'images' WHERE name = 'locale'",
    "UPDATE setting SET name = 'pictures' WHERE name = 'images'",
    "DELETE FROM setting",
]


def test_who_only_writes_the_catalogue_cannot_say_what_the_workers_read(
    connection: Connection, login: Callable[..., str]
) -> None:
    name(connection, "/srv/pictures")
    with psycopg.connect(login("app"), autocommit=True) as app:
        set_search_path(app, "vitrine")
        app.execute("INSERT INTO setting (name, value) VALUES ('locale', '\"en\"')")
        for statement in FORBIDDEN:
            with pytest.raises(psycopg.errors.InsufficientPrivilege, match="VITRINE_IMAGES"):
                app.execute(statement.encode())
    assert one(connection, "SELECT value FROM setting WHERE name = 'images'") == "/srv/pictures"


def test_an_import_that_may_not_name_the_folder_says_who_may_before_it_begins(
    connection: Connection, login: Callable[..., str], write_rows: Writer, tmp_path: Path
) -> None:
    path = write_rows(*hoodie(), columns=MAGENTO)
    options = ImportOptions(images=str(tmp_path))
    shop, both = login("app"), login("app", "worker")
    with pytest.raises(CatalogueError, match=f"vitrine work --images {tmp_path}"):
        import_catalogue(shop, "vitrine", path, options)
    assert one(connection, "SELECT count(*) FROM product") == 0
    import_catalogue(both, "vitrine", path, options)
    assert one(connection, "SELECT value FROM setting WHERE name = 'images'") == str(tmp_path)
    import_catalogue(shop, "vitrine", path, options)  # it says what is so already
