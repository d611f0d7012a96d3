"""The gateway as a process on a real NATS server: whose requests it takes, and when it sends nothing any more."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import yaml
from fix_gateway import BTC_SYMBOL, KEY, SECRET, TradingAccount, cancel, listing, requested, send, trading_venue
from fix_nats import BusFactory
from msgspec.structs import replace

from live_runner.contracts import subjects
from live_runner.contracts.gateway import GatewayRequest, Moment, Outcome, decode_outcome, encode
from live_runner.contracts.messages import VenueCall
from live_runner.services.runtime.nats.bus import Bus
from live_runner.services.runtime.service.boot_clock import moment
from live_runner.services.runtime.service.ownership import Ownership
from live_runner.services.venues.calls import Caller, VenueClock
from live_runner.services.venues.ccxt_venue import CcxtVenue
from live_runner.services.venues.port import VenueBusy

DEADLINE_S = 60.0
TESTS = Path(__file__).parents[2]


def environment(url: str, home: Path, key: str = KEY) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("NATS_", "LIVE_RUNNER_"))}
    return kept | {
        "NATS_URL": url, "LIVE_RUNNER_HOME": str(home), "MAIN_KEY": key, "MAIN_SECRET": SECRET,
        "LIVE_RUNNER_LOG_FORMAT": "json",
    }  # fmt: skip


@asynccontextmanager
async def gateway(
    trading: TradingAccount, url: str, home: Path, key: str = KEY, *arguments: str
) -> AsyncIterator[asyncio.subprocess.Process]:
    """``live-runner serve gateway --account main``, once it answers; killed at the end."""
    (home / "accounts").mkdir(parents=True, exist_ok=True)
    options = {key: value for key, value in trading.client.options.items() if key != "enableRateLimit"}
    account = {"venue": "binanceusdm", "environment": "emulator", "keys": {"env": "MAIN"}, "options": options}
    (home / "accounts" / "main.yaml").write_text(yaml.safe_dump(account), "utf-8")
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "live_runner.services.cli.entry", "serve", "gateway", "--account", "main", *arguments,
        env=environment(url, home, key), stderr=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        assert process.stderr is not None
        async with asyncio.timeout(DEADLINE_S):
            lines = []
            while b"the gateway answers" not in (line := await process.stderr.readline()):
                lines.append(line)
                assert line, b"".join(lines).decode()
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()


async def ask(bus: Bus, request: GatewayRequest) -> Outcome:
    request = request if request.made.boot_id != "boot" else replace(request, made=moment())
    return decode_outcome(await bus.request(subjects.gateway(request.account), encode(request), timeout_s=30.0))


def timeless(outcome: Outcome) -> Outcome:
    """An outcome without the times of the gateway's own clock."""
    return replace(outcome, sent_ns=min(outcome.sent_ns, 1), asked_ns=0, answered_ns=0)


