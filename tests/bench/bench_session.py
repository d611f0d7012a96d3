"""A session through the four services: how soon an order leaves, how many bar sets pass, how late rows are.

Everything is measured from what is stored: messages carry the time of their publishing, and a trigger tells
when the recorder's position is committed. Beside each figure, in the same run and on the same servers, the
very messages of the session go through bare processes (bare_steps.py).
"""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from bisect import bisect_left
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import msgspec
import psycopg
from bench import bare_steps
from bench.bare_steps import Script
from bench.house import SYMBOLS, House, edition, house
from bench.table import Row, entry, note, percentile

from live_runner.contracts import codec
from live_runner.contracts.messages import BarSet, Decided, Event, Executed, Requested, Settled
from live_runner.services.runtime.config.settings import NatsSync
from live_runner.services.runtime.postgres import archive

PACED_PER_S = 100
"""Bar sets per second while the order's way is timed: one is in flight and nothing waits for another."""
_MINUTE_S = 60
_NOTIFY = """
    create function bench_position() returns trigger language plpgsql as
    $$ begin perform pg_notify('bench', new.stream_seq::text); return null; end $$;
    create trigger bench_position after insert or update on recorder_position
    for each row execute function bench_position();
"""
_LISTEN_S = 0.2
_NOTICE_LIMIT_S = 10.0
_POLL_S = 0.01
_CONFIG = """
session: {session}
strategy: {strategy}
market:
  venue: simulated
  source: simulated
  seed: 5
  bars: {bars}
  symbols: [{symbols}]
  timeframe: 1m
account: {{equity: 1000000}}
"""
_EMA = "{module: live_runner.strategies.ema_cross, parameters: {fast: 20, slow: 50, short: true, notional: 500}}"
_BUSY_EMA = "{module: live_runner.strategies.ema_cross, parameters: {fast: 5, slow: 20, short: true, notional: 500}}"
_SHORT = 20
"""Bar sets of a session that is over as soon as it has begun."""
_EMA_WARMUP, _LADDER_WARMUP = 51, 1_441
_LADDER = "{module: live_runner.strategies.dual_lifo}"


class Played(msgspec.Struct):
    """A recorded session with the times of its commits."""

    events: list[tuple[int, bytes, Event]]
    """Stream sequence, bytes and event, from the first tradable bar set to the last decision carried out."""
    commits: list[tuple[int, int]]
    """Stream sequence and when it was committed."""
    processor_s: dict[str, float]
    """Of each service, from before the announcement to after the end."""

    @property
    def sets(self) -> int:
        """Bar sets that were decided on."""
        return sum(isinstance(event, BarSet) for _, _, event in self.events)

    def lags_ms(self) -> list[float]:
        """Publish to commit, of each event."""
        ends = [stream_seq for stream_seq, _ in self.commits]
        found = []
        for stream_seq, _, event in self.events:
            at = bisect_left(ends, stream_seq)
            if at < len(ends):
                found.append((self.commits[at][1] - event.recorded_ns) / 1e6)
        return found

    def seconds(self) -> float:
        """First set published to last event committed."""
        ends = [stream_seq for stream_seq, _ in self.commits]
        committed_ns = self.commits[bisect_left(ends, self.events[-1][0])][1]
        return (committed_ns - self.events[0][2].recorded_ns) / 1e9

    def handover_us(self) -> list[float]:
        """Bar set published to its first order handed over."""
        published: dict[int, int] = {}
        found: dict[int, float] = {}
        for _, _, event in self.events:
            if isinstance(event, BarSet):
                published[event.close_ns] = event.recorded_ns
            elif isinstance(event, Requested) and event.event_ns in published:
                found.setdefault(event.event_ns, (event.recorded_ns - published[event.event_ns]) / 1e3)
        return list(found.values())


def rows(quick: bool) -> list[Row]:
    """Both sync settings one after the other, each on servers of its own."""
    found: list[Row] = []
    for sync in ("default", "always"):
        with house(sync) as home, commits(home.dsn) as committed:
            home.start()
            found += handover(home, committed, sync, quick)
            found += throughput(home, committed, sync, quick)
    return found


