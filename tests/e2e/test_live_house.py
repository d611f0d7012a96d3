"""A session that sends orders, as a user runs it: `run --stage live_small` at the local exchange, and refusals."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import pytest
from fix_exchange_process import KEY, ExchangeProcess, exchange_process, live_config
from fix_house import House, result_of
from house_faults import events_of, wait_for_event

from live_runner.contracts.messages import Event, Filled, Settled

FILLS = 4


@pytest.fixture
def exchange(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ExchangeProcess]:
    with exchange_process(tmp_path_factory.mktemp("exchange")) as running:
        yield running


def many_fills(count: int) -> Callable[[Event], bool]:
    """Once so many fills have come."""
    seen: list[Event] = []

    def look(event: Event) -> bool:
        if isinstance(event, Filled):
            seen.append(event)
        return len(seen) >= count

    return look


def is_flat(event: Event) -> bool:
    return (
        isinstance(event, Settled)
        and event.gate == "flattening"
        and not event.pending
        and all(leg.quantity == "0" for leg in event.legs)
    )


@pytest.mark.parametrize("killed", [None, "gateway", "execution"])
def test_a_session_trades_at_the_exchange_and_its_account_is_the_exchanges(
    new_house: Callable[[], House], exchange: ExchangeProcess, killed: str | None
) -> None:
    """R07, P11: unmodified ccxt, own gateway, a strategy; replayed without a difference, equal to the last unit.

    A gateway or execution that is killed is started again, and nothing is lost or doubled.
    """
    house = new_house()
    exchange.describe(house.home)
    config = live_config(house.home / "alpha.yaml", exchange)
    run = house.start(config, "--verify", stage="live_small")
    wait_for_event(house, "alpha", many_fills(FILLS))
    if killed is not None:
        house.kill(run, killed)
        wait_for_event(house, "alpha", many_fills(2 * FILLS))
    flattened = house.command("flatten", "alpha", "--reason", "seen enough")
    assert flattened.returncode == 0, flattened.stderr
    wait_for_event(house, "alpha", is_flat)
    ended = house.command("end", "alpha", "--reason", "flat")
    assert ended.returncode == 0, ended.stderr
    printed = house.finish(run, config)

    account = exchange.account()
    fills = {event.fill_id: event for event in events_of(house, "alpha", Filled)}
    trades = {str(trade["id"]): trade for trade in account["trades"]}
    assert len(trades) > FILLS
    assert fills.keys() == trades.keys()
    for number, trade in trades.items():
        fill = fills[number]
        booked = (Decimal(fill.quantity), Decimal(fill.price), Decimal(fill.fee))
        assert booked == (Decimal(trade["quantity"]), Decimal(trade["price"]), Decimal(trade["fee"]))
    settled = events_of(house, "alpha", Settled)
    assert Decimal(settled[-1].cash) == Decimal(account["balances"]["USDT"])
    assert account["positions"] == []
    assert exchange.call("invariants") == []
    for told in ("account main, environment emulator", "order_notional 2000", "open orders: none"):
        assert told in printed
    assert KEY not in printed + house.logs()
    replayed = result_of(printed)["replay"]
    assert replayed["agrees"] is True
    assert all(source["compared"] > 0 == source["differences"] for source in replayed["sources"].values())
    compared = house.command("compare", "alpha")
    assert compared.returncode == 65
    assert "live-runner replay alpha" in compared.stderr
    status = house.command("status", "alpha", "--json")
    assert status.returncode == 0
    assert "stopped" in status.stdout


def test_a_session_that_must_not_begin_is_refused_with_what_stands_there(
    new_house: Callable[[], House], exchange: ExchangeProcess
) -> None:
    """G01, G05: by the guard, with 66; once the account is as it has to be, the same command goes on."""
    house = new_house()
    exchange.describe(house.home)
    config = live_config(house.home / "alpha.yaml", exchange)
    order: dict[str, Any] = {"symbol": "ETHUSDT", "side": "BUY", "positionSide": "LONG", "type": "LIMIT"}
    order |= {"timeInForce": "GTC", "quantity": "0.02", "price": "1000"}
    placed = exchange.call(f"accounts/{KEY}/manual_order", order)

    assert house.start(config, stage="live_small").wait(timeout=120) == 66
    printed = house.printed(config)
    assert "untracked_order" in printed or "none of the session's stands at the venue" in printed
    assert placed["clientOrderId"] in printed
    assert str(placed["orderId"]) in printed


@pytest.mark.parametrize(
    ("stage", "arguments", "changed", "text"),
    [
        ("live", (), {}, "--yes alpha"),
        ("live", ("--yes", "beta"), {}, "'beta' is not the session's name"),
        ("live_small", (), {"caps": {"order_notional": None}}, "caps.order_notional"),
        ("live_small", (), {"market": {"source": "simulated", "bars": 10}}, "market.source"),
        ("live_small", (), {"account": {"name": "other"}}, "other is not described"),
        ("live_small", (), {"market": {"options": {}}}, "market.options"),
    ],
)
def test_a_configuration_or_a_name_that_does_not_fit_ends_with_64(
    new_house: Callable[[], House],
    exchange: ExchangeProcess,
    stage: str,
    arguments: tuple[str, ...],
    changed: dict[str, Any],
    text: str,
) -> None:
    house = new_house()
    exchange.describe(house.home)
    config = live_config(house.home / "alpha.yaml", exchange, **changed)

    assert house.start(config, *arguments, stage=stage).wait(timeout=120) == 64
    assert text in house.printed(config)
    assert exchange.account()["trades"] == []
