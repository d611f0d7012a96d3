"""The start guard: what stands at a venue account against a session that would trade there.

Pure. A session begins, and goes on after a restart, only where the venue has what the session knows of and nothing
else: an order or position that no session has opened may belong to a person, to another program, or to a session whose
log was lost, and the runner decides for none of them. What the venue did not answer wholly proves nothing, and blocks.

Orders that can only make a position smaller do not block. Positions are compared at the beginning alone: afterwards
they change by fills that may still have to be asked for, which is the matter of reconciliation.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

import msgspec
from msgspec import UnsetType

from live_runner.contracts.config import Config, Execution
from live_runner.contracts.core import QueryOrder
from live_runner.contracts.gateway import Outcome
from live_runner.contracts.messages import VenueOrder

__all__ = ["UNPROVEN", "Finding", "Found", "Known", "findings", "standing", "symbols_of", "unlisted"]

UNPROVEN: Final = ("gateway_away", "open_orders_unavailable", "venue_unavailable")
"""Kinds of findings that another try may lift."""
_LIST_THEM: Final = "`live-runner account check FILE` lists what stands at the venue"


class Finding(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One thing that was found, in a sentence."""

    kind: str
    what: str
    remedy: str
    blocks: bool = True
    """Whether the session must not begin or go on; otherwise it is only said."""
    symbol: str = ""
    side: str = ""
    """``buy`` or ``sell``, of an order."""
    leg: str = ""
    """``long`` or ``short``: the position that it belongs to, where the venue says so."""
    ids: dict[str, str] = {}
    """Every id of an order, by the venue's own names."""


@dataclass(frozen=True, slots=True)
class Known:
    """What the session knows."""

    config: Config
    orders: Sequence[QueryOrder] = ()
    """What asks for each order that is open by the log."""
    owners: Mapping[str, str] = field(default_factory=dict)
    """By symbol the other session of this account that trades it."""
    has_begun: bool = False


@dataclass(frozen=True, slots=True)
class Found:
    """What the venue has answered."""

    account: Outcome
    rules: Outcome
    balances: Outcome
    positions: Outcome
    every_order: Outcome
    """The listing without a symbol; ``not_available`` where the venue has none."""
    orders_of: Mapping[str, Outcome] = field(default_factory=dict)
    """By symbol: a venue may leave a symbol out of the listing of all."""
    lookups: Mapping[str, Outcome] = field(default_factory=dict)
    """By client order id the answer about an order that no listing has."""


def symbols_of(known: Known, positions: Outcome) -> list[str]:
    """Symbols whose orders are asked for one by one: those of the session, and whatever is held at the venue."""
    named = [*known.config.market.symbols, *(order.symbol for order in known.orders)]
    named += [position.symbol for position in positions.positions if position.symbol not in known.owners]
    return list(dict.fromkeys(named))


def unlisted(known: Known, found: Found) -> list[QueryOrder]:
    """Orders that the venue has had and does not list as open: they may have ended, or are missing.

    One of which the venue has said nothing yet may still be on its way, or may never have left: that is the matter of
    its own query.
    """
    listed = [order for order, _ in standing(found)]
    names = {(order.symbol, order.client_order_id) for order in listed}
    names |= {(order.symbol, order.venue_order_id) for order in listed}
    return [
        order
        for order in known.orders
        if order.venue_order_id
        and (order.symbol, order.client_order_id) not in names
        and (order.symbol, order.venue_order_id) not in names
    ]


def findings(known: Known, found: Found) -> list[Finding]:
    """Everything that stands against the session, and what should be known besides."""
    if any(outcome.code == "gateway_away" for outcome in _outcomes(found)):
        return [
            _blocking(
                "gateway_away",
                f"The gateway of the account {known.config.account.name} does not answer",
                f"Start it: live-runner serve gateway --account {known.config.account.name}",
            )
        ]
    every = [_account(known, found), _rules(known, found), _balances(known, found)]
    every += [_listings(found), _orders(known, found), _missing(known, found), _positions(known, found)]
    return [finding for some in every for finding in some]


def _blocking(kind: str, what: str, remedy: str, **named: Any) -> Finding:
    return Finding(kind=kind, what=what, remedy=remedy, **named)


def _note(kind: str, what: str, remedy: str, **named: Any) -> Finding:
    return Finding(kind=kind, what=what, remedy=remedy, blocks=False, **named)


def _outcomes(found: Found) -> list[Outcome]:
    named = [found.account, found.rules, found.balances, found.positions, found.every_order]
    return [*named, *found.orders_of.values(), *found.lookups.values()]


