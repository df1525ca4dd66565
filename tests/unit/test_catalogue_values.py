"""Cells as shops write them."""

from __future__ import annotations

import pytest

from vitrine.catalogue.markup import to_line, to_text
from vitrine.catalogue.records import array
from vitrine.catalogue.values import Prices, category_array, flag, parse_date, stock_count


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("52", "52"),
        ("52.0000", "52.0000"),
        ("$1,299.00", "1299.00"),
        ("1.299,00 €", "1299.00"),
        ("49,90 EUR", "49.90"),
        ("EUR 49,9", "49.9"),
        ("1,299", "1299"),
        ("1.299.000", "1299000"),
        ("1 299,50", "1299.50"),
        ("1'299.50", "1299.50"),
        ("12,-", "12"),
        ("  7 ", "7"),
        ("", None),
    ],
)
def test_a_price_is_read_as_written_in_any_country(text: str, number: str | None) -> None:
    assert Prices(None).parse(text) == number


@pytest.mark.parametrize(
    "text", ["abc", "1.2.3,4,5", "-5", "1e5", "NaN", "12 apples", "1,2,3", "§5"]
)
def test_what_is_no_price_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        Prices(None).parse(text)


def test_a_price_in_another_currency_than_the_shops_is_refused() -> None:
    prices = Prices("EUR")
    assert prices.parse("5 €") == "5"
    with pytest.raises(ValueError, match="in USD, the shop's currency is EUR"):
        prices.parse("$5")


def test_the_first_currency_named_is_the_shops() -> None:
    prices = Prices(None)
    prices.parse("£3")
    assert prices.currency == "GBP"
    with pytest.raises(ValueError, match="GBP"):
        prices.parse("3 EUR")


def test_a_dollar_sign_fits_every_dollar() -> None:
    assert Prices("CAD").parse("$5") == "5"


@pytest.mark.parametrize(
    ("text", "pieces"), [("", None), ("100.0000", 100), ("3", 3), ("-2", -2), ("0.9", 0)]
)
def test_stock_is_whole_pieces(text: str, pieces: int | None) -> None:
    assert stock_count(text) == pieces


@pytest.mark.parametrize("text", ["many", "inf", "nan", "99999999999"])
def test_what_is_no_stock_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="pieces"):
        stock_count(text)


def test_flags_and_dates() -> None:
    assert flag("Yes") is True
    assert flag("0") is False
    assert flag("") is None
    with pytest.raises(ValueError, match="neither yes nor no"):
        flag("maybe")
    assert str(parse_date("2/1/26, 12:00 AM")) == "2026-02-01"
    assert str(parse_date("2026-02-01 00:00:00")) == "2026-02-01"
    with pytest.raises(ValueError, match="not a date"):
        parse_date("soon")


def test_the_invisible_root_is_dropped_and_no_path_is_kept_twice() -> None:
    paths = [["Default Category", "Men"], ["Default Category"], ["Root Catalog", "Men"], ["", " "]]
    assert category_array(paths) == '{"Men"}'


def test_an_array_keeps_quotes_and_backslashes() -> None:
    assert array(['a"b\\c', "d,e"]) == '{"a\\"b\\\\c","d,e"}'


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        ("<p>One &amp; <b>t</b>wo</p><p>three</p>", "One & two\nthree"),
        ("a<br/>b<div>c</div>d", "a\nb\nc\nd"),
        ("<ul><li>x<li>y</ul>z", "x\ny\nz"),
        ("<p>a</p><script>alert('<p>no</p>')</script><style>p{}</style>b", "a\nb"),
        ("plain\ntext &eacute; 5 < 6", "plain\ntext é 5 < 6"),
        ("<p>line\nof   source</p>", "line of source"),
        ("<p>unclosed <b>bold", "unclosed bold"),
        ("<script>only", ""),
        ("", ""),
        ("שלום <b>עולם</b> 漂亮 👗", "שלום עולם 漂亮 👗"),
    ],
)
def test_html_becomes_text(markup: str, text: str) -> None:
    assert to_text(markup) == text


def test_a_title_is_one_line() -> None:
    assert to_line(" CoolTech&trade;\n <i>Tee</i> ") == "CoolTech™ Tee"
