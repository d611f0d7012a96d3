"""Processes that work on the runs of a sweep, and what happens when one of them dies or hangs.

Each process is started afresh (no fork: it shares no state with us), opens its market once, and is handed one run
at a time, or a few where they are so short that it would wait for us. It answers in the order it was asked: when it
dies, the first unanswered run is the one it died of. That run is tried again in a new process a bounded number of
times, then it is a failed row and the others go on.

The kernel ends every worker when this process ends, ``kill -9`` included (Linux).
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from multiprocessing import connection, get_context
from multiprocessing.connection import Connection
from typing import Any, Final

from live_runner.contracts.errors import DataError, OurFault
from live_runner.services.backtest.sweep.job import Job, Market, carry_out
from live_runner.services.backtest.sweep.plan import Setting
from live_runner.services.backtest.sweep.rows import Row, other_row
from live_runner.services.runtime.config.masking import masked

__all__ = ["ATTEMPTS_MAX", "Pool", "work"]

ATTEMPTS_MAX: Final = 3
"""Processes that one run may take with it before it counts as failed."""
STARTS_MAX: Final = 3
"""Processes in a row that may end before they are ready."""
AHEAD: Final = 8
"""Runs that a process holds at most, the one it works on included."""
SHORT_S: Final = 0.1
"""A longer run is not handed out before a process is free: at the end others would have nothing to do."""
POLL_S: Final = 0.2
"""How long we wait at a time before we look for hung runs and for Ctrl-C."""
STOP_TIMEOUT_S: Final = 5.0
"""How long a process may take to end before it is killed."""
_PR_SET_PDEATHSIG: Final = 1

type Open = Callable[[Job, Any], tuple[Market, str]]
"""Opens the market of a job; ``Any`` is what the caller gave for it. The text is the market's hash."""


@dataclass(eq=False)
class _Worker:
    number: int
    process: Any
    pipe: Connection
    is_ready: bool = False
    held: deque[Setting] = field(default_factory=deque)
    since_s: float = 0.0
    """When the first of the held runs became the first, monotonic."""


