"""P11: `kill -9` of a session's execution between every two of its effects; each order is sent once and none is lost.

All that the process does to the world is a message on its connection to NATS, so a point is one of them: it was killed
before it, and after everything that came earlier. One point more for each request is at the venue: sent, and not
answered. Each row is played in one session, which goes on after every kill.
"""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from fix_gateway import TradingAccount, trading_venue
from fix_nats import BusFactory
from killed_session import KilledSession, Point, acknowledges, answers, asks, brings, killed_session, logs

FAST: dict[str, Any] = {
    "send_window_s": 0.5, "recv_window_ms": 200, "max_resend_age_s": 600.0, "max_protective": 10,
    "account_every_s": 1.0,
}  # fmt: skip
DEADLINE_S = 120.0
ORDER, ALGO = "/fapi/v1/order", "/fapi/v1/algoOrder"
LIMIT = {"action": "open", "quantity": "0.01", "style": "limit", "limit_price": "30000"}
MARKET = {"action": "open", "quantity": "0.01", "style": "market"}


class AtVenue(NamedTuple):
    """Sent, and never answered."""

    method: str
    path: str


LIFE_NS = 10_000_000_000
ARMED = acknowledges("order.accepted")
ANSWERED = ("accepted", "partly_filled", "filled", "cancelled")


def sending(kind: str, path: str = ORDER, *, briefly: bool = False) -> dict[str, Point | AtVenue]:
    """Between every two effects of an order that is sent; ``briefly`` without those at which the log answers."""
    outcome = "order.filled" if kind == "market" else "order.accepted"
    points: dict[str, Point | AtVenue] = {
        f"{kind} decided, not requested": logs("order.requested", kind=kind),
        f"{kind} acknowledged, not sent": asks("send", kind),
        f"{kind} sent, not answered": AtVenue("POST", path),
        f"{kind} answered by the venue, not here": answers("send", kind),
        f"{kind} half reported": logs("order.report", status=ANSWERED),
        f"{kind} reported, not folded": brings("order.report", status=ANSWERED),
    }
    if briefly:
        return points
    return points | {
        f"{kind} in the log, not acknowledged": acknowledges("order.requested", kind=kind),
        f"{kind} answered, not reported": logs("order.report", status="submitted"),
        f"{kind} reported, not acknowledged": acknowledges("order.report", status=ANSWERED),
        f"{kind} folded, its outcome not in the log": logs(outcome),
        f"{kind}'s outcome in the log, not acknowledged": acknowledges(outcome),
    }


def cancelling(kind: str, path: str = ORDER, *, briefly: bool = False) -> dict[str, Point | AtVenue]:
    """Between every two effects of a cancel."""
    points: dict[str, Point | AtVenue] = {
        f"{kind}'s cancel decided, not requested": logs("order.cancel_requested"),
        f"{kind}'s cancel acknowledged, not sent": asks("cancel"),
        f"{kind}'s cancel sent, not answered": AtVenue("DELETE", path),
        f"{kind}'s cancel answered by the venue, not here": answers("cancel"),
        f"{kind}'s cancel reported, not folded": brings("order.report", status=("cancelled", "unknown")),
    }
    if briefly:
        return points
    return points | {
        f"{kind}'s cancel in the log, not acknowledged": acknowledges("order.cancel_requested"),
        f"{kind}'s cancel answered, not reported": logs("order.report", status=("cancelled", "unknown")),
        f"{kind}'s cancel folded, its outcome not in the log": logs("order.cancelled"),
    }


