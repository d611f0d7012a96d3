"""What the parts of the execution core share while they fold one event."""

from __future__ import annotations

from typing import Any, Final

from live_runner.contracts.config import Config
from live_runner.contracts.core import Effect
from live_runner.contracts.decimals import parse_decimal
from live_runner.contracts.errors import OurFault
from live_runner.contracts.manifest import config_of
from live_runner.contracts.messages import BarSet, Event, Started
from live_runner.contracts.numbering import Numbering
from live_runner.contracts.policy import ExecutionPolicy
from live_runner.services.execution.core.market import Market, check_instruments

__all__ = ["REAL_STAGES", "REPORT_IT", "Session"]

REPORT_IT: Final = "This is a fault of the program: keep the session's log and report it"
REAL_STAGES: Final = ("shadow", "dry_order", "live_small", "live")
"""Stages whose orders go to a venue; in every other one the paper venue fills them."""


class Session:
    """The manifest, the markets, time, and the effects of the event being folded."""

    def __init__(self, started: Started, numbering: Numbering) -> None:
        self.config: Final[Config] = config_of(started.config)
        check_instruments(self.config, started.instruments)
        self.name: Final = numbering.session
        self.policy: Final[ExecutionPolicy] = started.policy
        self.simulated: Final = started.stage not in REAL_STAGES
        self.at_close: Final = self.config.fills.market == "bar_close"
        self.one_way: Final = self.config.account.position_mode == "one_way"
        self.late_entries: Final = self.config.market.late_bars == "trade"
        self.maker: Final = parse_decimal(self.config.fees.maker)
        self.taker: Final = parse_decimal(self.config.fees.taker)
        by_symbol = {instrument.symbol: instrument for instrument in started.instruments}
        self.markets: Final[dict[str, Market]] = {
            symbol: Market(index, by_symbol[symbol], self.config)
            for index, symbol in enumerate(self.config.market.symbols)
        }
        self.numbering: Final = numbering
        self.out: list[Effect] = []
        self.cause = started.id
        self.now_ns = 0
        """The largest time in the inputs folded so far."""
        self.close_ns = 0
        """Close of the last bar set."""
        self.bar_set = 0
        """Number of the last bar set."""

    def emit[E: Event](self, kind: type[E], event_ns: int, /, **fields: Any) -> E:
        """Publish one event, caused by the input being folded."""
        event = self.numbering.make(kind, cause=self.cause, event_ns=event_ns, **fields)
        self.out.append(event)
        return event

    def market_of(self, symbol: str) -> Market:
        """The market of a bar or rate; OurFault for a symbol that the manifest does not name."""
        market = self.markets.get(symbol)
        if market is None:
            raise OurFault(
                f"A bar set holds {symbol}, which is no symbol of this session", remedy=REPORT_IT, symbol=symbol
            )
        return market

    def begin(self, bars: BarSet) -> None:
        """The next close time: everything until the one after it happens there."""
        self.advance(bars.close_ns)
        self.close_ns, self.bar_set = bars.close_ns, bars.number

    def advance(self, at_ns: int) -> None:
        """Time is the largest one seen."""
        if at_ns > self.now_ns:
            self.now_ns = at_ns
