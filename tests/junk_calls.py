"""Calls everything of the engine that Python can reach, with arguments that nobody means: run in a process of its own.

    python junk_calls.py FIRST END LAST_CALL

Each number from FIRST to END draws one session and some hundred calls. The call that comes next stands in the file
LAST_CALL, for whoever finds that this process has died of a signal. Errors are what is asked for; only what is no
``Exception`` comes out.
"""

from __future__ import annotations

import importlib
import inspect
import random
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))

import session_world

from live_runner.contracts.messages import Command, Intent
from live_runner.hotpath.engine import NEVER_COMPILED
from live_runner.services.backtest.columns import ColumnsBacktest
from live_runner.services.backtest.session import begin

ENGINE = "live_runner.hotpath.engine"
SOURCES = Path(importlib.import_module(ENGINE).__path__[0])
WRITTEN_ONCE = {path.stem for path in SOURCES.glob("*.py")} - {"__init__", *NEVER_COMPILED}
MODULES = (*sorted(WRITTEN_ONCE), *sorted(path.stem for path in SOURCES.glob("*.pyx")))
CALLS = 300
BARS = 40
JUNK: tuple[Callable[[], Any], ...] = (
    lambda: None,
    lambda: -1,
    lambda: 2,
    lambda: 7,
    lambda: 2**31 - 1,
    lambda: -(2**31),
    lambda: 2**63 - 1,
    lambda: 2**63,
    lambda: 2**127,
    lambda: -(2**200),
    lambda: float("nan"),
    lambda: float("inf"),
    lambda: 1e300,
    lambda: "",
    lambda: "x",
    lambda: "0.5",
    lambda: b"",
    lambda: (),
    list,
    dict,
    lambda: [None],
    lambda: [[]],
    lambda: [[None] * 20],
    lambda: (0, 0, 0),
    lambda: {"": None},
    object,
    lambda: np.zeros(3),
    lambda: np.zeros(3, dtype=np.int64),
)


def session(draw: random.Random) -> tuple[Any, Any, Any]:
    """A session in the middle of its market, its host and its columns' grid."""
    world = session_world.make_world(market_seed=draw.randrange(100), bars=BARS)
    facts, _ = world.facts_and_items()
    _, started = begin(world.config, world.source, world.strategy_class, facts, session_world.ENGINE)
    timeline = world.timeline()
    events: list[Any] = []
    backtest = ColumnsBacktest(
        started, world.config, world.strategy_class, timeline, sink=draw.choice([None, events.append])
    )
    if draw.random() < 0.7:
        backtest.run()
    return backtest, started, timeline


def made(draw: random.Random) -> dict[str, list[Any]]:
    """Objects of a session by the name of their class, and every class of the engine."""
    backtest, started, timeline = session(draw)
    engine = backtest.engine
    found: dict[str, list[Any]] = {}
    seen: set[int] = set()
    waiting = [engine, backtest._host]
    while waiting:
        value = waiting.pop()
        if isinstance(value, list | tuple | dict):
            waiting.extend(list(value.values() if isinstance(value, dict) else value)[:5])
        elif type(value).__module__.startswith(ENGINE) and id(value) not in seen:
            seen.add(id(value))
            found.setdefault(type(value).__name__, []).append(value)
            waiting.extend(attributes(value))
    found["Started"] = [started]
    found["grid"] = [np.ascontiguousarray(timeline.opens_ns, dtype=np.int64)]
    return found


def attributes(value: Any) -> Iterator[Any]:
    """What an object of the engine shows of itself."""
    for name in dir(type(value)):
        if not name.startswith("__"):
            try:
                yield getattr(value, name)
            except Exception:  # noqa: BLE001  # a blank object raises what it likes
                continue


def classes() -> Iterator[type[Any]]:
    """Every class of the engine."""
    for module in MODULES:
        loaded = importlib.import_module(f"{ENGINE}.{module}")
        for value in vars(loaded).values():
            if isinstance(value, type) and value.__module__ == loaded.__name__:
                yield value


def is_checked(kind: type[Any]) -> bool:
    """Whether a field that is None is an error everywhere in its module: without __init__ all of them are.

    Where bars pass a check at each access would be paid at every bar; there arguments are checked, and a blank
    object, which nobody makes by accident, is not.
    """
    source = SOURCES / f"{kind.__module__.rpartition('.')[2]}.py"
    return source.exists() and "nonecheck=True" in source.read_text(encoding="utf-8")[:200]


def make_blank(kind: Any) -> Any:
    """An object without __init__."""
    return kind.__new__(kind)


def functions() -> Iterator[Callable[..., Any]]:
    """Every function of the engine that Python can call."""
    for module in MODULES:
        loaded = importlib.import_module(f"{ENGINE}.{module}")
        for name, value in vars(loaded).items():
            if callable(value) and not isinstance(value, type) and not name.startswith("__"):
                yield value


def parameters(function: Callable[..., Any]) -> list[inspect.Parameter]:
    """Names of what a function takes; a compiled constructor does not say."""
    try:
        return [p for p in inspect.signature(function).parameters.values() if p.name != "self"]
    except (TypeError, ValueError):
        return []


