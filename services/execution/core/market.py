"""One symbol as execution knows it: its rules, its last bar, its book and the orders on it."""

from __future__ import annotations

from typing import Any, Final

from live_runner.contracts.config import Config, check_rules
from live_runner.contracts.decimals import parse_decimal
from live_runner.contracts.errors import ConfigError, DataError
from live_runner.contracts.messages import FundingRate, Instrument, SetBar
from live_runner.hotpath import fixed, matching, normalize

__all__ = ["BASIS_POINTS", "FUNDING_WAITING_MAX", "LEGS", "Market", "check_instruments"]

LEGS: Final = ("long", "short")
BASIS_POINTS: Final = 10_000
FUNDING_WAITING_MAX: Final = 10_000
"""Funding rates of one symbol that may wait for its next bar."""
_CAP_MAX: Final = 2**62
"""Lots of a bar: more than any order has, so that a greater volume bounds nothing."""


def check_instruments(config: Config, instruments: list[Instrument]) -> None:
    """Refuse, before a session starts, what execution cannot account for: ConfigError names symbol or key."""
    known = {instrument.symbol for instrument in instruments}
    for symbol in config.market.symbols:
        if symbol not in known:
            raise ConfigError(
                f"No rules are known for {symbol}",
                remedy="Give its instrument under market.instruments, or a dataset that has it",
                symbol=symbol,
            )
    for instrument in instruments:
        check_rules(instrument)
        if instrument.inverse:
            raise ConfigError(
                f"{instrument.symbol} is an inverse contract, which the ledger does not account for",
                remedy="Trade the linear contract of the same market",
                symbol=instrument.symbol,
            )
        if instrument.settle != config.account.currency:
            raise ConfigError(
                f"{instrument.symbol} settles in {instrument.settle}, the account in {config.account.currency}",
                remedy="Set account.currency, or trade symbols that settle in it",
                symbol=instrument.symbol,
            )


class Market:
    """Grids, valuation and normalizer of one instrument; what the last bar said; the paper book."""

    def __init__(self, index: int, instrument: Instrument, config: Config) -> None:
        self.index: Final = index
        self.instrument: Final = instrument
        self.symbol: Final = instrument.symbol
        self.grid: Final = fixed.Grid(instrument.tick_size)
        self.lot_grid: Final = fixed.Grid(instrument.lot_size)
        self.valuation: Final = fixed.Valuation(instrument.tick_size, instrument.lot_size, instrument.contract_size)
        self.normalizer: Final = normalize.Normalizer(instrument)
        self._participation: Final = parse_decimal(config.fills.participation) if config.fills.participation else None
        up, down, base = _slippage(config.fills.slippage_bp)
        self.book: Final = matching.Book(
            up, down, base, config.fills.limit == "through", config.account.position_mode == "one_way"
        )
        self.by_key: dict[int, str] = {}
        """Orders on the book: its key to their id."""
        self.close = 0.0
        self.volume = 0.0
        self.late = False
        self.bar_set = 0
        """Number of the set that held the last bar."""
        self.funding: list[FundingRate] = []
        """Rates that wait for the symbol's next bar."""

    def note(self, bar: SetBar, number: int) -> None:
        """Remember a bar's close and volume."""
        self.close = bar.close
        self.volume = bar.volume
        self.late = bar.late
        self.bar_set = number

    @property
    def close_ticks(self) -> int:
        """The last close on the grid."""
        return self.ticks(self.close)

    def ticks(self, price: float) -> int:
        """A market observation on the grid; DataError for one that rounds to nothing or is out of range."""
        try:
            ticks = self.grid.from_float(price)
        except ValueError as error:
            raise self._off_grid(price) from error
        if ticks <= 0:
            raise self._off_grid(price)
        return ticks

    def _off_grid(self, price: float) -> DataError:
        return DataError(
            f"{self.symbol} has the price {price} in bar set {self.bar_set}, which is no price on a tick of "
            f"{self.grid.step}",
            remedy="Check the data and the instrument's tick size",
            symbol=self.symbol,
            bar_set=self.bar_set,
        )

    @property
    def cap(self) -> int:
        """Lots that one order may take of the last bar, -1 for any."""
        if self._participation is None:
            return -1
        mantissa, decimals = fixed.parse_decimal(fixed.float_text(self.volume))
        share, share_decimals = self._participation
        lots = mantissa * share * 10**self.lot_grid.decimals
        return min(int(lots // (self.lot_grid.mantissa * 10 ** (decimals + share_decimals))), _CAP_MAX)

    def average_text(self, cost: int, quantity: int) -> str:
        """Mean entry price: a sum of lots times ticks over lots, rounded half-even to 1e-12; "0" when flat."""
        if not quantity:
            return "0"
        shift = fixed.MONEY_DECIMALS - self.grid.decimals
        numerator = cost * self.grid.mantissa * 10 ** max(shift, 0)
        return fixed.money_text(fixed.div_half_even(numerator, quantity * 10 ** max(-shift, 0)))

    def state(self) -> dict[str, Any]:
        """Plain data for a snapshot."""
        return {
            "close": self.close,
            "volume": self.volume,
            "late": self.late,
            "bar_set": self.bar_set,
            "funding": [[rate.funding_ns, rate.rate, rate.mark] for rate in self.funding],
            "keys": [[key, order_id] for key, order_id in self.by_key.items()],
            "book": self.book.state(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a snapshot."""
        self.close = state["close"]
        self.volume = state["volume"]
        self.late = state["late"]
        self.bar_set = state["bar_set"]
        self.funding = [FundingRate(self.symbol, row[0], row[1], row[2]) for row in state["funding"]]
        self.by_key = {row[0]: row[1] for row in state["keys"]}
        self.book.restore(state["book"])


def _slippage(text: str) -> tuple[int, int, int]:
    """Factors of a buy and a sell over their base, from basis points in decimal text."""
    mantissa, decimals = parse_decimal(text)
    base = BASIS_POINTS * 10**decimals
    return base + mantissa, base - mantissa, base
