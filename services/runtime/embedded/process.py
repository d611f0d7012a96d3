"""One child process: in a group of its own, ending with its parent, stopped in order or killed.

Whatever happens to the parent, ``kill -9`` included, the kernel sends the child its death signal
(Linux). The signal follows the thread that started the child: start children on the main thread.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from live_runner.services.runtime.embedded import launch
from live_runner.services.runtime.embedded.store_lock import StoreLock

__all__ = ["Process", "Program", "is_alive"]

STOP_TIMEOUT_S: Final = 10.0
"""How long a child may take to end by itself before it is killed."""
_POLL_S: Final = 0.02
_STATE: Final = 0
_THREADS: Final = 17
"""Of what /proc/PID/stat says after the name (proc(5))."""
TAIL_BYTES: Final = 4096
_WHY: Final = re.compile(r"\b(FATAL|PANIC|FTL)\b")
"""Marks what ended PostgreSQL or NATS; PostgreSQL says after it that it is shut down."""


@dataclass(frozen=True, slots=True)
class Program:
    """A program to run. ``user`` is (uid, gid) to become when this process is root."""

    name: str
    arguments: Sequence[str]
    output: Path
    """The file that its output is appended to."""
    environment: Mapping[str, str] | None = None
    """Added to this process's own."""
    stop_signal: signal.Signals = signal.SIGTERM
    death_signal: signal.Signals = signal.SIGKILL
    user: tuple[int, int] | None = None
    stop_timeout_s: float = STOP_TIMEOUT_S
    folder: Path | None = None
    """Its working directory; None is this process's own, or the root for another user."""
    lock: StoreLock | None = None
    """Handed to the program, which holds it as long as it runs; released here by ``Process.stop``."""


class Process:
    """A running program."""

    def __init__(self, program: Program) -> None:
        """Start it."""
        self.program = program
        program.output.parent.mkdir(parents=True, exist_ok=True)
        lock = program.lock if program.lock is not None and program.lock.take() else None
        with program.output.open("ab") as output:
            self._output_begins = output.tell()
            self._popen = subprocess.Popen(
                [*launch.command(program.death_signal, program.user), *program.arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, **(program.environment or {})},
                start_new_session=True,
                cwd=program.folder or ("/" if program.user else None),
                pass_fds=() if lock is None or lock.descriptor is None else (lock.descriptor,),
            )

    @property
    def pid(self) -> int:
        """Process id, and id of its group."""
        return self._popen.pid

    def exit_code(self) -> int | None:
        """None while it runs; negative is the signal that ended it."""
        return self._popen.poll()

    def ask_to_stop(self) -> None:
        """Send the stop signal, without waiting."""
        if self.exit_code() is None:
            self._popen.send_signal(self.program.stop_signal)

    def stop(self) -> int:
        """Stop it in order, or kill it with its whole group after ``stop_timeout_s``; its exit code."""
        self.ask_to_stop()
        try:
            code = self._popen.wait(self.program.stop_timeout_s)
        except subprocess.TimeoutExpired:
            self._kill_group()
            code = self._popen.wait()
        else:
            self._kill_group()  # what it started and left behind
        if self.program.lock is not None:
            self.program.lock.release()
        return code

    def _kill_group(self) -> None:
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except ProcessLookupError:
            return

    def last_words(self) -> str:
        """Of the end of what it printed the line that says why it ended, else the last one."""
        try:
            with self.program.output.open("rb") as output:
                output.seek(0, os.SEEK_END)
                output.seek(max(self._output_begins, output.tell() - TAIL_BYTES))
                lines = output.read().decode("utf-8", "replace").strip().splitlines()
        except OSError:
            return ""
        return next((line.strip() for line in reversed(lines) if _WHY.search(line)), lines[-1].strip() if lines else "")


def is_alive(pid: int) -> bool:
    """Whether a process with this id runs; one that has ended and was not collected yet does not.

    While other threads of it are still ending, it holds its files and ports, and runs.
    """
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
        return fields[_STATE] != "Z" or int(fields[_THREADS]) > 1
    except (OSError, IndexError, ValueError):
        return True


def wait_until_gone(pid: int, timeout_s: float) -> bool:
    """Wait for a process that is not our child to end; False when it did not in time."""
    deadline = time.monotonic() + timeout_s
    while is_alive(pid):
        if time.monotonic() >= deadline:
            return False
        time.sleep(_POLL_S)
    return True
