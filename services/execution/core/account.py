"""The account core: limits over the profit and loss of all sessions that share one account.

It folds what the sessions of the account publish, in stream order, and acts on them by commands alone: each session
folds such a command at its place in its own log, so a session replays without the account, and the account from its
own inputs. Two things come out of it: events (a limit has tripped, a limit is reset), numbered on the account's own
log, and ``owed``, the command that each session still has to take. A command is owed until the session's log has it.

What counts is profit and loss: for each session its equity at its last close, less the equity that it began with. So
a session that joins changes nothing, and one that is over keeps what it has made or lost, for the day and for good: a
loss is not forgotten by ending the session and beginning another one.

The account holds a session in the strictest state of its tripped limits; an operator's own command stands beside it,
and the stricter one of both is in force. An operator's ``resume`` of one session frees that session from what has
tripped so far; a ``resume`` of the account resets every limit.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from hashlib import blake2b
from typing import Any, Final

import msgspec

from live_runner.contracts.errors import SnapshotLayout
from live_runner.contracts.ids import event_id
from live_runner.contracts.messages import (
    AccountReported,
    Command,
    Event,
    Filled,
    LimitReset,
    LimitTripped,
    RiskLevel,
    Settled,
    Started,
    Stopped,
    Timer,
)
from live_runner.contracts.risk import AccountLimits
from live_runner.contracts.vocabulary import ENTRIES, RISK_AUTHOR, TRADING_STATES
from live_runner.hotpath import fixed
from live_runner.hotpath.engine.limits import Equity, Limit, limit_of, units_of

__all__ = ["OF_A_SESSION", "SNAPSHOT_VERSION", "AccountCore", "OwedCommand", "account_of", "author_of"]

SNAPSHOT_VERSION: Final = 1
OF_A_SESSION: Final = ("account.settled", "account.reported", "order.filled", "ops.command", "session.timer")
"""Types of what is folded of each session while it is under way, besides its start and its end."""
_TRIPPED: Final = 2
_UNTIL: Final = 3
"""In a limit's row."""
_COMMANDS: Final = ("resume", "stop", "kill", "flatten")
"""The command that moves a session into the trading state of this number."""


def account_of(config: Mapping[str, Any]) -> str:
    """The account whose limits hold for a session with this configuration; "" where none do."""
    account = config["account"]
    return str(account.get("name", "")) if account.get("limits") else ""


def author_of(account: str) -> str:
    """The author of the commands of an account."""
    return f"{RISK_AUTHOR}{account}"


class OwedCommand(msgspec.Struct, frozen=True):
    """A command that a session's log does not have yet."""

    command: str
    reason: str
    cause: str
    """Id of the trip or reset that led to it."""


class _Member(msgspec.Struct):
    """A session that is under way. Money is in 1e-12."""

    start: int
    equity: int
    exposure: int = 0
    seq: int = 0
    """Number of the last output of its execution that was folded."""
    folded: tuple[int, int] = (0, 0)
    """Place of the last command that was folded: epoch of its execution, and number."""
    state: int = 0
    """The trading state that its last command has set."""
    operator: int = 0
    """The same of the last command of anybody else than the account."""
    freed: list[str] = []
    """Limits that had tripped when an operator resumed the session."""


