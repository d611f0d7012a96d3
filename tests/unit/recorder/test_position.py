"""Where to read on, and what may leave the stream."""

from __future__ import annotations

import pytest

from live_runner.services.recorder.core.position import LogMismatch, Position, epoch_ns, first_to_read
from live_runner.services.recorder.core.purge import purge_plan

EPOCH_NS = 1_700_000_000_123_456_000


@pytest.mark.parametrize(
    ("created", "ns"),
    [
        ("2023-11-14T22:13:20.123456789Z", EPOCH_NS),
        ("2023-11-14T22:13:20.1Z", 1_700_000_000_100_000_000),
        ("2023-11-14T22:13:20Z", 1_700_000_000_000_000_000),
        ("2023-11-14T23:13:20.123456+01:00", EPOCH_NS),
    ],
)
def test_a_streams_creation_time_is_cut_to_microseconds(created: str, ns: int) -> None:
    assert ns == epoch_ns(created)


def test_a_time_that_nats_does_not_write_is_refused() -> None:
    with pytest.raises(ValueError, match="is not a valid NATS timestamp"):
        epoch_ns("yesterday")


def test_reading_goes_on_after_the_last_stored_message() -> None:
    assert first_to_read(None, EPOCH_NS, 10) == 1
    assert first_to_read(Position(EPOCH_NS, 7), EPOCH_NS, 10) == 8
    assert first_to_read(Position(EPOCH_NS, 10), EPOCH_NS, 10) == 11


def test_another_epoch_is_refused_with_both_times_and_the_way_out() -> None:
    with pytest.raises(LogMismatch, match=r"2023-11-14T22:13:20\.123.*adopt-log"):
        first_to_read(Position(EPOCH_NS, 7), EPOCH_NS + 1_000_000_000, 10)


def test_a_position_beyond_the_end_is_refused() -> None:
    with pytest.raises(LogMismatch, match="up to 11, and NATS has it only up to 10"):
        first_to_read(Position(EPOCH_NS, 11), EPOCH_NS, 10)


def test_nothing_is_purged_while_the_stream_is_small() -> None:
    assert purge_plan(1000, [], size=25, size_limit=100) == []


def test_everything_stored_goes_but_what_sessions_say_of_themselves() -> None:
    plan = purge_plan(1000, [], size=26, size_limit=100)

    assert [up_to for _, up_to in plan] == [1000] * 5
    assert "session.evt.>" not in [subject_filter for subject_filter, _ in plan]
    assert "market.evt.>" in [subject_filter for subject_filter, _ in plan]


def test_a_live_session_keeps_what_it_may_need_after_a_restart() -> None:
    assert {up_to for _, up_to in purge_plan(1000, [700, 300], size=99, size_limit=100)} == {300}
    assert purge_plan(1000, [1], size=99, size_limit=100) == []
    assert {up_to for _, up_to in purge_plan(200, [700], size=99, size_limit=100)} == {200}
