"""Limits of an account over its sessions (S03, S04): what trips, what is owed to whom, and what a reset gives back."""

from __future__ import annotations

import pytest
from account_sessions import DAY_NS, MINUTE_NS, NAME, Sessions, limits_of

from live_runner.contracts.errors import SnapshotLayout
from live_runner.contracts.messages import LimitReset, LimitTripped
from live_runner.services.execution.core.account import AccountCore

LOSS = {"limit": "100"}


@pytest.mark.parametrize("action", ["stop", "kill", "flatten"])
def test_the_loss_of_all_sessions_together_trips_and_stops_each(action: str) -> None:
    """S04: neither session alone has lost enough."""
    of = Sessions(limits_of(daily_loss={**LOSS, "action": action}), "one", "two")
    of.settle("one", "-60")
    assert of.owed() == {}
    of.settle("two", "-40")

    (trip,) = of.of(LimitTripped)
    assert (trip.limit, trip.value, trip.most, trip.action) == ("daily_loss", "100", "100", action)
    assert (trip.session, trip.source, trip.author) == (NAME, "account", "risk:main")
    assert of.owed() == {"one": action, "two": action}
    assert of.core.owed["one"].cause == trip.id
    assert of.core.owed["one"].reason == "daily_loss of the account main is 100 over 2 sessions, the limit is 100"


def test_a_limit_that_only_notifies_owes_nothing() -> None:
    of = Sessions(limits_of(drawdown={**LOSS, "action": "notify"}), "one")
    of.settle("one", "-150")

    assert len(of.of(LimitTripped)) == 1
    assert of.owed() == {}


def test_a_trip_happens_once_and_a_command_is_owed_until_the_session_has_it() -> None:
    of = Sessions(limits_of(daily_loss=LOSS), "one", "two")
    of.settle("one", "-100")
    of.settle("two", "-10")
    of.command("one", "stop", "risk:main")

    assert len(of.of(LimitTripped)) == 1
    assert of.owed() == {"two": "stop"}


def test_the_gain_of_one_session_covers_the_loss_of_another() -> None:
    of = Sessions(limits_of(drawdown=LOSS), "one", "two")
    of.settle("two", "50")
    of.settle("one", "-149")
    assert of.of(LimitTripped) == []
    of.settle("one", "-1")

    assert len(of.of(LimitTripped)) == 1


def test_a_session_that_is_over_keeps_its_loss_and_a_new_one_is_stopped_as_it_starts() -> None:
    """A loss is not forgotten by ending the session and beginning another one."""
    of = Sessions(limits_of(daily_loss=LOSS), "one", "two")
    of.settle("one", "-70")
    of.stop("one")
    of.start("three", equity="5000")
    of.settle("three", "-30")
    of.start("four")

    assert len(of.of(LimitTripped)) == 1
    assert of.owed() == {"two": "stop", "three": "stop", "four": "stop"}


def test_a_cooldown_that_a_tripped_limit_is_given_later_begins_then() -> None:
    of = Sessions(limits_of(drawdown={**LOSS, "reset": "operator"}), "one")
    of.settle("one", "-100")
    of.stop("one")
    of.limits = limits_of(drawdown={**LOSS, "reset": "cooldown", "cooldown_s": 600.0})
    of.start("two")
    of.settle("two", "0")

    assert of.of(LimitReset) == []
    assert of.owed() == {"two": "stop"}


def test_time_passes_by_the_timers_and_reports_of_a_real_venue_too() -> None:
    """S04: no session settles while its strategy is silent."""
    of = Sessions(limits_of(drawdown={**LOSS, "reset": "cooldown", "cooldown_s": 600.0}), "one", "two")
    of.settle("one", "-100")
    of.pass_time("two", 10 * MINUTE_NS)
    of.report("elsewhere", 12 * MINUTE_NS)
    assert of.of(LimitReset) == []
    of.report("two", 11 * MINUTE_NS)

    (reset,) = of.of(LimitReset)
    assert (reset.why, reset.event_ns) == ("cooldown", 11 * MINUTE_NS)
    assert of.owed() == {}


def test_a_limit_that_has_tripped_outlives_the_last_session() -> None:
    """S03: a stop outlives a restart."""
    of = Sessions(limits_of(drawdown=LOSS), "one")
    of.settle("one", "-100")
    of.stop("one")
    of.limits = limits_of(drawdown={"limit": "500"})
    of.start("two")

    assert of.owed() == {"two": "stop"}


def test_trailing_drawdown_counts_from_the_highest_profit() -> None:
    of = Sessions(limits_of(trailing_drawdown=LOSS), "one", "two")
    of.settle("one", "300")
    of.settle("two", "-99.9")
    assert of.of(LimitTripped) == []
    of.settle("one", "-0.1")

    assert of.of(LimitTripped)[0].value == "100"


def test_what_is_opened_counts_at_its_fill_and_what_is_closed_no_more() -> None:
    of = Sessions(limits_of(total_notional={"limit": "1000"}), "one", "two")
    of.settle("one", exposure="600")
    of.fill("two", "300")
    of.fill("two", "200", action="close")
    of.fill("two", "299")
    assert of.of(LimitTripped) == []
    of.fill("one", "1")

    assert of.of(LimitTripped)[0].value == "1000"


