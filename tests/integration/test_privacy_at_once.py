"""Forgetting somebody who is being written of at that moment: nothing survives."""

from __future__ import annotations

import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import psycopg
import pytest
from psycopg import IsolationLevel

from tests.integration.at_once import blocks
from tests.integration.searchable import make_space
from tests.integration.whole_database import places
from tests.integration.workers import until
from vitrine.database import Connection

Sessions = Callable[[], Connection]
ID = "u-42x7"
SEARCH = "00000000-0000-0000-0000-00000000000a"


def one_event(writer: Connection) -> None:
    writer.execute("INSERT INTO event (action_name, client_id) VALUES ('click', %s)", (ID,))


def copied(writer: Connection) -> None:
    with writer.cursor().copy("COPY event (action_name, client_id, message) FROM STDIN") as copy:
        for number in range(20):
            copy.write_row(("click", ID if number % 2 else "u-7", "kept"))


def many_clients(writer: Connection) -> None:
    writer.execute(
        "INSERT INTO event (action_name, client_id)"
        " SELECT 'click', CASE WHEN i % 2 = 0 THEN %s ELSE 'u-' || i END"
        " FROM generate_series(1, 500) i".replace("% 2", "%% 2").encode(),
        (ID,),
    )


def many_statements(writer: Connection) -> None:
    for number in range(100):
        writer.execute(
            "INSERT INTO event (action_name, client_id) VALUES ('click', %s)", (f"u-{number}",)
        )
    one_event(writer)


def a_search(writer: Connection) -> None:
    writer.execute("INSERT INTO query (client_id, user_query) VALUES (%s, 'hat')", (ID,))


def quarantined(writer: Connection) -> None:
    writer.execute(
        "INSERT INTO quarantine (relation, record_id, timestamp, client_id, reason, record)"
        " VALUES ('event', gen_random_uuid(), now(), %s, 'future', '{}')",
        (ID,),
    )


def kept_for_the_next_search(writer: Connection) -> None:
    writer.execute("SELECT keep_history(%s, s.space_id) FROM space s", (ID,))


def looked_at(writer: Connection) -> None:
    writer.execute("SELECT stop_sweep_at('u-7')")
    writer.execute("SELECT stop_sweep_at(%s)", (ID,))


def of_the_session(writer: Connection) -> None:
    writer.execute("INSERT INTO event (action_name, session_id) VALUES ('mine', 's-1')")


def of_the_search(writer: Connection) -> None:
    writer.execute("INSERT INTO event (action_name, query_id) VALUES ('mine', %s)", (SEARCH,))


WRITERS = [
    one_event,
    copied,
    many_clients,
    many_statements,
    a_search,
    quarantined,
    kept_for_the_next_search,
    looked_at,
    of_the_session,
    of_the_search,
]
LEVELS = [IsolationLevel.READ_COMMITTED, IsolationLevel.REPEATABLE_READ]


@pytest.fixture(autouse=True)
def _history(connection: Connection) -> None:
    """A client with a session and a search, so that rows which name only these are the client's."""
    make_space(connection)
    connection.execute(
        "INSERT INTO query (query_id, client_id, session_id) VALUES (%s, %s, 's-1')", (SEARCH, ID)
    )


def nothing_is_left(connection: Connection) -> bool:
    assert places(connection, ID) == []
    assert connection.execute("SELECT * FROM traces(%s)", (ID,)).fetchall() == []
    return connection.execute("SELECT FROM event WHERE action_name = 'mine'").rowcount == 0


def begin(writer: Connection, level: IsolationLevel) -> None:
    """A transaction that has seen something, and so has its snapshot."""
    writer.set_isolation_level(level)
    writer.execute("SELECT count(*) FROM event")


def finish(writer: Connection, write: Callable[[Connection], None]) -> None:
    """Write and commit; who is ended by another, or waits in a circle, leaves nothing either.

    A circle is of the tests' making: one transaction keeps a history and marks where a sweep
    stopped, in any order. Workers do so one at a time.
    """
    try:
        write(writer)
        writer.commit()
    except (psycopg.errors.SerializationFailure, psycopg.errors.DeadlockDetected):
        assert writer.info.transaction_status == psycopg.pq.TransactionStatus.INERROR
        writer.rollback()


@pytest.mark.parametrize("level", LEVELS, ids=lambda level: level.name)
@pytest.mark.parametrize("write", WRITERS)
def test_forgetting_waits_for_what_is_written_and_not_committed(
    connection: Connection,
    session: Sessions,
    write: Callable[[Connection], None],
    level: IsolationLevel,
) -> None:
    writer = session()
    begin(writer, level)
    write(writer)
    with ThreadPoolExecutor(1) as pool:
        forgetting = pool.submit(connection.execute, "SELECT forget(%s)", (ID,))
        observer = session()
        observer.autocommit = True
        # For what a session or a search writes it looks again and again.
        until(lambda: blocks(observer, writer) or sleeps(observer, connection), "forget waits")
        writer.commit()
        forgetting.result(timeout=60)
    assert nothing_is_left(connection)


def sleeps(observer: Connection, watched: Connection) -> bool:
    row = observer.execute(
        "SELECT wait_event FROM pg_stat_activity WHERE pid = %s", (watched.info.backend_pid,)
    ).fetchone()
    return row == ("PgSleep",)


