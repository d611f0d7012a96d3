"""Scripts: admin calls at moments of venue time, or when something has come over the wire. One JSON object a line.

    {"at_ms": 60000, "do": "POST /_/faults", "with": {"match": {"path": "/fapi/v1/order"}, "after": {"drop": true}}}
    {"on": {"event": "ORDER_TRADE_UPDATE", "nth": 2}, "do": "POST /_/streams/close"}
    {"on": {"request": "POST /fapi/v1/order"}, "do": "POST /_/accounts/KEY/liquidate"}

``at_ms`` counts from the beginning and never goes back from one line to the next. Every call is looked at before the
first is made. Pure: chance comes from the seed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any, Final

import msgspec

from live_runner.contracts.errors import ConfigError
from live_runner.services.market_data.core.randomness import key

__all__ = ["Line", "On", "Script", "drawn", "parse", "text_of"]

LINES_MAX: Final = 10_000


class On(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What a line waits for: a frame of this event, or a request of this method and path."""

    event: str | None = None
    request: str | None = None
    nth: int = 1


class Line(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, rename={"with_": "with"}):
    """One line."""

    do: str
    at_ms: int | None = None
    on: On | None = None
    with_: Any = None


@dataclass(slots=True)
class _Waiting:
    """A line that waits for something to come over the wire."""

    line: Line
    on: On
    seen: int = 0


class Script:
    """A script that is being played."""

    def __init__(self, lines: Sequence[Line], start_ms: int) -> None:
        self._start_ms = start_ms
        self._timed = [line for line in lines if line.at_ms is not None]
        self._waiting = [_Waiting(line, line.on) for line in lines if line.on is not None]

    @property
    def next_ms(self) -> int | None:
        """Venue time of the next line; None when no line waits for a time."""
        at_ms = self._timed[0].at_ms if self._timed else None
        return None if at_ms is None else self._start_ms + at_ms

    def due(self, now_ms: int) -> Iterator[Line]:
        """Lines whose time has come, each once."""
        while (at_ms := self.next_ms) is not None and at_ms <= now_ms:
            yield self._timed.pop(0)

    def seen(self, *, event: str | None = None, request: str | None = None) -> list[Line]:
        """Lines that waited for this frame or request, each once."""
        found = []
        for waiting in list(self._waiting):
            on = waiting.on
            if (event is not None and on.event == event) or (request is not None and on.request == request):
                waiting.seen += 1
                if waiting.seen >= on.nth:
                    self._waiting.remove(waiting)
                    found.append(waiting.line)
        return found

    @property
    def left(self) -> int:
        """Lines that have not been done."""
        return len(self._timed) + len(self._waiting)


def parse(text: str, check: Callable[[str, Any], None], where: str | PurePath) -> list[Line]:
    """The lines of a script. ``check`` refuses a call that does not exist; ConfigError names the line."""
    lines: list[Line] = []
    last: tuple[int, int] | None = None
    for number, each in enumerate(text.splitlines(), 1):
        if not each.strip():
            continue
        try:
            line = msgspec.json.decode(each, type=Line)
            if (line.at_ms is None) == (line.on is None):
                raise ConfigError("it needs 'at_ms' or 'on'", remedy="Give one of the two")
            if line.on is not None and ((line.on.event is None) == (line.on.request is None) or line.on.nth < 1):
                raise ConfigError("'on' needs 'event' or 'request'", remedy='Write {"event": "ORDER_TRADE_UPDATE"}')
            if line.at_ms is not None:
                if last is not None and line.at_ms < last[1]:
                    raise ConfigError(
                        f"at_ms {line.at_ms} is before that of line {last[0]}, {last[1]}",
                        remedy="Put the lines in order of time",
                    )
                last = number, line.at_ms
            check(line.do, line.with_)
        except msgspec.DecodeError as error:
            raise ConfigError(
                f"{where}, line {number}, is not valid: {error}", remedy="A line has 'at_ms' or 'on', 'do' and 'with'"
            ) from error
        except ConfigError as error:
            raise ConfigError(f"{where}, line {number}: {error.what}", remedy=error.remedy, line=number) from error
        lines.append(line)
    if len(lines) > LINES_MAX:
        raise ConfigError(f"{where} has {len(lines)} lines", remedy=f"Give at most {LINES_MAX}")
    return lines


_KINDS: Final[Sequence[tuple[str, dict[str, Any]]]] = (
    ("faults", {"match": {"path": "/fapi/v1/order", "count": 1}, "after": {"drop": True}}),
    ("faults", {"match": {"path": "/fapi/v1/order", "count": 1}, "after": {"reset": True}}),
    ("faults", {"match": {"path": "/fapi/v1/order", "count": 1}, "before": {"reset": True}}),
    ("faults", {"match": {"path": "/fapi/v1/order", "count": 1}, "before": {"status": 503, "code": -1008}}),
    ("faults", {"match": {"path": "/fapi/v1/order", "count": 1}, "after": {"status": 408, "code": -1007}}),
    ("faults", {"match": {"path": "/fapi/v1/order", "count": 1}, "after": {"delay_ms": 15000}}),
    ("faults", {"match": {"method": "GET", "count": 2}, "before": {"status": 502, "body": "<html>Bad Gateway</html>"}}),
    ("faults", {"match": {"method": "GET", "count": 2}, "after": {"cut_body": 20}}),
    ("faults", {"match": {"path": "/fapi/v1/order", "method": "GET", "count": 3}, "before": {"code": -2013}}),
    ("faults", {"match": {"method": "GET", "count": 1}, "before": {"status": 429, "code": -1003}}),
    ("streams", {"match": {"event": "ORDER_TRADE_UPDATE", "count": 1}, "drop": True}),
    ("streams", {"match": {"event": "ORDER_TRADE_UPDATE", "count": 1}, "duplicate": {"times": 2, "after_ms": 500}}),
    ("streams", {"match": {"event": "ORDER_TRADE_UPDATE", "count": 2}, "reorder": 2}),
    ("streams", {"match": {"event": "ORDER_TRADE_UPDATE", "count": 1}, "delay_ms": 5000}),
    ("streams", {"match": {"event": "ORDER_TRADE_UPDATE", "count": 1}, "garbage": True}),
    ("streams/close", {"code": 1001}),
)


def drawn(seed: int, lines: int, within_ms: int) -> list[Line]:
    """A script of so many faults, at moments of the first ``within_ms`` that the seed draws."""
    moments = sorted(key(seed, "moment", number) % within_ms for number in range(lines))
    found = []
    for number, at_ms in enumerate(moments):
        path, given = _KINDS[key(seed, "kind", number) % len(_KINDS)]
        found.append(Line(f"POST /_/{path}", at_ms=at_ms, with_=given))
    return found


def text_of(lines: Sequence[Line]) -> str:
    """Lines as they stand in a file."""
    return "".join(f"{msgspec.json.encode(line).decode()}\n" for line in lines)