def test_a_day_resets_what_it_stopped_and_counts_anew() -> None:
    of = Sessions(limits_of(daily_loss={**LOSS, "reset": "day"}), "one", "two")
    of.settle("one", "-100", at_ns=DAY_NS)  # midnight belongs to the day before
    of.deliver()
    of.settle("two", "-5", at_ns=DAY_NS)
    assert of.of(LimitReset) == []
    of.settle("two", "-50", at_ns=DAY_NS + MINUTE_NS)

    assert [(reset.limit, reset.why, reset.author) for reset in of.of(LimitReset)] == [
        ("daily_loss", "day", "risk:main")
    ]
    assert of.owed() == {"one": "resume", "two": "resume"}
    of.deliver()
    of.settle("two", "-50", at_ns=DAY_NS + MINUTE_NS)
    assert [trip.value for trip in of.of(LimitTripped)] == ["100", "100"]


def test_a_cooldown_resets_at_its_end() -> None:
    of = Sessions(limits_of(drawdown={**LOSS, "reset": "cooldown", "cooldown_s": 120.0}), "one")
    of.settle("one", "-100", at_ns=MINUTE_NS)
    of.deliver()
    assert of.of(LimitTripped)[0].until_ns == 3 * MINUTE_NS
    of.settle("one", "-1", at_ns=3 * MINUTE_NS - 1)
    assert of.owed() == {}
    of.settle("one", "-1", at_ns=3 * MINUTE_NS)

    assert of.owed() == {"one": "resume"}
    of.settle("one", "-99.5", at_ns=3 * MINUTE_NS)
    assert len(of.of(LimitTripped)) == 1
    of.settle("one", "-0.5", at_ns=3 * MINUTE_NS)
    assert len(of.of(LimitTripped)) == 2


def test_resume_of_the_account_resets_every_limit_and_resumes_what_it_stopped() -> None:
    of = Sessions(limits_of(drawdown=LOSS, daily_loss={**LOSS, "action": "kill"}), "one", "two")
    of.command("two", "stop")
    of.settle("one", "-100")
    assert of.owed() == {"one": "kill", "two": "kill"}
    of.deliver()
    of.command(NAME, "resume", "ann")

    assert [(reset.why, reset.author) for reset in of.of(LimitReset)] == [("resume", "ann")] * 2
    # What the operator had stopped before stays stopped.
    assert of.owed() == {"one": "resume", "two": "stop"}


def test_an_operator_who_stops_a_stopped_session_keeps_it_stopped() -> None:
    of = Sessions(limits_of(drawdown=LOSS), "one", "two")
    of.settle("one", "-100")
    of.deliver()
    of.command("one", "stop")
    of.command(NAME, "resume")

    assert of.owed() == {"two": "resume"}


def test_an_operator_who_resumes_one_session_frees_it_from_that_trip_alone() -> None:
    of = Sessions(limits_of(drawdown=LOSS, trailing_drawdown={"limit": "200"}), "one", "two")
    of.settle("one", "-100")
    of.deliver()
    of.command("one", "resume")
    of.settle("two", "-1")
    assert of.owed() == {}
    of.settle("one", "-99")

    assert of.owed() == {"one": "stop"}


def test_a_resume_that_was_given_before_the_stop_arrived_frees_nothing() -> None:
    of = Sessions(limits_of(drawdown=LOSS), "one")
    of.settle("one", "-100")
    of.command("one", "resume")

    assert of.owed() == {"one": "stop"}


def test_sessions_of_another_account_or_of_none_count_nowhere() -> None:
    of = Sessions(limits_of(drawdown=LOSS), "one")
    of.start("other", account="second")
    of.settle("other", "-500")

    assert of.core.sessions == ("one",)
    assert of.out == []


def test_a_snapshot_of_another_version_is_not_read() -> None:
    core = AccountCore(NAME)

    with pytest.raises(SnapshotLayout, match="version 99"):
        core.restore(core.snapshot().replace(b"version\x01", b"version\x63"))


@pytest.mark.parametrize("name", ["daily_loss", "drawdown", "trailing_drawdown"])
def test_after_a_reset_a_loss_counts_anew_and_stops_also_who_was_freed(name: str) -> None:
    of = Sessions(limits_of(**{name: LOSS}), "one", "two")
    of.settle("one", "-120")
    of.deliver()
    of.command("one", "resume")
    of.command(NAME, "resume")
    of.deliver()
    of.settle("two", "-99")
    assert of.owed() == {}
    of.settle("two", "-1")

    assert [trip.value for trip in of.of(LimitTripped)] == ["120", "100"]
    assert of.owed() == {"one": "stop", "two": "stop"}


def test_the_time_of_an_account_is_the_latest_of_its_sessions() -> None:
    of = Sessions(limits_of(drawdown={**LOSS, "reset": "cooldown", "cooldown_s": 60.0}), "one", "two")
    of.settle("one", at_ns=10 * MINUTE_NS)
    of.settle("two", "-100", at_ns=MINUTE_NS)

    (trip,) = of.of(LimitTripped)
    assert (trip.event_ns, trip.until_ns) == (10 * MINUTE_NS, 11 * MINUTE_NS)


def test_of_two_limits_that_trip_together_the_command_names_the_stricter_and_then_the_first() -> None:
    of = Sessions(limits_of(daily_loss=LOSS, drawdown={**LOSS, "action": "kill"}, trailing_drawdown=LOSS), "one")
    of.settle("one", "-100")
    first, second, _ = of.of(LimitTripped)
    assert (of.owed(), of.core.owed["one"].cause) == ({"one": "kill"}, second.id)

    of = Sessions(limits_of(daily_loss=LOSS, drawdown=LOSS), "one")
    of.settle("one", "-100")
    assert of.core.owed["one"].cause == first.id
