"""Two transactions at once, of which one may wait for the other."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from tests.integration.workers import until
from vitrine.database import Connection


def blocks(connection: Connection, holder: Connection) -> bool:
    query = "SELECT count(*) FROM pg_stat_activity a WHERE %s = ANY (pg_blocking_pids(a.pid))"
    return connection.execute(query.encode(), (holder.info.backend_pid,)).fetchone() != (0,)


def at_once(
    connection: Connection, session: Callable[[], Connection], first: str, second: str
) -> None:
    """Run a statement while another's transaction is open; each may wait for the other's end."""
    one, other = session(), session()
    one.execute(first.encode())
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(other.execute, second.encode())
        until(lambda: running.done() or blocks(connection, one), "it ends or waits")
        one.commit()
        running.result()
    other.commit()