def _answered(outcome: Outcome) -> str:
    """What came instead of a whole answer."""
    if outcome.fate == "done":
        return "the list is not complete"
    return " ".join(text for text in (outcome.fate, outcome.code, outcome.message) if text).strip()


def _unanswered(outcome: Outcome, what: str) -> Iterator[Finding]:
    """Where an answer is missing: the account's own fault where the venue says so, otherwise nothing proven."""
    if outcome.fate == "rejected" and outcome.follow_up == "account":
        yield _blocking(
            "keys_refused",
            f"The venue refuses the keys for the {what}: {outcome.code} {outcome.message}",
            "Check key, secret, permissions and the addresses that the key is bound to",
        )
    elif outcome.fate != "done":
        yield _blocking(
            "venue_unavailable",
            f"The venue did not answer with the {what}: {_answered(outcome)}",
            "Try again, and check the venue's status",
        )


def _account(known: Known, found: Found) -> Iterator[Finding]:
    facts, wanted = found.account.account, known.config.account
    if found.account.fate != "done" or facts is None:
        yield from _unanswered(found.account, "account's settings")
        return
    if facts.can_trade is False:
        yield _blocking(
            "no_trade_permission", "The key may not trade", "Give it the permission, or use another key of the account"
        )
    if facts.can_withdraw:
        yield _note(
            "withdrawals_permitted", "The key may withdraw money", "Use a key without that permission: it is not needed"
        )
    if facts.position_mode and facts.position_mode != wanted.position_mode:
        yield _blocking(
            "position_mode_differs",
            f"The account is in position mode {facts.position_mode}, the configuration says {wanted.position_mode}",
            "Set account.position_mode, or change the mode at the venue while nothing is open",
        )
    execution = known.config.execution
    counted_on = Execution().recv_window_ms if isinstance(execution, UnsetType) else execution.recv_window_ms
    if facts.recv_window_ms > counted_on:
        # An order may still arrive after its absence seems proven: it would be sent a second time.
        yield _blocking(
            "recv_window_differs",
            f"The venue may take an order for {facts.recv_window_ms} ms, the session counts on {counted_on} ms",
            "Set execution.recv_window_ms to that of the account's file, or the other way round",
        )
    for symbol in known.config.market.symbols:
        leverage = facts.leverage.get(symbol, "")
        if leverage and Decimal(leverage) != Decimal(wanted.leverage):
            yield _blocking(
                "leverage_differs",
                f"The leverage of {symbol} is {leverage} at the venue, the configuration says {wanted.leverage}",
                "Set account.leverage, or change it at the venue",
                symbol=symbol,
            )


def _rules(known: Known, found: Found) -> Iterator[Finding]:
    if found.rules.fate != "done":
        yield from _unanswered(found.rules, "market rules")
        return
    listed = {instrument.symbol for instrument in found.rules.rules}
    venue = known.config.market.venue
    if any(instrument.venue != venue for instrument in found.rules.rules):
        yield _blocking(
            "other_venue",
            f"The account {known.config.account.name} is not at {venue}, whose bars the session trades on",
            "Set market.venue, or name another account",
        )
    for symbol in known.config.market.symbols:
        if symbol not in listed:
            yield _blocking(
                "unknown_symbol",
                f"The venue has no linear contract {symbol}",
                "Correct market.symbols; symbols are written as in BTC/USDT:USDT",
                symbol=symbol,
            )


def _balances(known: Known, found: Found) -> Iterator[Finding]:
    if found.balances.fate != "done":
        yield from _unanswered(found.balances, "balances")
        return
    currency, equity = known.config.account.currency, known.config.account.equity
    total = next((balance.total for balance in found.balances.balances if balance.currency == currency), "0")
    if not known.has_begun and Decimal(total) != Decimal(equity):
        yield _note(
            "balance_differs",
            f"The account holds {total} {currency}, the session begins with {equity}",
            "Set account.equity to what the session may count on",
        )


def _listings(found: Found) -> Iterator[Finding]:
    whole, is_offered = found.every_order, found.every_order.code != "not_available"
    listings = {"": whole, **found.orders_of} if is_offered else found.orders_of
    if not is_offered:
        yield _note(
            "other_symbols_unlisted",
            "The venue lists open orders of one symbol at a time: those of other symbols were not looked at",
            "Look at the venue whether orders of other symbols are open",
        )
    for symbol, outcome in listings.items():
        if outcome.fate != "done" or not outcome.complete:
            of = f"open orders of {symbol}" if symbol else "open orders"
            yield _blocking(
                "open_orders_unavailable",
                f"The venue did not list the {of}: {_answered(outcome)}",
                "Try again: nothing is sent while it is not known what stands there",
                symbol=symbol,
            )


