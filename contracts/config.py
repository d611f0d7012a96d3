"""The configuration of a session: what may stand in it, its defaults, and what they mean.

Unknown and missing keys are errors. Every default is written out into the manifest, so that a
changed default can be seen. Reading YAML with line numbers is ``services/runtime/config/config_file.py``.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

__all__ = [
    "Account",
    "Config",
    "Fees",
    "Fills",
    "Limits",
    "Market",
    "StrategyChoice",
]


class _Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    pass


class StrategyChoice(_Section, frozen=True):
    """Which strategy, by file path or by module, and its parameters."""

    path: str | None = None
    """A Python file, relative to the configuration file."""
    module: str | None = None
    """An importable module, for example ``live_runner.strategies.ema_cross``."""
    name: str | None = None
    """The class, when the file or module holds more than one strategy."""
    parameters: dict[str, Any] = {}
    on_error: Literal["manage_only", "stop"] = "manage_only"
    """After an exception in strategy code: go on without opens and adds, or stop the session."""
    legacy: dict[str, Any] | None = None
    """Adapter for old-style classes (strategies/legacy.py); None refuses them."""


class Market(_Section, frozen=True):
    """Where bars come from."""

    venue: str
    symbols: tuple[str, ...]
    """Unified ccxt symbols; their order is the order of everything inside one bar."""
    timeframe: str
    source: Literal["recording", "simulated", "ccxt"] = "recording"
    dataset: str | None = None
    """Name of an imported dataset (source ``recording``)."""
    seed: int = 1
    """Of the simulated market."""
    bars: int = 10_000
    """Length of the simulated market, in bars of the timeframe."""
    start: str | None = None
    """First tradable bar's open, ISO 8601 UTC; default: as soon as the warmup is filled."""
    end: str | None = None
    """The session ends before the bar that opens here, ISO 8601 UTC."""
    speed: float | None = None
    """Multiple of real time at which a recording plays; None is as fast as the services go."""
    warmup_bars: int = 0
    """At least so many bars of history, if the strategy itself asks for less."""
    warmup_holes: Literal["refuse", "accept"] = "refuse"
    """``accept``: the market has no candle for a minute without a trade, so warm up on the bars there are."""
    late_bars: Literal["manage_only", "trade", "halt"] = "manage_only"
    missing_deadline_s: float = 20.0
    """How long after its close a live bar is waited for before the set goes out without it."""
    instruments: dict[str, dict[str, Any]] = {}
    """Market rules by symbol (fields of ``Instrument``), over those of the dataset or venue."""
    options: dict[str, Any] = {}
    """Handed to ccxt as they are (source ``ccxt``); never secrets."""


class Account(_Section, frozen=True):
    """What the session trades with."""

    currency: str = "USDT"
    """The accounting currency: an instrument that settles elsewhere is refused."""
    equity: str = "10000"
    position_mode: Literal["hedge", "one_way"] = "hedge"
    lots: Literal["lifo", "fifo", "average"] = "lifo"
    leverage: str = "10"
    maintenance_margin: str = "0.005"
    """Share of notional that has to be covered; "0" switches liquidation off."""


class Fills(_Section, frozen=True):
    """The paper venue's fill model."""

    market: Literal["next_open", "bar_close"] = "next_open"
    limit: Literal["touch", "through"] = "touch"
    slippage_bp: str = "0"
    """Adverse slippage of market orders and triggered stops, in basis points."""
    participation: str | None = None
    """Share of a bar's volume that one order may take; None takes any amount."""


class Fees(_Section, frozen=True):
    """Share of notional, by liquidity."""

    maker: str = "0.0002"
    taker: str = "0.0005"


class Limits(_Section, frozen=True):
    """Bounds of queues, waits and batches."""

    decide_timeout_s: float = 10.0
    read_ahead: int = 1000
    """Bar sets that may wait in a core for the decision before them."""
    snapshot_every: int = 5000
    """Bar sets between two snapshots."""
    state_hash_every: int = 1000
    """Bar sets between two full state hashes in ``settled`` and ``decided``."""
    join_timeout_s: float = 60.0


class Config(_Section, frozen=True):
    """One session."""

    session: str
    strategy: StrategyChoice
    market: Market
    account: Account = Account()
    fills: Fills = Fills()
    fees: Fees = Fees()
    limits: Limits = Limits()
