"""What the strategy's policy and an intent's own one permit."""

from __future__ import annotations

from typing import Any

from live_runner.contracts.messages import Denied, Expired, Requested
from live_runner.contracts.policy import ExecutionPolicy


def test_reason_for_a_fallback_that_the_policy_makes_up_is_refused(driver: Any) -> None:
    core = driver(policy=ExecutionPolicy(fallback=("hope", "timeout")))
    core.bar()

    [denied, _] = core.decide(core.intent("open", quantity="1", style="market"))

    assert (type(denied), denied.reason) == (Denied, "bad_fallback")


def test_limit_that_names_no_time_lives_as_long_as_the_policy_says(driver: Any) -> None:
    core = driver(policy=ExecutionPolicy(time_to_live_s=120.0))
    core.bar()
    core.open(style="limit", limit_price="90")
    core.bar()
    assert core.of(Expired) == []
    core.decide()
    core.bar()

    assert core.last(Expired).order_id == core.last(Requested).order_id


def test_the_intent_s_own_policy_outlives_a_restart(driver: Any) -> None:
    """I07, P10: an order that rests goes on under what its own intent permits."""
    core = driver()
    core.bar()
    policy = ExecutionPolicy(fallback=("timeout",))
    core.open(style="limit", limit_price="90", time_to_live_ns=60_000_000_000, policy=policy)
    again = type(core.core)("s1")
    again.restore(core.core.snapshot())
    core.core = again
    core.bar()

    assert [order.kind for order in core.of(Requested)] == ["limit", "market"]
