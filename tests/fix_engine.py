"""The engine's account and book, driven with plain numbers."""

from __future__ import annotations

import importlib.util
import os
import shlex
import subprocess
import sys
import sysconfig
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from live_runner.hotpath import fixed
from live_runner.hotpath.engine import INTERPRETED, orders, python_money
from live_runner.hotpath.engine.book import Book, CallbackVenue
from live_runner.hotpath.engine.ledger import Ledger, Position
from live_runner.hotpath.engine.orders import order_row, restored_order
from live_runner.hotpath.engine.words import AVERAGE, CLOSE, FIFO, LIFO, OPEN, REQUESTED, STOP, TAKE_PROFIT

ROOT = Path(__file__).parents[1]
BUILD_TIMEOUT_S = 200
METHODS = {"lifo": LIFO, "fifo": FIFO, "average": AVERAGE}


class Account:
    """A ledger whose instruments have numbers, from 0; legs are 0 (long) and 1."""

    def __init__(self, equity: int, method: str, *sizes: tuple[str, str, str]) -> None:
        self.ledger: Any = Ledger(equity, METHODS[method])
        self.positions: list[Any] = []
        for size in sizes:
            value = fixed.Valuation(*size)
            self.positions.append(Position(value.multiplier, value.divisor))
            self.ledger.add(self.positions[-1])

    def __getattr__(self, name: str) -> Any:
        return getattr(self.ledger, name)

    @property
    def equity(self) -> int:
        """Cash and what is open, at the last marks."""
        return int(self.ledger.cash + self.ledger.unrealised)

    def leg(self, instrument: int, leg: int) -> Any:
        """One leg of an instrument."""
        position = self.positions[instrument]
        return position.short if leg else position.long

    def quantity(self, instrument: int, leg: int) -> int:
        """Open lots of a leg."""
        return int(self.leg(instrument, leg).quantity)

    def cost(self, instrument: int, leg: int) -> int:
        """Sum of quantity times price over the open lots of a leg."""
        return int(self.leg(instrument, leg).cost)

    def lots(self, instrument: int, leg: int) -> list[tuple[int, int, int, Any]]:
        """Open lots, oldest first: quantity, cost, time, order."""
        return [(lot.quantity, lot.cost, lot.opened_ns, lot.order) for lot in self.leg(instrument, leg).lots]

    def increase(
        self,
        instrument: int,
        leg: int,
        quantity: int,
        ticks: int,
        reference: int | None = None,
        rate: int = 0,
        decimals: int = 0,
        maker: bool = False,
        fee: int | None = None,
        opened_ns: int = 1,
        order: Any = "o",
    ) -> tuple[int, int, int, int]:
        """Open lots: notional, fee, realised and slippage of the fill."""
        self.ledger.increase(
            self.positions[instrument],
            self.leg(instrument, leg),
            quantity,
            ticks,
            ticks if reference is None else reference,
            rate,
            10**decimals,
            maker,
            fee is not None,
            fee or 0,
            opened_ns,
            order,
        )
        return self._filled()

    def reduce(
        self,
        instrument: int,
        leg: int,
        quantity: int,
        ticks: int,
        reference: int | None = None,
        rate: int = 0,
        decimals: int = 0,
        maker: bool = False,
        fee: int | None = None,
    ) -> tuple[int, int, int, int]:
        """Close lots: notional, fee, realised and slippage of the fill."""
        self.ledger.reduce(
            self.positions[instrument],
            self.leg(instrument, leg),
            quantity,
            ticks,
            ticks if reference is None else reference,
            rate,
            10**decimals,
            maker,
            fee is not None,
            fee or 0,
        )
        return self._filled()

    def _filled(self) -> tuple[int, int, int, int]:
        account = self.ledger
        return account.filled_notional, account.filled_fee, account.filled_realised, account.filled_slippage

    def fund(self, instrument: int, leg: int, ticks: int, rate: int, decimals: int) -> int:
        """Funding of a leg at a mark."""
        return int(self.ledger.fund(self.positions[instrument], self.leg(instrument, leg), ticks, rate, 10**decimals))

    def mark(self, instrument: int, ticks: int) -> None:
        """Value an instrument at a price."""
        self.ledger.mark_at(self.positions[instrument], ticks)

    def unrealised_at(self, instrument: int, ticks: int) -> int:
        """What the open lots of an instrument would be worth over their cost."""
        return int(self.ledger.unrealised_at(self.positions[instrument], ticks))

    def notional_at(self, instrument: int, ticks: int) -> int:
        """Notional of the legs of an instrument at a price."""
        return int(self.ledger.notional_at(self.positions[instrument], ticks))


FRESH: dict[str, Any] = dict.fromkeys(orders._REST, 0) | {
    "named_attempt": 1,
    "part_number": 1,
    "state": REQUESTED,
    "expires_ns": -1,
    "asked": None,
    "cancel_reason": "",
    "venue_order_id": "",
}
"""What an order's row has of one that nothing has happened to, by name: a field more is 0."""


def new_order(
    number: int,
    leg: int,
    kind: int,
    reduce: bool,
    lots: int,
    ticks: int = 0,
    stop: int = 0,
    target: int = 0,
    waits: bool = False,
) -> Any:
    """An order of the engine, known by its number; 0 ticks is no price."""
    action = CLOSE if reduce else OPEN
    made = ["s", 1, number, 1, 0, leg, action, kind, lots, ticks, 100, reduce, ""]
    rest = FRESH | {"stop": stop, "target": target, "venue_number": number, "waits": waits}
    return restored_order([made, list(rest.values()), f"s/1/{number}", None], None)


