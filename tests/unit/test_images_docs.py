"""docs/images.md tells every reason and every limit as they are."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import vitrine.images.errors as picture_errors
from vitrine.images.addresses import WEB_PORTS
from vitrine.images.limits import PILLOW_MAX_PIXELS, ImageLimits
from vitrine.images.uri import STORE_PROTOCOLS
from vitrine.settings import load_settings

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "images.md").read_text()


def table_after(heading: str) -> dict[str, str]:
    """The first two columns of the first table below a heading."""
    rows = re.findall(r"^\| (.+?) \| (.+?) \|", PAGE.split(heading, 1)[1].split("\n#", 1)[0], re.M)
    return dict(rows[1:])


def test_every_reason_of_a_picture_is_in_the_table() -> None:
    found = {name.strip("`") for name in table_after("## When a picture fails")}
    assert found == {getattr(picture_errors, name).reason for name in picture_errors.__all__}


def test_every_reason_of_a_place_is_in_the_table() -> None:
    told = set(re.findall(r"`(\w+)`", " ".join(table_after("### When a host or store fails"))))
    source = "".join(path.read_text() for path in (ROOT / "src/vitrine/images").glob("*.py"))
    used = set(re.findall(r'reason="(\w+)"', source)) | {"http_5xx", "http_429", "tls", "refused"}
    assert used | {"store"} == told


def test_the_limits_are_the_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MAX_BYTES", "MAX_PIXELS", "TIMEOUT"):
        monkeypatch.delenv(f"VITRINE_IMAGE_{name}", raising=False)
    told, limits, settings = table_after("## Limits"), ImageLimits(), load_settings()
    values = list(told.values())
    assert values[0] == f"{settings.image_max_bytes // 2**20} MiB"
    assert values[1] == f"{settings.image_max_pixels:,}"
    assert values[2] == f"{settings.image_timeout:g}"
    assert values[3] == f"{limits.connect_timeout:g}"
    assert values[4] == str(limits.max_redirects)
    assert values[5] == ", ".join(str(port) for port in sorted(WEB_PORTS))
    assert f"{PILLOW_MAX_PIXELS:,}" in PAGE


def test_the_protocols_are_listed() -> None:
    for protocol in STORE_PROTOCOLS - {"memory"}:
        assert f"`{protocol}`" in PAGE
