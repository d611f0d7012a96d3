"""What is not plain, judged for the compiled bar loop by the execution core's own desk.

The machine carries out market orders against which nothing speaks by itself. Every other intent comes here: the
desk of services/execution/core looks at the machine's orders and account through the adapters below, and its
orders, cancels and refusals go back into the machine. So there is one set of rules.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from live_runner.contracts.errors import OurFault
from live_runner.contracts.ids import intent_id
from live_runner.contracts.messages import Intent, Started
from live_runner.contracts.numbering import Numbering
from live_runner.contracts.policy import BackoffState, ExecutionPolicy
from live_runner.hotpath import fixed
from live_runner.hotpath.compiled.execution import Execution
from live_runner.hotpath.compiled.journal import ACTIONS, KINDS, LEGS, Journal
from live_runner.services.execution.core.desk import Desk
from live_runner.services.execution.core.gate import Gate
from live_runner.services.execution.core.market import Market
from live_runner.services.execution.core.orders import Order
from live_runner.services.execution.core.session import Session

__all__ = [
    "FALLBACKS",
    "Asked",
    "GivenUpError",
    "Judge",
    "asked_intent",
    "fallback_bits",
    "paper_session",
    "policy_row",
]

FALLBACKS: Final = {"reject": 1, "timeout": 2}
_GIVEN_UP: Final = "The compiled bar loop cannot go on here"


class GivenUpError(OurFault):
    """The machine cannot go on with this session; the cores run it from the start."""


def fallback_bits(words: tuple[str, ...]) -> int:
    """Reasons for a fallback as the machine keeps them; words it does not know are the desk's matter."""
    bits = 0
    for word in words:
        bits |= FALLBACKS.get(word, 0)
    return bits


def policy_row(policy: ExecutionPolicy) -> tuple[int, int | None, int, bool, int | None, bool]:
    """A policy as the machine keeps it; not plain when it has words or times that only the desk can judge."""
    known = policy.open_rounding in ("down", "nearest") and all(word in FALLBACKS for word in policy.fallback)
    known = known and (policy.time_to_live_s is None or policy.time_to_live_s >= 0.0)
    return (
        policy.max_failures,
        # A block that ends before it begins is one that ends at once.
        _nanoseconds(policy.backoff_s if policy.backoff_s is None else max(policy.backoff_s, 0.0)),
        fallback_bits(policy.fallback),
        policy.open_rounding == "nearest",
        _nanoseconds(policy.time_to_live_s),
        known,
    )


def _nanoseconds(seconds: float | None) -> int | None:
    return None if seconds is None else round(seconds * 1e9)


type Asked = tuple[int, int, int, int, int, float, float, int, str, bool]
"""An intent of a compiled strategy: number, symbol, leg, action, style, quantity, limit price, time to live, reason,
and whether it is held back."""


def asked_intent(asked: Asked, session: str, symbols: tuple[str, ...], open_ns: int, close_ns: int) -> Intent:
    """The intent in words, as the Python twin would have said it."""
    number, symbol, leg, action, style, quantity, limit_price, time_to_live_ns, reason, _ = asked
    return Intent(
        id=intent_id(session, close_ns, number),
        symbol=symbols[symbol],
        leg=LEGS[leg],
        action=ACTIONS[action],
        quantity=None if ACTIONS[action] == "close" else fixed.float_text(quantity),
        style=KINDS[style] if style >= 0 else None,
        limit_price=fixed.float_text(limit_price) if style > 0 else None,
        time_to_live_ns=None if time_to_live_ns < 0 else time_to_live_ns,
        reason=reason,
        bar_open_ns=open_ns,
    )


class _Backoffs(Mapping[tuple[str, str], BackoffState]):
    """Rejections by symbol and leg, as the account of the execution core has them."""

    def __init__(self, judge: Judge) -> None:
        self._judge = judge

    def __getitem__(self, key: tuple[str, str]) -> BackoffState:
        judge = self._judge
        row = judge.machine.backoff(judge.session.markets[key[0]].index, LEGS.index(key[1]))
        if not row["failures"]:
            raise KeyError(key)
        code, message = judge.journal.rejection(row)
        return BackoffState(
            failures=row["failures"],
            blocked=row["blocked"],
            blocked_until_ns=row["until_ns"],
            event_id=f"{judge.session.name}/execution/{row['event_seq']}",
            detail=f"{code}: {message}",
            at_ns=row["at_ns"],
        )

    def __iter__(self) -> Iterator[tuple[str, str]]:
        for symbol, market in self._judge.session.markets.items():
            for side, leg in enumerate(LEGS):
                if self._judge.machine.backoff(market.index, side)["failures"]:
                    yield symbol, leg

    def __len__(self) -> int:
        return sum(1 for _ in self)


