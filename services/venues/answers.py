"""What a venue's answer to a request proves, from the answer itself and not from the library's exception.

Pure. The venue's own code is looked at first, then the HTTP status, then the shape of the body; the class of a ccxt
exception decides nothing, because it does not say whether an order was executed (a suspended market is "not available"
at one venue, an unknown order is an "invalid order"). What proves nothing is ``unknown``: for an order that means it
may stand, for a listing that there was no answer. A code that is not in the venue's table is ``unlisted``: the order is
asked for before anything is made of it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, NamedTuple

__all__ = [
    "ANY",
    "MEANINGS",
    "AnswerTable",
    "CodePlace",
    "Fate",
    "FollowUp",
    "HttpExchange",
    "Shape",
    "VenueCode",
    "Verdict",
    "by_code",
    "classify",
    "pause_of",
]

Fate = Literal["done", "rejected", "retryable", "duplicate", "gone", "unlisted", "unknown", "not_sent"]
"""What became of a request.

- ``done``: the answer has the documented shape.
- ``rejected``: it was not executed, and the same request would be rejected again.
- ``retryable``: it was not executed, and the same request may pass later.
- ``duplicate``: an order with this client order id stands already.
- ``gone``: the venue names no open order by this id. It may have filled: the order's end is not proven by it.
- ``unlisted``: refused by a code that is not in the venue's table. Whether it was executed has to be asked.
- ``unknown``: no answer, or none that proves anything.
- ``not_sent``: nothing left this machine.
"""
FollowUp = Literal["", "pause", "clock", "rules", "account"]
"""What an answer asks for besides: a pause of all calls, another look at the clock, at the market's rules (tick, lot,
status), or at the account (keys, permissions, mode, leverage)."""

_BUSY: Final = (418, 429)
_OK: Final = 200
_REDIRECT: Final = 300
_CLIENT_ERROR: Final = 400
_SERVER_ERROR: Final = 500
_BANNED_UNTIL: Final = re.compile(r"banned until (\d{13})\b")
_EVERY: Final = "*"
ANY: Final = ""
"""In ``AnswerTable.refined``: whatever the code is."""


class VenueCode(NamedTuple):
    """The meaning of one code of a venue."""

    fate: Fate
    meaning: str = ""
    """As ``Report.meaning`` has it."""
    follow_up: FollowUp = ""


MEANINGS: Final = {
    "rejected": VenueCode("rejected"),
    "retryable": VenueCode("retryable"),
    "duplicate": VenueCode("duplicate", "duplicate"),
    "gone": VenueCode("gone"),
    "unknown": VenueCode("unknown"),
    "pause": VenueCode("retryable", follow_up="pause"),
    "clock": VenueCode("retryable", follow_up="clock"),
    "rules": VenueCode("rejected", follow_up="rules"),
    "account": VenueCode("rejected", follow_up="account"),
    "account_differs": VenueCode("rejected", "account_differs", "account"),
    "too_small": VenueCode("rejected", "too_small", "rules"),
    "no_position": VenueCode("rejected", "no_position", "account"),
    "reduce_only_refused": VenueCode("rejected", "reduce_only_refused", "account"),
}
"""What the tables of venues sort codes into."""


def by_code(**groups: tuple[str, ...]) -> dict[str, VenueCode]:
    """A table out of groups of codes, each under a name of ``MEANINGS``; ValueError for a code that is there twice.

    A group is texts of codes with spaces between.
    """
    table: dict[str, VenueCode] = {}
    for name, texts in groups.items():
        for code in " ".join(texts).split():
            if code in table:
                raise ValueError(f"the code {code} has two meanings")
            table[code] = MEANINGS[name]
    return table


class CodePlace(NamedTuple):
    """Where a body names a code."""

    code: tuple[str, ...]
    """Keys of objects; ``*`` stands for each element of a list."""
    message: str = ""
    """Key of the text beside the code."""
    fine: frozenset[str] = frozenset({"0", ""})
    """Codes of success."""


class Shape(NamedTuple):
    """The shape of one endpoint's answer, as far as it must be there."""

    keys: tuple[str, ...] = ()
    """Keys of the object that have a value; none where the body is a list."""
    items: tuple[str, ...] | None = None
    """Keys of each element of the list at ``at``; None where the answer has no list."""
    at: tuple[str, ...] = ()
    """Where the list is; the body itself by default."""
    may_be_empty: bool = True

    def problem(self, body: Any) -> str:
        """What the body lacks, "" for a body of this shape."""
        if self.keys or self.at:
            missing = [key for key in self.keys if not isinstance(body, dict) or body.get(key) in (None, "")]
            if not isinstance(body, dict) or missing:
                return f"an object with {', '.join(self.keys or self.at)} was expected"
        if self.items is None:
            return ""
        for key in self.at:
            body = body.get(key) if isinstance(body, dict) else None
        if not isinstance(body, list):
            return "a list was expected"
        if not body and not self.may_be_empty:
            return "a list with an element was expected"
        for item in body:
            if not isinstance(item, dict) or any(item.get(key) in (None, "") for key in self.items):
                return f"a list of objects with {', '.join(self.items)} was expected"
        return ""


