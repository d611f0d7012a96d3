"""The account in words: the ledger's integers as legs and totals in decimal text.

Also what holds a leg back: its backoff, and orders whose fate is unknown.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from live_runner.contracts.decimals import parse_decimal
from live_runner.contracts.messages import Leg, Lot
from live_runner.contracts.policy import BackoffState, ExecutionPolicy, after_fill, after_rejection, is_blocked
from live_runner.hotpath import fixed, ledger
from live_runner.services.execution.core.market import LEGS, Market
from live_runner.services.execution.core.orders import Order
from live_runner.services.execution.core.session import Session

__all__ = ["Account"]

type LegKey = tuple[str, str]


class Account:
    """Ledger, backoff and blocks of one session."""

    def __init__(self, session: Session) -> None:
        self._session: Final = session
        account = session.config.account
        self.ledger: Final = ledger.Ledger(fixed.money(account.equity), account.lots)
        for market in session.markets.values():
            self.ledger.add(market.valuation)
        self._leverage: Final = parse_decimal(account.leverage)
        self._changed: dict[LegKey, None] = {}
        self._realised: dict[LegKey, int] = {}
        self.backoff: dict[LegKey, BackoffState] = {}
        self.unresolved: dict[LegKey, int] = {}
        """Orders of the leg whose fate is unknown."""

    def quantity(self, market: Market, leg: str) -> int:
        """Open lots of a leg."""
        return self.ledger.quantity(market.index, LEGS.index(leg))

    def initial_margin(self, notional: int) -> int:
        """Money that a notional binds."""
        mantissa, decimals = self._leverage
        return fixed.div_half_even(notional * 10**decimals, mantissa)

    def fill(
        self,
        market: Market,
        order: Order,
        lots: int,
        ticks: int,
        reference: int,
        maker: bool,
        at_ns: int,
        fee: int | None,
    ) -> tuple[int, int, int, int]:
        """One fill into the ledger: notional, fee, realised, slippage."""
        leg = LEGS.index(order.leg)
        rate, decimals = self._session.maker if maker else self._session.taker
        key = (order.symbol, order.leg)
        self._changed[key] = None
        if order.reduce_only:
            amounts = self.ledger.sell_out(market.index, leg, lots, ticks, reference, rate, decimals, maker, fee)
            self._realised[key] = self._realised.get(key, 0) + amounts[2]
        else:
            amounts = self.ledger.buy_in(
                market.index, leg, lots, ticks, reference, rate, decimals, maker, fee, at_ns, order.order_id
            )
        state = self.backoff.get(key)
        if state is not None and after_fill(state, order.action) != state:
            del self.backoff[key]
        return amounts

    def rejected(self, order: Order, policy: ExecutionPolicy, event_id: str, detail: str) -> None:
        """The venue rejected an open or add of the leg."""
        key = (order.symbol, order.leg)
        self.backoff[key] = after_rejection(
            self.backoff.get(key, BackoffState()),
            policy,
            event_id=event_id,
            detail=detail,
            at_ns=self._session.now_ns,
        )
        self._changed[key] = None

    def resolve(self, order: Order, change: int) -> None:
        """An order of the leg became unknown (+1), or what became of it is known (-1)."""
        key = (order.symbol, order.leg)
        count = self.unresolved.get(key, 0) + change
        if count:
            self.unresolved[key] = count
        else:
            self.unresolved.pop(key, None)
        self._changed[key] = None

    def blocked(self, symbol: str, leg: str) -> str:
        """Why opens and adds of the leg are held back: ``leg_blocked``, ``backoff`` or nothing."""
        if (symbol, leg) in self.unresolved:
            return "leg_blocked"
        return "backoff" if self.in_backoff(symbol, leg) else ""

    def in_backoff(self, symbol: str, leg: str) -> bool:
        """Whether rejections hold opens and adds of the leg back now."""
        state = self.backoff.get((symbol, leg))
        return state is not None and is_blocked(state, self._session.now_ns)

    def end_backoffs(self) -> None:
        """Backoffs whose time has run out show as a change of their leg, once."""
        for key, state in list(self.backoff.items()):
            if state.blocked and not is_blocked(state, self._session.now_ns):
                self.backoff[key] = msgspec.structs.replace(state, blocked=False)
                self._changed[key] = None

    def take_changed(self) -> list[Leg]:
        """Legs that changed since the last call, in the order of symbols, long before short."""
        if not self._changed:
            return []
        markets = self._session.markets
        keys = sorted(self._changed, key=lambda key: (markets[key[0]].index, key[1]))
        self._changed.clear()
        return [self._leg(markets[symbol], leg) for symbol, leg in keys]

    def _leg(self, market: Market, leg: str) -> Leg:
        side = LEGS.index(leg)
        quantity = self.ledger.quantity(market.index, side)
        return Leg(
            symbol=market.symbol,
            leg=leg,
            quantity=market.lot_grid.text(quantity),
            average=market.average_text(self.ledger.cost(market.index, side), quantity),
            lots=[
                Lot(market.lot_grid.text(lots), market.average_text(cost, lots), opened_ns, order_id)
                for lots, cost, opened_ns, order_id in self.ledger.lots(market.index, side)
            ],
            realised=fixed.money_text(self._realised.get((market.symbol, leg), 0)),
            blocked=self.blocked(market.symbol, leg),
            backoff=self.backoff.get((market.symbol, leg)),
        )

    def totals(self) -> dict[str, str]:
        """The account at its last marks, as ``settled`` publishes it."""
        book = self.ledger
        text = fixed.money_text
        exposure = book.exposure()
        return {
            "cash": text(book.cash),
            "realised": text(book.realised),
            "unrealised": text(book.unrealised),
            "equity": text(book.equity),
            "fees": text(book.fees_maker + book.fees_taker),
            "funding": text(book.funding),
            "slippage": text(book.slippage),
            "turnover": text(book.turnover),
            "exposure": text(exposure),
            "margin": text(self.initial_margin(exposure)),
            "drawdown_realised": text(book.drawdown_realised),
            "drawdown_equity": text(book.drawdown_equity),
        }

    def open_legs(self) -> list[tuple[Market, str]]:
        """Legs that hold a position, in the order of symbols, long before short."""
        return [
            (market, leg)
            for market in self._session.markets.values()
            for side, leg in enumerate(LEGS)
            if self.ledger.quantity(market.index, side)
        ]

    def state(self) -> dict[str, Any]:
        """Plain data for a snapshot."""
        return {
            "ledger": self.ledger.state(),
            "changed": [list(key) for key in self._changed],
            "realised": [[*key, str(amount)] for key, amount in sorted(self._realised.items())],
            "backoff": [[*key, msgspec.structs.asdict(state)] for key, state in self.backoff.items()],
            "unresolved": [[*key, count] for key, count in self.unresolved.items()],
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a snapshot."""
        self.ledger.restore(state["ledger"])
        self._changed = {(row[0], row[1]): None for row in state["changed"]}
        self._realised = {(row[0], row[1]): int(row[2]) for row in state["realised"]}
        self.backoff = {(row[0], row[1]): BackoffState(**row[2]) for row in state["backoff"]}
        self.unresolved = {(row[0], row[1]): row[2] for row in state["unresolved"]}
