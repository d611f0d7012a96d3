"""ccxt as a venue's market data.

What ccxt does not do: it drops a stream's closed flag, does not retry, takes a body that is not JSON for an
empty answer, lets a body outweigh the status 429 or 503 at some venues, and loads more than is needed (currencies,
margin pairs). The configuration's ``market.options`` is ccxt's own constructor configuration, where ``httpsProxy``,
``wssProxy`` and ``cafile`` lead to a local emulator, and besides:

    stream       false polls by REST only
    page_limit   candles per answer, where the venue gives less than ccxt says
"""

from __future__ import annotations

import ssl
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from difflib import get_close_matches
from importlib import import_module
from typing import Any, Final
from urllib.parse import urlsplit

import aiohttp
import ccxt

from live_runner.contracts.errors import ConfigError
from live_runner.contracts.messages import FundingRate, Instrument
from live_runner.hotpath import fixed
from live_runner.services.venues.answers import pause_of
from live_runner.services.venues.ccxt_markets import instrument_from_ccxt
from live_runner.services.venues.funding import rate_text, snap
from live_runner.services.venues.port import Candle, VenueBusy, VenueRefused, VenueSilent
from live_runner.services.venues.registry import profile_of

__all__ = ["CcxtVenue"]

PAGE_LIMIT: Final = 1000
"""Candles per answer where ccxt does not say."""
_FUNDING_LIMIT: Final = 100
_MS: Final = 1_000_000

_OWN_OPTIONS: Final = frozenset({"stream", "page_limit"})
_SECRETS: Final = frozenset(
    {"apikey", "secret", "password", "uid", "login", "token", "twofa", "privatekey", "walletaddress"}
)
_BUSY: Final = (418, 429)
_SERVER_ERROR: Final = 500
# What ccxt's parsers raise on an answer of another shape than the documented one.
_UNREADABLE: Final = (TypeError, KeyError, IndexError, ValueError, AttributeError, ArithmeticError)


