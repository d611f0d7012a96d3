from typing import Any

from live_runner.hotpath.engine.decisions import Decisions
from live_runner.hotpath.engine.session import Session
from live_runner.hotpath.engine.strategy import Desk

class CompiledHost(Decisions):
    def __init__(self, session: Session, strategy: Any, desk: Desk, skips_late: bool) -> None: ...
