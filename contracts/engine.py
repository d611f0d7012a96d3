"""The version of the engine: which rules, and which bytes, a session is played with."""

from __future__ import annotations

from typing import Final

__all__ = ["ENGINE"]

ENGINE: Final = 2
"""Raised by each change of a rule or of an event's bytes.

A session is replayed, compared and recovered by an engine of its own version only. One whose ``started`` names no
version was played by version 1.
"""