class Play:
    """One session, killed again and again."""

    def __init__(self, session: KilledSession, trading: TradingAccount) -> None:
        self.session = session
        self.trading = trading

    async def decide(self, *asked: dict[str, Any]) -> None:
        await self.session.bar()
        await self.session.decide(*asked)

    async def killed(self, point: Point | AtVenue, act: Callable[[], Awaitable[None]]) -> None:
        """Do something, kill the execution at the point, and start it again."""
        client = self.trading.client
        if isinstance(point, AtVenue):
            match = {"method": point.method, "path": point.path}
            seen = await self.trading.seen(*point)
            fault = await client.add_fault({**match, "count": 1}, after={"drop": True})
            await act()
            await client.requests(seen + 1, **match)
            await self.session.kill()
            assert await client.lift(fault) == 1
        else:
            self.session.gate.hold(point)
            await act()
            await self.session.killed_at_point()
        self.session.execute()

    async def check(self) -> None:
        """Each order of ours has reached the venue once, and the venue has executed no other."""
        client = self.trading.client
        sent: Counter[str] = Counter()
        for path, name in ((ORDER, "newClientOrderId"), (ALGO, "clientAlgoId")):
            for request in await client.get("requests", method="POST", path=path):
                assert request["executed"], request
                sent[request["params"][name]] += 1
        ours = [event.client_order_id for event in self.session.of("order.requested")]
        assert sent == Counter(dict.fromkeys(ours, 1))


async def limits(play: Play, point: Point | AtVenue) -> None:
    """A limit that rests, then goes."""
    before = len(play.session.orders())
    await play.killed(point, lambda: play.decide(LIMIT))
    await play.session.stand(before, limit=["accepted"])
    await play.decide({"action": "cancel", "order_id": list(play.session.orders())[-1]})
    await play.session.stand(before, limit=["cancelled"])


async def cancels(play: Play, point: Point | AtVenue) -> None:
    """A limit that the strategy takes off."""
    before = len(play.session.orders())
    await play.decide(LIMIT)
    await play.session.stand(before, limit=["accepted"])
    order = list(play.session.orders())[-1]
    await play.killed(point, lambda: play.decide({"action": "cancel", "order_id": order}))
    await play.session.stand(before, limit=["cancelled"])


async def markets(play: Play, point: Point | AtVenue) -> None:
    """An entry with its stop and target, then a close, which takes both away."""
    before = len(play.session.orders())
    entry = {**MARKET, "stop_loss": "20000", "take_profit": "9000000"}
    await play.killed(point, lambda: play.decide(entry))
    await play.session.stand(before, market=["filled"], stop=["accepted"], take_profit=["accepted"])
    await play.decide({"action": "close"})
    await play.session.stand(before, market=["filled"] * 2, stop=["cancelled"], take_profit=["cancelled"])


async def closes(play: Play, point: Point | AtVenue) -> None:
    """The leg is closed, and its stop and target go."""
    before = len(play.session.orders())
    await play.decide({**MARKET, "stop_loss": "20000", "take_profit": "9000000"})
    await play.session.stand(before, market=["filled"], stop=["accepted"], take_profit=["accepted"])
    await play.killed(point, lambda: play.decide({"action": "close"}))
    await play.session.stand(before, market=["filled"] * 2, stop=["cancelled"], take_profit=["cancelled"])


async def replaces(play: Play, point: Point | AtVenue) -> None:
    """The stop of the leg is moved: the old one goes, the new one comes."""
    before = len(play.session.orders())
    await play.decide(MARKET)
    await play.session.stand(before, market=["filled"])
    await play.decide({"action": "protect", "stop_loss": "20000"})
    await play.session.stand(before, market=["filled"], stop=["accepted"])
    await play.killed(point, lambda: play.decide({"action": "protect", "stop_loss": "21000"}))
    await play.session.stand(before, market=["filled"], stop=["cancelled", "accepted"])
    await play.decide({"action": "close"})
    await play.session.stand(before, market=["filled"] * 2, stop=["cancelled"] * 2)


async def expires(play: Play, point: Point | AtVenue) -> None:
    """A limit whose time runs out."""
    before = len(play.session.orders())

    async def run_out() -> None:
        await play.trading.reach(play.trading.account.now_ns() + LIFE_NS)

    entry = {**LIMIT, "time_to_live_ns": LIFE_NS}
    if point is ARMED:
        await play.killed(point, lambda: play.decide(entry))
        await play.session.stand(before, limit=["accepted"])
        await run_out()
    else:
        await play.decide(entry)
        await play.session.stand(before, limit=["accepted"])
        await play.killed(point, run_out)
    await play.session.stand(before, limit=["cancelled"])