def standing(found: Found) -> list[tuple[VenueOrder, dict[str, str]]]:
    """Every order of the listings once, with its ids."""
    once: dict[tuple[str, str, tuple[tuple[str, str], ...]], tuple[VenueOrder, dict[str, str]]] = {}
    for outcome in (found.every_order, *found.orders_of.values()):
        for at, order in enumerate(outcome.open_orders):
            ids = outcome.order_ids[at] if at < len(outcome.order_ids) else {"id": order.venue_order_id}
            once.setdefault((order.symbol, order.venue_order_id, tuple(sorted(ids.items()))), (order, ids))
    return list(once.values())


def _orders(known: Known, found: Found) -> Iterator[Finding]:
    ours = {(order.symbol, order.client_order_id) for order in known.orders}
    ours |= {(order.symbol, order.venue_order_id) for order in known.orders if order.venue_order_id}
    for order, ids in standing(found):
        if order.client_order_id and (order.symbol, order.client_order_id) in ours:
            continue
        if (order.symbol, order.venue_order_id) in ours or _is_of_another(known, order.symbol):
            continue
        leg = f" {order.leg}" if order.leg else ""
        named = ", ".join(f"{name} {value}" for name, value in ids.items())
        what = f"{order.side} {order.quantity}{leg} {order.kind} of {order.symbol} ({named})"
        fields: dict[str, Any] = {"symbol": order.symbol, "side": order.side, "leg": order.leg, "ids": ids}
        if order.reduce_only:
            yield _note(
                "closing_order",
                f"An order that can only close stands at the venue, and is none of the session's: {what}",
                "Nothing has to be done: it opens no position",
                **fields,
            )
        else:
            yield _blocking(
                "untracked_order",
                f"An order that is none of the session's stands at the venue: {what}",
                f"Cancel it, or end the session that it belongs to in order; {_LIST_THEM}",
                **fields,
            )


def _missing(known: Known, found: Found) -> Iterator[Finding]:
    for order in unlisted(known, found):
        outcome = found.lookups.get(order.client_order_id)
        if outcome is None or outcome.fate == "done":
            continue  # a listing is missing, which blocks by itself, or it has ended and its report comes
        ids = {"order": order.order_id, "client_order_id": order.client_order_id, "id": order.venue_order_id}
        fields: dict[str, Any] = {"symbol": order.symbol, "leg": order.leg, "ids": ids}
        if outcome.fate == "gone" and outcome.complete:
            yield _blocking(
                "tracked_order_missing_at_venue",
                f"The venue knows nothing of {order.order_id} of {order.symbol}, which it had accepted as "
                f"{order.venue_order_id}: it neither stands nor has filled",
                "Look at the account's history there: keys of another account, or a venue that lost it",
                **fields,
            )
        else:
            yield _blocking(
                "open_orders_unavailable",
                f"The venue did not say what became of {order.order_id} of {order.symbol}: {_answered(outcome)}",
                "Try again: nothing is sent while it is not known what stands there",
                **fields,
            )


def _positions(known: Known, found: Found) -> Iterator[Finding]:
    if found.positions.fate != "done" or not found.positions.complete:
        yield from _unanswered(found.positions, "positions")
        return
    for position in found.positions.positions:
        if known.has_begun or _is_of_another(known, position.symbol):
            continue
        average = f" at {position.average}" if position.average else ""
        held = f"{position.quantity} {position.symbol} {position.leg}{average}"
        what = f"The account holds {held}, which the session has not opened"
        fields = {"symbol": position.symbol, "leg": position.leg}
        remedy = _remedy(known.config)
        if remedy == "halt" or position.symbol not in known.config.market.symbols:
            close = f"Close it at the venue, or end the session that it belongs to in order; {_LIST_THEM}"
            yield _blocking("foreign_position", what, close, **fields)
        else:
            yield _note("foreign_position", what, f"reconcile.policy.foreign_position is {remedy}", **fields)


def _remedy(config: Config) -> str:
    """What the operator has decided about positions that the session has not opened."""
    return "halt" if isinstance(config.reconcile, UnsetType) else config.reconcile.policy.foreign_position


def _is_of_another(known: Known, symbol: str) -> bool:
    return symbol in known.owners and symbol not in known.config.market.symbols
