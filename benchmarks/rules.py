"""How long `search_rules` takes among many rules, inside the database and from a client.

    python benchmarks/rules.py [--rules 1000 10000] [--queries 2000]

Rules of all kinds for one to three of 24 words, four fifths of them with a number beside, for
exact words and phrases, one in four in a category; queries of one to four of the words, half of
them in a category. The table is never analysed.
"""

from __future__ import annotations

import argparse
import random
import time

import numpy as np
from temporary_shop import temporary_shop

from vitrine.database import Connection, connect

WORDS = """black white red blue green wool silk summer winter long short maxi mini nike sale new
    soft warm light dress jacket coat shoes shirt""".split()  # noqa: SIM905
PATHS = [f"{top}/{below}" for top in ("women", "men", "kids") for below in ("tops", "bags", "sale")]
LOOP = """
CREATE FUNCTION pg_temp.mean_ms(words text[], paths text[]) RETURNS double precision
LANGUAGE plpgsql AS $$
DECLARE
    began timestamptz := clock_timestamp();
BEGIN
    FOR i IN 1 .. cardinality(words) LOOP
        PERFORM vitrine.search_rules(words[i], array_remove(ARRAY[paths[i]], NULL));
    END LOOP;
    RETURN extract(epoch FROM clock_timestamp() - began) * 1000 / cardinality(words);
END $$
"""


def fill(connection: Connection) -> None:
    """A thousand products and a few categories."""
    connection.execute(
        "INSERT INTO product (external_id) SELECT 'P' || n FROM generate_series(1, 1000) n"
    )
    for top in ("Women", "Men", "Kids"):
        connection.execute("INSERT INTO category (name) VALUES (%s)", (top,))
        connection.execute(
            "INSERT INTO category (name, parent_id) SELECT n, c.category_id "
            "FROM unnest('{Tops,Bags,Sale}'::text[]) n, category c WHERE c.name = %s",
            (top,),
        )


def add_rule(connection: Connection, rng: random.Random, number: int, rules: int) -> None:
    """One rule of a random kind."""
    query = " ".join(rng.sample(WORDS, rng.choice([1, 2, 2, 3, 3])))
    if rng.random() < 0.8:
        query += f" {rng.randrange(rules // 2)}"
    product = f"P{rng.randint(1, 1000)}"
    name = f"rule {number}"
    match = rng.choice(["exact", "phrase"])
    category = rng.choice([None, None, None, rng.choice(PATHS)])
    when = "query => %s, match => %s, category => %s"
    call: dict[str, tuple[str, tuple[object, ...]]] = {
        "pin": (f"pin(%s, %s, %s, {when})", (product, rng.randint(1, 9), query, match, category)),
        "boost": (f"boost(%s, filters => %s, {when})", ('{"brand": "A"}', query, match, category)),
        "hide": (f"hide(%s, products => %s, {when})", ([product], query, match, category)),
        "synonym": ("add_synonym(%s, %s, %s, true)", (query, [f"{query} too"])),
        "redirect": (f"redirect(%s, '/sale', {when})", (query, match, category)),
    }
    statement, arguments = call[rng.choice(["pin", "pin", "boost", "hide", "synonym", "redirect"])]
    connection.execute(f"SELECT {statement}".encode(), (name, *arguments))


def measure(connection: Connection, rng: random.Random, queries: int) -> str:
    """Milliseconds, and how many rules an answer has."""
    asked = [
        (" ".join(rng.sample(WORDS, rng.randint(1, 4))), rng.choice([None, rng.choice(PATHS)]))
        for _ in range(queries)
    ]
    times, sizes = [], []
    for words, path in asked:
        began = time.perf_counter()
        row = connection.execute(
            "SELECT search_rules(%s, array_remove(ARRAY[%s], NULL))", (words, path)
        ).fetchone()
        times.append((time.perf_counter() - began) * 1000)
        assert row is not None
        sizes.append(sum(len(part) for part in row[0].values() if isinstance(part, list)))
    inside = connection.execute(
        "SELECT pg_temp.mean_ms(%s, %s)", tuple(map(list, zip(*asked, strict=True)))
    ).fetchone()
    assert inside is not None
    return (
        f"inside {inside[0]:.3f} ms; client p50 {np.median(times):.3f} ms, "
        f"p95 {np.quantile(times, 0.95):.3f} ms; {np.mean(sizes):.1f} rules an answer"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rules", type=int, nargs="+", default=[1000, 10_000])
    parser.add_argument("--queries", type=int, default=2000)
    options = parser.parse_args()
    with temporary_shop() as url, connect(url, "vitrine") as connection:
        fill(connection)
        connection.execute(LOOP)
        for rules in options.rules:
            rng = random.Random(rules)
            connection.execute("TRUNCATE rule")
            began = time.perf_counter()
            with connection.transaction():
                for number in range(rules):
                    add_rule(connection, rng, number, rules)
            made = (time.perf_counter() - began) * 1000 / rules
            print(f"{rules:,} rules ({made:.2f} ms to add one): ", end="")
            print(measure(connection, rng, options.queries))


if __name__ == "__main__":
    main()