def handover(home: House, commits: list[tuple[int, int]], sync: NatsSync, quick: bool) -> list[Row]:
    """One set in flight: the way of an order, and how late the recorder is at that pace."""
    bars = 400 if quick else 1500
    played = play(home, commits, "paced", _BUSY_EMA, bars, "--speed", str(PACED_PER_S * _MINUTE_S))
    ours = played.handover_us()
    whole = script(played)
    whole.sets_per_s = PACED_PER_S
    chain = bare_chain_us(home, only_hops(whole))
    stored = bare_steps.play(whole, home.url, home.dsn, home.settings.home)
    steps = _first_orders_us(whole, asyncio.run(bare_steps.stamps(home.url)))
    lag_floor = percentile(stored.lag_ns, 99) / 1e6
    about = f"{len(ours)} orders at {PACED_PER_S} sets/s; all messages in bare processes, recorder included: "
    found = []
    for percent in (50, 99):
        found.append(
            Row(
                what=f"bar set published to order handed over, p{percent}, sync {sync}",
                figure=percentile(ours, percent),
                unit="us",
                floor=percentile(chain, percent),
                beside="bare chain of three hops",
                goal=(2.0 if sync == "default" else 3.0) if percent == 99 else None,
                goal_is="ratio",
                better="less",
                details=f"{about}{percentile(steps, percent):,.0f} us",
            )
        )
    return [*found, _lag(played, lag_floor, f"sync {sync}, {PACED_PER_S} sets/s")]


def throughput(home: House, commits: list[tuple[int, int]], sync: NatsSync, quick: bool) -> list[Row]:
    """As fast as it goes, everything recorded, until the last row is committed."""
    found = []
    for name, strategy, warmup in (("ema_cross", _EMA, _EMA_WARMUP), ("dual_lifo", _LADDER, _LADDER_WARMUP)):
        token = name.replace("_", "-")
        short = play(home, commits, f"{token}-short", strategy, warmup + _SHORT)
        played = play(home, commits, token, strategy, warmup + (1000 if quick else 4000))
        told = script(played)
        stored = bare_steps.play(told, home.url, home.dsn, home.settings.home)
        sets, _, _ = asyncio.run(bare_steps.stamps(home.url))
        floor = len(told.sets) / ((stored.committed_ns - sets[0]) / 1e9)
        found.append(
            Row(
                what=f"{name}, {len(SYMBOLS)} symbols through four services, sync {sync}",
                figure=played.sets / played.seconds(),
                unit="sets/s",
                floor=floor,
                beside="the same messages, bare",
                goal=1000 if name == "ema_cross" else None,
                details=f"{played.sets} sets, {len(played.events) / played.sets:.2f} messages a set, "
                f"{sum(len(data) for _, data, _ in played.events) / played.sets:,.0f} bytes; {edition(home.dsn)}",
            )
        )
        found.append(_cost(name, sync, short, played, stored))
        found.append(_lag(played, percentile(stored.lag_ns, 99) / 1e6, f"{name} at full speed, sync {sync}"))
    return found


def _cost(name: str, sync: NatsSync, short: Played, played: Played, bare: bare_steps.Stored) -> Row:
    """Processor time hardly depends on what else the machine does. The short session takes begin and end off."""
    sets = played.sets - short.sets
    cost = {role: (used - short.processor_s[role]) / sets * 1e6 for role, used in played.processor_s.items()}
    floor = {role: used / played.sets * 1e6 for role, used in bare.processor_s.items()}
    return Row(
        what=f"processor time of a bar set in the four services, {name}, sync {sync}",
        figure=sum(cost.values()),
        unit="us",
        floor=sum(floor.values()),
        beside="the four bare processes",
        better="less",
        details=f"ours: {_parts(cost)}; bare: {_parts(floor)}",
    )


def _parts(cost: dict[str, float]) -> str:
    return ", ".join(f"{role} {used:.0f}" for role, used in sorted(cost.items()))


def _lag(played: Played, floor_ms: float, what: str) -> Row:
    lags = played.lags_ms()
    return Row(
        what=f"recorder lag, publish to commit, p99, {what}",
        figure=percentile(lags, 99),
        unit="ms",
        floor=floor_ms,
        beside="bare recorder",
        goal=50,
        better="less",
        details=f"p50 {percentile(lags, 50):.1f} ms",
    )


# -- a session -----------------------------------------------------------------------------------


