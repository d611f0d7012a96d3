"""The engine and the emulator are two opinions of what a venue does: neither is made of the other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from live_runner.services.emulator.binance import ENDPOINTS as ANSWERED
from live_runner.services.emulator.endpoints import ENDPOINTS
from live_runner.services.emulator.venue import LISTEN_KEY

if TYPE_CHECKING:
    from fix_sources import Source

# All that the emulator may reach of the product, directly or through what it imports.
ALLOWED = (
    "live_runner.contracts",
    "live_runner.services.emulator",
    "live_runner.services.market_data.core.simulation",
    "live_runner.services.market_data.core.simulated_symbols",
    "live_runner.services.market_data.core.candles",
    "live_runner.services.market_data.core.randomness",
    "live_runner.services.market_data.datasets.candle_files",
)


def test_the_emulator_reaches_nothing_that_decides_for_a_session(sources: list[Source]) -> None:
    """Transitively: what its imports import counts as well."""
    by_module = {source.module: source for source in sources}
    reached: dict[str, str] = {}
    waiting = [module for module in by_module if module.startswith("live_runner.services.emulator")]
    assert len(waiting) > 20
    while waiting:
        module = waiting.pop()
        for imported in modules(by_module[module], by_module):
            if imported not in reached:
                reached[imported] = module
                waiting.append(imported)

    wrong = {to: by for to, by in reached.items() if not is_allowed(to)}
    assert wrong == {}
    assert "live_runner.services.market_data.core.randomness" in reached


def test_nothing_of_the_product_imports_the_emulator(sources: list[Source]) -> None:
    """But the command that starts it."""
    users = {
        source.name
        for source in sources
        if not source.name.startswith("services/emulator/")
        and any(name.startswith("live_runner.services.emulator") for name in source.imports())
    }

    assert users == {"services/cli/commands/serve.py"}


def test_every_endpoint_of_the_exchange_has_its_weight_and_its_security() -> None:
    assert set(ENDPOINTS) == ANSWERED | {f"{method} {LISTEN_KEY}" for method in ("POST", "PUT", "DELETE")}


def modules(source: Source, known: dict[str, Source]) -> set[str]:
    """Modules of the product that a file imports, with the packages that they lie in."""
    found = set()
    for name in source.imports():
        parts = name.split(".")
        found |= {".".join(parts[: n + 1]) for n in range(len(parts))} & set(known)
    return found


def is_allowed(module: str) -> bool:
    """Whether it is one of ``ALLOWED``, in one, or a package with nothing in it but one."""
    return any(module == name or module.startswith(f"{name}.") or name.startswith(f"{module}.") for name in ALLOWED)
