"""Every setting: its name, default and help in one table, read from the environment once asked."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import platformdirs
import psycopg
from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, SettingsConfigDict

from vitrine.errors import SettingsError
from vitrine.privacy import ClientKeys

__all__ = ["Settings", "load_settings", "settings_table", "variable"]


class Settings(BaseSettings):
    """Read from variables named `VITRINE_` plus the field's name in capitals."""

    model_config = SettingsConfigDict(
        env_prefix="VITRINE_", env_ignore_empty=True, extra="forbid", frozen=True
    )

    database_url: str | None = Field(
        None, description="libpq URL of the shop's PostgreSQL; without it an embedded one starts."
    )
    db_schema: str = Field(
        "vitrine",
        validation_alias="VITRINE_SCHEMA",
        description="Schema of the shop; one schema is one shop.",
    )
    home: Path = Field(
        default_factory=lambda: Path(platformdirs.user_data_dir("vitrine")),
        validate_default=True,
        description="Folder of the embedded PostgreSQL and its log; "
        "by default `vitrine` in the user's data folder.",
    )
    embedded_version: int = Field(
        18, description="Major version of the embedded PostgreSQL: 18 or 16."
    )
    model: str = Field(
        "starter", description="Encoder: starter, a folder, or a hub id with a revision."
    )
    model_revision: str | None = Field(
        None, description="Commit of the hub model; a hub id without one is refused."
    )
    device: str = Field("auto", description="Where the encoder runs: auto, cpu or cuda.")
    images: str | None = Field(
        None, description="Folder (or web address, or store prefix) of relative picture paths."
    )
    image_hosts: str = Field(
        "",
        description="Comma-separated hosts or networks of pictures, allowed although private.",
    )
    image_stores: str = Field(
        "",
        description="Comma-separated object store prefixes that pictures may be read from.",
    )
    image_max_bytes: int = Field(20 * 2**20, description="Largest picture file, in bytes.", gt=0)
    image_max_pixels: int = Field(50_000_000, description="Largest picture, in pixels.", gt=0)
    image_timeout: float = Field(20.0, description="Seconds that one fetch may take.", gt=0)
    batch_size: int | None = Field(
        None,
        description="Pictures or captions in one model call; default 16 on a CPU, 64 on a GPU.",
        gt=0,
        le=4096,
    )
    lease_seconds: float = Field(
        300.0, description="How long a worker may hold a claimed entry, in seconds.", gt=0
    )
    max_attempts: int = Field(
        5, description="Failures of an entry's own fault before it becomes a dead letter.", gt=0
    )
    fetch_threads: int = Field(
        8, description="Pictures that a worker fetches at the same time.", gt=0, le=256
    )
    decode_threads: int | None = Field(
        None,
        description="Pictures that a worker decodes at the same time; default one a core.",
        gt=0,
        le=256,
    )
    known_queries: int = Field(
        100_000, description="Query vectors kept, the newest, for each space.", gt=0
    )
    query_timeout: float = Field(
        10.0, description="Seconds that a client waits for a worker to encode its query.", gt=0
    )

    client_key: SecretStr | None = Field(
        None,
        description="Secret that client and session ids are hashed with before they are stored; "
        "after a comma, those it replaced.",
    )

    @field_validator("client_key")
    @classmethod
    def _client_key_is_long(cls, value: SecretStr | None) -> SecretStr | None:
        ClientKeys.read(value)
        return value

    @field_validator("database_url")
    @classmethod
    def _url_is_understood(cls, value: str | None) -> str | None:
        if value is None:
            return None
        # The form that SQLAlchemy wants is the one that shops have at hand.
        url = re.sub(r"^(postgres(?:ql)?)\+psycopg[23]?:", r"\1:", value.strip())
        try:
            psycopg.conninfo.conninfo_to_dict(url)
        except psycopg.Error as error:
            msg = "not a libpq URL such as postgresql://user:password@host:5432/database"
            raise ValueError(msg) from error
        return url

    @field_validator("home")
    @classmethod
    def _home_is_a_place(cls, value: Path) -> Path:
        try:
            return value.expanduser().absolute()
        except RuntimeError as error:
            msg = "this user has no home folder: set VITRINE_HOME"
            raise ValueError(msg) from error

    @field_validator("db_schema")
    @classmethod
    def _schema_is_an_identifier(cls, value: str) -> str:
        # Roles are named after it ("…_analyst"), and PostgreSQL cuts names at 63 bytes.
        if not value or len(value.encode()) > 48 or "\x00" in value or value.startswith("pg_"):
            msg = "a schema name has 1 to 48 bytes and does not start with pg_"
            raise ValueError(msg)
        return value

    @field_validator("embedded_version")
    @classmethod
    def _embedded_version_ships(cls, value: int) -> int:
        if value not in (16, 18):
            msg = "the embedded PostgreSQL is 18 or 16"
            raise ValueError(msg)
        return value


def load_settings(**overrides: object) -> Settings:
    """Read the environment; keyword arguments that are not None win.

    Raises:
        SettingsError: a variable holds a value that cannot be used, or is a misspelt name; the
            message names it.

    """
    _refuse_misspelt(os.environ)
    given = {name: value for name, value in overrides.items() if value is not None}
    if "db_schema" in given:
        given["VITRINE_SCHEMA"] = given.pop("db_schema")
    try:
        return Settings(**cast("dict[str, Any]", given))
    except ValidationError as error:
        raise SettingsError("; ".join(_told(item) for item in error.errors())) from None


def variable(field: str) -> str:
    """The environment variable of a field."""
    return "VITRINE_SCHEMA" if field == "db_schema" else f"VITRINE_{field.upper()}"


def settings_table() -> list[tuple[str, str, str]]:
    """Variable, default and help of every setting, in the order of the table above."""
    return [
        (
            variable(name),
            "" if field.default is None or field.default_factory else str(field.default),
            field.description or "",
        )
        for name, field in Settings.model_fields.items()
    ]


def _told(item: ErrorDetails) -> str:
    field = str(item["loc"][0])
    name = field if field.startswith("VITRINE_") else variable(field)
    # A URL holds a password, which belongs in no log; nor does a key.
    secret = name in ("VITRINE_DATABASE_URL", "VITRINE_CLIENT_KEY")
    value = "" if secret else f"={item['input']!r}"
    return f"{name}{value}: {item['msg'].removeprefix('Value error, ')}"


def _refuse_misspelt(environment: Mapping[str, str]) -> None:
    """A variable that nearly has a setting's name would be passed over in silence."""
    names = [variable(name) for name in Settings.model_fields]
    for found in environment:
        if found.startswith("VITRINE_") and found not in names:
            meant = difflib.get_close_matches(found, names, n=1, cutoff=0.85)
            if meant:
                raise SettingsError(f"there is no setting {found}; do you mean {meant[0]}?")
