from __future__ import annotations

from collections.abc import Sequence

from live_runner.hotpath import fixed
from live_runner.services.forensics.bridge import CAUSES, SAME_MODEL, bridge


def test_every_cause_is_printed_in_its_order_and_explains_its_part() -> None:
    worth = {(): "10", ("bars",): "12.5", ("bars", "blocks_and_stops"): "11"}
    asked: list[tuple[str, ...]] = []

    def pnl_of(recorded: Sequence[str]) -> str:
        asked.append(tuple(recorded))
        return worth[tuple(recorded)]

    found = bridge("USDT", pnl_of, "11", {"blocks_and_stops": "2 commands", "bars": "late bars"})

    assert tuple(line.cause for line in found.lines) == CAUSES
    assert {line.cause: line.amount for line in found.lines if line.amount != "0"} == {
        "bars": "2.5",
        "blocks_and_stops": "-1.5",
    }
    assert asked == list(worth)
    assert (found.backtest, found.session, found.unexplained) == ("10", "11", "0")


def test_lines_and_rest_add_up_to_the_last_unit() -> None:
    """R03 in small: what no run reproduces stays unexplained, and nothing is lost in rounding."""
    values = iter(["0.000000000001", "-3.333333333333"])

    found = bridge("USDT", lambda recorded: next(values), "7.1", {"bars": ""})
    total = fixed.money(found.backtest) + sum(fixed.money(line.amount) for line in found.lines)

    assert total + fixed.money(found.unexplained) == fixed.money(found.session)
    assert found.unexplained == "10.433333333333"


def test_causes_that_cannot_differ_say_so() -> None:
    found = bridge("USDT", lambda recorded: "1", "1", {})

    assert {line.amount for line in found.lines} == {"0"}
    assert {line.why for line in found.lines if line.cause in ("slippage", "fees", "latency")} == {SAME_MODEL}
    assert all(line.why for line in found.lines)
