"""The system account that the embedded server runs under: PostgreSQL refuses to run as root."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

from vitrine.errors import SettingsError

if sys.platform != "win32":  # where a client of a server elsewhere imports this and no more
    import pwd

__all__ = ["give", "let_read", "let_through", "run_as", "server_account"]

# The first of these that exists serves root; none makes the second.
ACCOUNTS = ("postgres", "vitrine", "pgserver")


def server_account(folder: Path) -> pwd.struct_passwd | None:
    """The account to run the server of a data folder under; None: this process's own will do.

    Raises:
        SettingsError: root runs this, and no account for the server can be made.

    """
    if os.geteuid() != 0:
        return None
    accounts = pwd.getpwall()
    owner = folder.stat().st_uid if folder.exists() else 0
    by_id = {entry.pw_uid: entry for entry in accounts if entry.pw_uid != 0}
    if owner in by_id:
        return by_id[owner]
    by_name = {entry.pw_name: entry for entry in accounts}
    for name in ACCOUNTS:
        if name in by_name:
            return by_name[name]
    made = shutil.which("useradd") and subprocess.run(
        ["useradd", "--system", "--no-create-home", ACCOUNTS[1]], capture_output=True, check=False
    )
    if not made or made.returncode:
        raise SettingsError(
            "PostgreSQL does not run as root, and no account for it can be made: run Vitrine as "
            f"another user, add an account named {ACCOUNTS[0]}, or set VITRINE_DATABASE_URL"
        )
    return pwd.getpwnam(ACCOUNTS[1])


def give(folder: Path, account: pwd.struct_passwd | None) -> None:
    """Let the server's account own a folder and pass through the folders above it."""
    if account is None:
        return
    os.chown(folder, account.pw_uid, account.pw_gid)
    let_through(folder)


def let_through(folder: Path) -> None:
    """Let every account pass (not look) through the folders above this one."""
    for parent in folder.resolve().parents:
        mode = parent.stat().st_mode
        if not mode & stat.S_IXOTH:
            parent.chmod(mode | stat.S_IXOTH)


def let_read(folder: Path) -> None:
    """Let every account read a folder with all in it, as `chmod -R o+rX` does."""
    let_through(folder)
    for path in [folder, *folder.rglob("*")]:
        if path.is_symlink():
            continue
        mode = path.stat().st_mode
        runs = path.is_dir() or mode & stat.S_IXUSR
        wanted = mode | stat.S_IROTH | (stat.S_IXOTH if runs else 0)
        if wanted != mode:
            path.chmod(wanted)


def run_as(
    account: pwd.struct_passwd | None, command: list[str]
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end under an account, away from the caller's PostgreSQL variables.

    A server that it leaves behind belongs to a session of its own, so that Ctrl-C spares it.
    """
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    return subprocess.run(
        command,
        cwd="/",
        env=environment | {"LC_ALL": "C"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
        encoding="utf-8",
        errors="replace",
        start_new_session=True,
        umask=0o077,
        user=account.pw_uid if account else None,
        group=account.pw_gid if account else None,
        extra_groups=[] if account else None,
    )
