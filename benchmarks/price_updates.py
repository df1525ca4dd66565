"""Price and stock updates of a shop, beside a bare table with the same columns and B-trees.

    python benchmarks/price_updates.py [--variants 100000] [--rounds 9]

One session with `synchronous_commit = off` updates single rows and then, in the same session, whole
statements of 20,000 rows. Shop and bare table take turns, every 100 single rows and every
statement; the figure is the median of the rounds' ratios of their times. The shop has an embedding
space and a queue in which a picture of each product waits, so that whatever an update might set off
is there to be set off. The bare table is `variant` without foreign key, checks and comments: same
columns, same primary key, same unique key.
"""

from __future__ import annotations

import argparse
import random
import statistics
import time
from collections.abc import Callable

from psycopg import sql
from temporary_shop import temporary_shop

from vitrine.database import Connection, connect

STATEMENT_ROWS = 20_000
BLOCK_ROWS = 100  # single rows between two turns
BLOCKS = 20
STATEMENTS = 8  # on each table in a round
TABLES = ("variant", "bare")
CHANGES = {"price": "price = price + 1", "stock": "stock = stock + 1"}


def fill(connection: Connection, variants: int) -> None:
    """Products of four variants and one picture each, and the bare copy of the variants."""
    connection.execute("SELECT create_space('bench/model', '1', 64, 'none')")
    connection.execute(
        "INSERT INTO product (external_id) SELECT n::text FROM generate_series(1, %s / 4) n",
        (variants,),
    )
    connection.execute("INSERT INTO image (product_id, uri) SELECT product_id, 'x' FROM product")
    connection.execute(
        "INSERT INTO variant (product_id, sku, price, stock, options) "
        "SELECT p.product_id, p.external_id || '-' || s, 10, 5, "
        "jsonb_build_object('size', s, 'color', 'Black') FROM product p, generate_series(1, 4) s"
    )
    connection.execute(
        "CREATE TABLE bare (product_id bigint NOT NULL, variant_id bigint NOT NULL, "
        "sku text NOT NULL, price numeric, stock integer, options jsonb NOT NULL, "
        "status text NOT NULL, updated_at timestamptz NOT NULL, "
        "PRIMARY KEY (product_id, variant_id), UNIQUE (sku))"
    )
    connection.execute("INSERT INTO bare SELECT * FROM variant ORDER BY variant_id")
    # Whoever fills a table again finds its rows in another order; both start alike.
    for table in TABLES:
        connection.execute(sql.SQL("VACUUM (FULL, ANALYZE) {}").format(sql.Identifier(table)))


def single_rows(connection: Connection, table: str, change: str, skus: list[str]) -> float:
    """Seconds for some rows, one row and one transaction at a time."""
    statement = sql.SQL("UPDATE {} SET {} WHERE sku = %s").format(
        sql.Identifier(table), sql.SQL(CHANGES[change])
    )
    began = time.perf_counter()
    for sku in skus:
        connection.execute(statement, (sku,), prepare=True)
    return time.perf_counter() - began


def whole_statement(connection: Connection, table: str, change: str, first: int) -> float:
    """Seconds of one statement over 20,000 rows."""
    statement = sql.SQL("UPDATE {} SET {} WHERE variant_id BETWEEN %s AND %s").format(
        sql.Identifier(table), sql.SQL(CHANGES[change])
    )
    began = time.perf_counter()
    cursor = connection.execute(statement, (first, first + STATEMENT_ROWS - 1))
    if cursor.rowcount != STATEMENT_ROWS:
        raise SystemExit(f"{table}: {cursor.rowcount} rows updated, not {STATEMENT_ROWS}")
    return time.perf_counter() - began


def clean(connection: Connection) -> None:
    """Neither table drags the other's dead rows along, and no autovacuum comes in between."""
    for table in TABLES:
        connection.execute(sql.SQL("VACUUM {}").format(sql.Identifier(table)))
    connection.execute("CHECKPOINT")


def in_turn(update: Callable[[str, int], float], turns: int) -> list[float]:
    """Seconds of the shop and of the bare table; who goes first changes every turn."""
    took = dict.fromkeys(TABLES, 0.0)
    for turn in range(turns):
        for table in TABLES if turn % 2 else TABLES[::-1]:
            took[table] += update(table, turn)
    return [took[table] for table in TABLES]


def one_round(
    connection: Connection, change: str, variants: int, chance: random.Random
) -> dict[str, list[float]]:
    """Rows a second of the shop and of the bare table, by single rows and by statements."""
    skus = [f"{n}-{s}" for n in range(1, variants // 4 + 1) for s in range(1, 5)]
    blocks = [chance.sample(skus, BLOCK_ROWS) for _ in range(BLOCKS)]
    starts = [chance.randrange(1, variants - STATEMENT_ROWS) for _ in range(STATEMENTS)]
    single = in_turn(lambda table, n: single_rows(connection, table, change, blocks[n]), BLOCKS)
    whole = in_turn(
        lambda table, n: whole_statement(connection, table, change, starts[n]), STATEMENTS
    )
    return {
        f"{change}, single rows": [BLOCKS * BLOCK_ROWS / seconds for seconds in single],
        f"{change}, statements of {STATEMENT_ROWS:,}": [
            STATEMENTS * STATEMENT_ROWS / seconds for seconds in whole
        ],
    }


def measure(connection: Connection, variants: int, rounds: int) -> dict[str, list[list[float]]]:
    """The figures of every round, by kind of update."""
    chance = random.Random(7)
    figures: dict[str, list[list[float]]] = {}
    connection.execute("SET synchronous_commit = off")
    for _ in range(rounds):
        for change in CHANGES:
            clean(connection)
            for name, rates in one_round(connection, change, variants, chance).items():
                figures.setdefault(name, []).append(rates)
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--variants", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--postgres", type=int, default=18)
    args = parser.parse_args()
    with temporary_shop(args.postgres) as url, connect(url, "vitrine") as connection:
        fill(connection, args.variants)
        waiting = connection.execute("SELECT count(*) FROM work_queue").fetchone()
        figures = measure(connection, args.variants, args.rounds)
        after = connection.execute("SELECT count(*) FROM work_queue").fetchone()
    if waiting != after:
        raise SystemExit(f"updates changed the queue from {waiting} to {after} entries")
    print(f"{args.variants:,} variants, PostgreSQL {args.postgres}, {args.rounds} rounds, medians")
    for name, pairs in figures.items():
        shop, bare = (statistics.median(column) for column in zip(*pairs, strict=True))
        ratio = statistics.median(shop / bare for shop, bare in pairs)
        print(
            f"{name:32} shop {shop:9,.0f} rows/s   bare table {bare:9,.0f} rows/s   "
            f"ratio {ratio:.3f} (the target is 0.75)"
        )


if __name__ == "__main__":
    main()
