"""The start guard's rules, on answers as venues give them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import ccxt
import pytest
from fix_live_session import INSTRUMENT, configuration
from msgspec.structs import replace

from live_runner.contracts.config import Differences, Reconcile
from live_runner.contracts.core import QueryOrder
from live_runner.contracts.gateway import AccountFacts, Outcome
from live_runner.contracts.messages import VenueBalance, VenueOrder, VenuePosition
from live_runner.services.execution.core.guard import Finding, Found, Known, findings, symbols_of, unlisted
from live_runner.services.venues.ccxt_orders import open_order, order_ids
from live_runner.services.venues.registry import profile_of

BTC = "BTC/USDT:USDT"
ETH = "ETH/USDT:USDT"
CONFIG = configuration()
FACTS = AccountFacts(
    position_mode="hedge", can_trade=True, can_withdraw=False, leverage={BTC: "20"}, margin_mode={BTC: "cross"}
)
OURS = QueryOrder("alpha/1/1", "ab" * 14, BTC, "limit", "71", leg="long")


def done(verb: Any, **fields: Any) -> Outcome:
    return Outcome(verb=verb, fate="done", complete=True, **fields)


def orders(*listed: VenueOrder) -> Outcome:
    ids = [{"orderId": each.venue_order_id} for each in listed]
    return done("open_orders", open_orders=list(listed), order_ids=ids)


def venue(**fields: Any) -> Found:
    """An account as it has to be; what is given is otherwise."""
    usual = Found(
        account=done("account", account=FACTS),
        rules=done("rules", rules=[INSTRUMENT]),
        balances=done("balances", balances=[VenueBalance("USDT", "10000")]),
        positions=done("positions"),
        every_order=orders(),
        orders_of={BTC: orders()},
    )
    return Found(**{name: fields.get(name, getattr(usual, name)) for name in Found.__slots__})


def kinds(known: Known, found: Found, *, blocks: bool = True) -> list[str]:
    return [finding.kind for finding in findings(known, found) if finding.blocks is blocks]


def stranger(symbol: str = BTC, **fields: Any) -> VenueOrder:
    return VenueOrder(symbol, "900", side="buy", leg="long", kind="limit", quantity="0.01", **fields)


def test_an_order_of_the_session_is_fine_and_one_of_nobodys_blocks() -> None:
    """G01: of another symbol, too; by the session's own id or by the venue's."""
    by_ours = VenueOrder(BTC, "", OURS.client_order_id)
    by_venue = VenueOrder(BTC, OURS.venue_order_id)
    known = Known(CONFIG, [OURS], has_begun=True)

    for ours in (by_ours, by_venue):
        assert findings(known, venue(every_order=orders(ours), orders_of={BTC: orders(ours)})) == []
    for symbol in (BTC, ETH):
        assert kinds(known, venue(every_order=orders(by_venue, stranger(symbol)))) == ["untracked_order"]
    elsewhere = VenueOrder(ETH, OURS.venue_order_id, side="buy")
    assert kinds(known, venue(every_order=orders(by_venue, elsewhere))) == ["untracked_order"]


def test_orders_of_another_session_of_the_account_do_not_block() -> None:
    """G12: on its own symbol; on ours they are nobody's."""
    known = Known(CONFIG, owners={ETH: "beta"})
    held = done("positions", positions=[VenuePosition(ETH, "long", "1")])

    assert findings(known, venue(every_order=orders(stranger(ETH)), positions=held)) == []
    assert kinds(Known(CONFIG, owners={BTC: "beta"}), venue(every_order=orders(stranger()))) == ["untracked_order"]


def test_what_the_listing_of_all_leaves_out_is_found_by_its_symbol() -> None:
    """G02: also where the venue lists one symbol at a time alone, which is then said."""
    known = Known(CONFIG)
    held = done("positions", positions=[VenuePosition(ETH, "long", "1")])
    by_symbol = {BTC: orders(), ETH: orders(stranger(ETH))}

    assert symbols_of(known, held) == [BTC, ETH]
    assert kinds(Known(CONFIG, has_begun=True), venue(orders_of=by_symbol, positions=held)) == ["untracked_order"]
    refused = Outcome(verb="open_orders", fate="not_sent", code="not_available")
    assert kinds(known, venue(every_order=refused, orders_of={BTC: orders(stranger())})) == ["untracked_order"]
    assert kinds(known, venue(every_order=refused), blocks=False) == ["other_symbols_unlisted"]


def test_an_orphan_is_found_without_any_state() -> None:
    """G03."""
    assert kinds(Known(CONFIG), venue(orders_of={BTC: orders(stranger())})) == ["untracked_order"]


