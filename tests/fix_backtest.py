"""Sessions made in one process; what they are made of stands in session_world.py."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from session_world import World

type MakeWorld = Callable[..., World]


@pytest.fixture
def make_world(seed: int) -> MakeWorld:
    """Makes a session to be over a simulated market of the run's seed; keywords change its configuration."""
    # Imported when asked for: tests of contracts and runtime need no cores.
    import session_world

    def make(*args: Any, market_seed: int | None = None, **changes: Any) -> World:
        return session_world.make_world(*args, market_seed=seed if market_seed is None else market_seed, **changes)

    return make
