"""Steps, queue, snapshots and hashes of the execution core; how live and backtest cannot drift apart."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from live_runner.contracts.codec import canonical, decode, encode
from live_runner.contracts.errors import OurFault, SnapshotLayout
from live_runner.contracts.messages import Event, Filled, Requested, Settled
from live_runner.services.execution.core.engine import ExecutionCore

FLAT = (100.0, 100.0, 100.0, 100.0)


def events(effects: list[Any]) -> list[bytes]:
    return [encode(effect) for effect in effects if isinstance(effect, Event)]


def story(core: Any) -> None:
    """A little of everything."""
    core.bar(*FLAT, warmup=True)
    core.bar(*FLAT)
    core.open("2", stop_loss="95", take_profit="110")
    core.bar(100, 101, 99, 100)
    core.decide(core.intent("add", quantity="1", style="limit", limit_price="98", time_to_live_ns=120_000_000_000))
    core.bar(100, 101, 97, 100, funding=[core.funding("0.0001")])
    core.decide(
        core.intent("open", "short", quantity="1", style="market"), core.intent("partial_close", fraction="0.5")
    )
    core.command("stop")
    core.bar(100, 104, 94, 96)
    core.decide(core.intent("close", "short"))
    core.bar(96, 97, 95, 96)
    core.decide()


def test_warmup_sets_are_noted_and_answered_by_nothing(driver: Any) -> None:
    core = driver()

    assert core.bar(*FLAT, warmup=True) == []
    assert core.core.seq == 0


def test_every_set_ends_in_one_settled(driver: Any) -> None:
    core = driver()
    story(core)

    assert [settled.close_ns for settled in core.of(Settled)] == [
        event.close_ns for event in core.inputs if type(event).__name__ == "BarSet" and not event.warmup
    ]


def test_outputs_are_numbered_without_a_gap_and_name_their_cause(driver: Any) -> None:
    core = driver()
    story(core)
    inputs = {event.id for event in core.inputs}

    assert [event.seq for event in core.seen] == list(range(1, len(core.seen) + 1))
    assert all(event.cause in inputs for event in core.seen)


def test_set_that_comes_before_its_decision_waits(driver: Any) -> None:
    """Folding the same stream gives the same outputs, however fast each process was."""
    patient, hasty = (driver(limits={"state_hash_every": 1}) for _ in range(2))
    patient.bar(*FLAT)
    patient.open()
    patient.bar(101, 101, 101, 101)
    patient.decide()
    patient.bar(102, 102, 102, 102)
    bar, decision, following, nothing, last = patient.inputs[1:]
    first = hasty.feed(bar)
    assert (hasty.feed(following), hasty.feed(last)) == ([], [])
    rest = [*hasty.feed(decision), *hasty.feed(nothing)]

    assert events([*first, *rest]) == events(patient.seen)


def test_queue_of_sets_is_bounded(driver: Any) -> None:
    core = driver(limits={"read_ahead": 2})
    for _ in range(3):
        core.bar(*FLAT)

    with pytest.raises(OurFault, match="read_ahead"):
        core.bar(*FLAT)


def test_decision_on_another_close_is_our_fault(driver: Any) -> None:
    core = driver()
    core.bar(*FLAT)
    core.decide()

    with pytest.raises(OurFault, match="awaited"):
        core.decide()


def test_input_before_the_manifest_is_our_fault(driver: Any) -> None:
    bar = driver()
    bar.bar(*FLAT)

    with pytest.raises(OurFault, match="Started"):
        ExecutionCore("s1").handle(bar.inputs[-1])


def test_same_inputs_give_the_same_bytes(driver: Any) -> None:
    """R01, X08."""
    one, two = driver(), driver()
    story(one)
    for event in one.inputs[1:]:
        two.feed(decode(encode(event)))

    assert events(one.seen) == events(two.seen)
    assert one.core.state_hash() == two.core.state_hash()


def test_snapshot_at_any_point_goes_on_as_if_nothing_had_happened(driver: Any) -> None:
    """P10, X08: bit for bit."""
    whole = driver()
    story(whole)
    for cut in range(1, len(whole.inputs)):
        before, after = driver(), ExecutionCore("s1")
        for event in whole.inputs[1:cut]:
            before.feed(event)
        after.restore(before.core.snapshot())
        assert after.snapshot() == before.core.snapshot()
        rest = [effect for event in whole.inputs[cut:] for effect in after.handle(event)]
        assert events(before.seen + rest) == events(whole.seen)
        assert after.state_hash() == whole.core.state_hash()


def test_snapshot_of_another_version_is_refused(driver: Any) -> None:
    core = driver()
    state = msgspec.msgpack.decode(core.core.snapshot())
    state["version"] = 99

    with pytest.raises(SnapshotLayout):
        ExecutionCore("s1").restore(msgspec.msgpack.encode(state))


def test_state_hash_stands_in_every_so_many_settled(driver: Any) -> None:
    core = driver(limits={"state_hash_every": 2})
    for _ in range(4):
        core.bar(*FLAT)
        core.decide()

    assert [bool(settled.state_hash) for settled in core.of(Settled)] == [False, True, False, True]


def test_core_that_does_not_hash_says_the_same_otherwise(driver: Any) -> None:
    hashed, plain = driver(), driver(hashing=False)
    story(hashed)
    story(plain)

    assert [settled.hash for settled in plain.of(Settled)] == [""] * len(plain.of(Settled))
    assert [(event.id, type(event)) for event in hashed.seen] == [(event.id, type(event)) for event in plain.seen]


def test_canonical_bytes_carry_no_time_of_publishing(driver: Any) -> None:
    core = driver()
    story(core)

    assert all(canonical(encode(event)) == encode(event) for event in core.seen)


def test_stopped_sums_the_session_up(driver: Any) -> None:
    core = driver()
    story(core)
    stopped = core.finish()

    assert stopped.reason == "end"
    assert {key: stopped.summary[key] for key in ("sets", "decisions", "intents", "open_legs")} == {
        "sets": 5,
        "decisions": 5,
        "intents": 5,
        "open_legs": 0,
    }
    assert stopped.summary["fills"] == len(core.of(Filled))
    assert stopped.summary["orders"] == len(core.of(Requested))
    assert stopped.hash
    assert stopped.state_hash
    assert core.bar(*FLAT) == []


def test_event_of_another_session_changes_nothing(driver: Any) -> None:
    """O15, X11."""
    core = driver()
    core.bar(*FLAT)
    before = core.core.state_hash()

    assert core.feed(msgspec.structs.replace(core.inputs[-1], session="s2")) == []
    assert core.core.state_hash() == before


def test_bar_that_is_missing_is_never_made_up(driver: Any) -> None:
    """X02, X03: no fill, no mark, no funding without a real bar."""
    core = driver(symbols=("AAA/USDT:USDT", "BBB/USDT:USDT"))
    core.bars(dict.fromkeys(core.symbols, FLAT))
    core.open()
    core.bars(dict.fromkeys(core.symbols, FLAT))
    core.decide()
    core.bars({"BBB/USDT:USDT": (50.0, 50.0, 50.0, 50.0)})

    assert core.settled.unrealised == "0"


def test_strategy_is_told_of_fills_by_the_same_events_in_every_stage(driver: Any) -> None:
    """X06: one message, whether the paper venue or a real one filled."""
    paper, live = driver(), driver(stage="live")
    for core in (paper, live):
        core.bar(*FLAT)
        core.open()
    paper.bar(*FLAT)
    live.report(
        live.of(Requested)[0].client_order_id, "filled", filled="1", last_quantity="1", last_price="100", fill_id="t1"
    )

    left, right = paper.last(Filled), live.last(Filled)
    for name in ("order_id", "intent_id", "quantity", "price", "fee", "realised", "leg_quantity", "status"):
        assert getattr(left, name) == getattr(right, name), name


@pytest.mark.parametrize("fields", [{"quantity": "1.23456"}, {"sizing": "delegate_notional", "notional": "100"}])
def test_an_intent_is_sized_the_same_in_every_stage(driver: Any, fields: dict[str, Any]) -> None:
    """X13: one sizing rule; paper, shadow and live request the very same order."""
    requests = []
    for stage in ("paper", "shadow", "live"):
        core = driver(stage=stage)
        core.bar(*FLAT)
        core.decide(core.intent("open", style="limit", limit_price="41.237", **fields))
        requests.append(encode(core.last(Requested)))

    assert requests[0] == requests[1] == requests[2]


def test_one_symbol_in_trouble_holds_no_other_one_back(driver: Any) -> None:
    """X15."""
    core = driver(symbols=("AAA/USDT:USDT", "BBB/USDT:USDT"), stage="live")
    core.bars(dict.fromkeys(core.symbols, FLAT))
    core.open()
    core.report(core.last(Requested).client_order_id, "unknown")
    core.bars(dict.fromkeys(core.symbols, FLAT))
    core.decide(core.intent("open", symbol="BBB/USDT:USDT", quantity="1", style="market"))

    assert core.last(Requested).symbol == "BBB/USDT:USDT"