@pytest.mark.parametrize(
    ("venue_name", "file"),
    [
        ("binanceusdm", "binance/py_http_responses__http_futures_account_orders.json"),
        ("okx", "okx/http_get_orders_algo_pending_close_fraction.json"),
    ],
)
def test_a_recorded_order_that_closes_does_not_block(shared_data: Path, venue_name: str, file: str) -> None:
    """G04: in hedge mode the side of the position says it, at OKX the share of the position that it closes."""
    recorded = json.loads((shared_data / "venue_responses" / file).read_text("utf-8"))
    rows = recorded["data"] if isinstance(recorded, dict) else recorded
    order = listed(venue_name, rows[0])

    assert order.reduce_only
    assert kinds(Known(CONFIG), venue(every_order=orders(order))) == []
    assert "closing_order" in kinds(Known(CONFIG), venue(every_order=orders(order)), blocks=False)


@pytest.mark.parametrize("yes", [True, "true", "True", "1", 1])
@pytest.mark.parametrize("place", [("reduceOnly",), ("info", "closePosition"), ("info", "order", "reduce_only")])
def test_the_flag_counts_wherever_it_stands_and_as_text(place: tuple[str, ...], yes: Any) -> None:
    """G04."""

    def row(value: Any) -> dict[str, Any]:
        given: Any = value
        for name in reversed(place):
            given = {name: given}
        return {"symbol": BTC, "id": "1", "side": "buy", **given}

    ids = profile_of("binanceusdm").client_ids
    assert ids is not None
    assert open_order(row(yes), ids).reduce_only
    for no in (False, "false", "0", None, ""):
        assert not open_order(row(no), ids).reduce_only


def listed(venue_name: str, row: dict[str, Any]) -> VenueOrder:
    """A recorded order as unmodified ccxt reads it."""
    exchange = getattr(ccxt, venue_name)()
    exchange.number = str
    exchange.markets, exchange.markets_by_id = {}, {}
    ids = profile_of(venue_name).client_ids
    assert ids is not None
    return open_order(exchange.parse_order(row), ids)


def test_a_refusal_names_symbol_side_leg_and_every_id(shared_data: Path) -> None:
    """G05: a stop has other ids than an order, by other names."""
    file = shared_data / "venue_responses/binance/futures__http_json__open_algo_orders.json"
    (row,) = json.loads(file.read_text("utf-8"))
    exchange = ccxt.binanceusdm()
    exchange.markets, exchange.markets_by_id = {}, {}
    parsed = exchange.parse_order(row)
    answer = done("open_orders", open_orders=[listed("binanceusdm", row)], order_ids=[order_ids(parsed)])
    (finding,) = [each for each in findings(Known(CONFIG), venue(every_order=answer)) if each.blocks]

    assert (finding.kind, finding.side) == ("untracked_order", "buy")
    assert finding.ids == {"algoId": "123456789", "clientAlgoId": "test-algo-order-1"}
    assert all(id_ in finding.what for id_ in finding.ids.values())
    both = order_ids({"id": "5", "clientOrderId": "web_5", "info": {"orderId": 5, "clientOrderId": "web_5"}})
    assert both == {"orderId": "5", "clientOrderId": "web_5"}
    named = findings(Known(CONFIG), venue(every_order=orders(stranger())))[0]
    assert (named.symbol, named.side, named.leg, named.ids) == (BTC, "buy", "long", {"orderId": "900"})


def test_an_order_that_the_venue_had_and_does_not_know_blocks() -> None:
    """G06: gone, and its fills looked for. One that may never have arrived is its own query's matter."""
    known = Known(CONFIG, [OURS], has_begun=True)
    gone = Outcome(verb="query", fate="gone", complete=True)
    (finding,) = findings(known, venue(lookups={OURS.client_order_id: gone}))

    assert finding.kind == "tracked_order_missing_at_venue"
    assert finding.ids == {"order": OURS.order_id, "client_order_id": OURS.client_order_id, "id": "71"}
    for unproven in (replace(gone, complete=False), Outcome(verb="query", fate="unknown")):
        assert kinds(known, venue(lookups={OURS.client_order_id: unproven})) == ["open_orders_unavailable"]
    assert kinds(known, venue(lookups={OURS.client_order_id: done("query")})) == []
    on_its_way = QueryOrder(OURS.order_id, OURS.client_order_id, BTC)
    assert unlisted(Known(CONFIG, [on_its_way], has_begun=True), venue()) == []
    assert unlisted(known, venue()) == [OURS]
    assert unlisted(known, venue(orders_of={BTC: orders(VenueOrder(BTC, "71"))})) == []