@dataclass(frozen=True, slots=True)
class AnswerTable:
    """What one venue answers."""

    places: tuple[CodePlace, ...]
    """The inner code before the outer one."""
    codes: Mapping[str, VenueCode]
    refined: tuple[tuple[str, str, str], ...] = ()
    """Code (or ``ANY``), a part of the message in lower case, and the name in ``MEANINGS`` of the two together; the
    first that fits goes before ``codes``."""
    shapes: Mapping[str, Shape] = field(default_factory=dict)
    """Private endpoints by ``METHOD /path``. A venue to which orders are sent has every endpoint here that is used."""

    def found(self, body: Any) -> tuple[str, str] | None:
        """Code and message of a body that names a failure."""
        for place in self.places:
            for code, message in _named(body, place):
                if code not in place.fine:
                    return code, message
        return None

    def meaning(self, code: str, message: str) -> VenueCode | None:
        """The meaning of a code, None for one that is not in the table."""
        text = message.lower()
        for named, part, meaning in self.refined:
            if named in (code, ANY) and part in text:
                return MEANINGS[meaning]
        return self.codes.get(code)


class HttpExchange(NamedTuple):
    """One request and what came back."""

    method: str
    path: str
    sent_ns: int = 0
    """When its first byte was about to leave; 0 when nothing did."""
    status: int = 0
    """0 where no whole answer came."""
    headers: Mapping[str, str] = {}
    body: str = ""
    problem: str = ""
    """Why nothing was sent (a token, and after a colon what it means here), or why nothing whole came back."""


class Verdict(NamedTuple):
    """What a request has come to."""

    fate: Fate
    code: str = ""
    """The venue's, or a token of ours: ``no_answer``, ``redirected``, ``http_503``, ``unreadable``."""
    message: str = ""
    meaning: str = ""
    follow_up: FollowUp = ""
    pause_s: float = 0.0
    """The pause that the answer asks for, 0 where it names none."""
    banned_until_ms: int = 0
    """The venue's time until which it answers nothing, 0 where it names none."""


def classify(table: AnswerTable, exchange: HttpExchange | None, error: BaseException | None = None) -> Verdict:
    """What an answer proves. ``exchange`` is None where ccxt refused before it made a request."""
    if exchange is None or not exchange.sent_ns:
        code, _, message = (exchange.problem if exchange else "").partition(": ")
        return Verdict("not_sent", code or "not_sent", message or _text(error))
    if not exchange.status:
        return Verdict("unknown", "no_answer", exchange.problem or _text(error))
    if _REDIRECT <= exchange.status < _CLIENT_ERROR:
        return Verdict("unknown", "redirected", f"HTTP {exchange.status}")
    body = _parsed(exchange.body)
    named = table.found(body)
    if exchange.status in _BUSY:
        return _pause(exchange, *(named or (f"http_{exchange.status}", "")))
    if named is not None:
        return _named_verdict(table, exchange, *named)
    if exchange.status >= _CLIENT_ERROR:
        return Verdict("unknown", f"http_{exchange.status}", exchange.body[:200])
    shape = table.shapes.get(f"{exchange.method} {exchange.path}")
    problem = "no shape is known of this answer" if shape is None else shape.problem(body)
    if problem or error is not None:
        return Verdict("unknown", "unreadable", problem or _text(error))
    return Verdict("done")


def _named_verdict(table: AnswerTable, exchange: HttpExchange, code: str, message: str) -> Verdict:
    known = table.meaning(code, message)
    is_server_error = exchange.status >= _SERVER_ERROR
    if known is None:
        return Verdict("unknown" if is_server_error else "unlisted", code, message)
    if is_server_error and known.fate not in ("retryable", "unknown"):
        # A server that fails on the way does not prove what it says about the order.
        return Verdict("unknown", code, message)
    if known.follow_up == "pause":
        return _pause(exchange, code, message)
    return Verdict(known.fate, code, message, known.meaning, known.follow_up)


def _pause(exchange: HttpExchange, code: str, message: str) -> Verdict:
    """Not executed: the venue, or what stands before it, counts requests."""
    return Verdict("retryable", code, message, "", "pause", *pause_of(exchange.headers, exchange.body))


def pause_of(headers: Mapping[str, str], body: str) -> tuple[float, int]:
    """The pause that an answer asks for, in seconds, and the venue's time in ms until which it bans; 0 for none."""
    named = {key.lower(): value for key, value in headers.items()}.get("retry-after", "")
    until = _BANNED_UNTIL.search(body)
    return float(named) if named.isdigit() else 0.0, int(until[1]) if until else 0


def _named(body: Any, place: CodePlace) -> Iterator[tuple[str, str]]:
    """Every code at a place, as text, with the text beside it."""
    *way, last = place.code
    for holder in _at(body, way):
        if isinstance(holder, dict) and holder.get(last) is not None:
            yield str(holder[last]), str(holder.get(place.message) or holder[last])


def _at(body: Any, way: list[str]) -> Iterator[Any]:
    if not way:
        yield body
        return
    step, rest = way[0], way[1:]
    if step == _EVERY and isinstance(body, list):
        for element in body:
            yield from _at(element, rest)
    elif isinstance(body, dict) and step in body:
        yield from _at(body[step], rest)


def _parsed(body: str) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return None


def _text(error: BaseException | None) -> str:
    return f"{type(error).__name__} {str(error)[:300]}" if error is not None else ""
