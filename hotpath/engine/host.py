# cython: language_level=3, annotation_typing=False, auto_pickle=False, nonecheck=True
"""Who decides in a session: what the session asks of the strategy's side at every bar set."""

from __future__ import annotations

from typing import Any

__all__ = ["GaveUpError", "Host"]


class GaveUpError(Exception):
    """A compiled strategy leaves the session to its Python twin, which names what is wrong."""


class Host:
    """Calls a strategy. It is made for one session and knows its columns, account and orders."""

    def observe(self) -> None:
        """Show every bar of the set, in configured order."""
        raise NotImplementedError

    def decide(self) -> None:
        """Order events since the last decision, then ``on_bar`` of every symbol, then hand the intents over."""
        raise NotImplementedError

    def decision(self) -> tuple[list[Any], list[Any], list[Any]]:
        """The last decision in messages: intents, blocked intents, failed calls. For a journal."""
        raise NotImplementedError
