"""The state with what is worked out from it, and the look-ups that refuse as the venue does."""

from __future__ import annotations

from typing import Any

from live_runner.services.emulator.binance.refusals import malformed, refusal
from live_runner.services.emulator.binance.state import Account, AlgoOrder, OpenOrders, Order, State, SymbolMarket

__all__ = ["Venue"]


class Venue:
    """What every part of the exchange works on."""

    def __init__(self, state: State) -> None:
        self.state = state
        self.open = OpenOrders(state)

    def account(self, key: str | None) -> Account:
        """The account of a key; -2015 when there is none."""
        if key is None or key not in self.state.accounts:
            raise refusal(-2015)
        return self.state.accounts[key]

    def market(self, symbol: str) -> SymbolMarket:
        """The market of a symbol; -1102 when none is named, -1121 when it is not listed."""
        if not symbol:
            raise malformed("symbol")
        try:
            return self.state.markets[symbol]
        except KeyError:
            raise refusal(-1121) from None

    @property
    def symbols(self) -> list[str]:
        """Every listed symbol."""
        return list(self.state.markets)

    def open_orders(self, account: str, symbol: str | None = None) -> list[Order]:
        """An account's open orders, by number."""
        return self.open.of(account, self.symbols if symbol is None else [symbol])

    def open_algos(self, account: str, symbol: str | None = None) -> list[AlgoOrder]:
        """An account's waiting algo orders, by number."""
        return self.open.algos_of(account, self.symbols if symbol is None else [symbol])

    def add(self, order: Order) -> None:
        """A new order."""
        self.state.orders[order.id] = order
        self.open.orders[order.symbol][order.id] = order
        self.open.named.setdefault((order.account, order.client_id), []).append(order)

    def named(self, account: str, client_id: str) -> list[Order]:
        """An account's orders with that client id, the latest last."""
        return self.open.named.get((account, client_id), [])

    def add_algo(self, algo: AlgoOrder) -> None:
        """A new algo order."""
        self.state.algos[algo.id] = algo
        self.open.algos[algo.symbol][algo.id] = algo

    def settle(self, order: Order) -> None:
        """Forget the order among the open ones when it is not open any more."""
        if not order.is_open:
            self.open.orders[order.symbol].pop(order.id, None)

    def settle_algo(self, algo: AlgoOrder) -> None:
        """The same of an algo order."""
        if algo.status != "NEW":
            self.open.algos[algo.symbol].pop(algo.id, None)

    def send(self, account: str, payload: dict[str, Any]) -> None:
        """Put an event on the account's stream."""
        self.state.send(account, payload)
