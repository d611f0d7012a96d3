"""A venue, a strategy and an operator made up for one execution core in a live stage.

The venue answers late, twice, out of order, wrongly or not at all. What it answers depends on what the core asked
for, and otherwise only on the session's name: a core that asks for something else is told something else.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from corpus.draws import Draw
from corpus.sessions import Session
from msgspec import UNSET

from live_runner.contracts.core import CancelOrder, Effect, QueryOrder, SendOrder, SetTimer
from live_runner.contracts.ids import event_id, intent_id
from live_runner.contracts.messages import (
    BarSet,
    Command,
    Decided,
    Event,
    FeedEnded,
    Finished,
    Instrument,
    Intent,
    Pending,
    Report,
    Requested,
    Settled,
    Timer,
)
from live_runner.contracts.policy import ExecutionPolicy

_NEXT = {
    "sent": ("submitted", "accepted", "accepted", "accepted", "partly_filled", "partly_filled", "partly_filled",
             "filled", "filled", "rejected", "rejected", "unknown", "cancelled", "expired"),
    "cancelling": ("cancelled", "cancelled", "cancelled", "filled", "partly_filled", "cancel_refused", "unknown"),
    "asked": ("accepted", "absent", "absent", "filled", "partly_filled", "cancelled", "unknown", "rejected"),
}  # fmt: skip
_WILD = ("submitted", "accepted", "partly_filled", "filled", "cancelled", "expired", "rejected", "cancel_refused",
         "unknown", "absent", "misunderstood")  # fmt: skip
_ACTIONS = ("open", "open", "open", "add", "add", "close", "partial_close", "partial_close", "cancel", "cancel",
            "open", "hold", "sync_state", "open", "add", "close", "cancel", "elsewhere")  # fmt: skip
_COMMANDS = ("stop", "kill", "flatten", "resume", "resume", "resume", "resume", "resume", "end")
_QUIET_SETS = 15
"""Before the operator's first command."""


@dataclass
class _Known:
    """An order as the venue has it."""

    requested: Requested
    stage: str = "sent"
    filled: Decimal = Decimal(0)
    fills: int = 0


