"""The grammar of unified symbols: ``BTC/USDT`` is a spot market, ``BTC/USDT:USDT`` a perpetual that settles in USDT."""

from __future__ import annotations

from live_runner.contracts.errors import ConfigError

__all__ = ["split_symbol"]


def split_symbol(symbol: str) -> tuple[str, str, str]:
    """Base, quote and settle currency of a unified symbol; settle is "" for spot. ConfigError otherwise."""
    pair, _, settle = symbol.partition(":")
    base, slash, quote = pair.partition("/")
    if not (base and slash and quote) or (":" in symbol and not settle) or "-" in settle:
        raise ConfigError(
            f"'{symbol}' is not a valid symbol of a spot market or perpetual",
            remedy="Write unified symbols: BTC/USDT, BTC/USDT:USDT",
            key="market.symbols",
            symbol=symbol,
        )
    return base, quote, settle
