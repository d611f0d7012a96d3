"""Weights, orders and bans (O13)."""

from __future__ import annotations

import pytest

from live_runner.services.emulator.endpoints import ENDPOINTS
from live_runner.services.emulator.limits import Limits, LimitsOptions, TooManyRequests

MINUTE_MS = 60_000
NOW_MS = 1_000 * MINUTE_MS


def refused(limits: Limits, now_ms: int, address: str = "1.1.1.1", weight: int = 1) -> TooManyRequests:
    with pytest.raises(TooManyRequests) as caught:
        limits.charge(address, weight, now_ms)
    return caught.value


def test_a_minute_that_is_used_up_ends_with_the_minute() -> None:
    limits = Limits(LimitsOptions(weight_per_minute=10))
    assert [limits.charge("1.1.1.1", 5, NOW_MS) for _ in range(2)] == [5, 10]
    error = refused(limits, NOW_MS + 15_000)

    assert (error.status, error.code, error.retry_after_s) == (429, -1003, 45)
    assert limits.charge("2.2.2.2", 5, NOW_MS) == 5  # another address
    assert limits.charge("1.1.1.1", 5, NOW_MS + MINUTE_MS) == 5


def test_who_goes_on_is_banned_and_each_ban_is_twice_as_long_up_to_three_days() -> None:
    limits = Limits(LimitsOptions(weight_per_minute=1, tolerated=1))
    now_ms, lengths = NOW_MS, []
    for _ in range(15):
        limits.charge("1.1.1.1", 1, now_ms)
        assert refused(limits, now_ms).status == 429
        error = refused(limits, now_ms)
        assert (error.status, error.code) == (418, -1003)
        until_ms = limits.view()["addresses"]["1.1.1.1"]["until_ms"]
        assert f"banned until {until_ms}." in error.message
        assert refused(limits, until_ms - 1).status == 418
        lengths.append(until_ms - now_ms)
        now_ms = until_ms + MINUTE_MS

    assert lengths[:4] == [120_000, 240_000, 480_000, 960_000]
    assert lengths[-1] == 3 * 24 * 3_600_000


def test_orders_are_counted_by_account_in_two_windows() -> None:
    limits = Limits(LimitsOptions(orders_per_ten_seconds=2, orders_per_minute=3))
    assert limits.charge_orders("a", 1, NOW_MS) == {10_000: 1, 60_000: 1}
    limits.charge_orders("a", 1, NOW_MS)
    with pytest.raises(TooManyRequests, match="TEN_SECONDS") as caught:
        limits.charge_orders("a", 1, NOW_MS + 1)
    assert (caught.value.status, caught.value.code) == (429, -1015)
    assert limits.charge_orders("b", 2, NOW_MS) == {10_000: 2, 60_000: 2}
    limits.charge_orders("a", 1, NOW_MS + 10_000)
    with pytest.raises(TooManyRequests, match="MINUTE"):
        limits.charge_orders("a", 1, NOW_MS + 20_000)


@pytest.mark.parametrize(
    ("endpoint", "params", "weight"),
    [
        ("GET /fapi/v1/openOrders", {"symbol": "BTCUSDT"}, 1),
        ("GET /fapi/v1/openOrders", {}, 40),
        ("GET /fapi/v1/klines", {"limit": "99"}, 1),
        ("GET /fapi/v1/klines", {"limit": "100"}, 2),
        ("GET /fapi/v1/klines", {}, 5),
        ("GET /fapi/v1/klines", {"limit": "1500"}, 10),
        ("GET /fapi/v1/klines", {"limit": "many"}, 5),
        ("GET /fapi/v1/depth", {"limit": "1000"}, 20),
        ("GET /fapi/v1/userTrades", {}, 5),
        ("GET /fapi/v1/income", {}, 30),
        ("GET /fapi/v1/positionSide/dual", {}, 30),
        ("POST /fapi/v1/order", {}, 0),
        ("DELETE /fapi/v1/order", {}, 1),
    ],
)
def test_weights_are_those_of_the_venues_documentation(endpoint: str, params: dict[str, str], weight: int) -> None:
    assert ENDPOINTS[endpoint].weight(params) == weight
