"""NATS and PostgreSQL of a home folder, for who has set neither NATS_URL nor TIMESCALE_DSN.

The first process that needs them starts them and owns them; others on the same folder use the same
ones. The owner ends them when the last user has gone, so that nothing outlives ``live-runner run``;
if the owner is killed, the kernel ends them. Their data stays and is recovered at the next start.
"""

from __future__ import annotations

import fcntl
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Final, Self, TextIO

from live_runner.contracts.errors import ConfigError, ServiceUnavailable
from live_runner.services.runtime.config.settings import Settings
from live_runner.services.runtime.embedded.nats_server import NatsServer, find_nats, start_nats
from live_runner.services.runtime.embedded.postgres_server import PostgresServer, find_postgres, start_postgres
from live_runner.services.runtime.embedded.process import Process

__all__ = ["Embedded", "find", "nats_folder", "postgres_folder"]

START_LOCK_TIMEOUT_S: Final = 180.0
"""How long another process may take to start the servers of the same folder."""
_POLL_S: Final = 0.1


def nats_folder(home: Path) -> Path:
    """Where the embedded NATS keeps its store."""
    return home / "nats"


def postgres_folder(home: Path) -> Path:
    """Where the embedded PostgreSQL keeps its data."""
    return home / "postgres"


def find(settings: Settings) -> Settings:
    """The settings, pointed at the embedded servers that run now; what does not run stays None."""
    url, token, dsn = settings.nats_url, settings.nats_token, settings.timescale_dsn
    if url is None and (nats := find_nats(nats_folder(settings.home))) is not None:
        url, token = nats.url, nats.token
    if dsn is None and (postgres := find_postgres(postgres_folder(settings.home))) is not None:
        dsn = postgres.dsn
    return replace(settings, nats_url=url, nats_token=token, timescale_dsn=dsn)


class Embedded:
    """The servers that this process uses, and the processes of those that it owns."""

    def __init__(self, settings: Settings, use: TextIO, owned: list[Process]) -> None:
        self.settings = settings
        """The given settings, pointed at the running servers."""
        self.owned = owned
        self._use: TextIO | None = use

    @classmethod
    def start(cls, settings: Settings, *, nats: bool = True, database: bool = True, nats_port: int = 0) -> Embedded:
        """Start what is asked for and is neither set nor running, and wait until it answers."""
        home = settings.home
        try:
            home.mkdir(parents=True, exist_ok=True)
            starting, use = (home / "starting.lock").open("a"), (home / "use.lock").open("a")
        except OSError as error:
            raise ConfigError(
                f"The data folder {home} cannot be used: {error.strerror}",
                remedy="Choose another with --home or LIVE_RUNNER_HOME",
                path=str(home),
            ) from error
        owned: list[Process] = []
        with starting:
            _lock(starting, fcntl.LOCK_EX, home)
            # Before looking for servers: while their owner is ending them this waits, and then finds none.
            _lock(use, fcntl.LOCK_SH, home)
            try:
                settings = cls._started(settings, owned, nats=nats, database=database, nats_port=nats_port)
            except BaseException:
                use.close()
                for process in owned:
                    process.stop()
                raise
        return cls(settings, use, owned)

    @staticmethod
    def _started(settings: Settings, owned: list[Process], *, nats: bool, database: bool, nats_port: int) -> Settings:
        url, token, dsn = settings.nats_url, settings.nats_token, settings.timescale_dsn
        if nats and url is None:
            folder = nats_folder(settings.home)
            server: NatsServer = find_nats(folder) or start_nats(folder, sync=settings.nats_sync, port=nats_port)
            url, token = server.url, server.token
            if server.process:
                owned.append(server.process)
        if database and dsn is None:
            folder = postgres_folder(settings.home)
            postgres: PostgresServer = find_postgres(folder) or start_postgres(folder)
            dsn = postgres.dsn
            if postgres.process:
                owned.append(postgres.process)
        return replace(settings, nats_url=url, nats_token=token, timescale_dsn=dsn)

    def is_shared(self) -> bool:
        """Whether other processes use the servers that this one owns; if not, nobody can begin to from now on."""
        if self._use is None or not self.owned:
            return False
        try:
            fcntl.flock(self._use, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        return False

    def stop(self, on_wait: Callable[[str], None] = lambda _: None) -> None:
        """Give the servers up; the owner waits for other users of the folder and then ends them in order.

        ``on_wait`` is told once when it has to wait; Ctrl-C ends the wait, and the servers.
        """
        if self._use is None:
            return
        try:
            if self.is_shared():
                on_wait(self.sharing_note)
            while self.is_shared():
                time.sleep(_POLL_S)
        finally:
            for process in reversed(self.owned):
                process.stop()
            self.owned.clear()
            self._use.close()
            self._use = None

    @property
    def sharing_note(self) -> str:
        """The sentence to show while waiting for others."""
        return f"Another live-runner uses the servers in {self.settings.home}; waiting until it ends"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()


def _lock(file: TextIO, kind: int, home: Path) -> None:
    deadline = time.monotonic() + START_LOCK_TIMEOUT_S
    while True:
        try:
            fcntl.flock(file, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                raise ServiceUnavailable(
                    f"Another live-runner has been starting or ending servers in {home} for {START_LOCK_TIMEOUT_S:g} s",
                    remedy="Check it, or choose another folder with --home",
                ) from None
            time.sleep(_POLL_S)
        else:
            return
