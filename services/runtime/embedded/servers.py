"""NATS and PostgreSQL of a home folder, for who has set neither NATS_URL nor TIMESCALE_DSN.

The first process that needs them starts them and owns them; others on the same folder use the same
ones. The owner ends them when the last user has gone, so that nothing outlives ``live-runner run``;
if the owner is killed, the kernel ends them. Their data stays and is recovered at the next start.

A brief command that had to start a server would have to stay as long as those that use it after it. So a
``run`` never does: it waits until brief commands have ended what they started, and starts its own.
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
from live_runner.services.runtime.embedded.store_lock import StoreLock

__all__ = ["Embedded", "find", "is_owned", "nats_folder", "postgres_folder"]

START_LOCK_TIMEOUT_S: Final = 180.0
"""How long another process may take to start the servers of the same folder."""
RESTART_TIMEOUT_S: Final = 120.0
"""How long a server that another process owns may take to come back, its recovery included."""
ANSWER_TIMEOUT_S: Final = 10.0
"""How long a command waits for a server that is being started again."""
WAIT_NOTED_AFTER_S: Final = 2.0
"""A wait for others that takes longer is reported."""
_POLL_S: Final = 0.1


def nats_folder(home: Path) -> Path:
    """Where the embedded NATS keeps its store."""
    return home / "nats"


def postgres_folder(home: Path) -> Path:
    """Where the embedded PostgreSQL keeps its data."""
    return home / "postgres"


def is_owned(folder: Path) -> bool:
    """Whether a process owns the server of this folder, also while the server is being started again."""
    return StoreLock(folder).is_taken()


def find(settings: Settings) -> Settings:
    """The settings, pointed at the embedded servers that run now; what does not run stays None.

    A server that somebody owns and that does not answer is waited for, up to ``ANSWER_TIMEOUT_S``.
    """
    url, token, dsn = settings.nats_url, settings.nats_token, settings.timescale_dsn
    deadline = time.monotonic() + ANSWER_TIMEOUT_S
    if url is None and (nats := _found(nats_folder(settings.home), find_nats, deadline)) is not None:
        url, token = nats.url, nats.token
    if dsn is None and (postgres := _found(postgres_folder(settings.home), find_postgres, deadline)) is not None:
        dsn = postgres.dsn
    return replace(settings, nats_url=url, nats_token=token, timescale_dsn=dsn)


class Embedded:
    """The servers that this process uses, and the processes of those that it owns."""

    def __init__(
        self, settings: Settings, use: TextIO, brief: TextIO, owned: list[Process], on_wait: Callable[[str], None]
    ) -> None:
        self.settings = settings
        """The given settings, pointed at the running servers."""
        self.owned = owned
        self._use: TextIO | None = use
        self._brief = brief
        self._on_wait = on_wait

    @classmethod
    def start(
        cls,
        settings: Settings,
        *,
        nats: bool = True,
        database: bool = True,
        nats_port: int = 0,
        is_brief: bool = False,
        on_wait: Callable[[str], None] = lambda _: None,
    ) -> Embedded:
        """Start what is asked for and is neither set nor running, and wait until it answers.

        ``is_brief`` is a command that only looks or mends and ends by itself; others never use a server of its own.
        ``on_wait`` takes a sentence when another process of this folder has to be waited for, here or at the end.
        ServiceUnavailable when that takes more than ``START_LOCK_TIMEOUT_S`` here.
        """
        home = settings.home
        try:
            home.mkdir(parents=True, exist_ok=True)
            starting, use, brief = ((home / f"{name}.lock").open("a") for name in ("starting", "use", "brief"))
        except OSError as error:
            raise ConfigError(
                f"The data folder {home} cannot be used: {error.strerror}",
                remedy="Choose another with --home or LIVE_RUNNER_HOME",
                path=str(home),
            ) from error
        owned: list[Process] = []
        try:
            with starting:
                _lock(starting, fcntl.LOCK_EX, f"Another live-runner is starting servers in {home}", on_wait)
                if not is_brief:
                    # While `starting` is held no brief command begins, and `use` is not held: those before can end.
                    _lock(brief, fcntl.LOCK_EX, f"A command still uses the database that it started in {home}", on_wait)
                # Before looking for servers: while their owner is ending them this waits, and then finds none.
                _lock(use, fcntl.LOCK_SH, f"Another live-runner is ending its servers in {home}", on_wait)
                settings = cls._started(settings, owned, nats=nats, database=database, nats_port=nats_port)
                fcntl.flock(brief, fcntl.LOCK_SH if is_brief and owned else fcntl.LOCK_UN)
        except BaseException:
            for process in owned:
                process.stop()
            use.close()
            brief.close()
            raise
        return cls(settings, use, brief, owned, on_wait)

    @staticmethod
    def _started(settings: Settings, owned: list[Process], *, nats: bool, database: bool, nats_port: int) -> Settings:
        url, token, dsn = settings.nats_url, settings.nats_token, settings.timescale_dsn
        deadline = time.monotonic() + RESTART_TIMEOUT_S
        if nats and url is None:
            folder = nats_folder(settings.home)
            server: NatsServer = _found(folder, find_nats, deadline) or start_nats(
                folder, sync=settings.nats_sync, port=nats_port
            )
            url, token = server.url, server.token
            if server.process:
                owned.append(server.process)
        if database and dsn is None:
            folder = postgres_folder(settings.home)
            postgres: PostgresServer = _found(folder, find_postgres, deadline) or start_postgres(folder)
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

    def stop(self) -> None:
        """Give the servers up; the owner waits for other users of the folder and then ends them in order.

        Ctrl-C ends the wait, and the servers.
        """
        if self._use is None:
            return
        try:
            if self.is_shared():
                self._on_wait(self.sharing_note)
            while self.is_shared():
                time.sleep(_POLL_S)
        finally:
            for process in reversed(self.owned):
                process.stop()
            self.owned.clear()
            self._use.close()
            self._use = None
            self._brief.close()

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


def _found[Server](folder: Path, look: Callable[[Path], Server | None], deadline: float) -> Server | None:
    """The server of a folder as soon as it answers; None when nobody owns one, or at the deadline."""
    while (server := look(folder)) is None and is_owned(folder) and time.monotonic() < deadline:
        time.sleep(_POLL_S)
    return server


def _lock(file: TextIO, kind: int, because: str, on_wait: Callable[[str], None]) -> None:
    began, is_noted = time.monotonic(), False
    while True:
        try:
            fcntl.flock(file, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            waited_s = time.monotonic() - began
            if waited_s >= START_LOCK_TIMEOUT_S:
                raise ServiceUnavailable(
                    f"{because}, for more than {START_LOCK_TIMEOUT_S:g} s",
                    remedy="Check it, or choose another folder with --home",
                ) from None
            if waited_s >= WAIT_NOTED_AFTER_S and not is_noted:
                is_noted = True
                on_wait(f"{because}; waiting until it is done, up to {START_LOCK_TIMEOUT_S:g} s")
            time.sleep(_POLL_S)
        else:
            return
