"""Differences of one venue from most, as data and small functions.

A precision is decimal text as ccxt states it: a step, a number of decimals or of significant digits, by mode.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final, NamedTuple

from live_runner.services.venues.answers import AnswerTable
from live_runner.services.venues.client_ids import ClientIds

__all__ = ["FINEST_STEP", "Precision", "VenueProfile", "decimals_of", "grid", "power_of_ten"]

FINEST_STEP: Final = "0.00000001"
"""Grid of markets that count significant digits: eight decimals, the finest that such venues take."""


class Precision(NamedTuple):
    """The precision of a market's prices and amounts."""

    mode: str
    """``tick_size``, ``decimal_places`` or ``significant_digits``."""
    price: str
    amount: str
    is_contract: bool


def grid(mode: str, precision: str) -> str:
    """The step that every value of this precision is a multiple of."""
    if mode == "decimal_places":
        return power_of_ten(int(precision))
    return precision if mode == "tick_size" else FINEST_STEP


def decimals_of(text: str) -> int:
    """Places after the point."""
    return len(text.partition(".")[2])


def power_of_ten(decimals: int) -> str:
    """10**-decimals as text."""
    return format(Decimal(1).scaleb(-decimals), "f")


@dataclass(frozen=True, slots=True)
class VenueProfile:
    """One venue; the defaults are what most venues do."""

    tick_size: Callable[[Precision], str] = lambda precision: grid(precision.mode, precision.price)
    lot_size: Callable[[Precision], str] = lambda precision: grid(precision.mode, precision.amount)
    # Currencies and margin pairs are nothing that market data needs, and ask for keys.
    options: Mapping[str, Any] = field(default_factory=lambda: {"fetchCurrencies": False, "fetchMargins": False})
    """ccxt's ``options``, below those of the configuration."""
    client_ids: ClientIds | None = None
    """Client order ids at the venue; None where nobody has looked: no order can be sent there."""
    answers: AnswerTable | None = None
    """What its answers prove; None where nobody has looked: no order can be sent there."""
    calls: Mapping[str, int] = field(default_factory=dict)
    """Weight of ccxt's methods in the venue's limit of requests; ``NAME all`` is the method without a symbol."""
    weight_limit: int = 60
    """Weight that one address may use in ``weight_window_s``."""
    weight_window_s: int = 60
    used_weight_header: str = ""
    """Header in which an answer names the weight that the address has used in the window; "" where none does."""
    income_kinds: Mapping[str, str] = field(default_factory=dict)
    """Kinds of the venue's ledger by ours (``contracts.messages.Income``); "" for what comes with trades."""
    forced_ids: Mapping[str, str] = field(default_factory=dict)
    """How the client ids of orders begin by which the venue itself closes a position, and why it does."""
    income_page: int = 1000
    """Entries of the ledger that one answer holds at most."""
    income_since: str = ""
    """Parameter by which the ledger is asked for from a time on, where ccxt passes over its own."""
    became: str = ""
    """Field of a trigger order that names, once it has triggered, the order that it has become."""
    order_field: str = ""
    """Parameter by which trades are asked for one order; "" where they cannot be."""
    trades_page: int = 100
    """Trades that one answer holds at most."""
    trades_window_s: int = 7 * 86_400
    """An answer to "trades since" reaches no further."""
    pages_by_id: str = ""
    """Parameter by which trades are asked for from an id on; "" where they cannot be."""
    listings: tuple[Mapping[str, Any], ...] = ({}, {"trigger": True})
    """Parameters of the calls that together list every open order."""
    lists_every_symbol: bool = True
    """Whether open orders are listed without a symbol, too."""
    validate_call: str = ""
    """ccxt's method of the endpoint that checks an order and places none; "" where the venue has none."""
    account_call: str = ""
    """ccxt's method that answers with the account's permissions; "" where there is none."""
    sending_options: Mapping[str, Any] = field(default_factory=dict)
    """ccxt's ``options`` of a private connection, over ``options``."""
    sending_config: Mapping[str, Any] = field(default_factory=dict)
    """ccxt's own configuration of a private connection."""
    is_rehearsed: bool = False
    """Whether the tests hold recorded answers of its private endpoints: only then may orders be sent there."""