class Paper:
    """A book with the account behind it. Each half of a bar returns what it did, in order:

    ("filled", order, lots, ticks, reference, maker), ("born", order, parent, kind, lots, ticks),
    ("cancelled", order, why).
    """

    def __init__(self, up: int, down: int, base: int, through: bool = False, one_way: bool = False) -> None:
        self.shape = (up, down, base, through, one_way)
        self.book: Any = Book(*self.shape)
        self.account = Account(0, "lifo", ("0.000001", "0.000001", "1"))
        self.venue = CallbackVenue(self._filled, self._cancelled)
        self.orders: dict[int, Any] = {}
        self.happened: list[tuple[Any, ...]] = []
        self.number = 0

    @property
    def position(self) -> Any:
        """Of the one instrument."""
        return self.account.positions[0]

    @property
    def held(self) -> list[int]:
        """Lots of both legs."""
        return [self.account.quantity(0, 0), self.account.quantity(0, 1)]

    def add(self, leg: int, kind: int, reduce: bool, lots: int, *more: Any) -> int:
        """One more order; its number."""
        order = new_order(self.number + 1, leg, kind, reduce, lots, *more)
        self.book.add(order)
        self.number += 1
        self.orders[self.number] = order
        return self.number

    def remove(self, number: int) -> int:
        """Take an order off the book; the lots that it had open there."""
        lots = self.remaining(number)
        if number in self.orders:
            self.book.remove(self.orders[number])
        return lots

    def remaining(self, number: int) -> int:
        """Open lots of an order on the book."""
        order = self.orders.get(number)
        return 0 if order is None or order.gone else int(order.remaining)

    def at_open(self, ticks: int, cap: int = -1, late: bool = False) -> list[tuple[Any, ...]]:
        """The first half of a bar."""
        self.book.at_open(self.venue, self.position, ticks, cap, late, 1)
        return self._taken()

    def inside(self, high: int, low: int) -> list[tuple[Any, ...]]:
        """The second half."""
        self.book.inside(self.venue, self.position, high, low, low, False, 1)
        return self._taken()

    def at_close(self, number: int, ticks: int, cap: int = -1) -> list[tuple[Any, ...]]:
        """One market order at the close."""
        self.book.at_close(self.venue, self.position, self.orders[number], ticks, cap, 1)
        return self._taken()

    def clear(self, why: int) -> list[tuple[Any, ...]]:
        """Cancel everything."""
        self.book.clear(self.venue, why)
        return self._taken()

    def renew(self) -> None:
        """Go on from a snapshot."""
        rows = self.book.listed()
        for number, order in self.orders.items():
            self.orders[number] = restored_order(order_row(order), None)
        self.book = Book(*self.shape)
        self.book.restore(rows, {order.order_id: order for order in self.orders.values()})
        assert self.book.listed() == rows

    def _taken(self) -> list[tuple[Any, ...]]:
        happened = self.happened
        self.happened = []
        return happened

    def _filled(self, order: Any, lots: int, ticks: int, reference: int, maker: bool, at_ns: int) -> None:
        change = self.account.reduce if order.reduce else self.account.increase
        change(0, order.side, lots, ticks, reference)
        self.happened.append(("filled", order.number, lots, ticks, reference, bool(maker)))
        if not order.reduce:
            stop = self._born(order, STOP, lots, order.stop)
            target = self._born(order, TAKE_PROFIT, lots, order.target)
            if stop and target:
                self.book.tie(self.orders[stop], self.orders[target])

    def _born(self, entry: Any, kind: int, lots: int, ticks: int) -> int:
        if not ticks:
            return 0
        number = self.add(entry.side, kind, True, lots, ticks)
        self.happened.append(("born", number, entry.number, kind, lots, ticks))
        return number

    def _cancelled(self, order: Any, why: int) -> None:
        self.happened.append(("cancelled", order.number, why))


@pytest.fixture(scope="session")
def money_calls(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The engine's arithmetic of money: of the compiler, in a module that is built here, or of the interpreter."""
    if INTERPRETED:
        return python_money
    return built(ROOT / "tests/property/money_calls.pyx", tmp_path_factory.mktemp("money"))


def built(source: Path, folder: Path) -> ModuleType:
    """A Cython module of the tests, compiled and imported."""
    c, library = folder / f"{source.stem}.c", folder / f"{source.stem}.so"
    flags = ("-O2", "-ffp-contract=off", "-fPIC", "-shared", "-w", *shlex.split(os.environ.get("CFLAGS", "")))
    include = ("-I", sysconfig.get_path("include"))
    commands: tuple[tuple[str | Path, ...], ...] = (
        (sys.executable, "-m", "cython", "-3", "-I", ROOT / "build/view", source, "-o", c),
        (os.environ.get("CC", "cc"), *flags, *include, c, "-o", library, "-lm"),
    )
    for command in commands:
        subprocess.run(command, check=True, timeout=BUILD_TIMEOUT_S)
    spec = importlib.util.spec_from_file_location(source.stem, library)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