async def started(trading: TradingAccount, url: str, *arguments: str) -> asyncio.subprocess.Process:
    """Another process of the tests, once it says that it is ready."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(TESTS / "gateway_asker.py"), url, *arguments,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, env=os.environ | {"PYTHONPATH": str(TESTS)},
    )  # fmt: skip
    assert await said(process) == ["ready", "1"]
    return process


async def said(process: asyncio.subprocess.Process, line: str = "") -> list[str]:
    """What the process prints next, after a line was written to it."""
    assert process.stdin is not None
    assert process.stdout is not None
    if line:
        process.stdin.write(f"{line}\n".encode())
    async with asyncio.timeout(DEADLINE_S):
        return (await process.stdout.readline()).decode().split()


def test_the_owner_of_a_session_is_served_and_nobody_else(bus_factory: BusFactory, tmp_path: Path) -> None:
    async def run() -> tuple[dict[str, Outcome], int]:
        async with trading_venue("wall") as trading, bus_factory() as bus:
            await bus.ensure_stream()
            owned = await Ownership.take(bus, "s", "execution", "test")
            order = requested()
            async with gateway(trading, bus_factory.url, tmp_path):
                outcomes = {
                    "owner": await ask(bus, send(order, epoch=1, stream_seq=owned.stream_seq)),
                    "older": await ask(bus, send(requested(), epoch=0)),
                    "newer": await ask(bus, send(requested(), epoch=2)),
                    "stranger": await ask(bus, send(requested(), session="t", epoch=1)),
                    "no session": await ask(bus, send(requested(), session="")),
                    "listing": await ask(bus, listing("positions", session="", epoch=0)),
                    "cancel": await ask(bus, cancel(order, epoch=2)),
                }
                data = await bus.request(subjects.gateway("main"), b"junk")
                outcomes["junk"] = decode_outcome(data)
                return outcomes, await trading.seen("POST", "/fapi/v1/order")

    outcomes, seen = asyncio.run(run())

    assert {name: (outcome.fate, outcome.code) for name, outcome in outcomes.items()} == {
        "owner": ("done", ""),
        "older": ("not_sent", "old_epoch"),
        "newer": ("not_sent", "old_epoch"),
        "stranger": ("not_sent", "old_epoch"),
        "no session": ("not_sent", "bad_request"),
        "listing": ("done", ""),
        "cancel": ("not_sent", "old_epoch"),
        "junk": ("not_sent", "bad_request"),
    }
    assert seen == 1


def test_an_owner_that_was_paused_and_wakes_up_sends_nothing(bus_factory: BusFactory, tmp_path: Path) -> None:
    """SIGSTOP, another process takes over, SIGCONT: the request leaves the paused one and is refused here."""

    async def run() -> tuple[list[str], list[str], int, int]:
        async with trading_venue("wall") as trading, bus_factory() as bus:
            await bus.ensure_stream()
            async with gateway(trading, bus_factory.url, tmp_path):
                paused = await started(trading, bus_factory.url)
                try:
                    before = await said(paused, "before")
                    os.kill(paused.pid, signal.SIGSTOP)
                    taken = await Ownership.take(bus, "s", "execution", "another")
                    assert paused.stdin is not None
                    paused.stdin.write(b"after\n")
                    os.kill(paused.pid, signal.SIGCONT)
                    after = await said(paused)
                finally:
                    paused.kill()
                    await paused.communicate()
                return before, after, taken.epoch, await trading.seen("POST", "/fapi/v1/order")

    before, after, epoch, seen = asyncio.run(run())

    assert (before, after) == (["before", "done"], ["after", "not_sent", "old_epoch"])
    assert (epoch, seen) == (2, 1)


def test_a_gateway_that_was_paused_sends_nothing_that_is_too_old(bus_factory: BusFactory, tmp_path: Path) -> None:
    async def run() -> tuple[Outcome, Outcome, int]:
        async with trading_venue("wall") as trading, bus_factory() as bus:
            await bus.ensure_stream()
            await Ownership.take(bus, "s", "execution", "test")
            async with gateway(trading, bus_factory.url, tmp_path) as process:
                os.kill(process.pid, signal.SIGSTOP)
                request = send(requested(), made=moment(), window_ns=1_000_000)
                waiting = asyncio.create_task(ask(bus, request))
                await bus.flush()
                os.kill(process.pid, signal.SIGCONT)
                late = await waiting
                fresh = await ask(bus, send(requested()))
                return late, fresh, await trading.seen("POST", "/fapi/v1/order")

    late, fresh, seen = asyncio.run(run())

    assert (late.fate, late.code, late.sent_ns) == ("not_sent", "send_window", 0)
    assert (fresh.fate, seen) == ("done", 1)


def test_a_request_from_the_future_or_of_a_boot_long_ago_is_not_sent(bus_factory: BusFactory, tmp_path: Path) -> None:
    async def run() -> list[Outcome]:
        async with trading_venue("wall") as trading, bus_factory() as bus:
            await bus.ensure_stream()
            await Ownership.take(bus, "s", "execution", "test")
            now = moment()
            later = Moment(now.boot_id, now.boot_ns + 3_600_000_000_000, now.wall_ns)
            other = Moment("another boot", 1, now.wall_ns - 3_600_000_000_000)
            async with gateway(trading, bus_factory.url, tmp_path):
                return [await ask(bus, send(requested(), made=made)) for made in (later, other)]

    assert [(outcome.fate, outcome.code) for outcome in asyncio.run(run())] == [("not_sent", "send_window")] * 2


def test_a_clock_that_is_an_hour_off_is_read_and_read_again(bus_factory: BusFactory, tmp_path: Path) -> None:
    """The venue's clock is an hour ahead at the start, and jumps back: one refusal, and the next request passes."""

    async def run() -> list[Outcome]:
        async with trading_venue("wall") as trading, bus_factory() as bus:
            await bus.ensure_stream()
            await Ownership.take(bus, "s", "execution", "test")
            await trading.client.post("clock", {"skew_ms": 3_600_000})
            async with gateway(trading, bus_factory.url, tmp_path):
                outcomes = [await ask(bus, send(requested()))]
                await trading.client.post("clock", {"skew_ms": 0})
                read = await trading.seen("GET", "/fapi/v1/time")
                outcomes.append(await ask(bus, send(requested())))
                await trading.client.requests(read + 1, path="/fapi/v1/time")
                while (outcome := await ask(bus, listing("balances", session="", epoch=0))).fate != "done":
                    assert outcome.code == "-1021"
                return [*outcomes, await ask(bus, send(requested()))]

    first, refused, again = asyncio.run(run())

    assert [(outcome.fate, outcome.code) for outcome in (first, refused, again)] == [
        ("done", ""), ("retryable", "-1021"), ("done", "")
    ]  # fmt: skip
    assert first.sent_ns - again.sent_ns > 3_000_000_000_000


