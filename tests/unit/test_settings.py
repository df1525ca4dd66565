"""Settings: one table, one reader of the environment, every one documented."""

from __future__ import annotations

from pathlib import Path

import pytest

from vitrine.errors import SettingsError
from vitrine.settings import load_settings, settings_table, variable

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    for name in [name for name in os.environ if name.startswith("VITRINE_")]:
        monkeypatch.delenv(name)


def test_every_setting_is_documented_and_the_page_is_current() -> None:
    from docs.generate import SETTINGS_TARGET, settings_page

    page = SETTINGS_TARGET.read_text(encoding="utf-8")
    assert page == settings_page(), "run `make docs`"
    for name, _, text in settings_table():
        assert f"`{name}`" in page
        assert text.endswith(".")


def test_the_environment_is_read_when_asked_and_options_win(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("VITRINE_SCHEMA", "shop2")
    monkeypatch.setenv("VITRINE_BATCH_SIZE", "64")
    settings = load_settings(db_schema=None)
    assert (settings.db_schema, settings.batch_size) == ("shop2", 64)
    assert load_settings(db_schema="shop3").db_schema == "shop3"


def test_an_empty_variable_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, _, _ in settings_table():
        monkeypatch.setenv(name, "")
    settings = load_settings()
    assert settings.database_url is None
    assert settings.db_schema == "vitrine"
    assert settings.home.is_absolute()


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("VITRINE_BATCH_SIZE", "many", "VITRINE_BATCH_SIZE='many'.*integer"),
        ("VITRINE_BATCH_SIZE", "0", "greater than 0"),
        ("VITRINE_EMBEDDED_VERSION", "15", "18 or 16"),
        ("VITRINE_SCHEMA", "pg_shop", "does not start with pg_"),
        ("VITRINE_SCHEMA", "s" * 49, "1 to 48 bytes"),
        ("VITRINE_DATABASE_URL", "mysql://shop", "not a libpq URL"),
        ("VITRINE_DATABSE_URL", "x", "do you mean VITRINE_DATABASE_URL"),
        ("VITRINE_LEASE_SECOND", "9", "do you mean VITRINE_LEASE_SECONDS"),
    ],
)
def test_a_value_that_cannot_be_used_is_named(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, message: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match=message):
        load_settings()


def test_a_password_is_never_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VITRINE_DATABASE_URL", "mysql://shop:secret@host/db")
    with pytest.raises(SettingsError) as error:
        load_settings()
    chain = [error.value, error.value.__cause__]
    assert "secret" not in "".join(map(str, chain))


@pytest.mark.parametrize("prefix", ["postgresql+psycopg", "postgresql+psycopg2", "postgresql"])
def test_sqlalchemys_form_of_a_url_is_understood(
    monkeypatch: pytest.MonkeyPatch, prefix: str
) -> None:
    monkeypatch.setenv("VITRINE_DATABASE_URL", f"{prefix}://shop@host/db")
    assert load_settings().database_url == "postgresql://shop@host/db"


def test_a_home_may_be_written_with_a_tilde(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("VITRINE_HOME", "~/shop")
    assert load_settings().home == tmp_path / "shop"


def test_without_a_home_folder_there_is_still_a_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    assert load_settings().home.is_absolute()


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="frozen"):
        load_settings().batch_size = 3  # type: ignore[misc]


def test_the_only_reader_of_the_environment_is_the_table() -> None:
    """The account of the embedded server passes the whole environment on, and reads none of it."""
    readers = [
        path.relative_to(ROOT / "src/vitrine").as_posix()
        for path in (ROOT / "src").rglob("*.py")
        if "os.environ" in path.read_text(encoding="utf-8")
    ]
    assert set(readers) <= {"settings.py", "account.py"}


def test_names_of_variables() -> None:
    assert variable("db_schema") == "VITRINE_SCHEMA"
    assert variable("home") == "VITRINE_HOME"
