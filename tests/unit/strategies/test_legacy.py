"""Old-style classes: refused with a hint, adapted on request, each liberty behind its own switch (I12)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from fix_strategy import BTC, ETH, Stream, leg

from live_runner.contracts.errors import ConfigError, StrategyError
from live_runner.strategies.legacy import adapt
from live_runner.strategies.loader import collect


class Old:
    """Buys when flat, leaves at 110, averages down below 95."""

    def __init__(self, grow: bool = False, size: float | None = 50.0) -> None:
        self.grow = grow
        self.size = size
        self.seen = 0

    def entry_signal(self, symbol: str, bar: Any) -> Any:
        self.seen += 1
        said = {"side": "buy", "tp": bar["close"] * 2, "sl": bar.close / 2, "reason": "flat"}
        return said if self.size is None else said | {"size": self.size}

    def manage_position(self, symbol: str, bar: Any, position: Any) -> Any:
        if bar.close >= 110:
            return "close"
        if bar.close >= 105:
            return {"action": "partial_close", "fraction": 0.5}
        if self.grow and bar.close < 95:
            position.qty += 2
        return None


class Loose:
    def entry_signal(self, row: Any, sym: str) -> Any:
        return None

    def manage_position(self, pos: Any, row: Any) -> Any:
        return pos.side == "long" and row["close"] > 100


class Picky(Old):
    def universe(self, symbols: list[str]) -> list[str]:
        return [ETH]


def begin(kind: type = Old, switches: dict[str, Any] | None = None, **settings: Any) -> Stream:
    return Stream(adapt(kind, switches or {}), {"settings": settings}).start()


def holding(stream: Stream, close: float) -> Any:
    return stream.step(close=close, legs=[leg(BTC, "long", ("4", "100")), leg(ETH, "short", ("4", "100"))])


def test_an_old_style_class_is_refused_with_a_hint(tmp_path: Path) -> None:
    (tmp_path / "old.py").write_text("class Old:\n    def entry_signal(self, symbol, bar):\n        pass\n")

    with pytest.raises(StrategyError, match=r"Old is an old-style strategy.*strategy\.legacy"):
        collect(path=tmp_path / "old.py")
    assert collect(path=tmp_path / "old.py", legacy={}).strategy == "old:Old"


def test_an_unknown_switch_is_named() -> None:
    with pytest.raises(ConfigError, match=r"strategy\.legacy.*siez"):
        adapt(Old, {"siez": "notional"})


def test_size_without_its_switch_says_no_quantity() -> None:
    """Then the runner refuses it as missing_quantity (I03)."""
    one, _ = begin().step(close=100.0).intents

    assert (one.action, one.leg, one.quantity, one.sizing) == ("open", "long", None, "explicit")
    assert (one.take_profit, one.stop_loss, one.reason) == ("200", "50", "flat")


@pytest.mark.parametrize(("meaning", "quantity"), [("quantity", "50"), ("notional", "0.5")])
def test_size_with_its_switch_is_an_explicit_quantity(meaning: str, quantity: str) -> None:
    one, _ = begin(switches={"size": meaning}).step(close=100.0).intents

    assert (one.quantity, one.sizing) == (quantity, "explicit")


def test_exits_become_intents() -> None:
    stream = begin()

    assert [(i.leg, i.action) for i in holding(stream, 111.0).intents] == [("long", "close"), ("short", "close")]
    assert [(i.action, i.fraction) for i in stream.step(close=106.0).intents] == [("partial_close", "0.5")] * 2


def test_a_grown_quantity_without_its_switch_is_an_error_that_names_it() -> None:
    decided = holding(begin(grow=True), 90.0)

    assert "manage_position changed qty from 4.0 to 6.0" in decided.failed[0].error
    assert decided.intents == []


def test_a_grown_quantity_with_its_switch_is_an_add_of_the_difference() -> None:
    one, _ = holding(begin(switches={"growing_quantity": True}, grow=True), 90.0).intents

    # Without dca_style the add names no style, and the runner refuses it (I04).
    assert (one.action, one.quantity, one.style) == ("add", "2", None)


def test_the_style_of_such_adds_has_its_own_switch() -> None:
    switches = {"growing_quantity": True, "dca_style": "limit"}
    one, _ = holding(begin(switches=switches, grow=True), 90.0).intents

    assert (one.style, one.limit_price) == ("limit", "90")


def test_growing_the_shown_quantity_changes_no_position() -> None:
    """I11"""
    stream = begin(switches={"growing_quantity": True}, grow=True)
    holding(stream, 90.0)

    assert [one.quantity for one in stream.step(close=90.0).intents] == ["2", "2"]


def test_other_signatures_need_their_switch_and_known_names() -> None:
    with pytest.raises(StrategyError, match=r"Loose\.entry_signal takes \(row, sym\).*loose_signatures"):
        adapt(Loose, {})

    decided = holding(begin(Loose, {"loose_signatures": True}), 101.0)

    assert [(one.leg, one.action) for one in decided.intents] == [("long", "close")]

    class Unclear:
        def manage_position(self, thing: Any) -> None:
            return None

    with pytest.raises(StrategyError, match="Name its arguments among"):
        adapt(Unclear, {"loose_signatures": True})


def test_the_universe_limits_entries_and_never_exits() -> None:
    stream = begin(Picky)

    assert {one.symbol for one in stream.step(close=100.0).intents} == {ETH}
    assert {one.symbol for one in holding(stream, 111.0).intents} == {BTC, ETH}


def test_what_the_object_keeps_is_in_the_snapshot() -> None:
    """X08"""
    from live_runner.services.strategy.core.host import StrategyCore

    stream = begin()
    stream.step(close=100.0)
    core = StrategyCore("test", stream.kind)
    core.restore(stream.core.snapshot())

    restored: Any = core.strategy
    assert restored.old.seen == 2
    assert core.snapshot() == stream.core.snapshot()
