"""Orders under anything a market, a strategy and an operator may do."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from live_runner.contracts.codec import decode, encode
from live_runner.contracts.ids import order_id
from live_runner.contracts.messages import Cancelled, Denied, Event, Expired, Filled, Rejected, Requested, Settled
from live_runner.contracts.policy import ExecutionPolicy
from live_runner.hotpath import fixed
from live_runner.hotpath.engine.orders import REPORTS
from live_runner.hotpath.engine.words import IOC, MARKET, STOP, TAKE_PROFIT
from live_runner.services.execution.core.engine import ExecutionCore

lots = fixed.Grid("0.001")


def held_lots(core: ExecutionCore, side: int) -> int:
    """Open lots of a leg of the first symbol."""
    market = core.session.state.markets[0]
    return int((market.long, market.short)[side].quantity)


def waiting(core: ExecutionCore) -> set[str]:
    """Ids of the attempts that wait for their spacing."""
    return {order_id(row[2], row[0][3]) for _, row in core.session.row()["manager"]["retries"]}


def check_that_each_end_says_what_follows(core: Any) -> None:
    """I03: ``retrying`` exactly where the same intent is tried again, or was to be until something held it back."""
    orders = {order.order_id: order for order in core.of(Requested)}
    tried = {*orders, *waiting(core.core), *(denied.order_id for denied in core.of(Denied))}
    for event in core.seen:
        if isinstance(event, Rejected | Cancelled | Expired) and not orders[event.order_id].parent:
            order = orders[event.order_id]
            assert event.retrying == (order_id(order.intent_id, order.attempt + 1) in tried), event


class PaperSession(RuleBasedStateMachine):
    """One symbol at the paper venue, both legs, every kind of order."""

    driver: Any

    @initialize(
        market=st.sampled_from(["next_open", "bar_close"]),
        limit=st.sampled_from(["touch", "through"]),
        mode=st.sampled_from(["hedge", "one_way"]),
        lots_=st.sampled_from(["lifo", "fifo", "average"]),
        participation=st.sampled_from([None, "0.01", "0.5"]),
        maintenance=st.sampled_from(["0", "0.02"]),
    )
    def begin(self, market: str, limit: str, mode: str, lots_: str, participation: Any, maintenance: str) -> None:
        self.core = self.driver(
            policy=ExecutionPolicy(max_failures=2, backoff_s=180.0, add_style="market"),
            account={"position_mode": mode, "lots": lots_, "maintenance_margin": maintenance, "equity": "2000"},
            fills={"market": market, "limit": limit, "participation": participation, "slippage_bp": "2.5"},
            fees={"maker": "0.0002", "taker": "0.0005"},
            limits={"state_hash_every": 3},
        )
        self.core.bar(100, 101, 99, 100)
        self.intents: list[Any] = []

    def _price(self, offset: int) -> str:
        """A price near the last close, on the tick."""
        session = self.core.core.session
        grid = session.state.markets[0].grid
        return str(grid.text(max(grid.from_float(session.columns.row(0)[0]) + offset, 1)))

    @rule(
        leg=st.sampled_from(["long", "short"]),
        style=st.sampled_from(["market", "limit", "post_only", "ioc"]),
        quantity=st.integers(1, 30000).map(lots.text),
        offset=st.integers(-50, 150),
        stop=st.integers(0, 300),
        goal=st.integers(0, 300),
        life=st.integers(0, 4),
        fallback=st.sampled_from([[], ["reject"], ["timeout"], ["reject", "timeout"]]),
    )
    def enter(
        self, leg: str, style: str, quantity: str, offset: int, stop: int, goal: int, life: int, fallback: list[str]
    ) -> None:
        sign = 1 if leg == "long" else -1
        held = held_lots(self.core.core, 0 if leg == "long" else 1)
        self.intents.append(
            self.core.intent(
                "add" if held else "open",
                leg,
                quantity=quantity,
                style=style,
                limit_price=self._price(-sign * offset),
                stop_loss=self._price(-sign * (offset + stop)) if stop else None,
                take_profit=self._price(sign * goal) if goal else None,
                time_to_live_ns=life * 60_000_000_000 or None,
                fallback=fallback,
            )
        )

    @rule(
        leg=st.sampled_from(["long", "short"]),
        style=st.sampled_from([None, "limit", "post_only", "ioc"]),
        offset=st.integers(-50, 150),
        twentieths=st.integers(1, 20),
    )
    def leave(self, leg: str, style: Any, offset: int, twentieths: int) -> None:
        sign = 1 if leg == "long" else -1
        fields: dict[str, Any] = {"style": style, "limit_price": self._price(sign * offset)}
        if twentieths == 20:
            self.intents.append(self.core.intent("close", leg, **fields))
        else:
            self.intents.append(self.core.intent("partial_close", leg, fraction=str(twentieths / 20), **fields))

    @rule(which=st.integers(0, 20))
    def cancel(self, which: int) -> None:
        pending = self.core.settled.pending
        if pending:
            order = pending[which % len(pending)]
            self.intents.append(self.core.intent("cancel", order.leg, order_id=order.order_id))

    @rule(command=st.sampled_from(["stop", "kill", "flatten", "resume", "resume", "resume"]))
    def command(self, command: str) -> None:
        self.core.command(command)
        if command in ("kill", "flatten"):
            orders = [order for order in self.core.core.session.state.orders if order.is_entry]
            assert all(order.kind in (MARKET, IOC) and not order.fills and not order.waits for order in orders)

    @rule(
        moves=st.lists(st.integers(-250, 250), min_size=4, max_size=4),
        volume=st.integers(0, 20_000),
        late=st.sampled_from([False, False, False, True]),
        funding=st.one_of(st.none(), st.integers(-30, 30)),
    )
    def bar(self, moves: list[int], volume: int, late: bool, funding: Any) -> None:
        self.core.decide(*self.intents)
        self.intents = []
        extremes = [float(self._price(move)) for move in moves]
        open_, close = extremes[0], extremes[-1]
        rates = [] if funding is None else [self.core.funding(f"{funding}e-5")]
        self.core.bar(open_, max(extremes), min(extremes), close, volume=volume / 10, late=late, funding=rates)

    @rule()
    def restart(self) -> None:
        again = ExecutionCore("s1")
        data = self.core.core.snapshot()
        again.restore(data)
        assert again.snapshot() == data
        self.core.core = again

    @invariant()
    def orders_fill_at_most_what_was_ordered(self) -> None:
        if not hasattr(self, "core"):
            return
        ordered = {order.order_id: lots.units(order.quantity) for order in self.core.of(Requested)}
        filled: dict[str, int] = {}
        for fill in self.core.of(Filled):
            filled[fill.order_id] = filled.get(fill.order_id, 0) + lots.units(fill.quantity)
            assert filled[fill.order_id] == lots.units(fill.filled)
            assert filled[fill.order_id] + lots.units(fill.remaining) == ordered[fill.order_id]
        assert all(filled[identity] <= ordered[identity] for identity in filled)

    @invariant()
    def an_ioc_order_never_rests(self) -> None:
        """Over with the bar that it takes part in, for all of its lots; no market order follows its end."""
        if not hasattr(self, "core"):
            return
        filled: dict[str, int] = {}
        for fill in self.core.of(Filled):
            filled[fill.order_id] = filled.get(fill.order_id, 0) + lots.units(fill.quantity)
        for end in self.core.of(Cancelled):
            if end.reason == "ioc":
                order = next(order for order in self.core.of(Requested) if order.order_id == end.order_id)
                assert order.kind == "ioc"
                assert filled.get(end.order_id, 0) + lots.units(end.remaining) == lots.units(order.quantity)
                assert not end.retrying
        for order in self.core.core.session.state.orders:
            if order.kind == IOC:
                assert not order.rested
                assert not order.fills

    @invariant()
    def accounts_add_up(self) -> None:
        """L02, L04."""
        if not hasattr(self, "core"):
            return
        settled, money = self.core.settled, fixed.money
        assert money(settled.cash) == (
            2000 * 10**12 + money(settled.realised) - money(settled.fees) + money(settled.funding)
        )
        assert money(settled.equity) == money(settled.cash) + money(settled.unrealised)
        for leg in settled.legs:
            assert sum(lots.units(lot.quantity) for lot in leg.lots) == lots.units(leg.quantity)
        for side, leg in enumerate(("long", "short")):
            entries = sum(
                lots.units(fill.quantity) * (1 if fill.action in ("open", "add") else -1)
                for fill in self.core.of(Filled)
                if fill.leg == leg
            )
            assert entries == held_lots(self.core.core, side)
        if self.core.config.account.position_mode == "one_way":
            assert not (held_lots(self.core.core, 0) and held_lots(self.core.core, 1))

    @invariant()
    def the_book_and_the_order_manager_agree(self) -> None:
        if not hasattr(self, "core"):
            return
        state = self.core.core.session.state
        assert sorted(row[0] for row in state.markets[0].book.listed()) == sorted(o.order_id for o in state.orders)
        for order in state.orders:
            assert order.remaining > 0
            assert not order.is_closed
            if order.kind in (STOP, TAKE_PROFIT):
                assert held_lots(self.core.core, order.side) > 0

    def teardown(self) -> None:
        """R01: the same inputs once more give the same bytes."""
        if not hasattr(self, "core"):
            return
        again = ExecutionCore("s1")
        out = [effect for event in self.core.inputs for effect in again.handle(decode(encode(event)))]
        left = [encode(effect) for effect in out if isinstance(effect, Event)]
        assert left == [encode(effect) for effect in self.core.seen]
        assert again.state_hash() == self.core.core.state_hash()
        check_that_each_end_says_what_follows(self.core)


class LiveOrders(RuleBasedStateMachine):
    """Orders at a real venue, with reports in any order."""

    driver: Any

    @initialize(attempts=st.integers(1, 3))
    def begin(self, attempts: int) -> None:
        self.core = self.driver(stage="live", policy=ExecutionPolicy(attempts=attempts, fallback=("reject", "timeout")))
        self.core.bar()

    @rule(
        action=st.sampled_from(["open", "add", "close"]),
        style=st.sampled_from(["market", "limit", "ioc"]),
        life=st.booleans(),
    )
    def decide(self, action: str, style: str, life: bool) -> None:
        fields: dict[str, Any] = {"quantity": "5", "style": style, "limit_price": "100"}
        self.core.decide(self.core.intent(action, time_to_live_ns=60_000_000_000 if life else None, **fields))
        self.core.bar()

    @rule(
        which=st.integers(0, 30),
        status=st.sampled_from([*REPORTS, "nonsense"]),
        filled=st.integers(0, 6000),
        price=st.sampled_from(["", "99", "100", "101.005"]),
        retryable=st.booleans(),
    )
    def report(self, which: int, status: str, filled: int, price: str, retryable: bool) -> None:
        orders = self.core.of(Requested)
        client = orders[which % len(orders)].client_order_id if orders else "0" * 28
        before = {order.order_id for order in self.core.core.session.state.orders}
        closed = bool(orders) and orders[which % len(orders)].order_id not in before
        effects = self.core.report(client, status, filled=lots.text(filled), last_price=price, retryable=retryable)
        if closed:
            assert [getattr(effect, "code", "") for effect in effects] == ["report_kept"]

    @rule(command=st.sampled_from(["stop", "kill", "flatten", "resume"]))
    def command(self, command: str) -> None:
        self.core.command(command)

    @invariant()
    def totals_hold(self) -> None:
        if not hasattr(self, "core"):
            return
        ordered = {order.order_id: lots.units(order.quantity) for order in self.core.of(Requested)}
        for fill in self.core.of(Filled):
            assert lots.units(fill.filled) <= ordered[fill.order_id]
        assert not any(order.is_closed for order in self.core.core.session.state.orders)
        fallbacks = [order for order in self.core.of(Requested) if order.attempt > 1]
        assert len({order.order_id for order in fallbacks}) == len(fallbacks)
        assert len(self.core.of(Rejected)) <= len(self.core.of(Requested))

    def teardown(self) -> None:
        """X08: a restart from a snapshot is the same state, and the same inputs give the same bytes."""
        if not hasattr(self, "core"):
            return
        again = ExecutionCore("s1")
        out = [effect for event in self.core.inputs for effect in again.handle(decode(encode(event)))]
        left = [encode(effect) for effect in out if isinstance(effect, Event)]
        assert left == [encode(effect) for effect in self.core.seen if isinstance(effect, Event)]
        restored = ExecutionCore("s1")
        restored.restore(again.snapshot())
        assert restored.snapshot() == again.snapshot() == self.core.core.snapshot()
        assert self.core.of(Settled)
        check_that_each_end_says_what_follows(self.core)


def test_paper_orders_hold_their_promises_whatever_comes(driver: Any) -> None:
    machine = type("Paper", (PaperSession,), {"driver": driver})
    run_state_machine_as_test(machine, settings=settings(max_examples=60, stateful_step_count=30, deadline=None))


def test_live_orders_hold_their_promises_whatever_is_reported(driver: Any) -> None:
    machine = type("Live", (LiveOrders,), {"driver": driver})
    run_state_machine_as_test(machine, settings=settings(max_examples=60, stateful_step_count=30, deadline=None))


@pytest.mark.parametrize("mode", ["hedge", "one_way"])
@pytest.mark.parametrize("participation", [None, "0.05"])
@pytest.mark.parametrize("market", ["next_open", "bar_close"])
def test_long_session_holds_its_promises(driver: Any, seed: int, market: str, participation: Any, mode: str) -> None:
    """The same rules drawn densely from one seed, so that legs live long and everything meets everything."""
    draw = random.Random(seed)
    machine: Any = type("Paper", (PaperSession,), {"driver": driver})()
    machine.begin(
        market=market,
        limit=draw.choice(["touch", "through"]),
        mode=mode,
        lots_=draw.choice(["lifo", "fifo", "average"]),
        participation=participation,
        maintenance="0.02",
    )
    for step in range(400):
        for leg in ("long", "short"):
            if draw.random() < 0.35:
                machine.enter(
                    leg=leg,
                    style=draw.choice(["market", "market", "limit", "post_only", "ioc"]),
                    quantity=lots.text(draw.randint(1, 40_000)),
                    offset=draw.randint(-20, 150),
                    stop=draw.choice([0, draw.randint(1, 300)]),
                    goal=draw.choice([0, draw.randint(1, 300)]),
                    life=draw.randint(0, 4),
                    fallback=draw.choice([[], ["reject"], ["timeout"], ["reject", "timeout"]]),
                )
            if draw.random() < 0.15:
                style = draw.choice([None, None, "limit", "post_only", "ioc"])
                machine.leave(leg=leg, style=style, offset=draw.randint(-20, 100), twentieths=draw.randint(1, 20))
        if draw.random() < 0.1:
            machine.cancel(which=draw.randint(0, 20))
        if draw.random() < 0.06:
            machine.command(command=draw.choice(["stop", "kill", "flatten"]))
        elif draw.random() < 0.5:
            machine.command(command="resume")
        if draw.random() < 0.05:
            machine.restart()
        machine.bar(
            moves=[draw.randint(-120, 120) for _ in range(4)],
            volume=draw.randint(0, 5000),
            late=draw.random() < 0.05,
            funding=draw.choice([None, None, draw.randint(-30, 30)]),
        )
        machine.the_book_and_the_order_manager_agree()
        if step % 50 == 49:
            machine.orders_fill_at_most_what_was_ordered()
            machine.an_ioc_order_never_rests()
            machine.accounts_add_up()
    machine.teardown()

    kinds = {fill.kind for fill in machine.core.of(Filled)}
    assert kinds == {"market", "limit", "post_only", "ioc", "stop", "take_profit"}
    assert {"leg_flat", "oco"} <= {cancelled.reason for cancelled in machine.core.of(Cancelled)}