class _Account:
    """What the desk asks of the account."""

    def __init__(self, judge: Judge) -> None:
        self._judge = judge
        self.backoff: Mapping[tuple[str, str], BackoffState] = judge.backoffs
        self.unresolved: dict[tuple[str, str], int] = {}

    def quantity(self, market: Market, leg: str) -> int:
        return self._judge.machine.quantity(market.index, LEGS.index(leg))

    def in_backoff(self, symbol: str, leg: str) -> bool:
        return self._judge.machine.in_backoff(self._judge.session.markets[symbol].index, LEGS.index(leg))


class _Standing:
    """An open order, as far as the desk looks at it."""

    def __init__(self, number: int, row: Mapping[str, Any], journal: Journal, symbols: tuple[str, ...]) -> None:
        self.number = number
        self.order_id = journal.order_id(number)
        self.symbol = symbols[row["symbol"]]
        self.leg = LEGS[row["leg"]]
        self.action = ACTIONS[row["action"]]
        self.kind = KINDS[row["kind"]]
        self.is_entry = not row["reduce"]
        self.cancel_reason = "" if row["cancel_reason"] < 0 else "asked"


class _Manager:
    """What the desk asks of the order manager, and where its orders and refusals go."""

    def __init__(self, judge: Judge) -> None:
        self._judge = judge
        self.orders = self

    def get(self, order_id: str) -> _Standing | None:
        """An open order by its id."""
        return next((order for order in self._open(-1) if order.order_id == order_id), None)

    def on_leg(self, symbol: str, leg: str) -> list[_Standing]:
        index = self._judge.session.markets[symbol].index
        return [order for order in self._open(index) if order.leg == leg]

    def closes_whole_leg(self, symbol: str, leg: str) -> bool:
        return self._judge.machine.closes_whole_leg(self._judge.session.markets[symbol].index, LEGS.index(leg))

    def cancel(self, order: _Standing, reason: str) -> None:
        _check(self._judge.machine.cancel(order.number, reason))

    def request(self, order: Order) -> None:
        judge = self._judge
        _, close_ns, number = order.intent_id.rsplit("/", 2)
        _check(
            judge.machine.request(
                int(close_ns),
                int(number),
                judge.session.markets[order.symbol].index,
                LEGS.index(order.leg),
                ACTIONS.index(order.action),
                KINDS.index(order.kind),
                order.quantity,
                order.price or 0,
                order.reference,
                -1 if order.expires_ns is None else order.expires_ns,
                order.stop,
                order.target,
                order.waits,
                fallback_bits(order.fallback),
                0 if order.policy is None else judge.machine.policy_number(policy_row(order.policy)),
                order.reason,
                order.asked,
            )
        )

    def refuse(self, intent_id: str, symbol: str, leg: str, action: str, reason: str, message: str) -> None:
        judge = self._judge
        _, close_ns, number = intent_id.rsplit("/", 2)
        index = judge.session.markets[symbol].index if symbol in judge.session.markets else 0
        side = LEGS.index(leg) if leg in LEGS else 0
        refusal = (symbol, leg, action, reason, message, intent_id, "")
        _check(judge.machine.refuse(refusal, index, side, int(close_ns), int(number)))

    def _open(self, symbol: int) -> Iterator[_Standing]:
        judge = self._judge
        for number in judge.machine.open_orders(symbol):
            yield _Standing(number, judge.machine.order(number), judge.journal, judge.symbols)


class Judge:
    """The desk of the execution core over one machine."""

    def __init__(self, started: Started, session: Session, machine: Execution, journal: Journal) -> None:
        self.machine: Final = machine
        self.journal: Final = journal
        self.session: Final = session
        self.symbols: Final = tuple(session.markets)
        self.backoffs: Final[Mapping[tuple[str, str], BackoffState]] = _Backoffs(self)
        # Adapters stand for Account and OrderManager: the desk uses no more of them than they have.
        account: Any = _Account(self)
        manager: Any = _Manager(self)
        self._desk: Final = Desk(session, account, Gate(), manager)

    def backoff_detail(self, intent: Intent) -> str:
        """What the last rejection of the intent's leg was."""
        market = self.session.markets[intent.symbol]
        code, message = self.journal.rejection(self.machine.backoff(market.index, LEGS.index(intent.leg)))
        return f"{code}: {message}"

    def judge(self, intent: Intent) -> None:
        """Request, refuse or cancel, as the desk decides at this close."""
        session, machine = self.session, self.machine
        session.now_ns, session.bar_set = machine.now_ns, machine.bar_set
        market = session.markets.get(intent.symbol)
        if market is not None:
            market.close, market.volume, market.late, market.bar_set = machine.last_bar(market.index)
        self._desk.one(intent)


def paper_session(started: Started) -> Session:
    """Markets and rates of a session, without a numbering of its own."""
    return Session(started, Numbering(started.session, "execution", hashing=False))


def _check(status: int) -> None:
    if status < 0:
        raise GivenUpError(_GIVEN_UP, remedy="The session is run anew on the cores", status=status)