def play(home: House, commits: list[tuple[int, int]], name: str, strategy: str, bars: int, *options: str) -> Played:
    """Play a session and read back what the database has of it."""
    commits.clear()
    note(f"session {name}, {bars} bars, sync {home.settings.nats_sync}")
    before = home.processor_s()
    home.play(_CONFIG.format(session=name, strategy=strategy, bars=bars, symbols=", ".join(SYMBOLS)), *options)
    used = {service: seconds - before[service] for service, seconds in home.processor_s().items()}
    events = [(stream_seq, data, codec.decode(data)) for stream_seq, data in archive.events(home.dsn, name)]
    _wait_for(commits, events[-1][0])
    first = next(at for at, (_, _, e) in enumerate(events) if isinstance(e, BarSet) and not e.warmup)
    last = max(at for at, (_, _, e) in enumerate(events) if isinstance(e, Decided | Executed))
    bars_and_cores = ("market_data", "execution", "strategy")
    return Played([item for item in events[first : last + 1] if item[2].source in bars_and_cores], list(commits), used)


def _wait_for(commits: list[tuple[int, int]], stream_seq: int) -> None:
    """Until the commit of a message was heard of; it may come a little after the run has ended."""
    deadline = time.monotonic() + _NOTICE_LIMIT_S
    while not commits or commits[-1][0] < stream_seq:
        if time.monotonic() > deadline:
            raise SystemExit(f"no notice of the commit of message {stream_seq} within {_NOTICE_LIMIT_S:g} s")
        time.sleep(_POLL_S)


@contextmanager
def commits(dsn: str) -> Iterator[list[tuple[int, int]]]:
    """The recorder's commits as they are heard of: stream sequence and time in nanoseconds."""
    heard: list[tuple[int, int]] = []
    ended = threading.Event()
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(_NOTIFY)
        connection.execute("listen bench")

        def listen() -> None:
            while not ended.is_set():
                for notice in connection.notifies(timeout=_LISTEN_S, stop_after=1):
                    heard.append((int(notice.payload), time.time_ns()))

        thread = threading.Thread(target=listen)
        thread.start()
        try:
            yield heard
        finally:
            ended.set()
            thread.join()


# -- the same, bare ------------------------------------------------------------------------------


def script(played: Played) -> Script:
    """The session as the bare processes play it."""
    sets = [data for _, data, event in played.events if isinstance(event, BarSet)]
    decided = [(data, event) for _, data, event in played.events if isinstance(event, Decided)]
    execution = iter([(data, event) for _, data, event in played.events if event.source == "execution"])
    settled, executed = [], []
    for _, decision in decided:
        settled.append(_up_to(execution, Settled))
        executed.append(_up_to(execution, Executed) if decision.intents else [])
    return Script(sets[: len(decided)], settled, [data for data, _ in decided], executed)


def _up_to(events: Iterator[tuple[bytes, Event]], last: type[Event]) -> list[bytes]:
    found = []
    for data, event in events:
        found.append(data)
        if isinstance(event, last):
            break
    return found


def only_hops(whole: Script) -> Script:
    """One message a hop: set, settled, decided and the first order, of the sets that led to one."""
    at = [number for number, orders in enumerate(whole.executed) if orders]
    return Script(
        [whole.sets[number] for number in at],
        [whole.settled[number][-1:] for number in at],
        [whole.decided[number] for number in at],
        [whole.executed[number][:1] for number in at],
        sets_per_s=whole.sets_per_s,
        is_acked=True,
    )


def bare_chain_us(home: House, hops: Script) -> list[float]:
    """Set published to order published, with each publish acknowledged and no recorder."""
    bare_steps.play(
        hops, home.url, home.dsn, home.settings.home, roles=[r for r in bare_steps.ROLES if r != "recorder"]
    )
    return _first_orders_us(hops, asyncio.run(bare_steps.stamps(home.url)))


def _first_orders_us(told: Script, published: list[list[int]]) -> list[float]:
    sets, execution, _ = published
    found, at = [], 0
    for number, set_ns in enumerate(sets):
        at += len(told.settled[number])
        if told.executed[number]:
            found.append((execution[at] - set_ns) / 1e3)
        at += len(told.executed[number])
    return found


if __name__ == "__main__":
    entry("a session through the four services", rows)
