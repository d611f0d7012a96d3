"""Everything of a running session, wired once: markets, account, gate, orders, venue, desk."""

from __future__ import annotations

from typing import Any, Final

from live_runner.contracts.messages import BarSet, Report, Started
from live_runner.contracts.numbering import Numbering
from live_runner.hotpath import fixed
from live_runner.services.execution.core.accounts import Account
from live_runner.services.execution.core.desk import Desk
from live_runner.services.execution.core.gate import Gate
from live_runner.services.execution.core.manager import OrderManager
from live_runner.services.execution.core.paper import PaperVenue
from live_runner.services.execution.core.remote import RemoteVenue
from live_runner.services.execution.core.reports import Reports
from live_runner.services.execution.core.session import Session

__all__ = ["Trading"]


class Trading:
    """The parts of the core that exist from ``Started`` on."""

    def __init__(self, started: Started, numbering: Numbering) -> None:
        self.session: Final = Session(started, numbering)
        self.account: Final = Account(self.session)
        self.gate: Final = Gate()
        self.manager: Final = OrderManager(self.session, self.account, self.gate)
        self.paper: Final = PaperVenue(self.session, self.account, self.manager)
        remote = RemoteVenue(self.session, self.account, self.manager, self.gate)
        self.manager.gateway = self.paper if self.session.simulated else remote
        self.reports: Final = Reports(self.session, self.account, self.manager, remote)
        self.desk: Final = Desk(self.session, self.account, self.gate, self.manager)

    def observe(self, bars: BarSet) -> None:
        """A warmup set: the closes, and nothing else."""
        self.session.begin(bars)
        for bar in bars.bars:
            self.session.market_of(bar.symbol).note(bar, bars.number)

    def settle(self, bars: BarSet) -> dict[str, Any]:
        """One close: matching, marks, what ran out of time; the fields of ``settled``."""
        session = self.session
        session.begin(bars)
        if session.simulated:
            self.paper.fold(bars)
        else:
            self._mark(bars)
        self.manager.expire()
        if session.simulated:
            self.manager.retry_due()
        if self.account.backoff:
            self.account.end_backoffs()
        self.account.ledger.settle()
        return {
            "legs": self.account.take_changed(),
            "pending": self.manager.pending(),
            **self.account.totals(),
            "gate": self.gate.state,
        }

    def _mark(self, bars: BarSet) -> None:
        """With a real venue bars fill nothing: they are marks."""
        for bar in bars.bars:
            market = self.session.market_of(bar.symbol)
            market.note(bar, bars.number)
            if self.account.ledger.is_open(market.index):
                self.account.ledger.mark(market.index, market.close_ticks)

    def report(self, report: Report) -> None:
        """What a real venue said about an order."""
        self.reports.fold(report)

    def summary(self) -> dict[str, Any]:
        """The session in numbers: counts, and money as decimal text."""
        totals = self.account.totals()
        book = self.account.ledger
        return {
            "intents": self.desk.intents,
            "orders": self.manager.requested,
            "fills": self.manager.fills,
            "refused": self.manager.refused,
            "rejected": self.manager.rejected,
            "realised": totals["realised"],
            "unrealised": totals["unrealised"],
            "equity": totals["equity"],
            "cash": totals["cash"],
            "fees": totals["fees"],
            "fees_maker": fixed.money_text(book.fees_maker),
            "fees_taker": fixed.money_text(book.fees_taker),
            "funding": totals["funding"],
            "slippage": totals["slippage"],
            "turnover": totals["turnover"],
            "drawdown_realised": totals["drawdown_realised"],
            "drawdown_equity": totals["drawdown_equity"],
            "trades": book.trades,
            "margin_calls": book.margin_calls,
            "open_legs": len(self.account.open_legs()),
            "liquidations": self.paper.liquidations,
        }

    def state(self) -> dict[str, Any]:
        """Plain data for a snapshot."""
        session = self.session
        return {
            "times": [session.now_ns, session.close_ns, session.bar_set],
            "markets": [market.state() for market in session.markets.values()],
            "account": self.account.state(),
            "gate": self.gate.row(),
            "manager": self.manager.state(),
            "paper": self.paper.state(),
            "reports": self.reports.state(),
            "desk": self.desk.state(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a snapshot."""
        session = self.session
        session.now_ns, session.close_ns, session.bar_set = state["times"]
        for market, row in zip(session.markets.values(), state["markets"], strict=True):
            market.restore(row)
        self.account.restore(state["account"])
        self.gate.restore(state["gate"])
        self.manager.restore(state["manager"])
        self.paper.restore(state["paper"])
        self.reports.restore(state["reports"])
        self.desk.restore(state["desk"])
