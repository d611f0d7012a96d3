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
