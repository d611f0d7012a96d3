from collections.abc import Mapping
from typing import Any, Final

from live_runner.hotpath.compiled.barloop import BarLoop
from live_runner.hotpath.compiled.execution import Execution

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
