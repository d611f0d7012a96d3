"""The engine's account and book, driven with plain numbers."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import sysconfig
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from live_runner.hotpath import fixed
from live_runner.hotpath.engine import INTERPRETED, plain_money
from live_runner.hotpath.engine.ledger import Ledger, Position
from live_runner.hotpath.engine.words import AVERAGE, FIFO, LIFO

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


@pytest.fixture(scope="session")
def money_calls(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The engine's arithmetic of money: of the compiler, in a module that is built here, or of the interpreter."""
    if INTERPRETED:
        return plain_money
    return built(ROOT / "tests/property/money_calls.pyx", tmp_path_factory.mktemp("money"))


def built(source: Path, folder: Path) -> ModuleType:
    """A Cython module of the tests, compiled and imported."""
    c, library = folder / f"{source.stem}.c", folder / f"{source.stem}.so"
    cython = (sys.executable, "-m", "cython", "-3", "-I", ROOT / "build/view", source, "-o", c)
    compiler = (os.environ.get("CC", "cc"), "-O2", "-ffp-contract=off", "-fPIC", "-shared", "-w")
    include = ("-I", sysconfig.get_path("include"))
    for command in (cython, (*compiler, *include, c, "-o", library, "-lm")):
        subprocess.run(command, check=True, timeout=BUILD_TIMEOUT_S)
    spec = importlib.util.spec_from_file_location(source.stem, library)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