class Pool:
    """Works on runs with ``jobs`` processes. Use as a context manager."""

    def __init__(
        self,
        job: Job,
        open_market: Open,
        given: Any,
        *,
        jobs: int,
        timeout_s: float,
        on_trouble: Callable[[str], None],
    ) -> None:
        self._job, self._open, self._given = job, open_market, given
        self._jobs, self._timeout_s, self._on_trouble = jobs, timeout_s, on_trouble
        self._workers: list[_Worker] = []
        self._again: deque[Setting] = deque()
        self._deaths: dict[int, int] = {}
        self._made = 0
        self._ahead = 1
        self._failed_starts = 0

    def __enter__(self) -> Pool:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def run(self, settings: Iterable[Setting], is_stopping: Callable[[], bool]) -> Iterator[Row | None]:
        """A row for each run, in the order they end; None at least every ``POLL_S``. Ends early when told to."""
        waiting = iter(settings)
        while not is_stopping():
            self._hand_out(waiting)
            if not self._workers:
                return
            pipes = {worker.pipe: worker for worker in self._workers}
            for pipe in connection.wait(list(pipes), POLL_S):
                assert isinstance(pipe, Connection)
                yield from self._receive(pipes[pipe])
            yield from self._overdue()
            yield None

    def stop(self) -> None:
        """End every process, in order if it does."""
        for worker in self._workers:
            worker.process.terminate()
        deadline_s = time.monotonic() + STOP_TIMEOUT_S
        for worker in self._workers:
            self._end(worker, max(0.0, deadline_s - time.monotonic()))
        self._workers.clear()

    # -- handing out ----------------------------------------------------------------------------

    def _hand_out(self, waiting: Iterator[Setting]) -> None:
        """Fill up every worker in turn, and start one where there is work for it; let those go that have none."""
        for depth in range(1, self._ahead + 1):
            for worker in self._workers:
                if len(worker.held) < depth and (setting := self._next(waiting)) is not None:
                    self._send(worker, setting)
        for worker in [worker for worker in self._workers if not worker.held]:
            self._workers.remove(worker)
            worker.process.terminate()
            self._end(worker, STOP_TIMEOUT_S)
        while len(self._workers) < self._jobs and (setting := self._next(waiting)) is not None:
            worker = self._start()
            self._workers.append(worker)
            self._send(worker, setting)

    def _next(self, waiting: Iterator[Setting]) -> Setting | None:
        return self._again.popleft() if self._again else next(waiting, None)

    def _send(self, worker: _Worker, setting: Setting) -> None:
        if not worker.held:
            worker.since_s = time.monotonic()
        worker.held.append(setting)
        try:
            worker.pipe.send(setting)
        except OSError:
            return  # it has died; its end of the pipe tells us next

    def _start(self) -> _Worker:
        context = get_context("spawn")
        ours, theirs = context.Pipe()
        self._made += 1
        arguments = (theirs, os.getpid(), self._job, self._open, self._given)
        process = context.Process(target=work, args=arguments, name=f"sweep-{self._made}", daemon=True)
        # The terminal sends Ctrl-C to all of us; the workers leave it to this process.
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            process.start()
        finally:
            signal.signal(signal.SIGINT, before)
        theirs.close()
        return _Worker(self._made, process, ours)

    # -- listening ------------------------------------------------------------------------------

    def _receive(self, worker: _Worker) -> Iterator[Row]:
        try:
            received = worker.pipe.recv()
        except (EOFError, OSError):
            yield from self._died(worker)
            return
        if isinstance(received, str):
            self._ready(worker, received)
        elif isinstance(received, Exception):
            raise received
        else:
            worker.held.popleft()
            worker.since_s = time.monotonic()
            self._ahead = AHEAD if received["seconds"] < SHORT_S else 1
            yield received | {"message": masked(received["message"])}

    def _ready(self, worker: _Worker, market_hash: str) -> None:
        worker.is_ready, worker.since_s, self._failed_starts = True, time.monotonic(), 0
        if market_hash != self._job.shared["dataset"]["hash"]:
            raise DataError(
                "The dataset was replaced while the sweep began",
                remedy="Start the sweep again, with --fresh if it is to run on the new one",
            )

    def _died(self, worker: _Worker) -> Iterator[Row]:
        self._workers.remove(worker)
        how = _how_it_ended(self._end(worker, STOP_TIMEOUT_S))
        name = f"Worker {worker.number} (process {worker.process.pid}) {how}"
        if not worker.is_ready:
            self._failed_starts += 1
            self._again.extend(worker.held)
            if self._failed_starts >= STARTS_MAX:
                raise OurFault(f"{name} before it was ready, as did {STARTS_MAX - 1} before it", remedy="See above")
            return
        guilty = worker.held.popleft()
        self._again.extend(worker.held)
        deaths = self._deaths[guilty.number] = self._deaths.get(guilty.number, 0) + 1
        if deaths < ATTEMPTS_MAX:
            self._on_trouble(f"{name} in run {guilty.number}, which is tried again ({deaths + 1} of {ATTEMPTS_MAX})")
            self._again.appendleft(guilty)
            return
        message = f"{ATTEMPTS_MAX} workers ended in this run, the last one {how}"
        self._on_trouble(f"{name} in run {guilty.number}, which has failed")
        yield other_row(guilty, "failed", message, self._job.shared)

    def _overdue(self) -> Iterator[Row]:
        """End the workers whose run takes too long; trying those again would take as long."""
        now_s = time.monotonic()
        for worker in list(self._workers):
            if worker.is_ready and worker.held and now_s - worker.since_s > self._timeout_s:
                self._workers.remove(worker)
                self._end(worker, 0.0)
                guilty = worker.held.popleft()
                self._again.extend(worker.held)
                message = f"It took longer than --timeout, {self._timeout_s:g} s"
                self._on_trouble(f"Worker {worker.number} was ended in run {guilty.number}: {message}")
                yield other_row(guilty, "failed", message, self._job.shared, seconds=self._timeout_s)

    def _end(self, worker: _Worker, timeout_s: float) -> int:
        """Wait for its end, kill it when that takes longer; its exit code."""
        worker.process.join(timeout_s)
        if worker.process.is_alive():
            worker.process.kill()
            worker.process.join()
        worker.pipe.close()
        code: int = worker.process.exitcode
        return code


def work(pipe: Connection, parent: int, job: Job, open_market: Open, given: Any) -> None:
    """A worker process: open the market, then answer each setting with its row until the pipe ends."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:
            return
    try:
        market, market_hash = open_market(job, given)
    except Exception as error:  # noqa: BLE001  # told to the parent, which ends the sweep with it
        pipe.send(DataError(f"A worker cannot open the market: {error}"))
        return
    pipe.send(market_hash)
    while True:
        try:
            setting = pipe.recv()
        except EOFError:
            return
        pipe.send(carry_out(setting, job, market))


def _how_it_ended(code: int) -> str:
    if code >= 0:
        return f"ended with exit code {code}"
    ended_by = signal.Signals(-code).name if -code in {s.value for s in signal.Signals} else f"signal {-code}"
    return f"was ended by {ended_by}"
