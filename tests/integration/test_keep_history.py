"""Which histories a worker keeps, and when it keeps them anew."""

from __future__ import annotations

from tests.integration.searchable import Picture, Product, add_product, make_space
from tests.integration.test_kept_history import KEPT, one, write
from vitrine.database import Connection


def test_a_worker_keeps_those_who_are_active_a_few_at_a_time(connection: Connection) -> None:
    make_space(connection)
    vector = [1.0, 0, 0, 0]
    add_product(connection, Product("P1", pictures=[Picture(vector)]))
    connection.execute("SELECT ensure_partitions((now() - interval '99 days')::date)")
    for number in range(5):
        write(connection, "P1", client=f"u-{number}")
    write(connection, "P1", client="long ago", days=2)
    write(connection, "P1", "impression", client="only looked")
    connection.execute(
        "UPDATE event SET received_at = now() - interval '1 hour' WHERE client_id = 'u-4'"
    )
    assert one(connection, "SELECT tend_histories(2)") == 2
    assert one(connection, KEPT) == 2
    assert one(connection, "SELECT tend_histories(10)") == 0  # there is no more to do at once
    names = connection.execute("SELECT client_id FROM kept_history ORDER BY 1").fetchall()
    assert [name for (name,) in names] == ["only looked", "u-0", "u-1", "u-2", "u-3"]
    # What was kept in time stays; an event makes it due, too much age or another space ends it.
    connection.execute("UPDATE event SET received_at = received_at - interval '3 seconds'")
    made = "SELECT array_agg(client_id ORDER BY client_id) FROM kept_history WHERE made_at > %s"
    before = one(connection, "SELECT clock_timestamp()")
    connection.execute("SELECT tend_histories()")
    assert one(connection, made, before) is None
    write(connection, "P1", client="u-2")
    connection.execute("SELECT tend_histories()")
    assert one(connection, made, before) == ["u-2"]
    connection.execute(
        "UPDATE kept_history SET made_at = now() - interval '8 days' WHERE client_id = 'u-3'"
    )
    connection.execute("UPDATE event SET received_at = now() - interval '1 hour'")
    connection.execute("SELECT tend_histories()")
    assert one(connection, KEPT) == 4


def test_a_worker_keeps_the_histories_of_an_import_one_after_the_other(
    connection: Connection,
) -> None:
    make_space(connection)
    add_product(connection, Product("P1", pictures=[Picture([1.0, 0, 0, 0])]))
    connection.execute("SELECT ensure_partitions((now() - interval '99 days')::date)")
    shoppers = {"ann": 2.0, "bob": 20.0, "cid": 9.0, "dan": 1.0, "gone": 70.0, "out": 2.0}
    for shopper, days in {**shoppers, "few": 2.0}.items():
        for number in range(19 if shopper == "few" else 20):
            write(connection, "P1", client=shopper, days=days + number / 1000)
    connection.execute("UPDATE event SET received_at = now() - interval '1 hour'")
    connection.execute("SELECT opt_out('out')")
    kept = "SELECT array_agg(client_id ORDER BY client_id) FROM kept_history"
    assert one(connection, "SELECT tend_histories(3)") == 3
    assert one(connection, kept) == ["ann", "bob", "cid"]
    assert one(connection, "SELECT tend_histories(3)") == 0  # nobody else is worth it
    assert one(connection, kept) == ["ann", "bob", "cid", "dan"]
    made = "SELECT array_agg(client_id ORDER BY client_id) FROM kept_history WHERE made_at > %s"

    def kept_again(*, most: int = 10) -> list[str] | None:
        before = one(connection, "SELECT clock_timestamp()")
        connection.execute("SELECT tend_histories(%s)", (most,))
        names: list[str] | None = one(connection, made, before)
        return names

    assert kept_again() is None
    # A search would take none of these: a late event, other weights, soon too old.
    write(connection, "P1", client="bob", days=25)
    connection.execute("UPDATE event SET received_at = now() - interval '1 hour'")
    assert kept_again() == ["bob"]
    connection.execute(
        "UPDATE kept_history SET made_at = now() - interval '6.5 days' WHERE client_id = 'cid'"
    )
    assert kept_again() == ["cid"]
    connection.execute("""SELECT keep_weights('{"taste": 0.7}', activate => true)""")
    assert kept_again(most=2) == ["ann", "bob"]
    assert one(connection, "SELECT client_id FROM history_sweep") == "bob"
    connection.execute("SELECT forget('bob')")
    assert one(connection, "SELECT count(*) FROM traces('bob')") == 0
    assert kept_again() == ["cid", "dan"]  # from the first on, and ann has hers
    assert kept_again() is None
