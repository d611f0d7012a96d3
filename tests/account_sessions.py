"""Sessions of one account as their logs show them: what they settle and fill, and the commands that they take."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import msgspec

from live_runner.contracts.config import Account, Config, Market, StrategyChoice
from live_runner.contracts.ids import event_id
from live_runner.contracts.messages import AccountReported, Command, Event, Filled, Settled, Started, Stopped, Timer
from live_runner.contracts.policy import ExecutionPolicy
from live_runner.contracts.risk import AccountLimits, MoneyLimit
from live_runner.services.execution.core.account import AccountCore, author_of

__all__ = ["DAY_NS", "MINUTE_NS", "NAME", "Sessions", "limits_of"]

NAME = "main"
MINUTE_NS = 60_000_000_000
DAY_NS = 1440 * MINUTE_NS
STATES = ("resume", "stop", "kill", "flatten")


def limits_of(**limits: dict[str, Any]) -> AccountLimits:
    """``daily_loss={"limit": "100"}`` and so on; each stops until an operator resumes, unless told otherwise."""
    return AccountLimits(
        **{name: MoneyLimit(**{"action": "stop", "reset": "operator", **given}) for name, given in limits.items()}
    )


class Sessions:
    """Makes the events of any number of sessions and feeds them to an account core, in the order of the calls."""

    def __init__(self, limits: AccountLimits, *names: str, equity: str = "1000") -> None:
        self.limits = limits
        self.core = AccountCore(NAME)
        self.log: list[Event] = []
        """Every input, in order."""
        self.out: list[Any] = []
        self.equity: dict[str, Decimal] = {}
        self.state: dict[str, str] = {}
        """The last command that each session has folded."""
        self._numbers: dict[tuple[str, str], int] = {}
        for name in names:
            self.start(name, equity=equity)

    def feed(self, event: Event) -> list[Any]:
        self.log.append(event)
        out = list(self.core.handle(event))
        self.out += out
        return out

    def envelope(self, session: str, source: str, at_ns: int) -> dict[str, Any]:
        seq = self._numbers[session, source] = self._numbers.get((session, source), 0) + 1
        return {
            "id": event_id(session, source, seq),
            "session": session,
            "source": source,
            "seq": seq,
            "event_ns": at_ns,
        }

    def start(self, session: str, *, equity: str = "1000", account: str = NAME) -> None:
        config = Config(
            session=session,
            strategy=StrategyChoice(module="m"),
            market=Market(venue="v", symbols=("A/USDT",), timeframe="1m"),
            account=Account(equity=equity, name=account, limits=self.limits),
        )
        self.equity[session] = Decimal(equity)
        self.state[session] = "resume"
        texts = ("config_hash", "strategy", "strategy_hash", "engine_version", "engine_hash", "compare_command")
        empty: dict[str, Any] = dict.fromkeys(texts, "")
        self.feed(
            Started(
                **self.envelope(session, "run", 0),
                **empty,
                stage="paper",
                config=msgspec.to_builtins(config),
                dataset={},
                instruments=[],
                policy=ExecutionPolicy(),
                warmup_bars=0,
                warmup_found=0,
                first_open_ns=0,
                models={},
                platform={},
                packages={},
            )
        )

    def settle(self, session: str, change: str | Decimal = "0", *, at_ns: int = MINUTE_NS, exposure: str = "0") -> Any:
        """A close at which the session's equity has changed by so much."""
        self.equity[session] += Decimal(change)
        money = ("cash", "realised", "unrealised", "fees", "funding", "slippage", "turnover", "margin")
        zeros: dict[str, Any] = dict.fromkeys((*money, "drawdown_realised", "drawdown_equity"), "0")
        return self.feed(
            Settled(
                **self.envelope(session, "execution", at_ns),
                **zeros,
                close_ns=at_ns,
                legs=[],
                pending=[],
                equity=str(self.equity[session]),
                exposure=exposure,
                gate="open",
            )
        )

    def fill(self, session: str, notional: str, *, action: str = "open", at_ns: int = MINUTE_NS) -> Any:
        """A fill of an entry, or of an exit."""
        texts = ("order_id", "fill_id", "intent_id", "fee_currency", "reason", "liquidity", "status")
        empty: dict[str, Any] = dict.fromkeys(texts, "") | dict.fromkeys(
            ("fee", "realised", "slippage", "remaining"), "0"
        )
        return self.feed(
            Filled(
                **self.envelope(session, "execution", at_ns),
                **empty,
                symbol="A/USDT",
                leg="long",
                side="buy",
                action=action,
                kind="market",
                quantity="1",
                price=notional,
                notional=notional,
                reference_price=notional,
                filled="1",
                leg_quantity="1",
            )
        )

    def pass_time(self, session: str, at_ns: int) -> Any:
        """A timer of the session fires."""
        envelope = self.envelope(session, "execution.shell.1", at_ns)
        return self.feed(Timer(**envelope, role="execution", name="t", due_ns=at_ns))

    def report(self, session: str, at_ns: int) -> Any:
        """The venue is asked for the account."""
        return self.feed(AccountReported(**self.envelope(session, "execution.shell.1", at_ns)))

    def stop(self, session: str) -> None:
        """The session is over."""
        envelope = self.envelope(session, "execution", MINUTE_NS)
        self.feed(Stopped(**envelope, reason="end", summary={}))

    def command(self, session: str, command: str, author: str = "ann", *, cause: str = "") -> Any:
        """A command that the session's log takes, or the account's own."""
        envelope = self.envelope(session, "execution.shell.1", MINUTE_NS)
        self.state[session] = command
        return self.feed(Command(**envelope, cause=cause, command=command, author=author, reason="test"))

    def deliver(self) -> None:
        """Every session takes the command that it is owed."""
        for session, owed in list(self.core.owed.items()):
            self.command(session, owed.command, author_of(NAME), cause=owed.cause)

    def owed(self) -> dict[str, str]:
        """By session the command that is owed."""
        return {session: owed.command for session, owed in self.core.owed.items()}

    def of(self, kind: type[Any], where: Callable[[Any], bool] = lambda _: True) -> list[Any]:
        """The account's events of one kind."""
        return [event for event in self.out if isinstance(event, kind) and where(event)]
