"""What a worker makes of a catalogue: the right vector for every picture and caption, once."""

from __future__ import annotations

import threading
from datetime import timedelta

import numpy as np
import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from tests.integration.stub_encoder import StubEncoder, colour_vector, text_vector
from tests.integration.workers import Shop, paint, until
from vitrine.database import connect
from vitrine.errors import DatabaseUnavailableError, SpaceError
from vitrine.vectors import retire_space

CONNECTIONS = "ALTER DATABASE {{}} ALLOW_CONNECTIONS {}"
RED, GREEN, BLUE = (250, 0, 0), (0, 250, 0), (0, 0, 250)


def test_every_picture_and_caption_gets_its_own_vector(shop: Shop) -> None:
    colours = shop.colours(30)
    product_id = shop.product("words", captions=["black jacket", "schwarze Jacke", "黑色夹克 🧥"])

    result = shop.work()

    shop.assert_colours(colours)
    captions = dict(shop.all("SELECT caption_id, text FROM caption"))
    vectors = shop.vectors("caption")
    assert sorted(vectors) == sorted(captions)
    for caption_id, text in captions.items():
        np.testing.assert_allclose(vectors[caption_id], text_vector(text), atol=2e-3)
    assert shop.one("SELECT count(*) FROM work_queue") == 0
    assert (result.encoded, result.copied, result.failed) == (33, 0, 0)
    assert product_id


def test_what_was_seen_of_a_picture_is_written_with_its_vector(shop: Shop) -> None:
    image_id = shop.image(shop.product(), RED)

    shop.work()

    seen = shop.all(
        "SELECT i.sha256 = sha256(%s) AND i.sha256 = v.content, byte_size, width, height, "
        "etag IS NOT NULL, fetched_at > now() - interval '1 minute', v.input_version "
        "FROM image i JOIN image_vector_1 v USING (product_id, image_id) WHERE image_id = %s",
        (shop.folder / "250-0-0.png").read_bytes(),
        image_id,
    )
    size = (shop.folder / "250-0-0.png").stat().st_size
    assert seen == [(True, size, 6, 4, True, True, 1)]


def test_a_worker_needs_no_more_than_the_worker_role(shop: Shop) -> None:
    colours = shop.colours(3)
    shop.product("words", captions=["red shoe"])
    shop.url = make_conninfo(shop.url, options="-c role=vitrine_worker")

    assert shop.work(StubEncoder(model="another")).encoded == 4

    assert shop.one("SELECT count(*) FROM image_vector_2") == 3
    assert shop.one("SELECT count(*) FROM work_queue WHERE space_id = 1") == len(colours) + 1


def test_equal_content_within_a_product_is_encoded_once(shop: Shop) -> None:
    first = shop.product("a", captions=["red shoe", "red shoe"])
    second = shop.product("b", captions=["red shoe"])
    same = [shop.image(first, RED, name) for name in ("front.png", "again.png", "hover.png")]
    other = shop.image(second, RED, "other.png")
    encoder = StubEncoder()

    shop.work(encoder)

    shop.assert_colours(dict.fromkeys([*same, other], RED))
    assert len(encoder.colours) == 2  # once in each product
    assert len(encoder.texts) == 2


def test_a_content_that_the_product_has_already_is_copied(shop: Shop) -> None:
    product_id = shop.product()
    first = shop.image(product_id, RED, "first.png")
    shop.work()
    later = shop.image(product_id, RED, "later.png")
    encoder = StubEncoder()

    result = shop.work(encoder)

    assert encoder.colours == []
    assert (result.encoded, result.copied) == (0, 1)
    shop.assert_colours({first: RED, later: RED})
    assert shop.all("SELECT DISTINCT width, height FROM image") == [(6, 4)]


def touch(shop: Shop, image_id: int) -> None:
    """Ask for a picture to be looked at again, as an import with --refresh does."""
    shop.connection.execute(
        "UPDATE image SET input_version = input_version + 1 WHERE image_id = %s", (image_id,)
    )


@pytest.mark.parametrize("rewritten", [False, True], ids=["not modified", "same bytes"])
def test_a_refresh_that_finds_the_same_bytes_moves_only_the_version(
    shop: Shop, rewritten: bool
) -> None:
    image_id = shop.image(shop.product(), RED)
    shop.work()
    before = shop.one("SELECT encoded_at FROM image_vector_1")
    if rewritten:
        paint(shop.folder, "250-0-0.png", RED)
    touch(shop, image_id)
    encoder = StubEncoder()

    result = shop.work(encoder)

    assert encoder.colours == []
    assert result.copied == 1
    assert shop.all("SELECT input_version, encoded_at FROM image_vector_1") == [(2, before)]
    assert shop.all("SELECT width, height, sha256 IS NULL FROM image") == [(6, 4, False)]
    assert shop.one("SELECT count(*) FROM work_queue") == 0


