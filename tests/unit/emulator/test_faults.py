"""Which requests and frames a fault meets, and that chance is the seed's."""

from __future__ import annotations

from typing import Any

import pytest

from live_runner.contracts.errors import ConfigError
from live_runner.services.emulator.faults import Faults, Request
from live_runner.services.emulator.stream_faults import Frame, StreamFaults

DROP = {"drop": True}


def request(**changes: Any) -> Request:
    """A market order of BTC."""
    params = {"symbol": "BTCUSDT", "side": "BUY", "newClientOrderId": "c1"}
    given: dict[str, Any] = {"method": "POST", "path": "/fapi/v1/order", "params": params, "account": "a", "now_ms": 5}
    return Request(**given | changes)


@pytest.mark.parametrize(
    ("match", "meets"),
    [
        ({}, True),
        ({"method": "POST"}, True),
        ({"method": "GET"}, False),
        ({"path": "/fapi/v1/order"}, True),
        ({"path": "/fapi/v1/ord"}, False),
        ({"path": "/fapi/v1/ord*"}, True),
        ({"symbol": "BTCUSDT", "side": "BUY", "client_id": "c1", "account": "a"}, True),
        ({"symbol": "ETHUSDT"}, False),
        ({"side": "SELL"}, False),
        ({"client_id": "c2"}, False),
        ({"account": "b"}, False),
        ({"from_ms": 5}, True),
        ({"from_ms": 6}, False),
        ({"nth": 2}, False),
        ({"count": 0}, False),
    ],
)
def test_a_fault_meets_what_it_matches(match: dict[str, Any], meets: bool) -> None:
    faults = Faults()
    faults.add({"match": match, "before": DROP})

    assert (faults.met(request()) != (None, None)) is meets
    assert faults.view()[0]["fired"] == int(meets)


def test_the_first_fault_that_is_in_turn_wins_and_one_that_is_used_up_lets_the_next_one() -> None:
    faults = Faults()
    faults.add({"match": {"count": 1}, "before": {"status": 500}})
    faults.add({"after": {"status": 502}})
    met = [faults.met(request()) for _ in range(2)]

    assert [(before and before.status, after and after.status) for before, after in met] == [(500, None), (None, 502)]


def test_chance_is_the_seeds() -> None:
    def drawn(seed: int) -> list[bool]:
        faults = Faults(seed)
        faults.add({"match": {"probability": 0.3}, "before": DROP})
        return [faults.met(request()) != (None, None) for _ in range(1000)]

    assert drawn(1) == drawn(1) != drawn(2)
    assert 200 < sum(drawn(1)) < 400


@pytest.mark.parametrize("name", ["origClientOrderId", "clientAlgoId", "newClientOrderId"])
def test_a_client_id_is_found_wherever_the_venue_takes_one(name: str) -> None:
    assert request(params={name: "c9"}).client_id == "c9"


def frame(event: str = "ORDER_TRADE_UPDATE", **order: Any) -> Frame:
    """An order's frame."""
    return Frame(event, "a", {"e": event, "o": {"s": "BTCUSDT", "c": "c1", **order}}, 5)


@pytest.mark.parametrize(
    ("match", "meets"),
    [
        ({}, True),
        ({"event": "ORDER_TRADE_UPDATE"}, True),
        ({"event": "ALGO_UPDATE"}, False),
        ({"client_id": "c1", "symbol": "BTCUSDT", "account": "a"}, True),
        ({"client_id": "t1"}, True),
        ({"client_id": "c2"}, False),
        ({"symbol": "ETHUSDT"}, False),
        ({"account": "b"}, False),
        ({"from_ms": 6}, False),
        ({"nth": 2}, False),
    ],
)
def test_a_stream_fault_meets_what_it_matches(match: dict[str, Any], meets: bool) -> None:
    faults = StreamFaults()
    faults.add({"match": match, "drop": True})

    assert (faults.met(frame(caid="t1")) is not None) is meets
    assert faults.lift()[0]["fired"] == int(meets)
    assert faults.view() == []


def test_there_is_a_bound_of_faults() -> None:
    faults, streams = Faults(), StreamFaults()
    for _ in range(1000):
        faults.add({"before": DROP})
        streams.add(DROP)
    for full in (faults, streams):
        with pytest.raises(ConfigError, match="1000"):
            full.add({"drop": True} if full is streams else {"before": DROP})
