# cython: language_level=3, annotation_typing=False, auto_pickle=False, nonecheck=True
"""Orders, attempts and symbols of a session as plain data for a snapshot, and back. Lots are the ledger's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import cython

if TYPE_CHECKING:
    from live_runner.hotpath.engine.manager import Manager
    from live_runner.hotpath.engine.state import Market, State
if not cython.compiled:
    from live_runner.hotpath.engine.backoff import restored_backoff
    from live_runner.hotpath.engine.gateway import Retry
    from live_runner.hotpath.engine.orders import order_name, order_row, restored_order
    from live_runner.hotpath.engine.state import new_funding
    from live_runner.hotpath.engine.whole_legs import cover

__all__ = ["manager_row", "market_row", "restore_manager", "restore_market"]


def manager_row(manager: Manager) -> dict[str, Any]:
    """Open orders, and attempts that wait."""
    return {
        "orders": [order_row(order) for order in manager.state.orders],
        "retries": [[retry.due_ns, order_row(retry.order)] for retry in manager.retries],
        "next_expiry": manager.next_expiry,
    }


def restore_manager(manager: Manager, row: dict[str, Any]) -> None:
    """Open orders, and attempts that wait, from their row."""
    state = manager.state
    for stored in row["orders"]:
        order = restored_order(stored, manager.policy_of(stored))
        state.orders.append(order)
        market = state.markets[order.symbol]
        market.open_orders.append(order)
        cover(market, order, 1)
    for due_ns, stored in row["retries"]:
        manager.retries.append(Retry(due_ns, restored_order(stored, manager.policy_of(stored))))
    manager.next_expiry = row["next_expiry"]


def market_row(state: State, market: Market) -> dict[str, Any]:
    """One symbol: its last bar, funding that waits, its book and its legs."""
    return {
        "bar": state.columns.row(market.index),
        "funding": [[due.funding_ns, due.rate, due.mark] for due in market.funding],
        "book": market.book.listed(),
        "legs": [leg_row(market, side) for side in range(2)],
    }


def leg_row(market: Market, side: int) -> list[Any]:
    """One leg."""
    leg = market.leg(side)
    return [bool(leg.changed), leg.unresolved, leg.backoff.row() if leg.backoff is not None else None]


def restore_market(state: State, market: Market, row: dict[str, Any]) -> None:
    """One symbol from its row; its lots and the open orders are there already."""
    state.columns.restore(market.index, row["bar"])
    for funding_ns, rate, mark in row["funding"]:
        market.funding.append(new_funding(funding_ns, rate, mark))
        market.funding_count += 1
    market.book.restore(row["book"], {order_name(order): order for order in market.open_orders})
    for side in range(2):
        leg = market.leg(side)
        changed, leg.unresolved, backoff = row["legs"][side]
        if changed:
            state.change(market, side)
        if backoff is not None:
            leg.backoff = restored_backoff(backoff)
            state.backoffs += 1
