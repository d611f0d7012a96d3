from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msgpack
import msgspec
import pytest

from live_runner.contracts import codec
from live_runner.contracts.config import Limits
from live_runner.contracts.messages import (
    BarSet,
    Command,
    Decided,
    Event,
    FeedEnded,
    Filled,
    Incident,
    Settled,
    Started,
    Stopped,
    Voided,
)
from live_runner.contracts.sequence import IN_FLIGHT_MAX
from live_runner.services.backtest.loop import CommandAt
from live_runner.services.forensics.direct_replay import DirectReplay
from live_runner.services.forensics.errors import RecordingError
from live_runner.services.forensics.replay import replay

if TYPE_CHECKING:
    from session_world import World

type MakeWorld = Callable[..., World]


@pytest.fixture
def events(make_world: MakeWorld) -> list[Event]:
    return make_world(bars=300).record()


def _wires(events: list[Event]) -> list[bytes]:
    return [codec.stamp(codec.encode(event), 5_000 + number) for number, event in enumerate(events)]


def _read_ahead(events: list[Event], *, bars: int) -> list[Event]:
    """The log as it would be if each bar set had gone out so many bars before it was answered."""
    market = [event for event in events[2:] if event.source == "market_data"]
    ordered = events[:2]
    due = published = 0
    for event in events[2:]:
        if event.source == "market_data":
            due += 1
            continue
        while published < min(due + bars, len(market)):
            ordered.append(market[published])
            published += 1
        ordered.append(event)
    return ordered


def _index(events: list[Event], kind: type[Event], number: int) -> int:
    return [at for at, event in enumerate(events) if isinstance(event, kind)][number]


def _changed(events: list[Event], at: int, **fields: Any) -> list[Event]:
    return [*events[:at], msgspec.structs.replace(events[at], **fields), *events[at + 1 :]]


def _command(session: str, seq: int, name: str) -> Command:
    source = "execution.shell"
    return Command(
        command=name,
        author="somebody",
        reason="a test",
        id=f"{session}/{source}/{seq}",
        session=session,
        source=source,
        seq=seq,
        event_ns=0,
    )


def _before(event: Event, *fields: str) -> bytes:
    """The event's bytes as an engine wrote them that did not know these fields."""
    plain = msgpack.unpackb(codec.encode(event))
    older = {name: value for name, value in plain.items() if name not in fields} | {"v": event.v - 1}
    data: bytes = msgpack.packb(older)
    return data


def test_session_from_before_a_field_is_read_and_does_not_replay(events: list[Event]) -> None:
    """R01: a default is written out, so each fill has other bytes now; its own engine makes them again."""
    fills = [event for event in events if isinstance(event, Filled)]
    older = [
        _before(event, "provisional", "fee_rate") if isinstance(event, Filled) else codec.encode(event)
        for event in events
    ]
    read = [event for wire in older if isinstance(event := codec.decode(wire), Filled)]
    result = replay([codec.stamp(wire, 5_000 + number) for number, wire in enumerate(older)])

    assert [msgspec.structs.replace(fill, v=Filled.VERSION) for fill in read] == fills
    assert result.differences == len(fills)
    assert result.first is not None
    assert result.first.type == "order.filled"


def test_paper_session_replays_with_zero_differences(events: list[Event]) -> None:
    """R01"""
    result = replay(_wires(events))

    assert result.agrees
    assert (result.differences, result.first, result.notes) == (0, None, [])
    assert result.events == len(events)
    made = [event for event in events if event.source in ("execution", "strategy")]
    assert result.compared == len(made)
    assert sum(isinstance(event, Filled) for event in made) > 5


def _otherwise(event: Event) -> bytes:
    """The event with the same fields in another order: what stands first stands last but for the end."""
    plain = msgpack.unpackb(codec.encode(event))
    first, *middle, last = plain.items()
    data: bytes = msgpack.packb(dict([*middle, first, last]))
    return data


def test_an_input_in_another_encoding_is_the_same_input(events: list[Event]) -> None:
    wires = _wires(events)
    for number in (0, 150):
        at = _index(events, BarSet, number)
        wires[at] = codec.stamp(_otherwise(events[at]), 7)

    result = replay(wires)

    assert (result.agrees, result.events) == (True, len(events))


@pytest.mark.parametrize("kind", [Settled, Decided, Filled, Stopped])
def test_an_output_in_another_encoding_differs_in_its_bytes(events: list[Event], kind: type[Event]) -> None:
    wires = _wires(events)
    at = _index(events, kind, 0)
    wires[at] = codec.stamp(_otherwise(events[at]), 7)

    result = replay(wires)

    assert (result.differences, result.events) == (1, len(events))
    assert result.first is not None
    assert result.first.seq == events[at].seq
    assert [field.expected for field in result.first.fields] == ["different bytes of the same meaning"]


