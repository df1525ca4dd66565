"""Files of every format, and files that are broken."""

from __future__ import annotations

from pathlib import Path

import pyarrow
import pytest
from pyarrow import parquet

from vitrine.catalogue.cells import CELL_LENGTH, Row
from vitrine.catalogue.presets import FIELDS, choose_preset
from vitrine.catalogue.reading import open_source
from vitrine.catalogue.records import RejectedError
from vitrine.errors import CatalogueError


def read(path: Path, encoding: str = "utf-8") -> tuple[tuple[str, ...], list[Row]]:
    with open_source(path, encoding) as source:
        return source.columns, list(source.rows)


def reasons(rows: list[Row]) -> list[tuple[int, str]]:
    return [(line, cells.reason) for line, cells in rows if isinstance(cells, RejectedError)]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.csv", '\ufeffsku,title\nA,"two\nlines, 漂亮"\n\nB,b\n'),
        ("a.csv", 'sku;title\r\nA;"two\nlines, 漂亮"\r\n\r\nB;b\r\n'),
        ("a.tsv", 'sku\ttitle\nA\t"two\nlines, 漂亮"\n\nB\tb\n'),
    ],
)
def test_a_table_is_read_with_its_lines(tmp_path: Path, name: str, text: str) -> None:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8", newline="")
    columns, rows = read(path)
    assert columns == ("sku", "title")
    assert [
        (line, list(cells)) for line, cells in rows if not isinstance(cells, RejectedError)
    ] == [
        (2, ["A", "two\nlines, 漂亮"]),
        (5, ["B", "b"]),
    ]


