"""Faults of requests: which requests they meet, and what goes wrong before or after the venue has executed them.

A fault is an object of ``match`` and of ``before`` or ``after``, in a profile, a script, or posted to ``/_/faults``::

    {"match": {"method": "POST", "path": "/fapi/v1/order", "symbol": "BTCUSDT", "nth": 2, "count": 1},
     "after": {"drop": true}}

With ``before`` the venue never executes the request, unless it is only delayed on its way; with ``after`` it has.
Pure: chance comes from the seed, the fault's number and the number of the request.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from live_runner.contracts.errors import ConfigError
from live_runner.services.market_data.core.randomness import key

__all__ = ["Action", "Fault", "Faults", "Match", "Request", "converted"]

FAULTS_MAX: Final = 1000
_DRAW: Final = 2**53


class Match(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Requests that a fault meets; what is not given matches all."""

    method: str | None = None
    path: str | None = None
    """The whole path, or its beginning with a ``*`` at the end."""
    symbol: str | None = None
    client_id: str | None = None
    """Of the order or trigger order that is placed, asked for or cancelled."""
    side: str | None = None
    account: str | None = None
    """The API key."""
    nth: int = 1
    """The first matching request that is met, from 1."""
    count: int | None = None
    """How many are met; None: all until the fault is lifted."""
    probability: float = 1.0
    from_ms: int = 0
    """Venue time before which none is met."""


class Action(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What goes wrong. Several may be given; a delay comes first, the rest decides the answer."""

    delay_ms: int = 0
    """Of venue time."""
    drop: bool = False
    """Never an answer; the connection stays open until the client leaves."""
    reset: bool = False
    """The connection breaks off."""
    cut_body: int | None = None
    """The answer ends after so many bytes, fewer than its Content-Length."""
    status: int | None = None
    headers: dict[str, str] = {}
    body: str | None = None
    """As it is, JSON or not."""
    code: int | None = None
    """The body is the venue's error object with this code, status 400 unless given."""
    message: str = "An unknown error occurred while processing the request."
    redirect: str | None = None
    """Location of a redirect, status 302 unless given."""
    fill: str | None = None
    """Quantity of the order that fills at once."""
    hide_ms: int = 0
    """For so long the order does not exist for whoever asks (-2013)."""

    @property
    def answers(self) -> bool:
        """Whether the answer, or its absence, is this one's own."""
        return (
            self.drop
            or self.reset
            or self.cut_body is not None
            or self.status is not None
            or self.body is not None
            or self.code is not None
            or self.redirect is not None
        )


class _Posted(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A fault as it is given."""

    match: Match = Match()
    before: Action | None = None
    after: Action | None = None


@dataclass(frozen=True, slots=True)
class Request:
    """What a match looks at."""

    method: str
    path: str
    params: Mapping[str, str]
    account: str | None
    now_ms: int

    @property
    def client_id(self) -> str | None:
        """The client's own id of the order or trigger order that this is about."""
        for name in ("newClientOrderId", "origClientOrderId", "clientAlgoId"):
            if name in self.params:
                return self.params[name]
        return None


@dataclass(slots=True)
class Fault:
    """One fault, and how often it has met its match."""

    id: int
    posted: _Posted
    seen: int = 0
    """Requests that matched, met or not."""
    fired: int = 0

    def view(self) -> dict[str, Any]:
        """As ``GET /_/faults`` shows it."""
        return {"id": self.id, **msgspec.to_builtins(self.posted), "seen": self.seen, "fired": self.fired}


@dataclass(slots=True)
class Faults:
    """Every fault that is in force, in the order in which they were posted."""

    seed: int = 0
    _faults: dict[int, Fault] = field(default_factory=dict)
    _last_id: int = 0

    def add(self, given: Any) -> Fault:
        """A fault from its JSON object; ConfigError names what is not part of one."""
        posted = checked(given)
        if len(self._faults) >= FAULTS_MAX:
            raise ConfigError(f"There are {FAULTS_MAX} faults already", remedy="Lift some with DELETE /_/faults")
        self._last_id += 1
        fault = self._faults[self._last_id] = Fault(self._last_id, posted)
        return fault

    def lift(self, fault_id: int | None = None) -> list[dict[str, Any]]:
        """Take one fault away, or all; what they were, with their counts."""
        ids = list(self._faults) if fault_id is None else [fault_id]
        return [fault.view() for each in ids if (fault := self._faults.pop(each, None)) is not None]

    def view(self) -> list[dict[str, Any]]:
        """Every fault with its counts."""
        return [fault.view() for fault in self._faults.values()]

    def met(self, request: Request) -> tuple[Action | None, Action | None]:
        """What goes wrong with this request before and after it: of the first fault that meets it. Counts it."""
        for fault in self._faults.values():
            match = fault.posted.match
            if not _fits(match, request):
                continue
            fault.seen += 1
            is_in_turn = fault.seen >= match.nth and (match.count is None or fault.fired < match.count)
            if is_in_turn and self._drawn(fault):
                fault.fired += 1
                return fault.posted.before, fault.posted.after
        return None, None

    def _drawn(self, fault: Fault) -> bool:
        probability = fault.posted.match.probability
        return probability >= 1.0 or key(self.seed, "fault", fault.id, fault.seen) % _DRAW < probability * _DRAW


def checked(given: Any) -> _Posted:
    """A fault from its JSON object; ConfigError names what is not part of one."""
    posted = converted(given, _Posted, "fault")
    if posted.before is None and posted.after is None:
        raise ConfigError("A fault needs 'before' or 'after'", remedy='Write for example {"after": {"drop": true}}')
    if posted.before is not None and (posted.before.fill is not None or posted.before.hide_ms):
        raise ConfigError("'fill' and 'hide_ms' are of an order that is there", remedy="Write them under 'after'")
    if not 0.0 < posted.match.probability <= 1.0 or posted.match.nth < 1:
        raise ConfigError("A fault's 'probability' is above 0 and at most 1, its 'nth' at least 1", remedy="Change it")
    return posted


def converted[T: msgspec.Struct](given: Any, kind: type[T], what: str) -> T:
    """JSON objects as one of the emulator's types; ConfigError with the path of what does not fit and its fields."""
    try:
        return msgspec.convert(given, kind, strict=False)
    except msgspec.ValidationError as error:
        fields = ", ".join(kind.__struct_fields__)
        raise ConfigError(f"A {what} is not valid: {error}", remedy=f"It may have {fields}") from error


def _fits(match: Match, request: Request) -> bool:
    return (
        (match.method is None or match.method == request.method)
        and (match.path is None or _is_path(match.path, request.path))
        and (match.symbol is None or match.symbol == request.params.get("symbol"))
        and (match.client_id is None or match.client_id == request.client_id)
        and (match.side is None or match.side == request.params.get("side"))
        and (match.account is None or match.account == request.account)
        and request.now_ms >= match.from_ms
    )


def _is_path(pattern: str, path: str) -> bool:
    return path.startswith(pattern[:-1]) if pattern.endswith("*") else path == pattern
