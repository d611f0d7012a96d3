"""The worlds that are searched: what is held, what has been asked for, and what may be asked for besides."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fix_execution import Driver
from model.engine import SECOND_NS, Engine, intent
from model.venue import EMPTY
from model.world import Move, Rules, State, World, decision

from live_runner.contracts.messages import Intent, Requested, Trade

__all__ = ["WORLDS", "long_run"]

type Making = Callable[[], tuple[World, State]]

SOON_S, LATER_S = 1, 10
"""From the first query to the second: while a request may still arrive, or when its absence is proven."""
TIME_TO_LIVE_NS = 20 * SECOND_NS


NAKED: dict[str, Any] = {"after_s": 3600, "action": "notify", "reset": "recovered"}


def start(query_s: int) -> Driver:
    """A session at a venue whose smallest lot and tick are 1."""
    rules = {"venue": "sim", "quote": "USDT", "settle": "USDT", "tick_size": "1", "lot_size": "1"}
    driver = Driver(stage="live", hashing=False, instrument=rules, risk={"unprotected": NAKED},
                    execution={"query": {"first_s": query_s}, "max_protective": 9})  # fmt: skip
    driver.bar()
    return driver


def holding(lots: int, query_s: int) -> Driver:
    """A session that holds a long leg."""
    driver = start(query_s)
    driver.decide(intent("held", "open", quantity=str(lots), style="market"))
    client = driver.last(Requested).client_order_id
    trade = Trade("held.t1", str(lots), "100", driver.close_ns)
    driver.report(client, "filled", filled=str(lots), trades=[trade])
    driver.bar()
    return driver


def make(driver: Driver, rules: Rules, held: int, *intents: Intent) -> tuple[World, State]:
    """The world right after a decision."""
    effects = driver.decide(*intents)
    engine = Engine(driver)
    now = driver.close_ns // SECOND_NS
    world = World(engine, rules, held)
    state = State(engine.first, EMPTY._replace(position=held), (), (), (), (), (), now, (), 1, 0, 0, False)
    return world, world.take(state, engine.outcomes_of(effects))


def settled(world: World, state: State) -> State:
    """The world in which everything that is under way has arrived and been filled."""
    while (step := world.next_to_rest(state)) is not None and step.verb != "timer":
        state = world.after(state, step)
    return state


def entry_and_add() -> tuple[World, State]:
    """A limit with a time to live and a market order instead of it, and a second entry at the market."""
    rules = Rules(moves=(decision("cancel the limit", intent("c", "cancel", order_id="limit/1")),))
    return make(
        start(LATER_S), rules, 0,
        intent("limit", "open", quantity="2", style="limit", limit_price="99", time_to_live_ns=TIME_TO_LIVE_NS,
               fallback=["timeout"]),
        intent("market", "open", quantity="1", style="market"),
    )  # fmt: skip


def close_and_partial_close() -> tuple[World, State]:
    """A part of a leg is being closed, then the whole leg."""
    rules = Rules(moves=(decision("close", intent("close", "close"), closes="close"),))
    return make(holding(3, LATER_S), rules, 3, intent("part", "partial_close", quantity="1"))


def resting_close_and_close() -> tuple[World, State]:
    """A limit rests to close a part of a leg, then the whole leg is closed at the market."""
    rules = Rules(moves=(decision("close", intent("close", "close"), closes="close"),))
    resting = intent("part", "partial_close", quantity="1", style="limit", limit_price="101")
    return make(holding(2, SOON_S), rules, 2, resting)


def flatten_and_resting_close() -> tuple[World, State]:
    """The operator has everything closed, which the venue refuses for now, and a limit is to close a part."""
    limit = intent("part", "partial_close", quantity="1", style="limit", limit_price="101")
    flatten = Move("flatten", 0, (("command", "flatten"),), closes="flatten")
    return make(holding(2, SOON_S), Rules(moves=(flatten, decision("close a part", limit)), mishaps=2), 2)


def entry_and_flatten() -> tuple[World, State]:
    """An entry at a limit, and the operator has everything closed."""
    rules = Rules(moves=(Move("flatten", 0, (("command", "flatten"),), closes="flatten"),))
    resting = intent("more", "add", quantity="2", style="limit", limit_price="99")
    return make(holding(1, SOON_S), rules, 1, resting)


def entry_with_a_stop() -> tuple[World, State]:
    """An entry that brings its own stop, one for each of its fills; a part of it is closed."""
    rules = Rules(moves=(decision("close a part", intent("part", "partial_close", quantity="1")),), protects=True)
    entry = intent("entry", "open", quantity="2", style="market", stop_loss="95")
    return make(start(SOON_S), rules, 0, entry)


def stop_of_a_leg() -> tuple[World, State]:
    """A leg of two is given one stop for all of it, which is moved; a part of it is closed."""
    rules = Rules(
        moves=(
            decision("move the stop", intent("moved", "protect", stop_loss="96")),
            decision("close a part", intent("part", "partial_close", quantity="1")),
        ),
        protects=True,
    )
    return make(holding(2, SOON_S), rules, 2, intent("whole", "protect", stop_loss="95"))


def two_stops() -> tuple[World, State]:
    """Two entries whose stops stand, at a venue that cancels without naming what has filled; a part is closed."""
    part = decision("close a part", intent("part", "partial_close", quantity="1"))
    rules = Rules(moves=(part,), cancel_names_total=False, protects=True, pairs=("near", "far"))
    world, state = make(
        start(SOON_S), rules, 0,
        intent("near", "open", quantity="2", style="market", stop_loss="95"),
        intent("far", "open", quantity="1", style="market", stop_loss="90"),
    )  # fmt: skip
    return world, settled(world, state)


def entry_with_both() -> tuple[World, State]:
    """An entry that brings its own stop and target, one of each for each of its fills; a part of it is closed."""
    part = decision("close a part", intent("part", "partial_close", quantity="1"))
    entry = intent("entry", "open", quantity="2", style="market", stop_loss="95", take_profit="110")
    return make(start(SOON_S), Rules(moves=(part,), protects=True, has_target=True, by_fill=True), 0, entry)


def target_of_a_leg() -> tuple[World, State]:
    """A leg of two is given one target for all of it, which is moved; a part of it is closed."""
    moves = (
        decision("move the target", intent("moved", "protect", take_profit="112")),
        decision("close a part", intent("part", "partial_close", quantity="1")),
    )
    whole = intent("whole", "protect", take_profit="110")
    return make(holding(2, SOON_S), Rules(moves=moves, has_target=True), 2, whole)


def both_of_a_leg() -> tuple[World, State]:
    """A leg of two is given a stop and a target for all of it; the stop is moved."""
    moved = decision("move the stop", intent("moved", "protect", stop_loss="96", take_profit="110"))
    whole = intent("whole", "protect", stop_loss="95", take_profit="110")
    return make(holding(2, SOON_S), Rules(moves=(moved,), protects=True, has_target=True), 2, whole)


def entry_of_totals() -> tuple[World, State]:
    """A limit and a market order at a venue that answers with totals only; trades come by the stream."""
    rules = Rules(names_trades=False, cancel_names_total=False)
    rules = rules._replace(moves=(decision("cancel the limit", intent("c", "cancel", order_id="limit/1")),))
    return make(
        start(SOON_S), rules, 0,
        intent("limit", "open", quantity="2", style="limit", limit_price="99"),
        intent("market", "open", quantity="1", style="market"),
    )  # fmt: skip


def long_run() -> tuple[World, State]:
    """Everything that may be asked for on one leg, each once, in any order; for runs that are drawn."""
    limit = {"style": "limit", "limit_price": "99"}
    moves = (
        decision("open", intent("open", "open", quantity="2", style="market")),
        decision("open at a limit", intent("limit", "open", quantity="3", time_to_live_ns=TIME_TO_LIVE_NS,
                                           fallback=["timeout"], **limit)),
        decision("add", intent("add", "add", quantity="1", style="market")),
        decision("add at a limit", intent("more", "add", quantity="2", **limit)),
        decision("cancel the limit", intent("c1", "cancel", order_id="limit/1")),
        decision("cancel the add", intent("c2", "cancel", order_id="more/1")),
        decision("close a part", intent("part", "partial_close", quantity="1")),
        decision("close a part at a limit", intent("resting", "partial_close", quantity="2", style="limit",
                                                   limit_price="101")),
        decision("close", intent("close", "close")),
        decision("close again", intent("again", "close")),
        Move("flatten", 0, (("command", "flatten"),), closes="flatten"),
    )  # fmt: skip
    return make(holding(3, SOON_S), Rules(moves, doubles=4, restarts=3, mishaps=3), 3)


WORLDS: dict[str, Making] = {
    "entry and add": entry_and_add,
    "close and partial close": close_and_partial_close,
    "resting close and close": resting_close_and_close,
    "flatten and resting close": flatten_and_resting_close,
    "entry and flatten": entry_and_flatten,
    "entry of totals": entry_of_totals,
    "entry with a stop": entry_with_a_stop,
    "two stops": two_stops,
    "entry with both": entry_with_both,
    "stop of a leg": stop_of_a_leg,
    "target of a leg": target_of_a_leg,
    "both of a leg": both_of_a_leg,
}
