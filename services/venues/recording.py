"""Requests to a venue and their answers in a file, and the answers out of it again in the place of the venue.

A line of JSON per request: what was asked, without key, signature and time, and what came back, a connection that broke
included. Nothing of a request's headers is kept.
"""

from __future__ import annotations

import json
from collections import defaultdict, deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

import msgspec

from live_runner.contracts.errors import DataError
from live_runner.services.venues.answers import HttpExchange

__all__ = ["BYTES_MAX", "Recorder", "Recording", "question"]

BYTES_MAX: Final = 2 * 1024**3
"""A recording ends there."""
_NEW_EACH_TIME: Final = frozenset({"timestamp", "signature", "recvWindow"})


class _Line(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One request."""

    asked: str
    status: int
    headers: dict[str, str]
    body: str
    problem: str = ""


def question(method: str, url: str, body: Any) -> str:
    """What a request asks, in one form: method, path and parameters, without what is new each time."""
    parts = urlsplit(url)
    text = body if isinstance(body, str) else ""
    is_form = not text.startswith(("{", "["))
    pairs = parse_qsl(parts.query, keep_blank_values=True) + (
        parse_qsl(text, keep_blank_values=True) if is_form else []
    )
    kept = sorted([name, value] for name, value in pairs if name not in _NEW_EACH_TIME)
    return json.dumps([method, parts.path, kept, "" if is_form else text])


class Recorder:
    """Appends to a file; ``is_full`` once nothing more is kept."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("ab")
        self.is_full = False

    def add(self, asked: str, exchange: HttpExchange) -> None:
        """One request that has left, and what came of it."""
        if self.is_full or not exchange.sent_ns:
            return
        line = _Line(asked, exchange.status, dict(exchange.headers), exchange.body, exchange.problem)
        data = msgspec.json.encode(line) + b"\n"
        if self._file.tell() + len(data) > BYTES_MAX:
            self.is_full = True
            return
        self._file.write(data)
        self._file.flush()

    def close(self) -> None:
        """Nothing more follows."""
        self._file.close()


class Recording:
    """Answers by what was asked, each once, in the order in which they came."""

    def __init__(self, path: Path) -> None:
        self._answers: dict[str, deque[_Line]] = defaultdict(deque)
        for line in _lines(path):
            self._answers[line.asked].append(line)

    def take(self, asked: str) -> HttpExchange | None:
        """The next answer to this, without its times; None where the recording has none."""
        waiting = self._answers.get(asked)
        if not waiting:
            return None
        line = waiting.popleft()
        method, path, *_ = json.loads(asked)
        return HttpExchange(method, path, 0, line.status, line.headers, line.body, line.problem)


def _lines(path: Path) -> Iterator[_Line]:
    decoder = msgspec.json.Decoder(_Line)
    try:
        with path.open("rb") as file:
            for number, data in enumerate(file, 1):
                try:
                    yield decoder.decode(data)
                except (msgspec.MsgspecError, ValueError) as error:
                    raise DataError(
                        f"Line {number} of {path} is not a recorded request: {error}",
                        remedy="Give a file that `serve gateway --record FILE` has written",
                    ) from error
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}", remedy="Give a file that is there") from error