def test_an_order_that_has_no_answer_holds_no_other_one_up(bus_factory: BusFactory, tmp_path: Path) -> None:
    async def run() -> tuple[Outcome, bool, bool]:
        async with trading_venue("wall") as trading, bus_factory() as bus:
            await bus.ensure_stream()
            await Ownership.take(bus, "s", "execution", "test")
            silent = requested()
            await trading.client.add_fault({"client_id": silent.client_order_id}, before={"drop": True})
            async with gateway(trading, bus_factory.url, tmp_path):
                waiting = asyncio.create_task(ask(bus, send(silent)))
                await trading.client.requests(path="/fapi/v1/order")
                quick = await ask(bus, send(requested()))
                was_waiting = not waiting.done()
                waiting.cancel()
                return quick, was_waiting, await trading.seen("POST", "/fapi/v1/order") == 2

    quick, was_waiting, both_left = asyncio.run(run())

    assert (quick.fate, was_waiting, both_left) == ("done", True, True)


def test_a_ban_of_market_data_on_the_same_address_stops_orders(bus_factory: BusFactory, tmp_path: Path) -> None:
    """The market data service is banned, publishes the call that it was refused, and no order leaves either (O13)."""

    async def run() -> tuple[list[Outcome], int]:
        async with trading_venue("wall") as trading, bus_factory() as bus:
            await bus.ensure_stream()
            await Ownership.take(bus, "s", "execution", "test")
            feed = await Ownership.take(bus, "s", "market_data", "test")
            await trading.client.add_fault(
                {"path": "/fapi/v1/klines"}, before={"status": 418, "headers": {"Retry-After": "600"}}
            )
            venue = CcxtVenue("binanceusdm", trading.client.options)
            caller = Caller(VenueClock(), tries=1)
            async with gateway(trading, bus_factory.url, tmp_path):
                outcomes = [await ask(bus, send(requested()))]
                await venue.open([BTC_SYMBOL], "1m")
                with pytest.raises(VenueBusy):
                    await caller.call("fetch_ohlcv", {}, lambda: venue.candles(BTC_SYMBOL, "1m", 0, 10))
                await venue.close()
                for at_ns, fields in caller.drain():
                    await bus.publish(feed.note(VenueCall, event_ns=at_ns, **fields))
                while (held := await ask(bus, listing("positions", session="", epoch=0))).fate == "done":
                    pass  # the two ways to the gateway are not in one order
                outcomes += [held, await ask(bus, send(requested())), await ask(bus, cancel(requested()))]
                return outcomes, await trading.seen("POST", "/fapi/v1/order")

    (before, *held), seen = asyncio.run(run())

    assert before.fate == "done"
    assert [(outcome.fate, outcome.code) for outcome in held] == [("not_sent", "budget")] * 3
    assert all(outcome.busy_until_ns - outcome.answered_ns > 500_000_000_000 for outcome in held)
    assert seen == 1


