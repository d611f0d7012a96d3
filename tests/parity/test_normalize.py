"""Compiled normalization agrees with the reference on every rule and every number, refusals included."""

from __future__ import annotations

from typing import Any

import pytest
from fix_hotpath import outcome, twins
from fix_strategy import instrument
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from live_runner.contracts.errors import NormalizationRefused
from live_runner.contracts.messages import Instrument

compiled, reference = twins("normalize")

many = settings(max_examples=400, deadline=None)
sizes = st.sampled_from(
    ["1", "10", "1000", "0.5", "0.25", "0.05", "0.01", "0.00001", "0.00000001", "0.000000000000000001"]
)
limits = st.sampled_from(["", "", "0.001", "5", "100", "1000000", "1e30"])


@st.composite
def instruments(draw: st.DrawFn) -> Instrument:
    """Markets of every way to count, and of every venue with rules of its own."""
    mode = draw(st.sampled_from(["tick_size", "tick_size", "decimal_places", "significant_digits"]))
    venue = draw(st.sampled_from(["binanceusdm", "okx", "bitfinex", "bithumb", "hyperliquid", "polymarket"]))
    tick, lot = draw(sizes), draw(sizes)
    digits = st.integers(-3, 10).map(str)
    price, amount = (tick, lot) if mode == "tick_size" else (draw(digits), draw(digits))
    if venue in ("bitfinex", "bithumb"):
        amount = draw(digits)
    return Instrument(
        symbol="A/B:B",
        venue=venue,
        base="A",
        quote="B",
        settle="B",
        contract=draw(st.booleans()),
        inverse=draw(st.sampled_from([False, False, True])),
        contract_size=draw(st.sampled_from(["1", "0.001", "1000000"])),
        tick_size=tick,
        lot_size=lot,
        precision_mode=mode,
        price_precision=price,
        amount_precision=amount,
        min_amount=draw(limits),
        max_amount=draw(limits),
        min_price=draw(limits),
        max_price=draw(limits),
        min_notional=draw(limits),
        max_notional=draw(limits),
    )


# Digits around ties and steps: a count, a part of a step, and something tiny on top.
ties = st.builds(
    lambda sign, whole, part, shift: f"{sign}{whole}{part}e{shift}",
    st.sampled_from(["", "-"]),
    st.integers(0, 10**12),
    st.sampled_from(["", ".5", ".25", ".50000000001", ".4999999999", ".05", ".1", ".9999999999"]),
    st.integers(-20, 12),
)
texts = st.one_of(
    ties,
    st.integers(-(10**32), 10**32).map(str),
    st.floats().map(repr),
    st.sampled_from(["0", "-0", "0.0", "1e-400", "1e400", "abc", "", " 1", "1_000", "99999999999999999999.123456789"]),
)
values = st.one_of(texts, ties.map(float), st.floats(), st.floats(1e-9, 1e9), st.integers(-(10**25), 10**25))


@many
@given(instruments(), st.lists(values, min_size=1, max_size=8))
def test_prices_and_amounts_agree(instrument: Instrument, given_: list[Any]) -> None:
    left, right = (outcome(module.Normalizer, instrument) for module in (compiled, reference))
    if issubclass(right[0], Exception):
        assert left == right
        return
    one, other = compiled.Normalizer(instrument), reference.Normalizer(instrument)
    for value in given_:
        assert outcome(one.price, value) == outcome(other.price, value), value
        assert outcome(one.amount, value) == outcome(other.amount, value), value


@many
@given(instruments(), st.lists(values, min_size=1, max_size=8), st.booleans())
def test_counts_and_refusals_agree(instrument: Instrument, given_: list[Any], limited: bool) -> None:
    assume(not issubclass(outcome(reference.Normalizer, instrument)[0], Exception))
    one, other = compiled.Normalizer(instrument), reference.Normalizer(instrument)
    for text in given_:
        assert outcome(one.price_ticks, text) == outcome(other.price_ticks, text), text
        for rounding in ("down", "nearest", "up"):
            assert outcome(one.amount_lots, text, rounding, limited) == outcome(
                other.amount_lots, text, rounding, limited
            ), (text, rounding)
        assert outcome(one.amount_lots, text) == outcome(other.amount_lots, text)


