from typing import Any, Final

from live_runner.hotpath.engine.state import State

class Desk:
    def __init__(self, state: State, rules: list[tuple[float, ...]]) -> None: ...

class CompiledStrategy:
    parameters: Final[Any]
    symbols: Final[tuple[str, ...]]
    timeframe: Final[str]
    reasons: Final[list[str]]
    def __init__(self, parameters: Any, symbols: tuple[str, ...], timeframe: str) -> None: ...