@pytest.mark.parametrize("level", LEVELS, ids=lambda level: level.name)
@pytest.mark.parametrize("write", WRITERS)
def test_what_began_before_and_writes_after_is_not_kept(
    connection: Connection,
    session: Sessions,
    write: Callable[[Connection], None],
    level: IsolationLevel,
) -> None:
    writer = session()
    begin(writer, level)
    connection.execute("SELECT forget(%s)", (ID,))
    finish(writer, write)
    assert nothing_is_left(connection)


@pytest.mark.parametrize("level", LEVELS, ids=lambda level: level.name)
@pytest.mark.parametrize("write", WRITERS)
def test_what_is_written_while_forgetting_is_not_kept(
    connection: Connection,
    session: Sessions,
    write: Callable[[Connection], None],
    level: IsolationLevel,
) -> None:
    writer, forgetter = session(), session()
    forgetter.execute("SELECT forget(%s)", (ID,))
    begin(writer, level)
    with ThreadPoolExecutor(1) as pool:
        writing = pool.submit(finish, writer, write)
        observer = session()
        observer.autocommit = True
        until(lambda: writing.done() or blocks(observer, forgetter), "it ends or waits")
        forgetter.commit()
        writing.result(timeout=60)
    assert nothing_is_left(connection)


def test_one_event_never_waits_for_a_forgetting(connection: Connection, session: Sessions) -> None:
    importer, shopper = session(), session()
    many_clients(importer)
    with ThreadPoolExecutor(1) as pool:
        forgetting = pool.submit(connection.execute, "SELECT forget(%s)", (ID,))
        observer = session()
        observer.autocommit = True
        until(lambda: blocks(observer, importer), "forget waits for the import")
        shopper.execute("SET lock_timeout = '1ms'")
        for write in (one_event, a_search, of_the_session):
            write(shopper)
        shopper.execute("INSERT INTO event (action_name, client_id) VALUES ('click', 'u-7')")
        shopper.commit()
        importer.commit()
        forgetting.result(timeout=60)
    assert nothing_is_left(connection)
    assert connection.execute("SELECT FROM event WHERE client_id = 'u-7'").rowcount == 2


def test_others_of_the_same_statement_are_kept(connection: Connection, session: Sessions) -> None:
    writer = session()
    begin(writer, IsolationLevel.READ_COMMITTED)
    connection.execute("SELECT forget(%s)", (ID,))
    many_clients(writer)
    writer.commit()
    assert connection.execute("SELECT count(*) FROM event").fetchone() == (250,)


def test_what_is_written_again_in_the_forgetting_transaction_is_not_kept(
    connection: Connection,
) -> None:
    with connection.transaction():
        one_event(connection)
        connection.execute("SELECT forget(%s)", (ID,))
        one_event(connection)
    assert nothing_is_left(connection)


@pytest.mark.parametrize("seed", range(16))
def test_many_who_write_at_any_moment(connection: Connection, session: Sessions, seed: int) -> None:
    """Each transaction begins before the forgetting, and writes and commits whenever it likes."""
    chance = random.Random(seed)
    writers = [session() for _ in range(6)]
    for writer in writers:
        begin(writer, chance.choice(LEVELS))
    plans = [[chance.choice(WRITERS) for _ in range(4)] for _ in writers]
    ready = Barrier(len(writers) + 1)

    def run(writer: Connection, plan: list[Callable[[Connection], None]]) -> None:
        ready.wait(timeout=60)

        def steps(writer: Connection) -> None:
            for write in plan:
                write(writer)

        finish(writer, steps)

    def forget() -> None:
        ready.wait(timeout=60)
        connection.execute("SELECT forget(%s)", (ID,))

    with ThreadPoolExecutor(len(writers) + 1) as pool:
        running = [pool.submit(run, *pair) for pair in zip(writers, plans, strict=True)]
        running.append(pool.submit(forget))
        for one in running:
            one.result(timeout=120)
    assert nothing_is_left(connection)


@pytest.mark.parametrize("write", [one_event, copied, a_search])
def test_a_statement_of_its_own_that_meets_a_forgetting(
    connection: Connection, session: Sessions, write: Callable[[Connection], None]
) -> None:
    """In autocommit, as most shops log: what was written before the commit is not kept."""
    writer, forgetter = session(), session()
    writer.autocommit = True
    forgetter.execute("SELECT forget(%s)", (ID,))
    write(writer)
    forgetter.commit()
    assert nothing_is_left(connection)


def test_two_may_forget_at_once(connection: Connection, session: Sessions) -> None:
    for client in ("u-1", "u-2"):
        connection.execute(
            "INSERT INTO event (action_name, client_id, session_id) VALUES ('click', %s, 's-1')",
            (client,),
        )

    def forget(client: str) -> None:
        own = session()
        own.execute("SELECT forget(%s)", (client,))
        own.commit()

    with ThreadPoolExecutor(4) as pool:
        for done in [pool.submit(forget, client) for client in ["u-1", "u-2", ID] * 4]:
            done.result(timeout=60)
    assert connection.execute("SELECT FROM event").rowcount == 0