MEANT: dict[str, Callable[[random.Random, dict[str, list[Any]]], Any]] = {
    "started": lambda draw, found: found["Started"][0],
    "grid": lambda draw, found: found["grid"][0],
    "open_ns": lambda draw, found: int(found["grid"][0][0]),
    "close_ns": lambda draw, found: int(found["grid"][0][-1]),
    "length_ns": lambda draw, found: 60_000_000_000,
    "lots": lambda draw, found: draw.choice([0, 1, 1000]),
    "ticks": lambda draw, found: draw.choice([1, 50_000]),
    "scale": lambda draw, found: 1000,
    "symbol": lambda draw, found: draw.choice(["BTC/USDT:USDT", 0, 1]),
    "warmup_sets": lambda draw, found: 0,
    "due": lambda draw, found: [],
    "orders": lambda draw, found: {order.order_id: order for order in found.get("Order", [])},
    "row": lambda draw, found: draw.choice([list, dict])(),
    "rows": lambda draw, found: [],
    "command": lambda draw, found: Command(
        id="c", session="test", source="cli", seq=1, cause="", event_ns=1, command="flatten", author="a", reason="r"
    ),
    "intents": lambda draw, found: found.get("Asked", []),
    "intent": lambda draw, found: Intent(id="i", symbol="BTC/USDT:USDT", leg="long", action="open", bar_open_ns=0),
    "state": lambda draw, found: found["State"][0],
    "columns": lambda draw, found: draw.choice([None, found["Columns"][0]]),
}


def argument(draw: random.Random, name: str, found: dict[str, list[Any]], blanks: list[Any]) -> Any:
    """One argument: mostly one that the name asks for, now and then anything."""
    kind = draw.random()
    if kind < 0.5:
        if name in MEANT:
            return MEANT[name](draw, found)
        fitting = [key for key in found if key.lower() == name.replace("_", "")]
        if fitting:
            return draw.choice(found[fitting[0]])
        if name in ("position", "market"):
            return draw.choice(found["Market"])
        if name == "leg":
            return draw.choice([0, 1, *found["Leg"]])
        if name == "venue":
            return draw.choice(found["Paper"])
        return draw.choice([0, 1, 1, True])
    if kind < 0.8:
        return draw.choice(JUNK)()
    if kind < 0.9:
        return draw.choice(blanks)
    return draw.choice(draw.choice(list(found.values())))


def calls(draw: random.Random, found: dict[str, list[Any]], note: Callable[[str], None]) -> None:
    """Constructors, methods, functions and attributes, in any order."""
    blanks = []
    kinds = list(classes())
    known = list(functions())
    for kind in kinds:
        try:
            if is_checked(kind):
                blanks.append(make_blank(kind))
        except Exception:  # noqa: BLE001  # abstract, or wants arguments
            continue
    targets = [value for values in found.values() for value in values if type(value).__module__.startswith(ENGINE)]
    for _ in range(CALLS):
        choice = draw.random()
        target: Any
        if choice < 0.2:
            target = draw.choice(kinds)
        elif choice < 0.35:
            target = draw.choice(known)
        else:
            owner = draw.choice(targets if draw.random() < 0.7 else blanks)
            if draw.random() < 0.4:  # what has most to break
                owner = draw.choice(found[draw.choice(["Session", "Columns", "State", "Ledger", "Book", "PythonHost"])])
            names = [name for name in dir(type(owner)) if not name.startswith("__") or name in ("__init__", "__repr__")]
            if not names:
                continue
            name = draw.choice(names)
            if draw.random() < 0.2:
                value = argument(draw, name, found, blanks)
                note(f"{type(owner).__name__}.{name} = {type(value).__name__}")
                attempt(setattr, owner, name, value)
                continue
            note(f"{type(owner).__name__}.{name}")
            try:
                target = getattr(owner, name)
            except Exception:  # noqa: BLE001
                continue
            if not callable(target):
                continue
        taken = [p for p in parameters(target) if p.kind is not inspect.Parameter.VAR_KEYWORD]
        arguments = [argument(draw, p.name, found, blanks) for p in taken] or [
            argument(draw, "", found, blanks) for _ in range(draw.randrange(5))
        ]
        note(f"{getattr(target, '__qualname__', target)}({', '.join(type(a).__name__ for a in arguments)})")
        result = attempt(target, *arguments)
        if type(result).__module__.startswith(ENGINE):
            found.setdefault(type(result).__name__, []).append(result)


def attempt(function: Callable[..., Any], *arguments: Any) -> Any:
    """The result, or None where it raised."""
    try:
        return function(*arguments)
    except Exception:  # noqa: BLE001  # any error is an answer
        return None


def main(first: int, end: int, last_call: Path) -> None:
    with last_call.open("w") as file:

        def note(text: str) -> None:
            file.seek(0)
            file.write(f"seed {seed}: {text}\n")
            file.truncate()
            file.flush()

        for seed in range(first, end):
            draw = random.Random(seed)
            note("a session")
            calls(draw, made(draw), note)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]))