async def parts(play: Play, point: Point) -> None:
    """A limit that fills in two trades, the second while nobody is there."""
    before = len(play.session.orders())
    await play.decide(LIMIT)
    await play.session.stand(before, limit=["accepted"])
    client = play.session.of("order.requested")[-1].client_order_id

    async def fill() -> None:
        await play.trading.client.post(f"orders/{client}/fill", {"quantity": "0.004"})

    session, filled = play.session, len(play.session.of("order.filled"))
    session.gate.hold(point)
    await fill()
    await session.killed_at_point()
    await play.trading.client.post(f"orders/{client}/fill", {"quantity": "0.006"})
    session.execute()
    await session.stand(before, limit=["filled"])
    assert [fill.quantity for fill in session.of("order.filled")[filled:]] == ["0.004", "0.006"]
    await play.decide({"action": "close"})
    await session.stand(before, limit=["filled"], market=["filled"])


async def stops(play: Play, point: Point | AtVenue) -> None:
    """The stop is met: what it becomes fills, and the target goes."""
    before = len(play.session.orders())
    await play.decide({**MARKET, "stop_loss": "20000", "take_profit": "9000000"})
    await play.session.stand(before, market=["filled"], stop=["accepted"], take_profit=["accepted"])
    stop = next(event for event in reversed(play.session.of("order.requested")) if event.kind == "stop")

    async def trigger() -> None:
        await play.trading.client.post(f"orders/{stop.client_order_id}/trigger")

    await play.killed(point, trigger)
    await play.session.stand(before, market=["filled"], stop=["filled"], take_profit=["cancelled"])


FILL: dict[str, Point] = {
    "fill shown, not here": answers("query", filled=True),
    "fill here, not reported": logs("order.report", status=("partly_filled", "filled")),
    "fill reported, not acknowledged": acknowledges("order.report", status=("partly_filled", "filled")),
    "fill reported, not folded": brings("order.report", status=("partly_filled", "filled")),
    "fill folded, not in the log": logs("order.filled"),
    "fill in the log, not acknowledged": acknowledges("order.filled"),
}
EXPIRY = re.compile("expire ")
TIMER: dict[str, Point | AtVenue] = {
    "timer armed": ARMED,
    "timer due, not in the log": logs("session.timer", name=EXPIRY),
    "timer in the log, not acknowledged": acknowledges("session.timer", name=EXPIRY),
    "timer in the log, not folded": brings("session.timer", name=EXPIRY),
}
TABLE: dict[str, tuple[Callable[[Play, Any], Awaitable[None]], Mapping[str, Point | AtVenue]]] = {
    "limit": (limits, sending("limit")),
    "cancel": (cancels, cancelling("limit")),
    "market": (markets, sending("market")),
    "stop": (markets, sending("stop", ALGO, briefly=True)),
    "target": (markets, sending("take_profit", ALGO, briefly=True)),
    "close": (closes, sending("market", briefly=True)),
    "close's cancels": (closes, cancelling("stop", ALGO, briefly=True)),
    "old stop of two": (replaces, cancelling("old stop", ALGO, briefly=True)),
    "new stop of two": (replaces, sending("stop", ALGO, briefly=True)),
    "timer": (expires, TIMER | cancelling("expired limit", briefly=True)),
    "two trades": (parts, FILL),
    "stop that is met": (stops, {**FILL, **cancelling("target", ALGO, briefly=True)}),
}


@pytest.mark.parametrize("row", TABLE)
def test_killed_between_every_two_effects_the_account_is_the_venues(
    row: str, bus_factory: BusFactory, tmp_path: Path
) -> None:
    """P11, O12, O18: ledger, positions and orders are the venue's, and refolding the log gives every byte."""
    act, points = TABLE[row]

    async def run() -> None:
        async with (
            asyncio.timeout(DEADLINE_S), bus_factory() as bus, trading_venue("wall") as trading,
            killed_session(bus, bus_factory.url, trading, tmp_path, **FAST) as session,
        ):  # fmt: skip
            play = Play(session, trading)
            for name, point in points.items():
                try:
                    await act(play, point)
                    await play.check()
                except BaseException as error:
                    error.add_note(f"killed at: {name}\n{session.told()}")
                    raise
            assert await trading.standing() == []
            await session.agree(trading)
            assert session.epoch() == len(points) + 1

    asyncio.run(run())
