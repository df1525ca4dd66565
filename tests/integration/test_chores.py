"""What tends itself only if a worker calls it."""

from __future__ import annotations

from vitrine.database import Connection
from vitrine.worker.chores import CHORES

# Called with each change of the catalogue, and by tend_co_purchases.
BY_OTHERS = {"tend_vocabulary", "tend_affinities"}


def test_a_worker_tends_all_that_tends_without_being_told_what(connection: Connection) -> None:
    rows = connection.execute(
        r"SELECT proname FROM pg_proc WHERE pronamespace = 'vitrine'::regnamespace "
        r"AND proname LIKE 'tend\_%' AND pronargs = pronargdefaults"
    ).fetchall()
    assert {name for (name,) in rows} == {chore.call for chore in CHORES} | BY_OTHERS
