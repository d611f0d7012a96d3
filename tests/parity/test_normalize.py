"""Compiled normalization agrees with the reference on every rule and every number, refusals included."""

from __future__ import annotations

from typing import Any

from fix_hotpath import outcome, twins
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

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
    digits = st.integers(0, 10).map(str)
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
@given(instruments(), st.lists(texts, min_size=1, max_size=8), st.booleans())
def test_counts_and_refusals_agree(instrument: Instrument, given_: list[str], limited: bool) -> None:
    assume(not issubclass(outcome(reference.Normalizer, instrument)[0], Exception))
    one, other = compiled.Normalizer(instrument), reference.Normalizer(instrument)
    for text in given_:
        assert outcome(one.price_ticks, text) == outcome(other.price_ticks, text), text
        for rounding in ("down", "nearest", "up"):
            assert outcome(one.amount_lots, text, rounding, limited) == outcome(
                other.amount_lots, text, rounding, limited
            ), (text, rounding)
        assert outcome(one.amount_lots, text) == outcome(other.amount_lots, text)


@many
@given(instruments(), st.integers(-(2**64), 2**64), st.integers(0, 2**64))
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