def test_a_refresh_that_finds_other_bytes_encodes_them(shop: Shop) -> None:
    image_id = shop.image(shop.product(), RED)
    shop.work()
    paint(shop.folder, "250-0-0.png", BLUE)
    touch(shop, image_id)

    assert shop.work().encoded == 1
    shop.assert_colours({image_id: BLUE})


def test_another_address_is_fetched_even_if_its_file_has_the_old_time_and_size(shop: Shop) -> None:
    import os

    image_id = shop.image(shop.product(), RED, "old.png")
    shop.work()
    old = (shop.folder / "old.png").stat()
    new = paint(shop.folder, "new.png", BLUE)
    new.write_bytes(new.read_bytes().ljust(old.st_size, b"\0")[: max(old.st_size, 1)])
    if new.stat().st_size == old.st_size:
        os.utime(new, ns=(old.st_atime_ns, old.st_mtime_ns))
    shop.connection.execute("UPDATE image SET uri = 'new.png'")

    shop.work()

    shop.assert_colours({image_id: BLUE})


def test_an_input_that_changes_while_it_is_encoded_gets_the_new_vector_only(shop: Shop) -> None:
    changed, other = shop.image(shop.product("a"), RED), shop.image(shop.product("b"), GREEN)
    paint(shop.folder, "new.png", BLUE)
    shop.audit()

    def change(_: int) -> None:
        if shop.one("SELECT uri FROM image WHERE image_id = %s", changed) != "new.png":
            shop.connection.execute(
                "UPDATE image SET uri = 'new.png' WHERE image_id = %s", (changed,)
            )

    shop.work(StubEncoder(before=change))

    shop.assert_colours({changed: BLUE, other: GREEN})
    assert shop.written() == [(changed, 2), (other, 1)]


def test_a_change_that_is_not_committed_yet_holds_up_nothing_else(shop: Shop) -> None:
    changed, other = shop.image(shop.product("a"), RED), shop.image(shop.product("b"), GREEN)
    paint(shop.folder, "new.png", BLUE)
    shop.audit()
    with connect(shop.url, "vitrine", autocommit=False) as import_transaction:
        import_transaction.execute(
            "UPDATE image SET uri = 'new.png' WHERE image_id = %s", (changed,)
        )
        with shop.working(once=True):
            until(lambda: other in shop.vectors(), "the other picture's vector")
            assert changed not in shop.vectors()
            import_transaction.commit()

    shop.work()
    shop.assert_colours({changed: BLUE, other: GREEN})
    assert shop.written() == [(changed, 2), (other, 1)]


def test_a_picture_locked_for_long_is_written_when_the_lock_is_gone(shop: Shop) -> None:
    locked, other = shop.image(shop.product("a"), RED), shop.image(shop.product("b"), GREEN)
    with connect(shop.url, "vitrine", autocommit=False) as somebody:
        somebody.execute("SELECT FROM image WHERE image_id = %s FOR UPDATE", (locked,))
        with shop.working(once=True):
            until(lambda: other in shop.vectors(), "the other picture's vector")
            somebody.rollback()
    shop.assert_colours({locked: RED, other: GREEN})


def test_a_picture_deleted_while_it_is_encoded_leaves_nothing(shop: Shop) -> None:
    gone, other = shop.image(shop.product("a"), RED), shop.image(shop.product("b"), GREEN)

    def delete(_: int) -> None:
        shop.connection.execute("DELETE FROM image WHERE image_id = %s", (gone,))

    shop.work(StubEncoder(before=delete))
    shop.assert_colours({other: GREEN})


def test_two_workers_share_no_entry(shop: Shop) -> None:
    colours = shop.colours(120)
    shop.audit()
    meeting = threading.Barrier(2, timeout=20)
    first_batch = [True, True]

    def encoder(number: int) -> StubEncoder:
        def meet(_: int) -> None:
            if first_batch[number]:
                first_batch[number] = False
                meeting.wait()  # so that both surely work at the same time

        return StubEncoder(before=meet)

    encoders = [encoder(0), encoder(1)]
    with shop.working(encoders[0], once=True), shop.working(encoders[1], once=True):
        pass

    shop.assert_colours(colours)
    assert sum(len(encoder.colours) for encoder in encoders) == len(colours)
    assert all(encoder.colours for encoder in encoders)
    assert shop.written() == sorted((image_id, 1) for image_id in colours)


