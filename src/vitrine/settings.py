"""Every setting: its name, default and help in one table, read from the environment once asked."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import platformdirs
from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from vitrine.errors import SettingsError

__all__ = ["Settings", "load_settings"]


class Settings(BaseSettings):
    """Read from variables named `VITRINE_` plus the field's name in capitals."""

    model_config = SettingsConfigDict(env_prefix="VITRINE_", extra="forbid", frozen=True)

    database_url: str | None = Field(
        None, description="libpq URL of the shop's PostgreSQL; without it an embedded one starts."
    )
    db_schema: str = Field(
        "vitrine",
        validation_alias="VITRINE_SCHEMA",
        description="Schema of the shop; one schema is one shop.",
    )
    home: Path = Field(
        Path(platformdirs.user_data_dir("vitrine")),
        description="Folder of the embedded PostgreSQL and its log.",
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
        description="Comma-separated hosts or networks of pictures that are allowed although private.",
    )
    image_stores: str = Field(
        "",
        description="Comma-separated object store prefixes that pictures may be read from.",
    )
    image_max_bytes: int = Field(20 * 2**20, description="Largest picture file, in bytes.", gt=0)
    image_max_pixels: int = Field(50_000_000, description="Largest picture, in pixels.", gt=0)
    image_timeout: float = Field(20.0, description="Seconds that one fetch may take.", gt=0)
    batch_size: int = Field(
        32, description="Pictures or captions in one model call.", gt=0, le=4096
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
    decode_threads: int = Field(
        0, description="Pictures that a worker decodes at the same time; 0: one a core.", ge=0
    )
    known_queries: int = Field(
        100_000, description="Query vectors kept, the newest, for each space.", gt=0
    )
    query_timeout: float = Field(
        10.0, description="Seconds that a client waits for a worker to encode its query.", gt=0
    )

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
        SettingsError: a variable holds a value that cannot be used; the message names it.
    """
    given = {name: value for name, value in overrides.items() if value is not None}
    if "db_schema" in given:
        given["VITRINE_SCHEMA"] = given.pop("db_schema")
    try:
        return Settings(**cast("dict[str, Any]", given))
    except ValidationError as error:
        lines = [
            f"VITRINE_{str(item['loc'][0]).removeprefix('VITRINE_').upper()}={item['input']!r}: "
            f"{item['msg'].removeprefix('Value error, ')}"
            for item in error.errors()
        ]
        raise SettingsError("; ".join(lines)) from error
