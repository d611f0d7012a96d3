"""A strategy host and a stand-in for the stream around it: manifests, bar sets and account news."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
import pytest

from live_runner.contracts.config import Account, Config, Limits, Market, StrategyChoice
from live_runner.contracts.ids import event_id
from live_runner.contracts.messages import (
    BarSet,
    Cancelled,
    Decided,
    Denied,
    Event,
    Expired,
    FeedEnded,
    Filled,
    Instrument,
    Leg,
    Lot,
    Pending,
    Rejected,
    Requested,
    SetBar,
    Settled,
    Started,
)
from live_runner.contracts.policy import BackoffState, ExecutionPolicy
from live_runner.services.strategy.core.host import StrategyCore
from live_runner.strategies.base import Strategy

MINUTE = 60_000_000_000
SYMBOLS = ("BTC/USDT:USDT", "ETH/USDT:USDT")
BTC, ETH = SYMBOLS


def instrument(symbol: str, **changes: Any) -> Instrument:
    """A linear perpetual with round rules."""
    fields: dict[str, Any] = {
        "symbol": symbol,
        "venue": "test",
        "base": symbol.split("/")[0],
        "quote": "USDT",
        "settle": "USDT",
        "tick_size": "0.01",
        "lot_size": "0.001",
        "min_amount": "0.001",
        "min_notional": "5",
    }
    return Instrument(**(fields | changes))


class Stream:
    """Speaks to one strategy host as market data and execution would, with ids and numbers of their own."""

    def __init__(
        self,
        kind: type[Strategy[Any, Any]],
        parameters: dict[str, Any] | None = None,
        *,
        symbols: Sequence[str] = SYMBOLS,
        on_error: str = "manage_only",
        late_bars: str = "manage_only",
        read_ahead: int = 1000,
        state_hash_every: int = 1000,
        policy: ExecutionPolicy | None = None,
        timeframe: str = "1m",
        core: StrategyCore | None = None,
    ) -> None:
        self.session = "test"
        self.kind = kind
        self.core = core or StrategyCore(self.session, kind)
        self.config = Config(
            session=self.session,
            strategy=StrategyChoice(path="x.py", parameters=parameters or {}, on_error=on_error),  # type: ignore[arg-type]
            market=Market(venue="test", symbols=tuple(symbols), timeframe=timeframe, late_bars=late_bars),  # type: ignore[arg-type]
            account=Account(equity="10000"),
            limits=Limits(read_ahead=read_ahead, state_hash_every=state_hash_every),
        )
        self.symbols = tuple(symbols)
        self.seqs: dict[str, int] = {}
        self.sets = 0
        self.close_ns = 0
        self.inputs: list[Event] = []
        self.outputs: list[Event] = []
        self.policy = policy
        self.instruments = [instrument(symbol) for symbol in symbols]

    def envelope(self, source: str, event_ns: int, cause: str = "") -> dict[str, Any]:
        """The envelope of the next event of a source."""
        seq = self.seqs[source] = self.seqs.get(source, 0) + 1
        return {
            "id": event_id(self.session, source, seq),
            "session": self.session,
            "source": source,
            "seq": seq,
            "cause": cause,
            "event_ns": event_ns,
        }

    def fold(self, event: Event) -> list[Event]:
        """Hand one event to the host."""
        self.inputs.append(event)
        outputs = list(self.core.handle(event))
        self.outputs.extend(outputs)
        return outputs

    def start(self) -> Stream:
        """Fold the manifest."""
        policy = self.policy
        if policy is None:
            from live_runner.strategies.parameters import create

            market = self.config.market
            policy = create(self.kind, self.config.strategy.parameters, market.symbols, market.timeframe).policy()
        self.fold(
            Started(
                stage="paper",
                config=msgspec.to_builtins(self.config),
                config_hash="",
                strategy="x:X",
                strategy_hash="",
                engine_version="0",
                engine_hash="",
                dataset={},
                instruments=self.instruments,
                policy=policy,
                warmup_bars=0,
                warmup_found=0,
                first_open_ns=0,
                models={},
                platform={},
                packages={},
                compare_command="",
                **self.envelope("session.shell", 0),
            )
        )
        return self

    def bar_set(
        self, *bars: SetBar, warmup: bool = False, close: float = 100.0, late: bool = False, step_ns: int = MINUTE
    ) -> BarSet:
        """The next set; without bars, a flat one of every symbol at ``close``."""
        self.sets += 1
        open_ns = self.close_ns or step_ns * 1000
        self.close_ns = open_ns + step_ns
        given = list(bars) or [SetBar(symbol, close, close, close, close, 1.0, late) for symbol in self.symbols]
        return BarSet(
            number=self.sets,
            open_ns=open_ns,
            close_ns=self.close_ns,
            bars=given,
            warmup=warmup,
            **self.envelope("market_data.shell", self.close_ns),
        )

    def settled(
        self,
        legs: Iterable[Leg] = (),
        pending: Iterable[Pending] = (),
        *,
        close_ns: int | None = None,
        equity: str = "10000",
        gate: str = "open",
    ) -> Settled:
        """The account at the last close."""
        at = self.close_ns if close_ns is None else close_ns
        zeros: dict[str, Any] = dict.fromkeys(
            [
                "cash",
                "realised",
                "unrealised",
                "fees",
                "funding",
                "slippage",
                "turnover",
                "exposure",
                "margin",
                "drawdown_realised",
                "drawdown_equity",
            ],
            "0",
        )
        return Settled(
            close_ns=at,
            legs=list(legs),
            pending=list(pending),
            equity=equity,
            gate=gate,
            **zeros,
            **self.envelope("execution", at),
        )

    def step(self, *bars: SetBar, legs: Iterable[Leg] = (), pending: Iterable[Pending] = (), **kwargs: Any) -> Decided:
        """One close: its set, its account, and the decision."""
        self.fold(self.bar_set(*bars, **kwargs))
        return self.settle(legs, pending)

    def settle(self, legs: Iterable[Leg] = (), pending: Iterable[Pending] = (), **kwargs: Any) -> Decided:
        """Fold the account of the set that waits, and give the decision."""
        decided = self.fold(self.settled(legs, pending, **kwargs))[0]
        assert isinstance(decided, Decided)
        return decided

    def refused(self, intent: Any, reason: str = "missing_quantity") -> Denied:
        """The runner refuses an intent."""
        return Denied(
            intent_id=intent.id,
            symbol=intent.symbol,
            leg=intent.leg,
            action=intent.action,
            reason=reason,
            message="because",
            **self.envelope("execution", self.close_ns),
        )

    def requested(self, intent: Any, *, attempt: int = 1, kind: str = "market", quantity: str = "1") -> Requested:
        """An order goes out for an intent."""
        return Requested(
            order_id=f"{intent.id}/{attempt}",
            client_order_id="0" * 28,
            intent_id=intent.id,
            attempt=attempt,
            symbol=intent.symbol,
            leg=intent.leg,
            side="buy",
            action=intent.action,
            kind=kind,
            quantity=quantity,
            price=None,
            reduce_only=False,
            reference_price="100",
            expires_ns=None,
            reason=intent.reason,
            **self.envelope("execution", self.close_ns),
        )

    def rejected(self, intent: Any, *, attempt: int = 1, retrying: bool = False, code: str = "E1") -> Rejected:
        """The venue refuses an order."""
        return Rejected(
            order_id=f"{intent.id}/{attempt}",
            intent_id=intent.id,
            symbol=intent.symbol,
            leg=intent.leg,
            action=intent.action,
            code=code,
            message="no",
            retryable=retrying,
            retrying=retrying,
            **self.envelope("execution", self.close_ns),
        )

    def finished(
        self,
        kind: type[Cancelled | Expired],
        intent: Any,
        *,
        filled: str = "0",
        reason: str = "asked",
        retrying: bool = False,
    ) -> Event:
        """An order ends as Cancelled or Expired."""
        return kind(
            order_id=f"{intent.id}/1",
            intent_id=intent.id,
            symbol=intent.symbol,
            leg=intent.leg,
            action=intent.action,
            filled=filled,
            remaining="1",
            reason=reason,
            retrying=retrying,
            **self.envelope("execution", self.close_ns),
        )

    def filled(
        self,
        intent: Any = None,
        *,
        symbol: str = BTC,
        leg: str = "long",
        action: str = "open",
        quantity: str = "1",
        price: str = "100",
        status: str = "filled",
        remaining: str = "0",
        leg_quantity: str = "1",
        kind: str = "market",
        reason: str = "",
    ) -> Filled:
        """A fill, of an intent or of something else."""
        return Filled(
            order_id=f"{intent.id}/1" if intent else "other/1",
            fill_id=f"f{self.seqs.get('execution', 0)}",
            intent_id=intent.id if intent else "other",
            symbol=intent.symbol if intent else symbol,
            leg=intent.leg if intent else leg,
            side="buy",
            action=intent.action if intent else action,
            kind=kind,
            quantity=quantity,
            price=price,
            notional="0",
            fee="0",
            fee_currency="USDT",
            liquidity="taker",
            realised="0",
            reference_price=price,
            slippage="0",
            filled=quantity,
            remaining=remaining,
            status=status,
            reason=reason,
            leg_quantity=leg_quantity,
            **self.envelope("execution", self.close_ns),
        )

    def feed_ended(self) -> FeedEnded:
        """No bar follows."""
        return FeedEnded(
            reason="end", sets=self.sets, close_ns=self.close_ns, **self.envelope("market_data.shell", self.close_ns)
        )


def leg(
    symbol: str, side: str, *lots: tuple[str, str], average: str = "100", backoff: BackoffState | None = None
) -> Leg:
    """A leg after a change: lots as (quantity, price), oldest first."""
    total = sum(int(float(quantity) * 1e9) for quantity, _ in lots) / 1e9
    return Leg(
        symbol=symbol,
        leg=side,
        quantity=repr(total) if lots else "0",
        average=average if lots else "0",
        lots=[Lot(quantity, price, number, f"o{number}") for number, (quantity, price) in enumerate(lots)],
        realised="0",
        blocked="backoff" if backoff is not None and backoff.blocked else "",
        backoff=backoff,
    )


@pytest.fixture(name="stream_of")
def fixture_stream_of() -> type[Stream]:
    """Makes a stream for a strategy class."""
    return Stream
