from collections.abc import Mapping
from typing import Any, Final

from live_runner.hotpath.compiled.execution import Execution
from live_runner.hotpath.compiled.strategy import CompiledStrategy, Desk

class BarLoop:
    machine: Final[Execution]
    sets: Final[int]
    warmup_sets: Final[int]
    at: Final[int]
    error: Final[BaseException | None]
    def __init__(
        self,
        machine: Execution,
        columns: list[tuple[Any, ...]],
        grid: Any,
        length_ns: int,
        warmup_sets: int,
        due: list[tuple[int, int, int, int, int, float | None, str]],
        progress: Any = None,
        recorder: Any = None,
    ) -> None: ...

class CompiledHost:
    strategy: Final[CompiledStrategy]
    desk: Final[Desk]
    def __init__(
        self, loop: BarLoop, strategy: CompiledStrategy, desk: Desk, host: Any, adds_at_market: bool
    ) -> None: ...
    def run_all(self) -> int: ...

class LiveBar:
    symbol: Final[str]
    open_ns: Final[int]
    close_ns: Final[int]
    open: Final[float]
    high: Final[float]
    low: Final[float]
    close: Final[float]
    volume: Final[float]
    late: Final[bool]

class LiveView:
    now_ns: Final[int]
    gate: Final[str]
    legs: Final[Mapping[tuple[str, str], Any]]
    orders: Final[Mapping[str, Any]]
    rules: Final[Mapping[str, Any]]
    backoffs: Final[Mapping[tuple[str, str], Any]]
    def __init__(self, machine: Execution, rules: Any, flat: Any, no_backoff: Any) -> None: ...
    def show(self, legs: Any, orders: Any, backoffs: Any) -> None: ...
    def renewed(self) -> LiveView: ...
    @property
    def equity(self) -> float: ...
    @property
    def cash(self) -> float: ...
    @property
    def exposure(self) -> float: ...
    @property
    def margin(self) -> float: ...

def run_python(loop: BarLoop, host: Any, symbols: tuple[str, ...]) -> int: ...
def place_text(
    machine: Execution,
    symbol: int,
    leg: int,
    action: int,
    kind: int,
    quantity: str | None,
    limit_price: str | None,
    time_to_live_ns: int | None,
    fallback: int,
    reason: str,
    number: int,
    close_ns: int,
) -> bool: ...