@pytest.mark.parametrize("kind", [BarSet, Settled, Decided])
def test_an_event_delivered_again_much_later_counts_once(events: list[Event], kind: type[Event]) -> None:
    wires = _wires(events)
    again = codec.stamp(codec.encode(events[_index(events, kind, 60)]), 7)
    at = _index(events, kind, 120)

    result = replay([*wires[:at], again, *wires[at:]])

    assert (result.agrees, result.events) == (True, len(events))
    assert [note for note in result.notes if "twice" in note]


def test_a_decision_in_another_name_asks_the_strategy_nothing(events: list[Event]) -> None:
    """A decision with the strategy's next number, and the id of none of its own, is a changed recording."""
    at = _index(events, Decided, 20)
    wires = _wires(_changed(events, at, id="test/other/1"))

    with pytest.raises(RecordingError, match="the recording was changed"):
        replay(wires)


def test_a_bar_set_with_the_id_of_another_is_not_taken(events: list[Event]) -> None:
    at = _index(events, BarSet, 100)
    wires = _wires(_changed(events, at, id=events[_index(events, BarSet, 99)].id))

    with pytest.raises(RecordingError, match="has another id") as refused:
        replay(wires)

    assert refused.value.fields["reason"] == "tampered"


def test_replay_takes_stream_sequences_too(events: list[Event]) -> None:
    assert replay(list(enumerate(_wires(events), start=17))).agrees


def test_replay_compares_by_number_when_the_feed_read_ahead(make_world: MakeWorld) -> None:
    """A feed that does not wait puts sets before the answers to earlier ones; the answers stay the same."""
    # No full state hash on the way: that of a core includes the sets that wait in it.
    events = make_world(bars=300, limits=Limits(state_hash_every=25)).record()

    assert replay(_wires(_read_ahead(events, bars=10))).agrees


def test_commands_are_inputs_at_their_place(make_world: MakeWorld) -> None:
    """S01, S02 a replayed stop is folded where it stood."""
    world = make_world(bars=300)
    closes = [event.close_ns for event in world.market() if isinstance(event, BarSet) and not event.warmup]
    commands = [
        CommandAt((closes[40], 0), _command("test", 1, "kill")),
        CommandAt((closes[90], 1), _command("test", 2, "resume")),
        CommandAt((closes[150], 1), _command("test", 3, "flatten")),
    ]
    recorded = world.record(commands=commands)

    assert [event.command for event in recorded if isinstance(event, Command)] == ["kill", "resume", "flatten"]
    assert replay(_wires(recorded)).agrees
    without = [event for event in recorded if not isinstance(event, Command)]
    assert not replay(_wires(without)).agrees


def test_changed_bar_is_named_by_what_follows_from_it(events: list[Event]) -> None:
    """R02 one bar changed: the first output that does not follow from it, with the bar as its input."""
    at = _index(events, BarSet, 60)
    bar_set = events[at]
    assert isinstance(bar_set, BarSet)
    higher = bar_set.bars[0].close * 1.01
    bars = [msgspec.structs.replace(bar_set.bars[0], close=higher, high=higher), *bar_set.bars[1:]]

    result = replay(_wires(_changed(events, at, bars=bars)))

    assert not result.agrees
    assert result.first is not None
    assert result.first.close_ns >= bar_set.close_ns
    assert result.first.fields


@pytest.mark.parametrize(("kind", "field", "value"), [(Settled, "equity", "1"), (Filled, "price", "1")])
def test_changed_output_is_one_difference_with_its_field(
    events: list[Event], kind: type[Event], field: str, value: str
) -> None:
    """R06 a tampered output: the difference names number, type, field, both values and the input."""
    at = _index(events, kind, 3)

    result = replay(_wires(_changed(events, at, **{field: value})))

    first = result.first
    assert first is not None
    assert (first.kind, first.source, first.seq) == ("changed", "execution", events[at].seq)
    assert (first.fields[0].path, first.fields[0].expected) == (field, f"'{value}'")
    assert first.inputs
    assert result.sources["execution"].differences == 1


def test_changed_intent_is_found_in_the_decision(events: list[Event]) -> None:
    """R02, I06 the decision differs in the intent's quantity."""
    at = next(at for at, event in enumerate(events) if isinstance(event, Decided) and event.intents)
    decided = events[at]
    assert isinstance(decided, Decided)
    intents = [msgspec.structs.replace(decided.intents[0], quantity="0.5"), *decided.intents[1:]]

    result = replay(_wires(_changed(events, at, intents=intents)))

    assert result.first is not None
    assert result.first.type == "strategy.decided"
    assert "intents[0].quantity" in [field.path for field in result.first.fields]
    assert result.first.close_ns == decided.close_ns


