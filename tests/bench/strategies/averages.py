"""The averages of ema_cross and no orders: what is left of its time is the price of the orders."""

from __future__ import annotations

from live_runner.strategies.base import Bar, Draft, View
from live_runner.strategies.ema_cross import EmaCross

__all__ = ["Averages"]


class Averages(EmaCross):
    """Watches, and never asks for anything."""

    def on_bar(self, bar: Bar, view: View) -> list[Draft]:
        return []
