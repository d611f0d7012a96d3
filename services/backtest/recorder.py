"""Every event of a backtest in the compiled bar loop, in log order: what the cores would have said.

For whoever wants the events themselves, and for the proof that both speeds are one: without hashes, an event
of this recorder equals the cores' own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

from live_runner.contracts.ids import event_id
from live_runner.contracts.messages import (
    BarSet,
    BlockedIntent,
    Decided,
    Event,
    Executed,
    FailedCall,
    Finished,
    Intent,
    Leg,
    Lot,
    Pending,
    Settled,
    Started,
    Stopped,
)
from live_runner.hotpath import fixed
from live_runner.hotpath.compiled.execution import Execution
from live_runner.hotpath.compiled.journal import LEGS, Journal
from live_runner.services.backtest.judge import Asked, Judge, asked_intent
from live_runner.services.backtest.python_host import PythonHost

__all__ = ["Recorder", "summary_of"]


def summary_of(machine: Execution, sets: int) -> dict[str, Any]:
    """The session in numbers, as ``stopped`` has it."""
    totals = machine.totals()
    text = fixed.money_text
    counts = ("intents", "orders", "fills", "refused", "rejected")
    money = {
        "realised": totals["realised"],
        "unrealised": totals["unrealised"],
        "equity": totals["equity"],
        "cash": totals["cash"],
        "fees": totals["fees_maker"] + totals["fees_taker"],
        "fees_maker": totals["fees_maker"],
        "fees_taker": totals["fees_taker"],
        "funding": totals["funding"],
        "slippage": totals["slippage"],
        "turnover": totals["turnover"],
        "drawdown_realised": totals["drawdown_realised"],
        "drawdown_equity": totals["drawdown_equity"],
    }
    ends = ("trades", "margin_calls", "open_legs", "liquidations")
    return {
        "sets": sets,
        "decisions": sets,
        **{name: totals[name] for name in counts},
        **{name: text(units) for name, units in money.items()},
        **{name: totals[name] for name in ends},
    }


class Recorder:
    """Turns the machine's journal into the session's log, step by step."""

    def __init__(
        self,
        started: Started,
        market: Iterator[Event],
        machine: Execution,
        judge: Judge,
        sink: Callable[[Event], None],
        host: PythonHost | None,
    ) -> None:
        self._session: Final = started.session
        self._market: Final = market
        self._machine: Final = machine
        self._judge: Final = judge
        self._journal: Final[Journal] = judge.journal
        self._sink: Final = sink
        self._host: Final = host
        self._told = 0
        """Rows of the journal that are recorded already."""
        self._decisions = 0
        self._set: BarSet | None = None
        self._settled_id = ""

    def settled(self, number: int) -> None:
        """The set of this number (from 0) is matched and marked."""
        bars = self._advance(number + 1)
        for event in self._journal.events(self._told, bars.id):
            self._sink(event)
        settled = self._settled(bars)
        self._settled_id = settled.id
        self._sink(settled)

    def decided(self, number: int, asked: list[Asked] | None) -> None:
        """The decision on that set is carried out."""
        bars = self._set
        assert bars is not None
        intents, blocked, failed = self._said(bars, asked)
        self._decisions += 1
        decided = Decided(
            close_ns=bars.close_ns,
            intents=intents,
            blocked=blocked,
            failed=failed,
            **self._envelope("strategy", self._decisions, self._settled_id, bars.close_ns),
        )
        self._sink(decided)
        rows = self._journal.events(0, decided.id)
        for event in rows:
            self._sink(event)
        self._told = len(rows)
        if intents:
            kinds = [type(event).__name__ for event in rows]
            self._sink(
                Executed(
                    close_ns=bars.close_ns,
                    requested=kinds.count("Requested"),
                    refused=kinds.count("Denied"),
                    **self._envelope("execution", self._machine.seq, decided.id, bars.close_ns),
                )
            )

    def end(self, sets: int) -> Stopped:
        """The rest of the market, then how both cores end."""
        last: Event | None = None
        for last in self._market:
            self._sink(last)
        assert last is not None
        finished = Finished(**self._envelope("strategy", self._decisions + 1, last.id, last.event_ns))
        self._sink(finished)
        stopped = Stopped(
            reason=getattr(last, "reason", ""),
            summary=summary_of(self._machine, sets),
            **self._envelope("execution", self._machine.seq + 1, finished.id, self._machine.now_ns),
        )
        self._sink(stopped)
        return stopped

    def _advance(self, number: int) -> BarSet:
        """Everything of the market up to the set of this number."""
        for event in self._market:
            self._sink(event)
            if isinstance(event, BarSet) and event.number == number:
                self._set = event
                return event
        raise AssertionError(f"the market has no set {number}")

    def _said(
        self, bars: BarSet, asked: list[Asked] | None
    ) -> tuple[list[Intent], list[BlockedIntent], list[FailedCall]]:
        if self._host is not None:
            said = self._host.said
            self._host.said_nothing()
            return said
        intents: list[Intent] = []
        blocked: list[BlockedIntent] = []
        for row in asked or ():
            intent = asked_intent(row, self._session, self._judge.symbols, bars.open_ns, bars.close_ns)
            if row[-1]:
                detail = self._judge.backoff_detail(intent)
                blocked.append(BlockedIntent(intent=intent, reason="backoff", detail=detail))
            else:
                intents.append(intent)
        return intents, blocked, []

    def _settled(self, bars: BarSet) -> Settled:
        totals = self._machine.totals()
        text = fixed.money_text
        return Settled(
            close_ns=bars.close_ns,
            legs=[self._leg(symbol, side) for symbol, side in self._machine.changed()],
            pending=self._journal.pending(Pending, True),
            cash=text(totals["cash"]),
            realised=text(totals["realised"]),
            unrealised=text(totals["unrealised"]),
            equity=text(totals["equity"]),
            fees=text(totals["fees_maker"] + totals["fees_taker"]),
            funding=text(totals["funding"]),
            slippage=text(totals["slippage"]),
            turnover=text(totals["turnover"]),
            exposure=text(totals["exposure"]),
            margin=text(totals["margin"]),
            drawdown_realised=text(totals["drawdown_realised"]),
            drawdown_equity=text(totals["drawdown_equity"]),
            gate="open",
            v=Settled.VERSION,
            **self._envelope("execution", self._machine.seq + 1, bars.id, bars.close_ns),
        )

    def _leg(self, symbol: int, side: int) -> Leg:
        market = self._judge.session.markets[self._judge.symbols[symbol]]
        quantity, cost, realised = self._machine.leg(symbol, side)
        return Leg(
            symbol=market.symbol,
            leg=LEGS[side],
            quantity=market.lot_grid.text(quantity),
            average=market.average_text(cost, quantity),
            lots=[
                Lot(
                    market.lot_grid.text(lots),
                    market.average_text(paid, lots),
                    opened_ns,
                    self._journal.order_id(order),
                )
                for lots, paid, opened_ns, order in self._machine.lots(symbol, side)
            ],
            realised=fixed.money_text(realised),
            blocked="backoff" if self._machine.in_backoff(symbol, side) else "",
            backoff=self._judge.backoffs.get((market.symbol, LEGS[side])),
        )

    def _envelope(self, source: str, seq: int, cause: str, event_ns: int) -> dict[str, Any]:
        return {
            "id": event_id(self._session, source, seq),
            "session": self._session,
            "source": source,
            "seq": seq,
            "cause": cause,
            "event_ns": event_ns,
        }
