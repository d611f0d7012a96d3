"""STOP, KILL, FLATTEN and RESUME, folded at their place in the log."""

from __future__ import annotations

from typing import Any

import pytest

from live_runner.contracts.messages import Cancelled, Denied, Expired, Filled, Incident, Requested
from live_runner.services.execution.core.engine import ExecutionCore


@pytest.mark.parametrize(
    ("command", "token"), [("stop", "entries_stopped"), ("kill", "killed"), ("flatten", "flattening")]
)
def test_gate_blocks_opens_and_adds_and_says_who_closed_it(driver: Any, command: str, token: str) -> None:
    """S01, S02: author and reason."""
    core = driver()
    core.held()
    core.bar()
    core.command(command, author="ann", reason="spread")
    core.decide(
        core.intent("add", quantity="1", style="market"), core.intent("open", "short", quantity="1", style="market")
    )

    assert [refused.reason for refused in core.of(Denied)] == [token, token]
    assert "ann" in core.last(Denied).message
    assert "spread" in core.last(Denied).message


@pytest.mark.parametrize("command", ["stop", "kill"])
def test_closes_and_stops_go_on_behind_a_closed_gate(driver: Any, command: str) -> None:
    """S01: a stop-loss close still goes out, and so does the stop at the venue."""
    core = driver()
    core.held("2", stop_loss="95")
    core.bar()
    core.command(command)
    core.decide(core.intent("partial_close", quantity="1"))
    core.bar()
    core.decide()
    core.bar(100, 100, 94, 100)

    assert [fill.kind for fill in core.of(Filled)] == ["market", "market", "stop"]
    assert core.position() == "0"


def test_stop_blocks_the_fallback_of_an_entry_and_not_of_a_close(driver: Any) -> None:
    """S01."""
    core = driver()
    core.held()
    core.bar()
    life = {"style": "limit", "time_to_live_ns": 60_000_000_000, "fallback": ["timeout"]}
    core.decide(
        core.intent("add", quantity="1", limit_price="90", **life), core.intent("close", limit_price="120", **life)
    )
    core.command("stop")
    core.bar()

    assert len(core.of(Expired)) == 2
    assert [(order.action, order.kind) for order in core.of(Requested)][3:] == [("close", "market")]


def test_stop_leaves_resting_entries_and_kill_cancels_them(driver: Any) -> None:
    """S02."""
    core = driver()
    core.bar()
    core.open(style="limit", limit_price="90")
    core.bar()
    core.command("stop")
    assert core.of(Cancelled) == []
    core.command("kill")

    assert [cancelled.reason for cancelled in core.of(Cancelled)] == ["kill"]
    core.decide()
    core.bar(100, 100, 80, 100)
    assert (core.of(Filled), core.settled.pending, core.settled.gate) == ([], [], "killed")


def test_kill_leaves_protection_where_it_stands(driver: Any) -> None:
    core = driver()
    core.held(stop_loss="95")
    core.bar()
    core.command("kill")
    core.decide()
    core.bar(100, 100, 94, 100)

    assert [fill.kind for fill in core.of(Filled)] == ["market", "stop"]


def test_flatten_closes_every_leg_and_cancels_entries(driver: Any) -> None:
    """S02."""
    core = driver(symbols=("AAA/USDT:USDT", "BBB/USDT:USDT"))
    flat = dict.fromkeys(core.symbols, (100.0, 100.0, 100.0, 100.0))
    core.bars(flat)
    core.decide(
        core.intent("open", quantity="1", style="market"),
        core.intent("open", "short", quantity="2", style="market"),
        core.intent("open", quantity="3", style="market", symbol="BBB/USDT:USDT"),
        core.intent("open", "short", quantity="3", style="limit", limit_price="120", symbol="BBB/USDT:USDT"),
    )
    core.bars(flat)
    events = core.command("flatten")
    core.decide()
    core.bars(flat)

    requested = [event for event in events if isinstance(event, Requested)]
    assert [(order.symbol[:3], order.leg, order.quantity, order.reason) for order in requested] == [
        ("AAA", "long", "1", "flatten"),
        ("AAA", "short", "2", "flatten"),
        ("BBB", "long", "3", "flatten"),
    ]
    assert all(order.intent_id.startswith(core.inputs[-3].id) for order in requested)
    assert len({order.order_id for order in requested}) == 3
    assert core.settled.pending == []
    assert core.settled.exposure == "0"


def test_flatten_also_closes_what_a_market_order_is_about_to_open(driver: Any) -> None:
    """A market order is irrevocable; the close goes behind it at the same open."""
    core = driver()
    core.bar()
    core.open("2")
    core.command("flatten")
    core.bar()

    assert [(fill.side, fill.quantity) for fill in core.of(Filled)] == [("buy", "2"), ("sell", "2")]
    assert core.settled.exposure == "0"


@pytest.mark.parametrize(("command", "done"), [("stop", "stopped"), ("kill", "killed"), ("flatten", "flattened")])
def test_an_entry_after_a_command_is_refused_with_who_did_what(driver: Any, command: str, done: str) -> None:
    core = driver()
    core.bar()
    core.command(command, author="me@host", reason="news")
    core.open()

    assert core.last(Denied).message == f"me@host has {done} this session: news"


def test_flatten_does_not_close_twice(driver: Any) -> None:
    core = driver()
    core.held()
    core.bar()
    core.decide(core.intent("close"))
    core.command("flatten")
    core.command("flatten")
    core.bar()

    assert len(core.of(Filled)) == 2
    assert core.position() == "0"


def test_resume_lifts_the_gate(driver: Any) -> None:
    """S02."""
    core = driver()
    core.bar()
    core.command("kill")
    core.decide()
    core.bar()
    assert core.settled.gate == "killed"
    core.command("resume")
    core.open()
    core.bar()

    assert (core.position(), core.settled.gate) == ("1", "open")


def test_stop_outlives_a_restart(driver: Any) -> None:
    """S03."""
    core = driver()
    core.bar()
    core.command("stop", author="ann")
    again = ExecutionCore("s1")
    again.restore(core.core.snapshot())
    core.core = again
    core.open()

    assert core.last(Denied).reason == "entries_stopped"
    assert "ann" in core.last(Denied).message


def test_command_that_is_not_ours_changes_nothing(driver: Any) -> None:
    core = driver()
    core.bar()
    before = core.core.state_hash()

    assert core.command("end") == []
    assert core.core.state_hash() == before


def test_flatten_fills_at_the_next_open_whatever_the_fill_model(driver: Any) -> None:
    core = driver(fills={"market": "bar_close"})
    core.bar()
    core.open()
    core.bar()
    core.command("flatten")
    core.decide()
    core.bar(104, 104, 104, 104)

    assert [fill.price for fill in core.of(Filled)] == ["100", "104"]


def test_fallback_that_a_stop_blocks_is_told(driver: Any) -> None:
    """S01: nothing is left out in silence."""
    core = driver()
    core.bar()
    core.open(style="limit", limit_price="90", time_to_live_ns=1, fallback=["timeout"])
    core.command("stop")
    core.bar()

    assert [(incident.code, incident.details["reason"]) for incident in core.of(Incident)] == [
        ("fallback_blocked", "entries_stopped")
    ]
