"""Sizes and prices that strategies ask for, of any magnitude: an order, or a refusal by name, and never an error."""

from __future__ import annotations

from fix_execution import Driver
from hypothesis import example, given, settings
from hypothesis import strategies as st

from live_runner.contracts.messages import Denied, Requested

sizes = st.builds(lambda digits, exponent: f"{digits}e{exponent}", st.integers(1, 99), st.integers(-30, 60))


@settings(max_examples=300, deadline=None)
@given(
    leg=st.sampled_from(["long", "short"]),
    size=st.one_of(
        st.fixed_dictionaries({"quantity": sizes}),
        st.fixed_dictionaries({"sizing": st.just("delegate_notional"), "notional": sizes}),
    ),
    price=st.one_of(
        st.just({"style": "market"}), st.fixed_dictionaries({"style": st.just("limit"), "limit_price": sizes})
    ),
    bracket=st.dictionaries(st.sampled_from(["stop_loss", "take_profit"]), sizes),
    money=st.sampled_from(["100", "10000", "1e15"]),
)
@example("long", {"quantity": "1e15"}, {"style": "market"}, {}, "10000")
@example("long", {"sizing": "delegate_notional", "notional": "1e25"}, {"style": "market"}, {}, "10000")
@example("long", {"quantity": "1"}, {"style": "market"}, {"take_profit": "1e17"}, "10000")
def test_a_size_or_price_of_any_magnitude_is_ordered_or_refused_by_name(
    leg: str,
    size: dict[str, str],
    price: dict[str, str],
    bracket: dict[str, str],
    money: str,
) -> None:
    core = Driver(account={"equity": money, "leverage": "1000"}, fees={"taker": "0.0005"})
    core.bar(100, 100, 100, 100)

    core.decide(core.intent("open", leg, **size, **price, **bracket))
    core.bar(100, 101, 99, 100)
    core.decide(core.intent("close", leg))
    core.bar(100, 101, 99, 100)

    assert len(core.of(Requested)) + len(core.of(Denied)) >= 1
