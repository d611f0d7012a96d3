"""The only place that builds or reads a subject.

    <domain>.evt.<name>.<session>[.<symbol>]     events, archived in the stream
    ops.cmd.<command>.<session>                  operator commands, request and reply, not archived
    live.<role>.<session>                        request: which instance owns this role of a session
    beat.<role>.<session>                        progress heartbeats, core NATS, not archived
    venue.req.<account>                          request: the gateway of a venue account, not archived
    wake.<account>.<symbol>                      something happened at the venue: ask it. Carries no fact

Broad to narrow, lower case. Everything of one session is ``*.evt.*.<session>`` and
``*.evt.*.<session>.>``, every message of one domain ``order.>``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from live_runner.contracts.errors import ConfigError, MessageError
from live_runner.contracts.messages import Event

__all__ = [
    "DOMAINS",
    "EVERY_SYMBOL",
    "PER_ROLE",
    "SESSION_PATTERN",
    "STREAM",
    "STREAM_SUBJECTS",
    "beat",
    "check_session",
    "command",
    "event_subject",
    "gateway",
    "is_session",
    "liveness",
    "of",
    "of_domains",
    "of_session",
    "of_type",
    "owned",
    "session_of",
    "symbol_role",
    "symbol_token",
    "wake",
    "wakes",
]

STREAM: Final = "RUNNER"
DOMAINS: Final = ("session", "market", "strategy", "order", "account", "ops")
STREAM_SUBJECTS: Final = tuple(f"{domain}.evt.>" for domain in DOMAINS)

SESSION_PATTERN: Final = "[a-z0-9][a-z0-9_-]{0,47}"
"""A session's name as a regular expression: it is a token of every subject."""
_SESSION: Final = re.compile(SESSION_PATTERN)
_UNSAFE: Final = re.compile(r"[^a-z0-9_-]+")
PER_ROLE: Final = frozenset({"owned", "snapshot", "voided"})
"""Of the session's events those with a role behind the session in their subject."""
_PER_SYMBOL: Final = frozenset({"gap", "bar_revised"})
_TOKENS_MAX: Final = 10_000
_SESSIONS_MAX: Final = 1_000
_symbol_tokens: Final[dict[str, str]] = {}
_sessions: Final[set[str]] = set()
"""Names that were found valid, as every event of a log names its session; none that is not, whatever its length."""


def check_session(session: str) -> str:
    """The session's name, when it can stand in a subject; ConfigError otherwise."""
    if not is_session(session):
        raise ConfigError(
            f"'{session}' is not a valid session name",
            remedy="Use 1 to 48 of a-z 0-9 _ - and begin with a letter or digit",
            key="session",
        )
    return session


def is_session(name: str) -> bool:
    """Whether a session may have this name."""
    if name in _sessions:
        return True
    if _SESSION.fullmatch(name) is None:
        return False
    if len(_sessions) >= _SESSIONS_MAX:
        _sessions.clear()
    _sessions.add(name)
    return True


def symbol_token(symbol: str) -> str:
    """``BTC/USDT:USDT`` as a token: ``btc-usdt-usdt``."""
    token = _symbol_tokens.get(symbol)
    if token is None:
        if len(_symbol_tokens) >= _TOKENS_MAX:
            _symbol_tokens.clear()
        token = _symbol_tokens[symbol] = _UNSAFE.sub("-", symbol.lower()).strip("-")
    return token


def event_subject(type_: str, session: str, symbol: str = "") -> str:
    """Subject of an event: ``order.filled`` -> ``order.evt.filled.<session>.<symbol>``."""
    domain, _, name = type_.partition(".")
    stem = f"{domain}.evt.{name}.{session}"
    return f"{stem}.{symbol_token(symbol)}" if symbol else stem


def of(event: Event) -> str:
    """The subject that an event is published on."""
    type_ = str(event.__struct_config__.tag)
    domain, _, name = type_.partition(".")
    if domain == "order" or name in _PER_SYMBOL:
        symbol: str = event.symbol  # type: ignore[attr-defined]  # each order and gap message has one; a test walks them
        return event_subject(type_, event.session, symbol)
    if name in PER_ROLE:
        return owned(event.session, event.role, name)  # type: ignore[attr-defined]  # each of them has a role
    return event_subject(type_, event.session)


def owned(session: str, role: str, name: str = "owned") -> str:
    """Where the epochs (or snapshots, or voided numbers) of one role stand: ``session.evt.owned.<session>.<role>``."""
    return f"session.evt.{name}.{session}.{role}"


def symbol_role(symbol: str) -> str:
    """The role under an account's name whose owner is the session that trades a symbol of it."""
    return f"symbol-{symbol_token(symbol)}"


def of_session(session: str) -> tuple[str, str]:
    """Filters for every event of one session."""
    return f"*.evt.*.{session}", f"*.evt.*.{session}.>"


def of_domains(domains: Iterable[str], session: str) -> tuple[str, ...]:
    """Filters for every event of some domains of one session."""
    return tuple(f"{domain}.evt.*.{session}{end}" for domain in domains for end in ("", ".>"))


def of_type(type_: str, session: str = "*") -> tuple[str, ...]:
    """Filters for one type of event, of one session or of all."""
    stem = event_subject(type_, session)
    domain, _, name = type_.partition(".")
    if domain == "order" or name in _PER_SYMBOL or name in PER_ROLE:
        return (f"{stem}.*",)
    return (stem,)


def command(name: str, session: str) -> str:
    """Where a command is sent to."""
    return f"ops.cmd.{name}.{session}"


def liveness(role: str, session: str) -> str:
    """Where the owner of a role answers that it lives."""
    return f"live.{role}.{session}"


def beat(role: str, session: str) -> str:
    """Where a role tells its progress."""
    return f"beat.{role}.{session}"


def gateway(account: str) -> str:
    """Where the gateway of a venue account answers."""
    return f"venue.req.{account}"


EVERY_SYMBOL: Final = "all"
"""Of a wake-up: nothing is known of what happened while a stream was away."""


def wakes(account: str) -> str:
    """Every wake-up of an account."""
    return f"wake.{account}.*"


def wake(account: str, symbol: str) -> str:
    """Where the gateway says that a symbol of the account is worth a question."""
    return f"wake.{account}.{symbol_token(symbol)}"


def session_of(subject: str) -> str:
    """The session in an event's or command's subject; MessageError for any other subject."""
    tokens = subject.split(".")
    if len(tokens) < 4 or tokens[1] not in ("evt", "cmd"):
        raise MessageError(f"'{subject}' is not a known subject", remedy="See contracts/subjects.py", subject=subject)
    return tokens[3]
