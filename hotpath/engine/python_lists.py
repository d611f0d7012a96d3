"""Shortening lists, for the interpreted engine: lists.pxd has the same names for the compiled one."""

from __future__ import annotations

from typing import Any

__all__ = ["drop_first", "drop_last", "empty"]


def empty(items: list[Any]) -> None:
    """Take everything off."""
    items.clear()


def drop_first(items: list[Any]) -> None:
    """Take the first off a list that is not empty."""
    del items[0]


def drop_last(items: list[Any]) -> None:
    """Take the last off a list that is not empty."""
    del items[-1]
