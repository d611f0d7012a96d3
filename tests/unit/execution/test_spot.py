"""A spot account holds what it has paid for: no short leg, no leverage, no liquidation."""

from __future__ import annotations

from typing import Any

import pytest

from live_runner.contracts.messages import Denied, Filled, Liquidated, Rejected

COIN = "AAA/USDT"
PERPETUAL = "BBB/USDT:USDT"
SPOT = {"contract": False}
MARGIN = {"equity": "10000", "leverage": "10", "maintenance_margin": "0.005"}


@pytest.mark.parametrize("market", ["next_open", "bar_close"])
@pytest.mark.parametrize("action", ["open", "add"])
def test_the_short_leg_is_refused_by_name(driver: Any, action: str, market: str) -> None:
    core = driver(symbols=(COIN,), instrument=SPOT, account=MARGIN, fills={"market": market})
    core.bar()
    core.decide(core.intent(action, "short", quantity="1", style="market"))
    core.bar()

    (denied,) = core.of(Denied)
    assert denied.reason == ("spot_short" if action == "open" else "no_position")
    assert core.of(Filled) == []


@pytest.mark.parametrize(("quantity", "filled"), [("100", 1), ("100.001", 0), ("810", 0)])
def test_an_entry_binds_its_whole_notional_whatever_the_leverage(driver: Any, quantity: str, filled: int) -> None:
    """10,000 buy 100 at 100 and not a lot more."""
    core = driver(symbols=(COIN,), instrument=SPOT, account=MARGIN)
    core.bar()
    core.open(quantity)
    core.bar()

    assert len(core.of(Filled)) == filled
    assert [event.code for event in core.of(Rejected)] == ["insufficient_margin"] * (1 - filled)
    assert core.settled.margin == ("10000" if filled else "0")


def test_it_is_never_liquidated(driver: Any) -> None:
    """100 at 100 are worth 1,000 at 10."""
    core = driver(symbols=(COIN,), instrument=SPOT, account=MARGIN)
    core.held("100")
    core.bar(100, 100, 0.01, 10)

    assert core.of(Liquidated) == []
    assert core.settled.equity == "1000"


def test_a_perpetual_beside_it_has_what_is_left(driver: Any) -> None:
    """Of 10,000 the coin binds 6,000; the perpetual needs a tenth of its notional: 40,000 fit, a lot more does not."""
    for quantity, filled in (("400", 2), ("400.001", 1)):
        core = driver(symbols=(COIN, PERPETUAL), instruments={COIN: SPOT}, account=MARGIN)
        core.bars(dict.fromkeys(core.symbols, (100.0, 100.0, 100.0, 100.0)))
        core.open("60")
        core.bars(dict.fromkeys(core.symbols, (100.0, 100.0, 100.0, 100.0)))
        core.decide(core.intent("open", quantity=quantity, style="market", symbol=PERPETUAL))
        core.bars(dict.fromkeys(core.symbols, (100.0, 100.0, 100.0, 100.0)))
        assert len(core.of(Filled)) == filled


def test_what_a_market_order_sells_is_free_for_the_next_entry(driver: Any) -> None:
    core = driver(symbols=(COIN,), instrument=SPOT, account=MARGIN)
    core.held("100")
    core.bar()
    core.decide(core.intent("close"), core.intent("open", quantity="100", style="market"))
    core.bar()

    assert [fill.action for fill in core.of(Filled)] == ["open", "close", "open"]