def test_a_recording_gives_what_the_venue_gave_without_it(bus_factory: BusFactory, tmp_path: Path) -> None:
    """``--record``, and then ``--replay`` of the file where no venue is (R04)."""
    file = tmp_path / "calls.jsonl"
    order = requested()

    async def asked(bus: Bus) -> list[Outcome]:
        requests = [send(order), cancel(order), cancel(order), listing("positions"), listing("account")]
        return [await ask(bus, request) for request in requests]

    async def run() -> tuple[list[Outcome], list[Outcome], Outcome, int]:
        async with bus_factory() as bus:
            await bus.ensure_stream()
            await Ownership.take(bus, "s", "execution", "test")
            async with trading_venue("wall") as trading:
                async with gateway(trading, bus_factory.url, tmp_path, KEY, "--record", str(file)):
                    first = await asked(bus)
                seen = await trading.seen("POST", "/fapi/v1/order")
            async with gateway(trading, bus_factory.url, tmp_path, KEY, "--replay", str(file)):
                again = await asked(bus)
                return first, again, await ask(bus, send(requested())), seen

    first, again, beyond, seen = asyncio.run(run())

    assert [timeless(outcome) for outcome in again] == [timeless(outcome) for outcome in first]
    assert [outcome.fate for outcome in first] == ["done", "done", "gone", "done", "done"]
    assert (beyond.fate, beyond.code, seen) == ("not_sent", "not_recorded", 1)
    assert SECRET not in (text := file.read_text("utf-8"))
    assert KEY not in text


def test_a_fill_wakes_whoever_waits_for_its_symbol_and_a_lost_stream_wakes_all(
    bus_factory: BusFactory, tmp_path: Path
) -> None:
    async def run() -> tuple[list[tuple[str, bytes]], list[tuple[str, bytes]]]:
        async with trading_venue("wall") as trading, bus_factory() as bus:
            await bus.ensure_stream()
            await Ownership.take(bus, "s", "execution", "test")
            woken: asyncio.Queue[tuple[str, bytes]] = asyncio.Queue()

            async def wake(subject: str, data: bytes) -> None:
                woken.put_nowait((subject, data))

            await bus.on("wake.main.*", wake)
            async with gateway(trading, bus_factory.url, tmp_path), asyncio.timeout(DEADLINE_S):
                assert await woken.get() == ("wake.main.all", b"")
                await trading.client.requests(1, path="/private/ws")
                assert (await ask(bus, send(requested(kind="market")))).fate == "done"
                first = [await woken.get()]
                await trading.client.close_streams()
                while (lost := await woken.get())[0] != "wake.main.all":
                    first.append(lost)
                return first, [lost]

    first, lost = asyncio.run(run())

    assert set(first) == {("wake.main.btc-usdt-usdt", b"")}  # the one of its start has come before
    assert lost == [("wake.main.all", b"")]


def test_a_second_gateway_of_an_account_is_refused(bus_factory: BusFactory, tmp_path: Path) -> None:
    async def run() -> tuple[int | None, bytes]:
        async with trading_venue("wall") as trading, bus_factory() as bus:
            await bus.ensure_stream()
            async with gateway(trading, bus_factory.url, tmp_path):
                second = await asyncio.create_subprocess_exec(
                    sys.executable, "-m", "live_runner.services.cli.entry", "serve", "gateway", "--account", "main",
                    env=environment(bus_factory.url, tmp_path), stderr=asyncio.subprocess.PIPE,
                )  # fmt: skip
                async with asyncio.timeout(DEADLINE_S):
                    _, errors = await second.communicate()
                return second.returncode, errors

    code, errors = asyncio.run(run())

    assert code == 68
    assert b"The gateway role of session main is owned by" in errors
    assert SECRET.encode() not in errors


def test_a_key_that_the_venue_refuses_is_named_and_not_shown(bus_factory: BusFactory, tmp_path: Path) -> None:
    async def run() -> Outcome:
        async with trading_venue("wall") as trading, bus_factory() as bus:
            await bus.ensure_stream()
            async with gateway(trading, bus_factory.url, tmp_path, "a-key-of-nobody"):
                return await ask(bus, listing("balances", session="", epoch=0))

    outcome = asyncio.run(run())

    assert (outcome.fate, outcome.code, outcome.follow_up) == ("rejected", "-2015", "account")
    assert "a-key-of-nobody" not in str(outcome)
