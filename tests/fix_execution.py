"""An execution core with a hand on every input: bars, decisions, reports, commands."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import pytest

from live_runner.contracts.config import (
    Account,
    Config,
    Execution,
    Fees,
    Fills,
    Limits,
    Market,
    Reconcile,
    StrategyChoice,
)
from live_runner.contracts.messages import (
    BarSet,
    Command,
    Decided,
    Event,
    FeedEnded,
    Finished,
    FundingRate,
    Instrument,
    Intent,
    Report,
    SetBar,
    Settled,
    Started,
    Timer,
)
from live_runner.contracts.policy import ExecutionPolicy
from live_runner.contracts.risk import Caps, Risk
from live_runner.services.execution.core.engine import ExecutionCore

MINUTE_NS = 60_000_000_000
SYMBOL = "AAA/USDT:USDT"

type Candle = tuple[float, float, float, float]


class Driver:
    """Feeds one core; every call answers with the core's effects, and ``seen`` keeps them all."""

    def __init__(
        self,
        *,
        symbols: Sequence[str] = (SYMBOL,),
        stage: str = "paper",
        policy: ExecutionPolicy | None = None,
        instrument: dict[str, Any] | None = None,
        instruments: dict[str, dict[str, Any]] | None = None,
        account: dict[str, Any] | None = None,
        fills: dict[str, Any] | None = None,
        fees: dict[str, Any] | None = None,
        limits: dict[str, Any] | None = None,
        market: dict[str, Any] | None = None,
        execution: dict[str, Any] | None = None,
        caps: dict[str, Any] | None = None,
        risk: dict[str, Any] | None = None,
        reconcile: dict[str, Any] | None = None,
        hashing: bool = True,
    ) -> None:
        self.config = Config(
            session="s1",
            strategy=StrategyChoice(module="m"),
            market=Market(venue="sim", symbols=tuple(symbols), timeframe="1m", **(market or {})),
            account=Account(**{"equity": "10000", "maintenance_margin": "0", **(account or {})}),
            fills=Fills(**(fills or {})),
            fees=Fees(**{"maker": "0", "taker": "0", **(fees or {})}),
            limits=Limits(**(limits or {})),
            execution=msgspec.UNSET if execution is None else Execution(**execution),
            caps=msgspec.UNSET if caps is None else Caps(**caps),
            risk=msgspec.UNSET if risk is None else msgspec.convert(risk, Risk),
            reconcile=msgspec.UNSET if reconcile is None else msgspec.convert(reconcile, Reconcile),
        )
        rules = {"venue": "sim", "quote": "USDT", "settle": "USDT", "tick_size": "0.01", "lot_size": "0.001"}
        self.started = Started(
            id="s1/runner/1",
            session="s1",
            source="runner",
            seq=1,
            event_ns=0,
            stage=stage,
            config=msgspec.to_builtins(self.config),
            config_hash="",
            strategy="m:S",
            strategy_hash="",
            engine_version="",
            engine_hash="",
            dataset={},
            instruments=[
                Instrument(
                    **{
                        "symbol": symbol,
                        "base": symbol[:3],
                        **rules,
                        **(instrument or (instruments or {}).get(symbol, {})),
                    }
                )
                for symbol in symbols
            ],
            policy=policy or ExecutionPolicy(),
            warmup_bars=0,
            warmup_found=0,
            first_open_ns=0,
            models={},
            platform={},
            packages={},
            compare_command="",
        )
        self.hashing = hashing
        self.core = ExecutionCore("s1", hashing=hashing)
        self.symbols = tuple(symbols)
        self.number = 0
        self.inputs: list[Event] = []
        self.seen: list[Any] = []
        self._seq = 0
        self._intents = 0
        self.feed(self.started)

    # -- inputs ---------------------------------------------------------------------------------

    def feed(self, event: Event) -> list[Any]:
        """One input as it is."""
        self.inputs.append(event)
        out = list(self.core.handle(event))
        self.seen += out
        return out

    def envelope(self, source: str, at_ns: int) -> dict[str, Any]:
        self._seq += 1
        return {
            "id": f"s1/{source}/{self._seq}",
            "session": "s1",
            "source": source,
            "seq": self._seq,
            "event_ns": at_ns,
        }

    @property
    def close_ns(self) -> int:
        return (self.number + 1) * MINUTE_NS

    def bar(self, *candle: float, **options: Any) -> list[Any]:
        """The next bar of the first symbol."""
        return self.bars({self.symbols[0]: candle or (100.0, 100.0, 100.0, 100.0)}, **options)

    def bars(
        self,
        candles: dict[str, Any],
        *,
        volume: float | dict[str, float] = 1000.0,
        late: bool = False,
        warmup: bool = False,
        funding: Sequence[FundingRate] = (),
    ) -> list[Any]:
        """The next set; symbols that are not named are missing."""
        self.number += 1
        return self.feed(
            BarSet(
                **self.envelope("market_data", self.close_ns),
                number=self.number,
                open_ns=self.number * MINUTE_NS,
                close_ns=self.close_ns,
                bars=[
                    self._candle(symbol, candles[symbol], volume[symbol] if isinstance(volume, dict) else volume, late)
                    for symbol in self.symbols
                    if symbol in candles
                ],
                missing=[symbol for symbol in self.symbols if symbol not in candles],
                funding=list(funding),
                warmup=warmup,
            )
        )

    @staticmethod
    def _candle(symbol: str, candle: Candle, volume: float, late: bool) -> SetBar:
        open_, high, low, close = (float(price) for price in candle)
        return SetBar(symbol, open_, high, low, close, volume, late)

    def funding(self, rate: str, *, at_ns: int | None = None, mark: float | None = None) -> FundingRate:
        """A rate due at the open of the next bar, unless told otherwise."""
        return FundingRate(self.symbols[0], self.close_ns if at_ns is None else at_ns, rate, mark)

    def intent(self, action: str, leg: str = "long", **fields: Any) -> Intent:
        self._intents += 1
        identity = f"s1/{self.close_ns}/{self._intents}"
        return Intent(**{"id": identity, "symbol": self.symbols[0], "leg": leg, "action": action, **fields})

    def decide(self, *intents: Intent) -> list[Any]:
        """The decision on the last set."""
        return self.feed(
            Decided(**self.envelope("strategy", self.close_ns), close_ns=self.close_ns, intents=list(intents))
        )

    def open(self, quantity: str = "1", leg: str = "long", **fields: Any) -> list[Any]:
        """Decide one open, at the market unless told otherwise."""
        return self.decide(self.intent("open", leg, **{"quantity": quantity, "style": "market", **fields}))

    def held(self, quantity: str = "1", leg: str = "long", price: float = 100.0, **fields: Any) -> None:
        """Be in a position, with the bar that filled it decided on without intents."""
        self.bar(price, price, price, price)
        self.open(quantity, leg, **fields)
        self.bar(price, price, price, price)
        self.decide()

    def command(self, name: str, author: str = "operator", reason: str = "test") -> list[Any]:
        return self.feed(
            Command(**self.envelope("runner.shell", self.close_ns), command=name, author=author, reason=reason)
        )

    def report(self, client: str, status: str, *, at_ns: int | None = None, **fields: Any) -> list[Any]:
        at = self.close_ns if at_ns is None else at_ns
        return self.feed(
            Report(
                **self.envelope("execution.shell", at),
                client_order_id=client,
                symbol=self.symbols[0],
                status=status,
                **fields,
            )
        )

    def timer(self, name: str, due_ns: int) -> list[Any]:
        return self.feed(Timer(**self.envelope("execution.shell", due_ns), role="execution", name=name, due_ns=due_ns))

    def finish(self) -> Any:
        """The feed ends; ``stopped``."""
        self.feed(FeedEnded(**self.envelope("market_data", self.close_ns), reason="end", sets=self.number, close_ns=0))
        return self.feed(Finished(**self.envelope("strategy", self.close_ns)))[-1]

    # -- what came ------------------------------------------------------------------------------

    def of(self, kind: type[Any]) -> list[Any]:
        """Everything of one kind, in order."""
        return [event for event in self.seen if isinstance(event, kind)]

    def last(self, kind: type[Any]) -> Any:
        return next(event for event in reversed(self.seen) if isinstance(event, kind))

    @property
    def settled(self) -> Settled:
        settled: Settled = self.last(Settled)
        return settled

    def position(self, leg: str = "long", symbol: str | None = None) -> str:
        """Quantity of a leg as last published."""
        wanted = symbol or self.symbols[0]
        for settled in reversed(self.of(Settled)):
            for row in settled.legs:
                if row.symbol == wanted and row.leg == leg:
                    return str(row.quantity)
        return "0"


def names(events: Sequence[Any]) -> list[str]:
    """Types of events, in order."""
    return [type(event).__name__ for event in events]


@pytest.fixture(scope="session")
def driver() -> type[Driver]:
    """Makes execution cores with a hand on every input."""
    return Driver