class AccountCore:
    """The limits of one account over its sessions."""

    source: str = "account"

    def __init__(self, account: str) -> None:
        self._name: Final = account
        self._author: Final = author_of(account)
        self._members: dict[str, _Member] = {}
        self._ended = 0
        """Profit and loss of the sessions that are over."""
        self._given: AccountLimits = AccountLimits()
        self._limits: list[Limit] = []
        self._equity: Equity = Equity(0)
        self._now_ns = 0
        self._owed: dict[str, OwedCommand] = {}
        self._trips: dict[str, tuple[str, str]] = {}
        """By limit that has tripped, the id of that event and the reason that its commands give."""
        self._last_reset = ("", "")
        self._folded = (0, 0)
        """Place of the account's own last command."""
        self._seq = 0

    @property
    def seq(self) -> int:
        """Number of the last output."""
        return self._seq

    @property
    def sessions(self) -> tuple[str, ...]:
        """The sessions of the account that are under way."""
        return tuple(self._members)

    @property
    def owed(self) -> Mapping[str, OwedCommand]:
        """By session the command that it still has to take."""
        return self._owed

    @property
    def now_ns(self) -> int:
        """The latest time of any of its sessions."""
        return self._now_ns

    @property
    def profit(self) -> str:
        """Profit and loss of all sessions, those that are over included."""
        return fixed.money_text(self._profit())

    @property
    def tripped(self) -> list[str]:
        """Names of the limits that have tripped and are not reset."""
        return [limit.name for limit in self._limits if limit.tripped]

    @property
    def levels(self) -> list[RiskLevel]:
        """How near each limit is, as it was evaluated last."""
        return [
            RiskLevel(
                name=limit.name,
                value=fixed.money_text(limit.value),
                limit=fixed.money_text(limit.most),
                left=fixed.money_text(limit.most - limit.value),
                tripped=limit.tripped,
            )
            for limit in self._limits
        ]

    @property
    def trading(self) -> str:
        """The trading state in which the limits that have tripped hold the sessions."""
        return TRADING_STATES[max((limit.trading for limit in self._limits if limit.tripped), default=0)]

    def handle(self, event: Event) -> Sequence[Event]:
        """Fold one input; the events it leads to, in order. What is not of the account's sessions changes nothing."""
        out: list[Event] = []
        if isinstance(event, Command) and event.session == self._name:
            if event.command == "resume" and (place := _place_of(event)) > self._folded:
                self._folded = place
                self._resume(event, out)
        elif isinstance(event, Started):
            self._start(event)
        elif (member := self._members.get(event.session)) is not None:
            if isinstance(event, Command):
                self._commanded(member, event)
            elif isinstance(event, Stopped):
                self._stop(event.session, member)
            elif isinstance(event, Settled | Filled) and event.seq > member.seq:
                member.seq = event.seq
                self._account(member, event)
                self._evaluate(event, out)
            elif isinstance(event, AccountReported | Timer):
                self._evaluate(event, out)  # time passes while no session settles
        self._settle_up()
        return out

    # -- sessions -------------------------------------------------------------------------------

    def _start(self, started: Started) -> None:
        if account_of(started.config) != self._name or started.session in self._members:
            return
        account = started.config["account"]
        given = msgspec.convert(account["limits"], AccountLimits)
        if not self._members:
            self._configure(given)
        # Beside others it states the same ones: a session that differs is refused before it starts (shell.py).
        start = units_of(account["equity"])
        self._members[started.session] = _Member(start=start, equity=start)

    def _configure(self, given: AccountLimits) -> None:
        """Take over limits; one that has tripped stays so, whatever its number is now."""
        before = {limit.name: limit for limit in self._limits}
        self._given = given
        self._limits = []
        for name in AccountLimits.__struct_fields__:
            wanted = getattr(given, name)
            if wanted is None:
                continue
            limit = limit_of(name, wanted, wanted.limit)
            if name in before:
                row = before[name].row()
                if row[_TRIPPED] and limit.reset == "cooldown" and row[_UNTIL] < 0:
                    row[_UNTIL] = self._now_ns + limit.cooldown_ns  # no cooldown ran before
                limit.restore(row)
            self._limits.append(limit)

    def _stop(self, session: str, member: _Member) -> None:
        self._ended += member.equity - member.start
        del self._members[session]
        self._owed.pop(session, None)

    def _account(self, member: _Member, event: Settled | Filled) -> None:
        if isinstance(event, Settled):
            member.equity = units_of(event.equity)
            member.exposure = units_of(event.exposure)
        else:
            # Until the next close at the price of the fill: what is opened counts at once, not a bar later.
            notional = units_of(event.notional)
            member.exposure += notional if event.action in ENTRIES else -min(notional, member.exposure)

    def _commanded(self, member: _Member, event: Command) -> None:
        if event.command not in _COMMANDS or (place := _place_of(event)) <= member.folded:
            return
        member.folded = place
        member.state = _COMMANDS.index(event.command)
        if event.author == self._author:
            return
        member.operator = member.state
        if event.command == "resume" and event.session not in self._owed:
            # One that comes while a command of ours is under way was not given in its knowledge.
            member.freed = self.tripped

    # -- limits ---------------------------------------------------------------------------------

    def _profit(self) -> int:
        return self._ended + sum(member.equity - member.start for member in self._members.values())

    def _notional(self) -> int:
        return sum(member.exposure for member in self._members.values())

    def _evaluate(self, event: Event, out: list[Event]) -> None:
        # Sessions of different timeframes or recordings are not at the same time: the latest one counts.
        self._now_ns = max(self._now_ns, event.event_ns)
        before = self._equity.last
        new_day = self._equity.mark(self._now_ns, self._profit())
        for limit in self._limits:
            if limit.ends(self._now_ns, new_day):
                begins = before if limit.reset == "day" else self._equity.last
                self._reset(limit, limit.reset, self._author, begins, event, out)
        for limit in self._limits:
            if limit.trips(self._value(limit.name), self._now_ns):
                self._trip(limit, event, out)

    def _value(self, name: str) -> int:
        equity = self._equity
        match name:
            case "daily_loss":
                return equity.loss_of_day()
            case "drawdown":
                return equity.loss()
            case "trailing_drawdown":
                return equity.below_peak()
            case _:
                return self._notional()

    def _trip(self, limit: Limit, event: Event, out: list[Event]) -> None:
        value, most = fixed.money_text(limit.value), fixed.money_text(limit.most)
        tripped = self._next(
            LimitTripped,
            event,
            limit=limit.name,
            value=value,
            most=most,
            action=limit.action,
            reset=limit.reset,
            until_ns=limit.until_ns if limit.until_ns >= 0 else None,
            author=self._author,
        )
        count = len(self._members)
        what = f"{limit.name} of the account {self._name} is {value} over {count} sessions, the limit is {most}"
        self._trips[limit.name] = (tripped.id, what)
        out.append(tripped)

    def _resume(self, event: Command, out: list[Event]) -> None:
        for limit in self._limits:
            if limit.tripped:
                self._reset(limit, "resume", event.author, self._equity.last, event, out)

    def _reset(self, limit: Limit, why: str, author: str, begins: int, event: Event, out: list[Event]) -> None:
        """The count begins anew, losses from that profit on."""
        limit.clear()
        if limit.name == "daily_loss":
            self._equity.day_start = begins
        elif limit.name == "drawdown":
            self._equity.start = begins
        elif limit.name == "trailing_drawdown":
            self._equity.peak = max(begins, self._equity.last)
        for member in self._members.values():
            member.freed = [name for name in member.freed if name != limit.name]
        reset = self._next(LimitReset, event, limit=limit.name, why=why, author=author, action=limit.action)
        del self._trips[limit.name]
        self._last_reset = (reset.id, f"{limit.name} of the account {self._name} is reset: {why}")
        out.append(reset)

    # -- commands -------------------------------------------------------------------------------

    def _settle_up(self) -> None:
        """Owe each session the command that moves it into the state that it shall be in, and no other one."""
        for session, member in self._members.items():
            wanted, (cause, reason) = member.operator, self._last_reset
            for limit in self._limits:
                if limit.tripped and limit.trading > wanted and limit.name not in member.freed:
                    wanted, (cause, reason) = limit.trading, self._trips[limit.name]
            if wanted == member.state:
                self._owed.pop(session, None)
            elif session not in self._owed or self._owed[session].command != _COMMANDS[wanted]:
                self._owed[session] = OwedCommand(_COMMANDS[wanted], reason, cause)

    def _next[E: Event](self, kind: type[E], event: Event, **fields: Any) -> E:
        self._seq += 1
        return kind(
            **fields,
            v=kind.VERSION,
            id=event_id(self._name, self.source, self._seq),
            session=self._name,
            source=self.source,
            seq=self._seq,
            cause=event.id,
            event_ns=self._now_ns,
        )

    # -- state ----------------------------------------------------------------------------------

    def snapshot(self) -> bytes:
        """The whole state as MessagePack: equal states give equal bytes."""
        return msgspec.msgpack.encode(
            {
                "version": SNAPSHOT_VERSION,
                "seq": self._seq,
                "members": {name: list(_row(member)) for name, member in self._members.items()},
                "ended": str(self._ended),
                "given": self._given,
                "limits": [limit.row() for limit in self._limits],
                "equity": self._equity.row(),
                "now_ns": self._now_ns,
                "folded": self._folded,
                "owed": self._owed,
                "trips": self._trips,
                "last_reset": self._last_reset,
            }
        )

    def restore(self, data: bytes) -> None:
        """Take over a state that ``snapshot`` gave, on a fresh core."""
        state = msgspec.msgpack.decode(data)
        if state["version"] != SNAPSHOT_VERSION:
            raise SnapshotLayout(
                f"A snapshot of version {state['version']} cannot be read, {SNAPSHOT_VERSION} can",
                remedy="Start from the log without the snapshot",
                session=self._name,
            )
        self._seq = state["seq"]
        self._members = {name: _member(row) for name, row in state["members"].items()}
        self._ended = int(state["ended"])
        self._configure(msgspec.convert(state["given"], AccountLimits))
        for limit, row in zip(self._limits, state["limits"], strict=True):
            limit.restore(row)
        self._equity.restore(state["equity"])
        self._now_ns = state["now_ns"]
        self._folded = tuple(state["folded"])
        self._owed = msgspec.convert(state["owed"], dict[str, OwedCommand])
        self._trips = msgspec.convert(state["trips"], dict[str, tuple[str, str]])
        self._last_reset = msgspec.convert(state["last_reset"], tuple[str, str])

    def state_hash(self) -> str:
        """blake2b-128 of ``snapshot()``, in hex."""
        return blake2b(self.snapshot(), digest_size=16).hexdigest()


def _row(member: _Member) -> Iterator[Any]:
    # Money may be wider than the 64 bits of MessagePack.
    for name in _Member.__struct_fields__:
        value = getattr(member, name)
        yield str(value) if name in _MONEY else value


def _member(row: list[Any]) -> _Member:
    named = zip(_Member.__struct_fields__, row, strict=True)
    fields: dict[str, Any] = {name: int(value) if name in _MONEY else value for name, value in named}
    return _Member(**fields | {"folded": tuple(fields["folded"])})


_MONEY: Final = frozenset({"start", "equity", "exposure"})


def _place_of(command: Command) -> tuple[int, int]:
    """Where a command stands among those of its log: the epoch in its source, ``execution.shell.3``, and its number."""
    epoch = command.source.rpartition(".")[2]
    return int(epoch) if epoch.isdecimal() else 0, command.seq