def test_leases_of_work_that_takes_long_are_extended(shop: Shop) -> None:
    image_id = shop.image(shop.product(), RED)
    encoding, go_on = threading.Event(), threading.Event()

    def take_long(_: int) -> None:
        encoding.set()
        assert go_on.wait(20)

    with shop.working(StubEncoder(before=take_long), once=True, lease_seconds=4.0):
        assert encoding.wait(20)
        first_end = shop.entry(image_id, "available_at")[0]
        until(lambda: shop.one("SELECT now() > %s", first_end), "the end of the first lease")
        assert shop.work(lease_seconds=4.0).encoded == 0
        assert shop.entry(image_id, "available_at > now(), claims") == (True, 1)
        go_on.set()
    shop.assert_colours({image_id: RED})


def test_a_worker_keeps_the_historys_coming_months_open(shop: Shop) -> None:
    months = "SELECT count(*) FROM pg_inherits WHERE inhparent = 'event'::regclass"
    ready = shop.one(months)
    last = shop.one(
        "SELECT format('DROP TABLE %%s', max(inhrelid::regclass::text)) "
        "FROM pg_inherits WHERE inhparent = 'event'::regclass"
    )
    shop.connection.execute(last.encode())
    shop.url = make_conninfo(shop.url, options="-c role=vitrine_worker")

    with shop.working():
        until(lambda: shop.one(months) == ready, "the month's partition")
        assert shop.one(months) == ready


def test_new_work_wakes_a_worker(shop: Shop) -> None:
    with shop.working():
        until(lambda: shop.one("SELECT count(*) FROM worker"), "the worker's row")
        started = shop.one("SELECT clock_timestamp()")
        image_id = shop.image(shop.product(), RED)
        until(shop.vectors, "the vector")
        took = shop.one("SELECT clock_timestamp()") - started
    assert took < timedelta(seconds=4)  # polling alone takes up to five
    shop.assert_colours({image_id: RED})
    assert shop.one("SELECT count(*) FROM worker") == 0


def test_a_stop_writes_the_batch_in_the_model_and_gives_the_rest_back(shop: Shop) -> None:
    shop.colours(60)
    encoding, go_on = threading.Event(), threading.Event()

    def wait(_: int) -> None:
        encoding.set()
        assert go_on.wait(20)

    with shop.working(StubEncoder(before=wait)) as worker:
        assert encoding.wait(20)
        worker.stop()
        go_on.set()

    left = shop.all("SELECT claims, attempts, lease_token, available_at <= now() FROM work_queue")
    assert 1 <= len(shop.vectors()) <= 8 * 4  # on many cores several batches are in the model
    assert len(left) + len(shop.vectors()) == 60
    assert set(left) == {(0, 0, None, True)}


def test_the_database_goes_away_and_comes_back(shop: Shop, server_url: str) -> None:
    colours = shop.colours(40)
    shop.audit()
    name = shop.connection.info.dbname
    down = threading.Event()

    def shut(_: int) -> None:
        if not down.is_set():
            down.set()
            with psycopg.connect(server_url, autocommit=True) as server:
                database = sql.Identifier(name)
                server.execute(
                    sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS false").format(database)
                )
                server.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                    "WHERE datname = %s AND application_name <> 'test'",
                    (name,),
                )

    shop.connection.execute("SET application_name = 'test'")
    with shop.working(StubEncoder(before=shut), once=True):
        assert down.wait(20)
        query = "SELECT count(*) FROM pg_stat_activity WHERE datname = %s AND pid <> %s"
        mine = shop.connection.info.backend_pid
        with psycopg.connect(server_url, autocommit=True) as server:
            until(lambda: server.execute(query, (name, mine)).fetchone() == (0,), "the outage")
            server.execute(sql.SQL(CONNECTIONS.format("true")).format(sql.Identifier(name)))

    shop.assert_colours(colours)
    assert shop.written() == sorted((image_id, 1) for image_id in colours)
    assert shop.one("SELECT count(*) FROM work_queue") == 0


def test_a_database_that_is_down_at_the_start_is_a_clear_error(shop: Shop) -> None:
    shop.url = "postgresql://nobody@127.0.0.1:1/none"
    with pytest.raises(DatabaseUnavailableError, match="is it running"):
        shop.work()


def test_a_retired_space_is_not_worked_for(shop: Shop) -> None:
    shop.work(StubEncoder(model="next"))
    name = shop.one("SELECT name FROM space WHERE model = 'next'")
    retire_space(shop.connection, name)
    with pytest.raises(SpaceError, match=f"vitrine space reopen {name}"):
        shop.work(StubEncoder(model="next"))


def test_vectors_of_another_model_are_kept_apart(shop: Shop) -> None:
    image_id = shop.image(shop.product(), RED)
    shop.work()

    shop.work(StubEncoder(model="wide", dimension=16))

    np.testing.assert_allclose(shop.vectors()[image_id], colour_vector(RED), atol=2e-3)
    wide = shop.vectors(space_id=2)[image_id]
    np.testing.assert_allclose(wide, colour_vector(RED, 16), atol=2e-3)
    assert shop.one("SELECT name FROM space WHERE status = 'active'") == "stub-1"