def test_tampered_bar_that_a_core_cannot_fold_is_a_difference(events: list[Event]) -> None:
    """R06 no crash."""
    at = _index(events, Decided, 30)

    result = replay(_wires(_changed(events, at, close_ns=1)))

    assert result.first is not None
    assert result.first.source in ("strategy", "execution")


def test_unrecorded_output_at_the_end_is_a_difference(events: list[Event]) -> None:
    kept = [event for event in events if not (event.source == "strategy" and isinstance(event, Stopped))]
    last = max(event.seq for event in kept if event.source == "strategy")
    kept = [event for event in kept if not (event.source == "strategy" and event.seq == last)]

    result = replay(_wires(kept))

    assert result.first is not None
    kinds = {difference.kind for difference in result.kept}
    assert kinds & {"extra", "missing"}


# -- recordings that cannot be used -------------------------------------------------------------


def _refused(wires: list[bytes], *, partial: bool = False) -> str:
    with pytest.raises(RecordingError) as caught:
        replay(wires, partial=partial)
    assert caught.value.remedy
    return str(caught.value.fields["reason"])


def test_empty_recording_is_refused() -> None:
    """R06"""
    assert _refused([]) == "empty"
    assert _refused([], partial=True) == "empty"


def test_truncated_recording_is_refused_unless_allowed(events: list[Event]) -> None:
    """R06"""
    cut = _wires(events)[: len(events) // 2]

    assert _refused(cut) == "truncated"
    result = replay(cut, partial=True)
    assert result.agrees
    assert "ends after" in result.notes[0]


def test_every_cut_of_a_recording_is_refused_or_partial(events: list[Event]) -> None:
    """R06"""
    wires = _wires(events)
    for length in (1, 2, 3, 10, 57, 100, len(wires) - 1):
        assert _refused(wires[:length]) in ("truncated", "no_manifest")


def test_a_strategy_is_not_asked_for_a_decision_that_was_never_recorded(events: list[Event]) -> None:
    """In an aborted session it may hang there."""
    cut = events[: _index(events, Settled, 7) + 1]
    direct = DirectReplay()

    assert direct.agrees(_wires(cut), partial=True)
    assert direct.strategy.seq == sum(isinstance(event, Decided) for event in cut) == 7


def test_recording_without_its_beginning_is_refused(events: list[Event]) -> None:
    """R06"""
    assert _refused(_wires(events[2:])) in ("no_manifest", "gap")
    assert _refused(_wires(events[1:])) in ("no_manifest", "gap")


def test_foreign_event_is_refused(events: list[Event], make_world: MakeWorld) -> None:
    """R06"""
    other = make_world(bars=120, session="other").record()

    assert _refused(_wires([*events[:50], other[50], *events[50:]])) == "foreign"


def test_hole_in_a_source_is_refused(events: list[Event]) -> None:
    """R06"""
    at = _index(events, BarSet, 20)

    assert _refused(_wires([*events[:at], *events[at + 1 :]])) == "gap"


def test_a_number_far_ahead_is_passed_over(events: list[Event]) -> None:
    """R06 somebody else's message between those of the cores; a hole is still a hole."""
    at = _index(events, BarSet, 20)
    sources = ("market_data", "strategy", "execution")
    foreign = [
        msgspec.structs.replace(next(e for e in events if e.source == source), seq=10**9, id=f"test/{source}/{10**9}")
        for source in sources
    ]

    result = replay(_wires([*events[:at], *foreign, *events[at:]]))

    assert result.agrees
    assert "3 messages have a number before its time; passed over" in result.notes


def _with_hole(events: list[Event]) -> list[Event]:
    """As far as a stream took it that refused an event of execution in the middle and not the two behind it."""
    at = _index(events, Settled, 40)
    own = [event for event in events[at:] if event.source == "execution"]
    return [*events[:at], *own[1:3]]


def _note[E: Event](kind: type[E], seq: int, **fields: Any) -> E:
    source = "execution.shell.2"
    return kind(**fields, id=f"test/{source}/{seq}", session="test", source=source, seq=seq, event_ns=0)


def test_what_is_void_is_named_and_what_came_too_early_otherwise_is_a_hole(events: list[Event]) -> None:
    """R06 as long as nobody has named it; a session that was closed or aborted had nobody left who would."""
    at = _index(events, Settled, 40)
    hole = _with_hole(events)
    void = _note(Voided, 1, role="execution", from_seq=events[at].seq, to_seq=hole[-1].seq)
    closed = _note(Stopped, 1, reason="closed by somebody", summary={})
    abort = _note(Command, 1, command="abort", author="somebody", reason="")

    assert _refused(_wires(hole), partial=True) == "gap"
    assert replay(_wires([*hole, void]), partial=True).agrees
    assert replay(_wires([*hole, closed])).agrees
    assert replay(_wires([*hole, abort]), partial=True).agrees
    assert replay(_wires([*hole, void, _note(Stopped, 2, reason="closed by somebody", summary={})])).agrees
    whole = replay(_wires([*hole, void, *events[at:]]))
    assert whole.agrees
    assert whole.notes == ["2 messages are void: the stream had refused one before them; they come again"]


def test_observations_that_a_full_stream_refused_are_counted_and_others_that_are_missing_are_a_hole(
    events: list[Event],
) -> None:
    """R06 a process whose messages are refused gets no further than what it has under way."""
    notes = [
        _note(Incident, seq, severity="warning", code="a", message="b") for seq in (1, 2, *range(5, 3 + IN_FLIGHT_MAX))
    ]
    more = _note(Incident, 3 + IN_FLIGHT_MAX, severity="warning", code="a", message="b")

    result = replay(_wires([*events[:20], *notes, *events[20:]]))

    assert result.agrees
    first = notes[1].id.removesuffix("2") + "3"
    assert result.notes == [f"2 observations of services are missing, first {first}: the stream refused them"]
    assert _refused(_wires([*events[:20], *notes, more, *events[20:]])) == "gap"
    assert _refused(_wires([*events[:20], notes[0], more, *events[20:]])) == "gap"


def test_what_is_void_does_not_count_when_it_differs(events: list[Event]) -> None:
    """R06 a feed that goes on live may have newer bars to tell than the ones that nobody took."""
    at = _index(events, Settled, 40)
    *before, first, last = _with_hole(events)
    void = _note(Voided, 1, role="execution", from_seq=events[at].seq, to_seq=last.seq)

    log = [*before, msgspec.structs.replace(first, event_ns=5), last, void, *events[at:]]

    assert replay(_wires(log)).agrees


def test_a_message_of_an_unknown_type_is_passed_over(events: list[Event]) -> None:
    """R06 as readers of every other kind do."""
    fields: dict[str, Any] = {"type": "market.tick", "colour": "red", "id": "test/market_data/7", "session": "test"}
    fields |= {"source": "market_data", "seq": 7, "event_ns": 5}
    wires = _wires(events)

    assert replay([*wires[:30], msgspec.msgpack.encode(fields), *wires[30:]]).agrees


def test_renamed_event_is_refused(events: list[Event]) -> None:
    """R06 tampering with the envelope."""
    at = _index(events, BarSet, 20)

    assert _refused(_wires(_changed(events, at, id="test/market_data/9999"))) == "tampered"


@pytest.mark.parametrize("garbage", [b"", b"\x00", b"not a message", b"\x81\xa4type\xa1x", b"\xc1" * 40])
def test_unreadable_event_is_refused(events: list[Event], garbage: bytes) -> None:
    """R06"""
    wires = _wires(events)

    assert _refused([*wires[:30], garbage, *wires[30:]]) == "unreadable"


def test_changed_source_or_configuration_is_refused(events: list[Event]) -> None:
    """R02, R06 one line of strategy code or one parameter changed in the recording does not fit its hash."""
    announced = events[0]
    sources = announced.sources  # type: ignore[attr-defined]  # the first event is the announcement
    config = announced.config  # type: ignore[attr-defined]
    name = next(iter(sources))
    other_code = {name: sources[name].replace("above != before", "above == before")}
    other_parameter = config | {"strategy": config["strategy"] | {"parameters": {"fast": 6}}}

    assert _refused(_wires(_changed(events, 0, sources=other_code))) == "tampered"
    assert _refused(_wires(_changed(events, 0, config=other_parameter))) == "tampered"


def test_repeated_delivery_is_passed_over_and_told(events: list[Event]) -> None:
    wires = _wires(events)
    at = _index(events, BarSet, 20)

    result = replay([*wires[: at + 1], wires[at], *wires[at + 1 :]])

    assert result.agrees
    assert "twice" in result.notes[0]


def test_other_platform_and_engine_are_told(events: list[Event]) -> None:
    started = events[1]
    assert isinstance(started, Started)

    result = replay(_wires(events), platform={"architecture": "other", "numpy": "2"}, engine_hash="f" * 32)

    assert result.notes == [
        f"Recorded with engine {'e' * 32}, replayed with {'f' * 32}",
        "Recorded with architecture test, replayed with other",
    ]


def test_feed_end_is_an_input(events: list[Event]) -> None:
    ended = next(event for event in events if isinstance(event, FeedEnded))

    assert ended.sets == sum(isinstance(event, BarSet) for event in events)
