"""A small shop with pictures of one colour each, and workers whose encoder needs no model."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from psycopg import sql

from tests.integration.stub_encoder import StubEncoder, colour_vector
from vitrine.database import Connection
from vitrine.settings import Settings, load_settings
from vitrine.worker import Snapshot, Worker

Colour = tuple[int, int, int]

PATIENCE = 20.0  # seconds after which something that should happen is given up


def until(condition: Callable[[], Any], what: str) -> Any:
    """Wait for something that another thread or process does, and fail if it does not come."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if found := condition():
            return found
        time.sleep(0.01)
    raise AssertionError(f"waited in vain: {what}")


def paint(folder: Path, name: str, colour: Colour) -> Path:
    """Save a picture of one colour; PNG, so that it comes back exactly."""
    path = folder / name
    Image.new("RGB", (6, 4), colour).save(path)
    return path


class Shop:
    """What tests put into a shop's database and read from it."""

    def __init__(self, connection: Connection, folder: Path, url: str) -> None:
        self.connection = connection
        self.folder = folder
        self.url = url

    def product(self, external_id: str = "p", captions: Sequence[str] = ()) -> int:
        """Add a product with captions; returns its product_id."""
        row = self.one("INSERT INTO product (external_id) VALUES (%s) RETURNING 1", external_id)
        assert row == 1
        product_id = self.one("SELECT product_id FROM product WHERE external_id = %s", external_id)
        for number, text in enumerate(captions):
            self.connection.execute(
                "INSERT INTO caption (product_id, locale, source, text) "
                "VALUES (%s, %s, 'catalogue', %s)",
                (product_id, f"l{number}", text),
            )
        return int(product_id)

    def image(self, product_id: int, colour: Colour, name: str | None = None) -> int:
        """Add a picture of one colour to a product; returns its image_id."""
        name = name or "-".join(map(str, colour)) + ".png"
        paint(self.folder, name, colour)
        return self.image_at(product_id, name)

    def image_at(self, product_id: int, uri: str) -> int:
        """Add an image row for a URI, whatever is there."""
        return int(
            self.one(
                "INSERT INTO image (product_id, uri) VALUES (%s, %s) RETURNING image_id",
                product_id,
                uri,
            )
        )

    def colours(self, count: int) -> dict[int, Colour]:
        """Add `count` products with a picture each, all different; the colour by image_id."""
        made = {}
        for number in range(count):
            colour = (number % 250, 10 + number // 250, 200)
            made[self.image(self.product(f"p{number}"), colour)] = colour
        return made

    def one(self, query: str, *values: Any) -> Any:
        """The first column of the first row."""
        row = self.connection.execute(query.encode(), values).fetchone()
        return None if row is None else row[0]

    def all(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """All rows."""
        return self.connection.execute(query.encode(), values).fetchall()

    def entry(self, item_id: int, columns: str) -> Any:
        """Some columns of an image's queue entry."""
        rows = self.all(f"SELECT {columns} FROM work_queue WHERE item_id = %s", item_id)
        return rows[0] if rows else None

    def vectors(self, kind: str = "image", space_id: int = 1) -> dict[int, np.ndarray[Any, Any]]:
        """Every vector of one kind by its item's id."""
        query = sql.SQL("SELECT {}, embedding::text FROM {}").format(
            sql.Identifier(f"{kind}_id"), sql.Identifier(f"{kind}_vector_{space_id}")
        )
        rows = self.connection.execute(query).fetchall()
        return {item: np.array([float(x) for x in text[1:-1].split(",")]) for item, text in rows}

    def assert_colours(self, expected: dict[int, Colour]) -> None:
        """Every picture has the vector of its own colour, and nothing else has one."""
        vectors = self.vectors()
        assert sorted(vectors) == sorted(expected)
        for image_id, colour in expected.items():
            np.testing.assert_allclose(vectors[image_id], colour_vector(colour), atol=2e-3)

    def audit(self) -> None:
        """From now on keep a note of every picture's vector that is written."""
        self.connection.execute("CREATE TABLE written (image_id bigint, input_version bigint)")
        self.connection.execute(
            "CREATE FUNCTION note_written() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER "
            "SET search_path FROM CURRENT AS $$ BEGIN "
            "INSERT INTO written VALUES (NEW.image_id, NEW.input_version); RETURN NULL; END $$"
        )
        self.connection.execute(
            "CREATE TRIGGER note_written AFTER INSERT OR UPDATE ON image_vector_1 "
            "FOR EACH ROW EXECUTE FUNCTION note_written()"
        )

    def written(self) -> list[tuple[int, int]]:
        """Image and input version of every vector written since `audit`, in order of image."""
        return self.all("SELECT image_id, input_version FROM written ORDER BY 1, 2")

    def settings(self, **more: Any) -> Settings:
        """Settings for a worker on this shop."""
        return load_settings(**{"images": str(self.folder), "batch_size": 8, **more})

    def worker(
        self, encoder: StubEncoder | None = None, *, once: bool = True, **more: Any
    ) -> Worker:
        """A worker of this shop."""
        return Worker(self.url, self.settings(**more), encoder or StubEncoder(), once=once)

    def work(self, encoder: StubEncoder | None = None, **more: Any) -> Snapshot:
        """Drain the queue as `vitrine work --once` does."""
        return self.worker(encoder, **more).run()

    @contextmanager
    def working(
        self, encoder: StubEncoder | None = None, *, once: bool = False, **more: Any
    ) -> Iterator[Worker]:
        """A worker in a thread, stopped at the end; its failure fails the test."""
        worker = self.worker(encoder, once=once, **more)
        failures: list[Exception] = []

        def run() -> None:
            try:
                worker.run()
            except Exception as error:  # noqa: BLE001 - shown by the assertion below
                failures.append(error)

        thread = threading.Thread(target=run)
        thread.start()
        try:
            yield worker
        finally:
            if not once:
                worker.stop()
            thread.join(PATIENCE)
        assert not thread.is_alive(), "the worker did not end"
        assert not failures, failures
