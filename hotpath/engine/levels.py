# cython: language_level=3, annotation_typing=False, auto_pickle=False, nonecheck=True
"""How near the limits and caps of a session are, in messages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import cython
from msgspec import UNSET

from live_runner.contracts.messages import RiskLevel

if TYPE_CHECKING:
    from live_runner.hotpath.engine.caps import Caps
    from live_runner.hotpath.engine.risk import Risk
if not cython.compiled:
    from live_runner.hotpath.engine.limits import units_of
    from live_runner.hotpath.engine.python_money import money_text, of_whole

__all__ = ["NO_BOOK", "levels_of"]

NO_BOOK: Final = "the session has no order book"


def levels_of(risk: Risk, caps: Caps) -> list[RiskLevel]:
    """Every limit that is configured, then every cap that has a level."""
    found = []
    for limit in risk.limits:
        left = limit.most - limit.value
        found.append(
            RiskLevel(
                name=limit.name,
                value=money_text(limit.value),
                limit=money_text(limit.most),
                left=money_text(left),
                tripped=bool(limit.tripped),
            )
        )
    given: Any = risk.state.config.risk
    if given is not UNSET and given.spread is not None and risk.spread is None:
        most = money_text(of_whole(units_of(given.spread.limit_bp)))
        found.append(RiskLevel(name="spread", value="0", limit=most, left=most, not_applied=NO_BOOK))
    for name, value, cap in caps.levels():
        found.append(
            RiskLevel(
                name=name,
                value=money_text(of_whole(value)),
                limit=money_text(of_whole(cap)),
                left=money_text(of_whole(cap - value)),
            )
        )
    return found