@pytest.mark.parametrize("fate", ["unknown", "retryable", "unlisted", "rejected", "not_sent", "gone", "done"])
def test_open_orders_that_are_not_listed_wholly_block(fate: str) -> None:
    """G07: the listing of all, or of one symbol; a list that is not complete is none."""
    answer = Outcome(verb="open_orders", fate=fate, code="-1001")

    assert kinds(Known(CONFIG), venue(every_order=answer)) == ["open_orders_unavailable"]
    (finding,) = findings(Known(CONFIG), venue(orders_of={BTC: answer}))
    assert (finding.kind, finding.symbol) == ("open_orders_unavailable", BTC)


def test_a_position_that_the_session_has_not_opened_blocks_at_the_beginning() -> None:
    """G08: of any symbol that no session has. Later, reconciliation compares."""
    held = done("positions", positions=[VenuePosition(ETH, "short", "1.5", "2500")])
    (finding,) = findings(Known(CONFIG), venue(positions=held, orders_of={BTC: orders(), ETH: orders()}))

    assert (finding.kind, finding.symbol, finding.leg) == ("foreign_position", ETH, "short")
    assert "1.5" in finding.what
    assert kinds(Known(CONFIG, has_begun=True), venue(positions=held)) == []


@pytest.mark.parametrize("remedy", ["adopt", "flatten"])
def test_a_position_that_the_operator_has_decided_about_does_not_block(remedy: Any) -> None:
    """G08: on a symbol of the session; on another one nothing was decided."""
    decided = replace(CONFIG, reconcile=Reconcile(policy=Differences(foreign_position=remedy)))
    held = {symbol: done("positions", positions=[VenuePosition(symbol, "long", "1")]) for symbol in (BTC, ETH)}

    assert kinds(Known(decided), venue(positions=held[BTC])) == []
    assert kinds(Known(decided), venue(positions=held[BTC]), blocks=False) == ["foreign_position"]
    assert kinds(Known(decided), venue(positions=held[ETH])) == ["foreign_position"]


def test_mode_leverage_and_permission_are_compared_and_both_values_named() -> None:
    """G11."""

    def facts(**changed: Any) -> list[Finding]:
        return findings(Known(CONFIG), venue(account=done("account", account=replace(FACTS, **changed))))

    (mode,) = facts(position_mode="one_way")
    assert mode.kind == "position_mode_differs"
    assert "one_way" in mode.what
    assert "hedge" in mode.what
    (leverage,) = facts(leverage={BTC: "5"})
    assert (leverage.kind, leverage.symbol) == ("leverage_differs", BTC)
    assert "5" in leverage.what
    assert "20" in leverage.what
    assert facts(leverage={BTC: "20.0"}) == []
    assert [finding.kind for finding in facts(can_trade=False)] == ["no_trade_permission"]
    (note,) = facts(can_withdraw=True)
    assert (note.kind, note.blocks) == ("withdrawals_permitted", False)


@pytest.mark.parametrize(("file_ms", "kinds_found"), [(2999, []), (3000, []), (3001, ["recv_window_differs"])])
def test_the_venue_takes_no_order_for_longer_than_its_absence_is_judged_by(file_ms: int, kinds_found: Any) -> None:
    """O12: one that arrives after it was proven absent would stand beside its second copy."""
    account = done("account", account=replace(FACTS, recv_window_ms=file_ms))

    assert kinds(Known(CONFIG), venue(account=account)) == kinds_found


def test_a_symbol_without_rules_blocks_and_a_balance_that_differs_is_said() -> None:
    assert kinds(Known(CONFIG), venue(rules=done("rules"))) == ["unknown_symbol"]
    poor = done("balances", balances=[VenueBalance("USDT", "12.5")])
    assert kinds(Known(CONFIG), venue(balances=poor)) == []
    assert kinds(Known(CONFIG), venue(balances=poor), blocks=False) == ["balance_differs"]


def test_no_answer_proves_nothing() -> None:
    """G07: keys that are refused are said as that, a gateway that is away once and alone."""
    silent = Outcome(verb="account", fate="unknown", message="timed out")
    refused = Outcome(verb="account", fate="rejected", code="-2015", follow_up="account")

    for name in ("account", "rules", "balances", "positions"):
        assert kinds(Known(CONFIG), venue(**{name: silent})) == ["venue_unavailable"], name
        assert kinds(Known(CONFIG), venue(**{name: refused})) == ["keys_refused"], name
    away = Outcome(verb="account", fate="unknown", code="gateway_away")
    assert kinds(Known(CONFIG), venue(account=away, positions=away)) == ["gateway_away"]