def test_json_lines_keep_numbers_as_written_and_refuse_what_is_no_object(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"sku": "A", "price": 1.10, "tags": ["x"]}\n{oops\n[1]\n{"sku": "B\\u0000"}\n')
    columns, rows = read(path)
    assert columns == ("sku", "price", "tags")
    assert rows[0] == (1, ["A", "1.10", '["x"]'])
    found = reasons(rows)
    assert [line for line, _ in found] == [2, 3, 4]
    assert "not valid JSON" in found[0][1]
    assert "not a JSON object" in found[1][1]
    assert "NUL" in found[2][1]


def test_parquet_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    table = pyarrow.table({"sku": ["A", "B"], "price": [1.5, None], "tags": [["x"], None]})
    parquet.write_table(table, path)
    assert read(path) == (
        ("sku", "price", "tags"),
        [(1, ("A", "1.5", '["x"]')), (2, ("B", "", ""))],
    )


@pytest.mark.parametrize(
    "stray",
    [
        'B,"b',  # closed by the next row's opening quote
        'B,"b"x',  # goes on after its end
        '"B,b',
    ],
)
@pytest.mark.parametrize("rows_after", [1, 30_000])  # the rest of the file, or over 1 MiB of it
def test_a_stray_quote_costs_its_own_line_only(tmp_path: Path, stray: str, rows_after: int) -> None:
    path = tmp_path / "a.csv"
    good = [f"C{number},some title or other" for number in range(rows_after)]
    lines = ["sku,title", "A,a", stray, *good, 'D,"the ""last"" one"', "E,e"]
    path.write_text("\n".join(lines) + "\n")
    _, rows = read(path)
    [(line, reason)] = reasons(rows)
    assert (line, "quote" in reason) == (3, True)
    refused = next(cells for _, cells in rows if isinstance(cells, RejectedError))
    assert refused.value == stray
    read_whole = [(line, list(c)) for line, c in rows if not isinstance(c, RejectedError)]
    assert read_whole[0] == (2, ["A", "a"])
    assert read_whole[1:-2] == [(4 + n, row.split(",")) for n, row in enumerate(good)]
    assert read_whole[-2:] == [
        (4 + rows_after, ["D", 'the "last" one']),
        (5 + rows_after, ["E", "e"]),
    ]


def test_a_stray_quote_that_another_closes_costs_its_own_line(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text('sku,title,price\nA,"24 inch,1\nB,b,2\nC,c,3\nD,d,4"\nE,e,5\n')
    _, rows = read(path)
    assert [line for line, _ in reasons(rows)] == [2]
    good = [cells[0] for _, cells in rows if not isinstance(cells, RejectedError)]
    assert good == ["B", "C", "D", "E"]


def test_a_ragged_row_of_several_lines_is_one(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text('sku,title,price\nA,"one\ntwo\nthree",1,extra\nB,b,2\n')
    _, rows = read(path)
    assert [line for line, _ in reasons(rows)] == [2]
    assert rows[-1] == (5, ["B", "b", "2"])


@pytest.mark.parametrize("nothing", [",,", "  ", " , ,", ""])
def test_rows_of_nothing_are_passed_over(tmp_path: Path, nothing: str) -> None:
    path = tmp_path / "a.csv"
    path.write_text(f"sku,title,price\nA,a,1\n{nothing}\nB,b,2\n{nothing}\n")
    _, rows = read(path)
    assert rows == [(2, ["A", "a", "1"]), (4, ["B", "b", "2"])]


def test_a_file_full_of_stray_quotes_is_still_read_to_its_end(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("sku,title\n" + 'A,"a\n' * 50 + "B,b\n" * 300_000)
    _, rows = read(path)
    assert [line for line, _ in reasons(rows)] == list(range(2, 52))
    assert len(rows) == 300_050


def test_only_the_bad_rows_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    long = b"x" * (CELL_LENGTH + 1)
    path.write_bytes(b"sku,title\nA,\xff\nB,a\0b\nC\nD,d,d\nE," + long + b"\nF,fine\n")
    _, rows = read(path)
    assert [line for line, _ in reasons(rows)] == [2, 3, 4, 5, 6]
    text = " ".join(reason for _, reason in reasons(rows))
    for part in ("UTF-8", "NUL", "1 cells", "3 cells", "1,048,576"):
        assert part in text
    assert rows[-1] == (7, ["F", "fine"])


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", b"", "empty"),
        ("a.xlsx", b"x", "no known format"),
        ("a.csv", "sku,title\n".encode("utf-16"), "line 1|no text file"),
        ("a.parquet", b"no", "no Parquet"),
        ("a.jsonl", b"[]\n", "JSON object"),
        ("a.csv", b"\n\n", "no column names"),
        ("a.csv", b"x" * (CELL_LENGTH + 1), "header cannot be read"),
    ],
)
def test_a_file_that_cannot_be_read_says_why(
    tmp_path: Path, name: str, content: bytes, message: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(CatalogueError, match=message):
        read(path)
    with pytest.raises(CatalogueError, match="no such file"):
        read(tmp_path / "missing.csv")


@pytest.mark.parametrize(
    ("encoding", "content", "message"),
    [
        ("utf-16", b"sku,title\nA,a\n", "not in utf-16: .*BOM"),
        ("utf-16-le", "sku,title\nA,a\n".encode("utf-16-le")[:-1], "not in utf-16-le: .*truncated"),
        ("klingon", b"sku,title\n", "--encoding klingon: no such encoding"),
        ("base64", b"sku,title\n", "--encoding base64: no such encoding"),
    ],
)
def test_an_encoding_that_does_not_fit_says_so(
    tmp_path: Path, encoding: str, content: bytes, message: str
) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(content)
    with pytest.raises(CatalogueError, match=message):
        read(path, encoding)


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl"])
def test_a_row_in_another_encoding_names_the_one_that_was_tried(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    text = '{"sku": "Mü"}\n' if name == "a.jsonl" else "sku,title\nMü,m\n"
    path.write_bytes(text.encode("latin-1"))
    if name == "a.jsonl":
        path.write_bytes(b'{"sku": "A"}\n' + path.read_bytes())
    _, rows = read(path, "shift_jis")
    assert reasons(rows) == [(2, "not valid SHIFT_JIS; save the file as UTF-8, or give --encoding")]


def test_a_fault_of_the_reader_is_not_the_files(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("sku\nA\n")
    with pytest.raises(KeyError), open_source(path):
        raise KeyError


def test_a_parquet_file_that_breaks_off_names_the_row(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    table = pyarrow.table({"sku": [f"SKU-{number}" for number in range(20_000)]})
    parquet.write_table(table, path, row_group_size=10_000, use_dictionary=False)
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 2000] = bytes(2000)
    path.write_bytes(content)
    with pytest.raises(CatalogueError, match=r"a\.parquet: row \d+ cannot be read"):
        read(path)


def test_a_wrong_preset_names_the_missing_columns_and_the_one_that_fits() -> None:
    shopify = ("Handle", "Title", "Variant Price", "Option1 Value")
    with pytest.raises(CatalogueError, match=r"lacks the columns sku.*--preset shopify"):
        choose_preset(shopify, "magento", {})
    assert choose_preset(shopify, None, {}).name == "shopify"
    with pytest.raises(CatalogueError, match=r"unknown preset 'etsy'.*magento"):
        choose_preset(shopify, "etsy", {})
    with pytest.raises(CatalogueError, match="fit no preset"):
        choose_preset(("a", "b"), None, {})


def test_a_mapping_names_the_valid_columns_and_fields() -> None:
    columns = ("code", "label")
    with pytest.raises(CatalogueError, match="no column 'x'; it has code, label"):
        choose_preset(columns, None, {"x": "sku"})
    with pytest.raises(CatalogueError, match="'colour' is no field; the fields are sku, product"):
        choose_preset(columns, None, {"code": "colour"})
    with pytest.raises(CatalogueError, match="no column is read as sku"):
        choose_preset(columns, None, {"label": "title"})
    with pytest.raises(CatalogueError, match="two columns are read as sku"):
        choose_preset(columns, None, {"code": "sku", "label": "sku"})
    assert "option.NAME" in FIELDS