class CcxtVenue:
    """One venue through unmodified ccxt; ccxt.pro where it has the venue."""

    def __init__(self, name: str, options: Mapping[str, Any]) -> None:
        self.name = name
        self._own = {key: value for key, value in options.items() if key in _OWN_OPTIONS}
        given = {key: value for key, value in options.items() if key not in _OWN_OPTIONS}
        secret = next((key for key in given if key.lower() in _SECRETS), None)
        if secret is not None:
            raise ConfigError(
                f"market.options holds '{secret}': market data needs no secret, and configurations are published",
                remedy="Take it out of the configuration, and replace the key if it was real",
                key=f"market.options.{secret}",
            )
        _check_reach(given)
        self._exchange = _make(name, given)
        # "emulated" is ccxt's word for candles that it makes up from trades.
        self.streams = self._exchange.has.get("watchOHLCV") is True and self._own.get("stream", True) is not False
        self.page_limit = PAGE_LIMIT
        self.libraries: Mapping[str, str] = {"ccxt": str(ccxt.__version__)}

    async def open(self, symbols: Sequence[str], timeframe: str) -> None:
        """Load the venue's markets and check what the session asks for."""
        if not self._exchange.has.get("fetchOHLCV"):
            raise ConfigError(f"{self.name} has no candles in ccxt", remedy="Choose another venue", key="market.venue")
        frames = self._exchange.timeframes or {}
        if timeframe not in frames:
            raise ConfigError(
                f"{self.name} has no candles of {timeframe}",
                remedy=f"Use one of {' '.join(frames)}",
                key="market.timeframe",
            )
        async with _translated("load_markets"):
            markets = await self._exchange.load_markets()
        for symbol in symbols:
            if symbol not in markets:
                near = get_close_matches(symbol, markets, n=3) or sorted(markets)[:3]
                raise ConfigError(
                    f"{self.name} does not trade {symbol}",
                    remedy=f"Write unified ccxt symbols, for example {', '.join(near)}",
                    key="market.symbols",
                    symbol=symbol,
                )
        self.page_limit = int(self._own.get("page_limit") or self._feature_limit(symbols[0]) or PAGE_LIMIT)

    async def time_ns(self) -> int | None:
        """The venue's clock."""
        if not self._exchange.has.get("fetchTime"):
            return None
        async with _translated("fetch_time"):
            answer = await self._exchange.fetch_time()
            if not isinstance(answer, int) or answer <= 0:
                raise VenueSilent(f"{self.name} answered with an invalid time: {answer!r}")
            return answer * _MS

    async def candles(self, symbol: str, timeframe: str, since_ns: int, limit: int) -> list[Candle]:
        """One answer of the venue's history."""
        async with _translated("fetch_ohlcv"):
            rows = await self._exchange.fetch_ohlcv(symbol, timeframe, since_ns // _MS, limit)
            return [row for row in map(_candle, rows) if row.open_ns >= since_ns]

    async def funding(self, symbol: str, since_ns: int) -> list[FundingRate]:
        """Rates that have become due."""
        if not self._exchange.has.get("fetchFundingRateHistory") or not self._exchange.market(symbol).get("swap"):
            return []
        async with _translated("fetch_funding_rate_history"):
            rows = await self._exchange.fetch_funding_rate_history(symbol, since_ns // _MS, _FUNDING_LIMIT)
            rates = [_funding_rate(symbol, row) for row in rows]
        return [rate for rate in rates if rate.funding_ns >= since_ns]

    async def watch(self, symbol: str, timeframe: str) -> list[Candle]:
        """The stream's next update."""
        async with _translated("watch_ohlcv"):
            return [_candle(row) for row in await self._exchange.watch_ohlcv(symbol, timeframe)]

    def instrument(self, symbol: str) -> Instrument:
        """Market rules as the venue states them."""
        market = self._exchange.market(symbol)
        return instrument_from_ccxt(market, venue=self.name, precision_mode=self._exchange.precisionMode)

    async def close(self) -> None:
        """Close REST and WebSocket connections."""
        await self._exchange.close()

    def _feature_limit(self, symbol: str) -> int | None:
        market = self._exchange.market(symbol)
        features: Any = self._exchange.features or {}
        kind = features.get(market.get("type")) or {}
        if market.get("contract") and isinstance(kind, dict):
            kind = kind.get("linear" if market.get("linear") else "inverse") or kind
        limit = (kind.get("fetchOHLCV") or {}).get("limit") if isinstance(kind, dict) else None
        return int(limit) if limit else None


@asynccontextmanager
async def _translated(call: str) -> AsyncIterator[None]:
    """ccxt's errors as the venue's three."""
    try:
        yield
    except (ccxt.DDoSProtection, ccxt.RateLimitExceeded) as error:
        busy = error.args[1] if len(error.args) > 1 and isinstance(error.args[1], dict) else {}
        what = f"{call}: {type(error).__name__} {str(error.args[0] if error.args else error)[:300]}"
        raise VenueBusy(what, remedy="Fewer symbols or sessions on this address", **busy) from error
    except ccxt.OperationFailed as error:
        raise VenueSilent(f"{call}: {_short(error)}", remedy="Check the network and the venue's status") from error
    except ccxt.BaseError as error:
        if isinstance(error.__cause__, aiohttp.ClientError):
            # The connection broke inside the body; ccxt calls that an ExchangeError.
            raise VenueSilent(f"{call}: {_short(error)}", remedy="Check the network") from error
        raise VenueRefused(f"{call}: {_short(error)}", remedy="Check venue, symbol and market.options") from error
    except _UNREADABLE as error:
        raise VenueSilent(
            f"{call}: an answer that cannot be read: {type(error).__name__} {error}",
            remedy="Check whether something between us and the venue answers in its place",
        ) from error


def _make(name: str, given: dict[str, Any]) -> Any:
    pro = import_module("ccxt.pro")
    plain = import_module("ccxt.async_support")
    maker = getattr(pro, name, None) or getattr(plain, name, None) if name in ccxt.exchanges else None
    if maker is None:
        near = get_close_matches(name, ccxt.exchanges, n=3)
        raise ConfigError(
            f"ccxt knows no venue '{name}'",
            remedy=f"Use one of {', '.join(near or ccxt.exchanges)}",
            key="market.venue",
        )
    options = dict(profile_of(name).options) | dict(given.get("options", {}))
    exchange = maker({"enableRateLimit": True} | given | {"options": options})
    _check_bodies(exchange)
    _check_statuses(exchange)
    return exchange


def _check_bodies(exchange: Any) -> None:
    """Make a body that is not JSON an error: to ccxt's parsers it is an empty list, and that would be "no candles"."""
    fetch = exchange.fetch

    async def fetch_json(url: str, method: str = "GET", headers: Any = None, body: Any = None) -> Any:
        answer = await fetch(url, method, headers, body)
        if not isinstance(answer, dict | list):
            raise ccxt.ExchangeNotAvailable(f"{exchange.id} {method} {urlsplit(url).path}: the body is not valid JSON")
        return answer

    exchange.fetch = fetch_json


def _check_statuses(exchange: Any) -> None:
    """Let the HTTP status decide where it is plain: some venues' handlers look at the body alone."""
    handle_errors = exchange.handle_errors

    def handle(status: int, reason: str, url: str, method: str, headers: Any, body: Any, *rest: Any) -> Any:
        what = f"{exchange.id} {method} {urlsplit(url).path}: {status} {reason}"
        if status in _BUSY:
            pause_s, banned_until_ms = pause_of(headers or {}, str(body))
            if banned_until_ms:
                pause_s = max(pause_s, banned_until_ms / 1000 - time.time())
            raise ccxt.RateLimitExceeded(what, {"venue": exchange.id, "pause_s": pause_s})
        try:
            return handle_errors(status, reason, url, method, headers, body, *rest)
        except ccxt.OperationFailed:
            raise
        except ccxt.BaseError as error:
            if status < _SERVER_ERROR:
                raise
            raise ccxt.ExchangeNotAvailable(f"{what}, {error}") from error

    exchange.handle_errors = handle


def _check_reach(given: Mapping[str, Any]) -> None:
    """Refuse addresses in the place of the venue's own, by which ccxt chooses the meaning of error codes."""
    moved = next((name for name in ("base_url", "urls") if name in given), None)
    if moved is not None:
        raise ConfigError(
            f"market.options.{moved} would replace the venue's addresses, by which ccxt tells errors apart",
            remedy="Take it out; a local emulator is reached by httpsProxy, wssProxy and cafile",
            key=f"market.options.{moved}",
        )
    if "cafile" not in given:
        return
    try:
        ssl.create_default_context(cafile=str(given["cafile"]))
    except OSError as error:  # ssl.SSLError is one
        raise ConfigError(
            f"market.options.cafile '{given['cafile']}' is not a readable certificate: {error.strerror or error}",
            remedy="Start the emulator first; it prints the path of its certificate as 'ca'",
            key="market.options.cafile",
        ) from error


def _candle(row: Sequence[Any]) -> Candle:
    opened, *values = row[:6]
    if len(values) != 5:
        raise ValueError(f"a candle of {len(row)} values")
    # ccxt gives None where the venue sent nothing: NaN, which the book refuses by name.
    prices = [float("nan") if value is None else float(value) for value in values]
    return Candle(int(opened) * _MS, *prices)


def _funding_rate(symbol: str, row: Mapping[str, Any]) -> FundingRate:
    info = row.get("info") or {}
    exact = info.get("fundingRate") if isinstance(info, dict) else None
    rate = rate_text(exact) if isinstance(exact, str) else fixed.float_text(float(row["fundingRate"]))
    mark = info.get("markPrice") if isinstance(info, dict) else None
    return FundingRate(symbol, snap(int(row["timestamp"]) * _MS), rate, float(mark) if mark else None)


def _short(error: BaseException) -> str:
    return f"{type(error).__name__} {str(error)[:300]}"
