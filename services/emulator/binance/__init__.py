"""A local Binance USD-M futures exchange, without clock, socket or file."""

from live_runner.services.emulator.binance.exchange import ENDPOINTS, Exchange
from live_runner.services.emulator.binance.refusals import Refused
from live_runner.services.emulator.binance.rules import SymbolRules
from live_runner.services.emulator.binance.state import AccountOptions, FundingStamp, Options, Row, StreamEvent

__all__ = [
    "ENDPOINTS",
    "AccountOptions",
    "Exchange",
    "FundingStamp",
    "Options",
    "Refused",
    "Row",
    "StreamEvent",
    "SymbolRules",
]
