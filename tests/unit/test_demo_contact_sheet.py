"""The contact sheet: a picture of the right size with every hit on it, whatever the texts are."""

from __future__ import annotations

import pytest
from PIL import Image

from vitrine.demo.contact_sheet import Hit, Row, contact_sheet


@pytest.fixture
def picture(tmp_path):
    path = tmp_path / "red.png"
    Image.new("RGB", (40, 90), (250, 0, 0)).save(path)
    return path


def _red(path):
    with Image.open(path) as sheet:
        counts = sheet.getcolors(maxcolors=1 << 24)
    return sum(count for count, (red, green, blue) in counts if red > 240 and green + blue < 30)


def _sheet(path, *rows):
    contact_sheet(rows, path, title="Shop", subtitle="for a test")
    with Image.open(path) as sheet:
        return sheet.size


def test_every_hit_and_the_query_show_their_picture(tmp_path, picture):
    hit = Hit(picture=picture, title="A thing", price="$ 5", note="Brand")
    _sheet(tmp_path / "one.png", Row(sort="words", words="thing", hits=[hit]))
    _sheet(tmp_path / "three.png", Row(sort="words", words="thing", hits=[hit] * 3))
    _sheet(tmp_path / "query.png", Row(sort="picture", words="this", picture=picture, hits=[hit]))
    one = _red(tmp_path / "one.png")
    assert one > 30_000
    assert _red(tmp_path / "three.png") == pytest.approx(3 * one, rel=0.02)
    assert _red(tmp_path / "query.png") > 1.5 * one


def test_the_sheet_grows_with_rows_and_hits(tmp_path, picture):
    hit = Hit(picture=picture, title="A thing", price="$ 5")
    small = _sheet(tmp_path / "a.png", Row(sort="words", words="x", hits=[hit]))
    wide = _sheet(tmp_path / "b.png", Row(sort="words", words="x", hits=[hit] * 4))
    tall = _sheet(tmp_path / "c.png", *[Row(sort="words", words="x", hits=[hit])] * 2)
    assert wide[0] > small[0]
    assert wide[1] == small[1]
    assert tall[1] > small[1]


@pytest.mark.parametrize(
    "text", ["", "Ünïcödé Bouclé €5", "中文 🙂 عربي", "w" * 400, "many words " * 60, "a\nb\tc\x00"]
)
def test_any_text_is_laid_out(tmp_path, text):
    hit = Hit(picture=None, title=text, price=text, note=text)
    size = _sheet(
        tmp_path / "deep" / "sheet.png",
        Row(sort="words", words=text, small_print=[text], hits=[hit]),
        Row(sort="words", words=text),
    )
    assert size == _sheet(
        tmp_path / "sheet.png",
        Row(sort="words", words="x", hits=[Hit(picture=None, title="x", price="x")]),
        Row(sort="words", words="x"),
    )
