"""The truth of the exchange as data, and what must hold of it at any moment."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal
from typing import Any

import msgspec

from live_runner.services.emulator.binance.amounts import ZERO
from live_runner.services.emulator.binance.state import Account, Order
from live_runner.services.emulator.binance.venue import Venue

__all__ = ["faults", "ledger"]


def ledger(venue: Venue) -> dict[str, Any]:
    """Orders, algo orders, and by account balances, positions, trades and incomes; amounts are exact decimal text."""
    state = venue.state
    return {
        "orders": [msgspec.to_builtins(order) for order in state.orders.values()],
        "algo_orders": [msgspec.to_builtins(algo) for algo in state.algos.values()],
        "accounts": {
            key: {
                "balances": {asset: f"{amount:f}" for asset, amount in account.wallet.items()},
                "positions": [msgspec.to_builtins(position) for position in account.held()],
                "trades": [msgspec.to_builtins(trade) for trade in account.trades],
                "incomes": [msgspec.to_builtins(income) for income in account.incomes],
            }
            for key, account in state.accounts.items()
        },
    }


def faults(venue: Venue) -> list[str]:
    """What does not hold, one sentence each; empty when all is well."""
    found: list[str] = []
    by_order: dict[int, list[tuple[Decimal, Decimal]]] = defaultdict(list)
    for account in venue.state.accounts.values():
        for trade in account.trades:
            by_order[trade.order_id].append((trade.quantity, trade.price))
        found += _account_faults(account)
    for order in venue.state.orders.values():
        found += _order_faults(order, by_order[order.id])
    found += _open_faults(venue)
    return found


def _account_faults(account: Account) -> list[str]:
    found = []
    held: dict[str, Decimal] = defaultdict(lambda: ZERO)
    flow: dict[str, Decimal] = defaultdict(lambda: ZERO)
    for trade in account.trades:
        place = f"{trade.symbol} {trade.position_side}"
        signed = trade.quantity if trade.side == "BUY" else -trade.quantity
        held[place] += signed
        flow[place] += signed * trade.price + trade.realized
    for place, position in account.positions.items():
        if position.quantity != held[place]:
            found.append(f"{account.key} {place}: {position.quantity} is held, the trades make {held[place]}")
        if position.cost != flow[place]:
            found.append(f"{account.key} {place}: cost {position.cost}, the trades make {flow[place]}")
        if position.quantity * (-1 if position.side == "SHORT" else 1) < 0 and position.side != "BOTH":
            found.append(f"{account.key} {place}: {position.quantity} is on the wrong side")
    booked: dict[str, Decimal] = defaultdict(lambda: ZERO)
    for income in account.incomes:
        booked[income.asset] += income.amount
    for asset, amount in account.wallet.items():
        if amount != booked[asset]:
            found.append(f"{account.key} {asset}: balance {amount}, the incomes make {booked[asset]}")
    return found


def _order_faults(order: Order, fills: list[tuple[Decimal, Decimal]]) -> list[str]:
    found = []
    if sum((quantity for quantity, _ in fills), ZERO) != order.executed:
        found.append(f"order {order.id}: {order.executed} executed, its trades make another sum")
    if sum((quantity * price for quantity, price in fills), ZERO) != order.quote:
        found.append(f"order {order.id}: turnover {order.quote}, its trades make another sum")
    if order.executed > order.quantity:
        found.append(f"order {order.id}: {order.executed} executed of {order.quantity}")
    if (order.status == "FILLED") != (not order.rest and order.quantity > 0) and order.executed:
        found.append(f"order {order.id}: {order.status} with {order.rest} left")
    if order.status == "NEW" and order.executed:
        found.append(f"order {order.id}: NEW with {order.executed} executed")
    return found


def _open_faults(venue: Venue) -> list[str]:
    found = []
    names: set[tuple[str, str]] = set()
    listed = {order.id for orders in venue.open.orders.values() for order in orders.values()}
    for order in venue.state.orders.values():
        if order.is_open != (order.id in listed):
            found.append(
                f"order {order.id}: {order.status}, and it is listed as {'' if order.id in listed else 'not '}open"
            )
        if order.is_open and (order.account, order.client_id) in names:
            found.append(f"order {order.id}: another open order has the client id {order.client_id}")
        if order.is_open:
            names.add((order.account, order.client_id))
    for algo in venue.state.algos.values():
        child = venue.state.orders.get(algo.order_id)
        if (algo.status in ("TRIGGERED", "FINISHED")) != (child is not None):
            found.append(f"algo order {algo.id}: {algo.status}, its order is {algo.order_id}")
        if child is not None and (child.algo_id != algo.id or child.is_open != (algo.status == "TRIGGERED")):
            found.append(f"algo order {algo.id}: {algo.status}, its order {child.id} is {child.status}")
    return found
