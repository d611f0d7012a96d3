from typing import Any, Final

from live_runner.contracts.messages import Event
from live_runner.hotpath.compiled.execution import Execution

LEGS: Final[tuple[str, str]]
ACTIONS: Final[tuple[str, ...]]
KINDS: Final[tuple[str, ...]]
STATES: Final[tuple[str, ...]]

class Journal:
    def __init__(
        self, machine: Execution, session: str, symbols: tuple[str, ...], settles: tuple[str, ...]
    ) -> None: ...
    def events(self, first: int, cause: str) -> list[Event]: ...
    def order_id(self, order: int) -> str: ...
    def rejection(self, backoff: dict[str, Any]) -> tuple[str, str]: ...
    def pending[T](self, kind: type[T], texts: bool) -> list[T]: ...