@settings(max_examples=1000, deadline=None)
@given(
    instruments(), st.lists(st.one_of(ties.map(float), st.floats(), st.floats(1e-9, 1e9)), min_size=4), st.booleans()
)
def test_without_the_interpreter_a_float_is_counted_or_refused_the_same(
    instrument: Instrument, given_: list[float], limited: bool
) -> None:
    """What the C functions are sure of is what the text of the float comes to, the reason of a refusal included."""
    assume(not issubclass(outcome(reference.Normalizer, instrument)[0], Exception))
    one, other = compiled.Normalizer(instrument), reference.Normalizer(instrument)

    def said(name: str, *arguments: Any) -> Any:
        try:
            return getattr(other, name)(*arguments)
        except NormalizationRefused as refused:
            return refused.reason

    for value in given_:
        for name, more in (
            ("price_ticks", ()),
            ("amount_lots", ("down", limited)),
            ("amount_lots", ("nearest", limited)),
        ):
            verdict = compiled._verdict(one, name, value, *more)
            assert verdict is None or verdict == said(name, value, *more), (name, value, more)


@pytest.mark.parametrize("venue", ["binanceusdm", "bitfinex", "hyperliquid", "polymarket"])
def test_everyday_floats_need_no_text(venue: str) -> None:
    """Every venue's rules are known to the C functions; only long numbers go to the text."""
    # Significant digits are counted on the finest grid such a venue takes.
    tick, lot, price, amount, mode = {
        "bitfinex": ("0.00000001", "0.00000001", "5", "8", "significant_digits"),
        "hyperliquid": ("0.001", "0.001", "", "0.001", "tick_size"),
    }.get(venue, ("0.01", "0.001", "0.01", "0.001", "tick_size"))
    market = Instrument(
        symbol="A/B:B",
        venue=venue,
        base="A",
        quote="B",
        settle="B",
        tick_size=tick,
        lot_size=lot,
        precision_mode=mode,
        price_precision=price,
        amount_precision=amount,
    )
    normalizer = compiled.Normalizer(market)

    assert compiled._verdict(normalizer, "price_ticks", 64.125) == reference.Normalizer(market).price_ticks(64.125)
    assert compiled._verdict(normalizer, "amount_lots", 0.0125) == reference.Normalizer(market).amount_lots(0.0125)
    assert compiled._verdict(normalizer, "amount_lots", float("nan")) == "not_a_number"


@many
@given(instruments(), st.integers(-(2**64), 2**64), st.integers(0, 2**64))
@example(instrument("A/B:B"), -(2**63), 2**63)
def test_notionals_agree(instrument: Instrument, lots: int, ticks: int) -> None:
    assume(not issubclass(outcome(reference.Normalizer, instrument)[0], Exception))

    assert outcome(compiled.Normalizer(instrument).notional, lots, ticks) == outcome(
        reference.Normalizer(instrument).notional, lots, ticks
    )


@many
@given(
    texts,
    st.sampled_from(["round", "truncate", "up"]),
    st.sampled_from(["0.01", "5", "1000", "0", "-3", "8", "30", "0.5", "x"]),
    st.sampled_from(["tick_size", "decimal_places", "significant_digits", "ticks"]),
    st.sampled_from(["no_padding", "pad_with_zero", "pad"]),
)
@example("1.5", "round", "1", "tick_size", "no_padding")
def test_precision_agrees(text: str, rounding: str, count: str, mode: str, padding: str) -> None:
    arguments = (text, rounding, count, mode, padding)

    assert outcome(compiled.decimal_to_precision, *arguments) == outcome(reference.decimal_to_precision, *arguments)
