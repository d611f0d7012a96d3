"""Sessions, services and snapshots of another build: what is refused by name, what is read, what is passed over."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
from fix_house import House, result_of
from house_faults import RUN_FOR_EVER, SLOW, events_of, said, wait_for_event, with_bus

from live_runner.contracts.engine import ENGINE
from live_runner.contracts.messages import Incident, JoinDeclined, Joined, Owned, Snapshot
from live_runner.services.runtime.nats.bus import Bus
from live_runner.services.runtime.service.stored_snapshot import StoredSnapshot, unpack

REFUSAL = f"The session old is of engine 1, which commit 4072634 (never released) plays, and this is engine {ENGINE}"

PASSED_OVER = "snapshot has another layout, folding the log from its start"

ENGINE_1 = "from live_runner.contracts import engine; engine.ENGINE = 1"
ANOTHER_HASH = f"""
from live_runner.services.runtime.service import engine_facts
engine_facts.engine_hash = lambda: "{"f" * 32}"
"""


@contextmanager
def another_build(house: House, difference: str) -> Iterator[None]:
    """Inside, every process of the house starts with ``difference``."""
    folder = house.home / "another_build"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "sitecustomize.py").write_text(difference)
    house.environment["PYTHONPATH"] = str(folder)
    yield
    del house.environment["PYTHONPATH"]


def test_a_session_of_another_engine_is_left_to_the_release_that_plays_it(
    new_house: Callable[[], House], tmp_path: Path
) -> None:
    """X12: nothing of it is folded by other rules, everybody reads it, and its own build plays it to its end."""
    house = new_house()
    config = house.config("old", bars=200)
    with another_build(house, ENGINE_1):
        begun = house.start(config, *SLOW)
        house.wait_for_set("old", 30)
        begun.send_signal(signal.SIGINT)
        assert begun.wait(timeout=60) == 130

    refused = house.command("run", str(config), "--stage", "paper")
    assert refused.returncode == 71, refused.stderr
    assert REFUSAL in refused.stderr.splitlines()[-1]

    other = house.config("other", bars=RUN_FOR_EVER)
    services = house.start(other, *SLOW)
    house.wait_for_set("other", 2)
    assert house.command("serve", "execution", "--session", "old").returncode == 71
    wait_for_event(house, "old", lambda event: isinstance(event, Incident))
    assert house.command("replay", "old", "--partial").returncode == 71
    assert house.command("tail", "session.evt.started.old", "--no-follow").returncode == 0
    assert house.command("db", "query", "select * from sessions where session = 'old'").returncode == 0
    assert house.command("end", "other", "--reason", "seen enough").returncode == 0
    house.finish(services, other)
    [incident] = events_of(house, "old", Incident)
    assert (incident.severity, incident.code) == ("fatal", "version_mismatch")
    assert REFUSAL in incident.message

    with another_build(house, ENGINE_1):
        result = result_of(house.play(config, "--verify"))
    assert result["replay"]["agrees"]
    assert result["comparison"]["agrees"]
    bundle = str(tmp_path / "old.zip")
    assert house.command("bundle", "old", "--output", bundle).returncode == 0
    for command in (("replay", "old"), ("compare", bundle, "--allow-different-code", "--yes")):
        refused = house.command(*command)
        assert refused.returncode == 71
        assert REFUSAL in refused.stderr.splitlines()[-1]
    with another_build(house, ENGINE_1):
        assert house.command("compare", bundle, "--yes").returncode == 0


def test_run_refuses_services_of_another_build_and_names_each_instance(new_house: Callable[[], House]) -> None:
    house = new_house()
    other = house.config("other", bars=RUN_FOR_EVER)
    services = house.start(other, *SLOW)
    house.wait_for_set("other", 2)
    mine = house.config("mine", bars=300)

    with another_build(house, ANOTHER_HASH):
        refused = house.start(mine, "--services", "running")
        assert refused.wait(timeout=120) == 71, said(house, "mine")
    message = said(house, "mine").splitlines()[-1]
    with another_build(house, ENGINE_1):
        refused = house.start(mine, "--services", "running")
        assert refused.wait(timeout=120) == 66, said(house, "mine")
    of_engine_1 = said(house, "mine").splitlines()[-1]
    result = result_of(house.play(mine, "--services", "running", "--verify"))
    assert house.command("end", "other", "--reason", "seen enough").returncode == 0
    house.finish(services, other)

    joined = events_of(house, "other", Joined)
    assert {event.role for event in joined} == {"market_data", "strategy", "execution", "recorder"}
    for event in joined:
        build = f"version {event.engine_version}, engine {ENGINE}, hash {event.engine_hash}"
        assert f"{event.instance.partition(':')[0]}:" in message
        assert f"has {build}" in message
        assert event.platform["hotpath"] in ("compiled", "reference")
    assert f"engine {ENGINE}, hash {'f' * 32}" in message
    assert "The session mine is of engine 1" in of_engine_1
    assert [event.role for event in events_of(house, "mine", JoinDeclined)] == ["run", "execution"]
    assert result["comparison"]["agrees"]


def test_a_snapshot_of_another_layout_is_passed_over_and_the_log_folded_from_its_start(
    new_house: Callable[[], House],
) -> None:
    """P11: both cores are killed when no other snapshot is stored, and publish what they would have published."""
    # One snapshot fits into the session (limits.snapshot_every is 200): no later one takes its place.
    undisturbed = new_house()
    undisturbed.play(undisturbed.config("moved", bars=390))

    house = new_house()
    config = house.config("moved", bars=390)
    run = house.start(config, "--verify", *SLOW)
    for role in ("execution", "strategy"):
        give_snapshot_another_layout(house, "moved", role)
    house.kill(run, "execution")
    house.kill(run, "child")
    result = result_of(house.finish(run, config))

    assert undisturbed.core_events("moved") == house.core_events("moved")
    assert result["replay"]["agrees"]
    assert result["comparison"]["agrees"]
    for role, log in (("execution", "execution"), ("strategy", "strategy.moved")):
        assert [event.epoch for event in events_of(house, "moved", Owned) if event.role == role] == [1, 2]
        assert sum(path.read_text().count(PASSED_OVER) for path in house.home.glob(f"logs/{log}*")) == 1
    assert [event.code for event in events_of(house, "moved", Incident)] == ["strategy_restarted"]


def give_snapshot_another_layout(house: House, session: str, role: str) -> None:
    """Wait for the first snapshot of a core and store another build's under its name: all it shares is the version."""
    snapshot = wait_for_event(house, session, lambda event: isinstance(event, Snapshot) and event.role == role)
    assert isinstance(snapshot, Snapshot)

    async def store(bus: Bus) -> None:
        stored = unpack(await bus.get_object(snapshot.object))
        version = msgspec.msgpack.decode(stored.core)["version"]
        other = StoredSnapshot(msgspec.msgpack.encode({"version": version + 1}), stored.numbers, stored.bars)
        await bus.put_object(snapshot.object, other.pack())

    with_bus(house, store)


def test_a_compiled_session_replays_and_compares_interpreted_and_the_other_way_round(
    new_house: Callable[[], House],
) -> None:
    """R01, R02: one source, so one hash; which of the two ran stands in the manifest's platform."""
    house = new_house()
    for played, checked in (("compiled", "reference"), ("reference", "compiled")):
        house.environment["LIVE_RUNNER_HOTPATH"] = played
        house.play(house.config(played, bars=300))

        house.environment["LIVE_RUNNER_HOTPATH"] = checked
        for command in ("replay", "compare"):
            done = house.command(command, played)
            assert done.returncode == 0, done.stdout + done.stderr
            assert f"Recorded with hotpath {played}, replayed with {checked}" in " ".join(done.stdout.split())