class Script:
    """The inputs of one session, in order; ``take`` is told what the core answered to each."""

    def __init__(self, session: Session, market: Iterable[Event]) -> None:
        self._session = session
        self._market = market
        self._draw = Draw(f"{session.name} script")
        self._rules = {rules.symbol: rules for rules in session.instruments}
        self._protects = session.config.execution is not UNSET
        self._orders: dict[str, _Known] = {}
        self._closed: list[str] = []
        self._timers: list[SetTimer] = []
        self._pending: list[Pending] = []
        self._closes: dict[str, float] = {}
        self._seqs: dict[str, int] = {}
        self._open_ns = self._now_ns = 0

    def take(self, effects: Iterable[Effect]) -> None:
        """What the core answered."""
        for effect in effects:
            if isinstance(effect, SendOrder):
                order = effect.order
                known = self._orders.setdefault(order.client_order_id, _Known(order))
                known.stage = "sent"
            elif isinstance(effect, CancelOrder) and effect.client_order_id in self._orders:
                self._orders[effect.client_order_id].stage = "cancelling"
            elif isinstance(effect, QueryOrder) and effect.client_order_id in self._orders:
                self._orders[effect.client_order_id].stage = "asked"
            elif isinstance(effect, SetTimer):
                self._timers.append(effect)
            elif isinstance(effect, Settled):
                self._pending = effect.pending

    def inputs(self) -> Iterator[Event]:
        """Everything that reaches the core after ``started``."""
        draw = self._draw
        waiting: list[BarSet] = []
        for event in self._market:
            if isinstance(event, FeedEnded):
                yield from self._decide_on(waiting)
                yield event
                yield Finished(**self._envelope("strategy", event.close_ns))
            elif isinstance(event, BarSet):
                yield from self._set(event)
                if event.warmup:
                    continue
                waiting.append(event)
                if not draw.chance(20) or len(waiting) > 3:  # otherwise the feed reads ahead
                    yield from self._decide_on(waiting)
                if draw.below(1500) == 0:
                    yield self._command("abort")

    def _set(self, event: BarSet) -> Iterator[Event]:
        self._now_ns = max(self._now_ns, event.close_ns)
        self._closes.update((bar.symbol, bar.close) for bar in event.bars)
        yield event
        yield from self._reports(2)

    def _decide_on(self, waiting: list[BarSet]) -> Iterator[Event]:
        for bars in waiting:
            yield Decided(
                close_ns=bars.close_ns, intents=self._intents(bars), **self._envelope("strategy", bars.close_ns)
            )
            yield from self._reports(4)
            yield from self._due(bars.close_ns)
            if bars.number > _QUIET_SETS and self._draw.chance(20 if self._orders else 5):
                yield self._command(self._draw.one_of(_COMMANDS))
        waiting.clear()

    # -- the venue ------------------------------------------------------------------------------

    def _reports(self, most: int) -> Iterator[Event]:
        for _ in range(self._draw.below(most + 1)):
            if self._orders:
                report = self._report()
                yield report
                if self._draw.chance(8):
                    yield _again(report, self._envelope("execution.shell", report.event_ns))

    def _report(self) -> Report:
        draw = self._draw
        client = draw.one_of(list(self._orders))
        known = self._orders[client]
        wild = draw.chance(8)
        status = draw.one_of(_WILD if wild else _NEXT[known.stage])
        order, rules = known.requested, self._rules[known.requested.symbol]
        fields: dict[str, Any] = {}
        if status in ("partly_filled", "filled") or (status == "cancelled" and draw.chance(30)):
            fields = self._fill(known, rules, whole=status == "filled")
        elif known.filled and draw.chance(90):
            fields = {"filled": _text(known.filled)}
        if wild:
            fields |= draw.one_of((
                {"filled": ""}, {"filled": "1e9"}, {"filled": "0"}, {"last_price": ""}, {"last_price": "none"},
                {"filled": _text(Decimal(order.quantity) * 2), "last_price": order.reference_price}, {},
            ))  # fmt: skip
        if status == "rejected":
            fields |= {"code": draw.one_of(("-2019", "-1003")), "message": "no", "retryable": draw.chance(60)}
        if status == "unknown":
            fields["message"] = draw.one_of(("", "timeout"))
        if status in ("cancelled", "expired", "rejected", "filled"):
            self._forget(client)
        if order.kind in ("stop", "take_profit") and draw.chance(60):
            fields["parent"], client = client, f"of-{client[:6]}"
        if wild and draw.chance(30):
            client = draw.one_of([*self._closed, "a stranger's"])
        if draw.chance(90):
            fields["venue_order_id"] = f"v{client[:6]}"
        at_ns = max(self._now_ns + draw.below(30_000_000_000) - 2_000_000_000, 0)
        if status == "absent" and draw.chance(80):
            fields |= {"complete": True, "asked_ns": at_ns, "via": "query"}
        return Report(
            client_order_id=client,
            symbol=order.symbol,
            status=status,
            **fields,
            **self._envelope("execution.shell", at_ns),
        )

    def _fill(self, known: _Known, rules: Instrument, *, whole: bool) -> dict[str, Any]:
        draw = self._draw
        quantity = Decimal(known.requested.quantity)
        lot, tick = Decimal(rules.lot_size), Decimal(rules.tick_size)
        rest = quantity - known.filled
        part = rest if whole else (rest * draw.within(1, 9) / 10) // lot * lot
        known.filled += part
        known.fills += 1
        price = max(Decimal(known.requested.reference_price) + tick * draw.within(-30, 30), tick)
        if draw.chance(20):
            price += tick * draw.within(1, 9) / 10  # a venue's average, between two ticks
        return {
            "filled": _text(known.filled),
            "last_quantity": _text(part),
            "last_price": _text(price) if draw.chance(93) else "",
            "fill_id": f"t{known.requested.client_order_id[:6]}-{known.fills}" if draw.chance(80) else "",
            "liquidity": draw.one_of(("maker", "taker", "")),
            **draw.one_of(({}, {}, {"fee": "0.0123", "fee_currency": rules.settle}, {"fee": "-0.001"},
                           {"fee": "0.5", "fee_currency": "BNB"})),
        }  # fmt: skip

    def _forget(self, client: str) -> None:
        if self._draw.chance(93):
            del self._orders[client]
            self._closed.append(client)

    def _due(self, now_ns: int) -> Iterator[Event]:
        for timer in [timer for timer in self._timers if timer.due_ns <= now_ns]:
            if self._draw.chance(15):
                continue  # the process was away; the timer fires later
            if not self._draw.chance(5):  # now and then twice
                self._timers.remove(timer)
            yield Timer(
                role="execution",
                name=timer.name,
                due_ns=timer.due_ns,
                **self._envelope("execution.shell", timer.due_ns),
            )

    # -- strategy and operator ------------------------------------------------------------------

    def _intents(self, bars: BarSet) -> list[Intent]:
        draw = self._draw
        if draw.chance(35):
            return []
        return [
            self._intent(intent_id(self._session.name, bars.close_ns, number), bars)
            for number in range(1, draw.within(2, 4))
        ]

    def _intent(self, identity: str, bars: BarSet) -> Intent:
        draw = self._draw
        symbol = draw.one_of(list(self._closes))
        leg = draw.one_of(("long", "short"))
        action = draw.one_of(_ACTIONS)
        if self._protects and draw.chance(15):
            action = "protect"
        style = draw.one_of(("market", "limit", "limit", "limit", "post_only", None))
        close = Decimal(str(self._closes[symbol]))
        tick, contract = Decimal(self._rules[symbol].tick_size), Decimal(self._rules[symbol].contract_size)
        price = (close * (10_000 + draw.within(-20, 20)) / 10_000) // tick * tick
        fields: dict[str, Any] = {}
        if action in ("open", "add", "partial_close"):
            fields["quantity"] = _text(round(Decimal(draw.within(5, 900)) / (close * contract), 8))
        if action == "partial_close" and draw.chance(50):
            fields = {"fraction": _text(Decimal(draw.within(1, 11)) / 10)}
        if action in ("open", "add"):
            fields["stop_loss" if draw.chance(50) else "take_profit"] = (
                _text(price * draw.one_of((Decimal("0.99"), Decimal("1.01"))) // tick * tick)
                if draw.chance(50 if self._protects else 20)
                else None
            )
            fields["fallback"] = draw.one_of(([], [], ["reject"], ["timeout"], ["reject", "timeout"]))
        if action == "protect":
            down, up = (close * Decimal(by) // tick * tick for by in ("0.99", "1.01"))
            given = {"stop_loss": _text(down), "take_profit": _text(up)}
            if leg == "short":
                given = {"stop_loss": _text(up), "take_profit": _text(down)}
            fields = {name: price for name, price in given.items() if draw.chance(70)}
        if action == "cancel":
            mine = [order for order in self._pending if order.symbol == symbol]
            fields["order_id"] = draw.one_of(mine).order_id if mine and draw.chance(85) else "nothing"
            leg = next((order.leg for order in mine if order.order_id == fields["order_id"]), leg)
        if draw.chance(15):
            fields["policy"] = ExecutionPolicy(
                attempts=draw.within(1, 3), retry_spacing_s=draw.one_of((0.0, 30.0)), fallback=("timeout",)
            )
        return Intent(
            id=identity,
            symbol=symbol,
            leg=leg,
            action=action,
            style=style,
            limit_price=_text(price) if style != "market" and draw.chance(90) else None,
            time_to_live_ns=draw.one_of((None, None, None, 90_000_000_000, 600_000_000_000, 8_000_000_000_000, 0)),
            close_semantics=draw.one_of(("strict", "sync_if_absent")),
            reason=f"draw {draw.below(3)}",
            bar_open_ns=bars.open_ns,
            **fields,
        )

    def _command(self, name: str) -> Command:
        return Command(
            command=name, author="operator", reason="drawn", **self._envelope("execution.shell", self._now_ns)
        )

    def _envelope(self, source: str, event_ns: int) -> dict[str, Any]:
        self._seqs[source] = seq = self._seqs.get(source, 0) + 1
        name = self._session.name
        return {
            "id": event_id(name, source, seq), "session": name, "source": source, "seq": seq, "event_ns": event_ns,
        }  # fmt: skip


def _again(report: Report, envelope: dict[str, Any]) -> Report:
    fields = {name: getattr(report, name) for name in report.__struct_fields__}
    return Report(**{**fields, **envelope})


def _text(value: Decimal) -> str:
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text
