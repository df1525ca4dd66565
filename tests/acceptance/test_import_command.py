"""`vitrine import` as a user runs it: what it prints, what it leaves, how it ends."""

from __future__ import annotations

import csv
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from vitrine.database import Connection

Run = Callable[..., "subprocess.CompletedProcess[str]"]
HEADER = "sku,product_type,name,price,qty,base_image,visibility,configurable_variations\n"
SHOP = (
    HEADER
    + "TEE-S,simple,Tee S,9,5,/s.jpg,Not Visible Individually,\n"
    + "TEE-M,simple,Tee M,9,0,/m.jpg,Not Visible Individually,\n"
    + 'TEE,configurable,Tee,,,/tee.jpg,"Catalog, Search","sku=TEE-S,size=S|sku=TEE-M,size=M"\n'
    + 'BAG,simple,"Bag, größer",19.90,,/bag.jpg,"Catalog, Search",\n'
)


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A Magento export of two products."""
    path = tmp_path / "products.csv"
    path.write_text(SHOP, encoding="utf-8")
    return path


def figures(output: str) -> dict[str, list[int]]:
    """The printed table: new, changed, unchanged, removed, retired by noun."""
    nouns = {"products", "variants", "images", "captions", "categories"}
    lines = [line.split() for line in output.splitlines() if line.split()[:1]]
    return {noun: [int(cell) for cell in cells] for noun, *cells in lines if noun in nouns}


def refuses(done: subprocess.CompletedProcess[str], *parts: str) -> None:
    """It ended with one line of error that says all this, and nothing else."""
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1
    for part in parts:
        assert part in done.stderr


def empty(connection: Connection) -> bool:
    """Nothing of a catalogue is in the shop."""
    query = "SELECT (SELECT count(*) FROM product) + (SELECT count(*) FROM setting)"
    return connection.execute(query).fetchone() == (0,)


def test_a_file_goes_in_and_again_changes_nothing(
    run_vitrine: Run, database: str, connection: Connection, shop: Path, tmp_path: Path
) -> None:
    (tmp_path / "pictures").mkdir()
    done = run_vitrine("import", "products.csv", "--images", "pictures", url=database)
    assert done.returncode == 0, done.stderr
    assert figures(done.stdout) == {
        "products": [2, 0, 0, 0, 0], "variants": [3, 0, 0, 0, 0], "images": [4, 0, 0, 0, 0],
        "captions": [2, 0, 0, 0, 0], "categories": [0, 0, 0, 0, 0],
    }  # fmt: skip
    assert "4 rows of a magento file" in done.stdout
    assert "11 changes" in done.stdout
    assert done.stdout.endswith("0 rejects\n")
    assert done.stderr.strip() == ""
    assert not (tmp_path / "products.csv.rejects.csv").exists()
    again = run_vitrine("import", str(shop), "--preset", "magento", url=database)
    assert again.returncode == 0, again.stderr
    assert figures(again.stdout) == {
        "products": [0, 0, 2, 0, 0], "variants": [0, 0, 3, 0, 0], "images": [0, 0, 4, 0, 0],
        "captions": [0, 0, 2, 0, 0], "categories": [0, 0, 0, 0, 0],
    }  # fmt: skip
    assert ", 0 changes" in again.stdout
    titles = connection.execute("SELECT title FROM product_text ORDER BY product_id").fetchall()
    assert titles == [("Tee",), ("Bag, größer",)]


@pytest.mark.parametrize("option", [(), ("--rejects", "refused.csv")])
def test_refused_rows_go_to_the_file_that_the_last_line_names(
    run_vitrine: Run, database: str, shop: Path, tmp_path: Path, option: tuple[str, ...]
) -> None:
    with shop.open("a", encoding="utf-8") as file:
        file.write("CAP,simple,Cap,ten [bold] euros,1,,,\n")
    done = run_vitrine("import", str(shop), *option, url=database)
    # What can be used is in the shop, so this is a success.
    assert done.returncode == 0, done.stderr
    named = Path(option[1]) if option else Path(f"{shop}.rejects.csv")
    assert done.stdout.endswith(f"1 rejects: see {named}\n")
    with (tmp_path / named).open(newline="", encoding="utf-8") as file:
        assert list(csv.reader(file)) == [
            ["line", "column", "value", "reason"],
            ["6", "price", "ten [bold] euros", "not a price"],
        ]
    shop.write_text(SHOP, encoding="utf-8")
    assert run_vitrine("import", str(shop), *option, url=database).returncode == 0
    assert not (tmp_path / named).exists(), "nothing is refused any more"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["products.csv", "--preset", "shopify"], ["no shopify export", "lacks the columns Handle",
                                                   "--preset magento"]),
        (["products.csv", "--preset", "etsy"], ["'etsy'", "magento, shopify, woocommerce"]),
        (["products.csv", "--map", "code=sku"], ["no column 'code'", "sku, product_type, name"]),
        (["products.csv", "--map", "sku=code"], ["'code' is no field", "sku, product, title"]),
        (["products.csv", "--map", "sku"], ["--map sku: write it as --map NAME=VALUE"]),
        (["products.csv", "--images", "none"], ["--images none: no such folder"]),
        (["products.csv", "--rejects", "none/r.csv"], ["none/r.csv", "--rejects"]),
        (["products.csv", "--encoding", "klingon"], ["--encoding klingon: no such encoding"]),
        (["products.csv", "--encoding", "utf-16"], ["products.csv: the file is not in utf-16"]),
        (["saved-as-utf-16.csv"], ["saved-as-utf-16.csv", "save it as UTF-8"]),
        (["without-price.csv", "--preset", "magento"], ["lacks the column price;", "--map"]),
        (["missing.csv"], ["missing.csv: no such file"]),
        (["."], [". is a folder: give a file in it", ".csv", ".parquet"]),
        (["empty.csv"], ["empty.csv: the file is empty"]),
        (["table.xlsx"], ["'.xlsx' is no known format", ".csv", ".parquet"]),
        (["broken.parquet"], ["broken.parquet: this is no Parquet file"]),
    ],
    ids=lambda value: "-".join(value)[:40],
)  # fmt: skip
def test_a_file_that_cannot_be_imported_is_one_line_and_changes_nothing(
    run_vitrine: Run, database: str, connection: Connection, shop: Path, tmp_path: Path,
    arguments: list[str], said: list[str],
) -> None:  # fmt: skip
    (tmp_path / "saved-as-utf-16.csv").write_text(SHOP, encoding="utf-16")
    (tmp_path / "without-price.csv").write_text(SHOP.replace(",price,", ",cost,"))
    (tmp_path / "empty.csv").touch()
    for name in ("table.xlsx", "broken.parquet"):
        (tmp_path / name).write_bytes(b"PK\x03\x04 no table")
    refuses(run_vitrine("import", *arguments, "--currency", "EUR", url=database), *said)
    assert empty(connection)


def test_an_old_encoding_is_refused_by_row_and_read_with_the_option(
    run_vitrine: Run, database: str, connection: Connection, shop: Path, tmp_path: Path
) -> None:
    shop.write_text(SHOP, encoding="cp1252")
    done = run_vitrine("import", str(shop), url=database)
    assert (done.returncode, "1 rejects" in done.stdout) == (0, True)
    assert "give --encoding" in (tmp_path / "products.csv.rejects.csv").read_text(encoding="utf-8")
    assert figures(done.stdout)["products"][0] == 1
    done = run_vitrine("import", str(shop), "--encoding", "cp1252", url=database)
    assert "0 rejects" in done.stdout
    found = connection.execute("SELECT title FROM product_text WHERE title LIKE 'Bag%'").fetchall()
    assert found == [("Bag, größer",)]


def test_the_wrong_file_with_full_stops_and_names_the_option(
    run_vitrine: Run, database: str, connection: Connection, shop: Path, tmp_path: Path
) -> None:
    many = "".join(f"P{number},simple,Product {number},1,1,,,\n" for number in range(30))
    (tmp_path / "all.csv").write_text(HEADER + many)
    assert run_vitrine("import", "all.csv", url=database).returncode == 0
    wrong = run_vitrine("import", "products.csv", "--full", url=database)
    refuses(wrong, "retire 30 of the 30 active products", "--retire-limit 1", "nothing was changed")
    active = "SELECT count(*) FROM product WHERE status = 'active'"
    assert connection.execute(active).fetchone() == (30,)
    meant = run_vitrine("import", "products.csv", "--full", "--retire-limit", "1", url=database)
    assert meant.returncode == 0, meant.stderr
    assert figures(meant.stdout)["products"] == [2, 0, 0, 0, 30]
    assert connection.execute(active).fetchone() == (2,)
    (tmp_path / "products.csv").write_text((tmp_path / "all.csv").read_text() + "ragged\n")
    ragged = run_vitrine("import", "products.csv", "--full", url=database)
    assert ragged.returncode == 1
    assert "1 rows cannot be told to any product, so nothing was retired" in ragged.stderr
    assert connection.execute(active).fetchone() == (32,)
    percent = run_vitrine("import", "products.csv", "--retire-limit", "50", url=database)
    assert percent.returncode == 2


def test_a_shop_that_is_not_there(run_vitrine: Run, empty_database: str, shop: Path) -> None:
    refuses(run_vitrine("import", str(shop), url=empty_database), "vitrine upgrade")
    gone = "postgresql://nobody@127.0.0.1:1/none"
    refuses(run_vitrine("import", str(shop), url=gone), "cannot be used", "VITRINE_DATABASE_URL")
