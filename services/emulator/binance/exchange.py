"""A local Binance USD-M futures exchange: pure, exact, and the same for the same calls.

``handle`` answers REST requests, ``act`` does what the venue or others do, ``step`` and ``price`` move the market, and
``take_events`` hands over what went out on the user data streams. Times come in as ``now_ms`` and never go back.

What it does not do, each refused with a code of the venue: orders in isolated margin (which can be set and is shown),
multi-assets mode, changing an order (PUT order), price match. Accounts trade with the market alone, never with each
other or themselves.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from decimal import Decimal, localcontext
from typing import Any, Final

import msgspec

from live_runner.contracts.errors import ConfigError, DataError
from live_runner.services.emulator.binance import account_data, market_data, trading
from live_runner.services.emulator.binance.account_data import AccountData
from live_runner.services.emulator.binance.acts import VERBS, Acts
from live_runner.services.emulator.binance.amounts import EXACT, is_multiple
from live_runner.services.emulator.binance.candles import History, add_print, check_row, put_row, way_of
from live_runner.services.emulator.binance.clock import pass_time
from live_runner.services.emulator.binance.forced import watch_margin
from live_runner.services.emulator.binance.ledger import faults, ledger
from live_runner.services.emulator.binance.market_data import MarketData
from live_runner.services.emulator.binance.matching import trade_at
from live_runner.services.emulator.binance.refusals import Refused, refusal
from live_runner.services.emulator.binance.rules import MONEY_UNIT, SymbolRules, checked_rules
from live_runner.services.emulator.binance.state import (
    Account,
    AccountOptions,
    FundingStamp,
    Options,
    Print,
    Row,
    State,
    StreamEvent,
    SymbolMarket,
)
from live_runner.services.emulator.binance.trading import Trading
from live_runner.services.emulator.binance.venue import Venue

__all__ = ["ENDPOINTS", "Exchange"]

ENDPOINTS: Final = frozenset(market_data.ROUTES) | frozenset(trading.ROUTES) | frozenset(account_data.ROUTES)
"""Method and path of every request that ``handle`` answers."""
_BALANCE_MAX: Final = Decimal(10**15)


class Exchange:
    """Markets, accounts, orders and money."""

    def __init__(
        self,
        symbols: Sequence[SymbolRules],
        *,
        options: Options | None = None,
        interval_ms: int = 60_000,
        history: History | None = None,
    ) -> None:
        chosen = options or Options()
        markets = {rules.symbol: SymbolMarket(checked_rules(rules), chosen.book()) for rules in symbols}
        state = State(chosen, interval_ms, markets)
        self._history = history
        self._become(state)

    def open_account(self, key: str, options: AccountOptions, now_ms: int) -> None:
        """Open an account with its deposits; ConfigError when the key has one, or for options that cannot be."""
        if key in self._venue.state.accounts:
            raise ConfigError(f"'{key}' has an account already", remedy="Use another key", account=key)
        with localcontext(EXACT):
            _check_account(options)
            account = Account(key, copy.deepcopy(options), now_ms)
            self._venue.state.accounts[key] = account
            for asset, amount in options.balances.items():
                self._venue.state.book_income(account, "TRANSFER", amount, asset, now_ms, info="TRANSFER")

    def handle(self, endpoint: str, account: str | None, params: Mapping[str, str], now_ms: int) -> Any:
        """Answer a request: ``endpoint`` is method and path, ``account`` the API key (None: not signed).

        The answer can be written as JSON. Raises Refused as the venue refuses.
        """
        with localcontext(EXACT):
            pass_time(self._venue, now_ms)
            named = self._venue.state.markets.get(params.get("symbol", ""))
            if named is not None and not named.rules.listed:
                raise refusal(-1121)
            if public := market_data.ROUTES.get(endpoint):
                return public(self.market_data, params, now_ms)
            if private := trading.ROUTES.get(endpoint):
                return private(self._trading, self._venue.account(account), params, now_ms)
            if settings := account_data.ROUTES.get(endpoint):
                return settings(self._account_data, self._venue.account(account), params, now_ms)
        raise Refused(404, -1, f"'{endpoint}' is not an endpoint of this exchange")

    def act(self, verb: str, params: Mapping[str, Any], now_ms: int) -> Any:
        """Do what the venue or others do (``acts.VERBS``); ConfigError for a verb or parameter that is wrong."""
        if verb not in VERBS:
            raise ConfigError(f"'{verb}' is not an act", remedy=f"Use {', '.join(VERBS)}", verb=verb)
        with localcontext(EXACT):
            pass_time(self._venue, now_ms)
            return VERBS[verb](self._acts, params, now_ms)

    def load(self, symbol: str, rows: Sequence[Row], funding: Sequence[FundingStamp] = ()) -> None:
        """Candles and funding rates of the past: they are served, not matched on. The price starts at their close."""
        market = self._venue.market(symbol)
        with localcontext(EXACT):
            for row in rows:
                check_row(market, row, self._venue.state.interval_ms)
                put_row(market, row)
            market.funding.extend(funding)
            if rows:
                market.last = Decimal(rows[-1].close)
                market.changed_ms = rows[-1].open_ms + self._venue.state.interval_ms - 1

    def step(self, symbol: str, row: Row) -> None:
        """A whole candle: the price goes the way of ``candles.way_of``, orders are matched, and the row is served."""
        market, interval_ms = self._venue.market(symbol), self._venue.state.interval_ms
        with localcontext(EXACT):
            check_row(market, row, interval_ms)
            for traded in way_of(market.rules, row, interval_ms):
                self._trade(market, traded)
            put_row(market, row)

    def price(
        self, symbol: str, price: Decimal, now_ms: int, *, quantity: Decimal = Decimal(0), jumps: bool = False
    ) -> None:
        """One trade of the market: orders are matched, and the forming candle takes it in.

        DataError for a price that is not on the tick.
        """
        market = self._venue.market(symbol)
        with localcontext(EXACT):
            if price <= 0 or quantity < 0 or not is_multiple(price, market.rules.tick):
                raise DataError(
                    f"{price} is not a price of {symbol}", remedy=f"Round to {market.rules.tick}", symbol=symbol
                )
            traded = Print(now_ms, price, quantity, jumps)
            self._trade(market, traded)
            add_print(market, traded, self._venue.state.interval_ms)

    def revise(self, symbol: str, rows: Sequence[Row], missing: Sequence[int] = ()) -> None:
        """Serve other candles than those that were matched on, and none that opens at a time of ``missing``."""
        market = self._venue.market(symbol)
        kept = {row.open_ms: row for row in market.rows} | {row.open_ms: row for row in rows}
        market.rows = [kept[open_ms] for open_ms in sorted(set(kept) - set(missing))]

    def forget(self, keep: int) -> None:
        """Keep so many candles of each symbol; older ones come from ``history``."""
        for market in self._venue.state.markets.values():
            if len(market.rows) > 2 * keep:
                del market.rows[:-keep]

    def pass_time(self, now_ms: int) -> None:
        """Let time pass without a price: funding, countdowns and dated orders that have become due."""
        with localcontext(EXACT):
            pass_time(self._venue, now_ms)

    def take_events(self) -> list[StreamEvent]:
        """What went out on the user data streams since the last call, in order."""
        taken = [StreamEvent(*event) for event in self._venue.state.events]
        self._venue.state.events.clear()
        return taken

    def ledger(self) -> dict[str, Any]:
        """The truth: orders, trades, positions, balances and incomes, in exact decimal text."""
        with localcontext(EXACT):
            return ledger(self._venue)

    def invariants(self) -> list[str]:
        """What does not hold of the ledger, one sentence each; empty when all is well."""
        with localcontext(EXACT):
            return faults(self._venue)

    def snapshot(self) -> dict[str, Any]:
        """Everything as plain data, which JSON can carry; candles of ``history`` are not part of it."""
        built: dict[str, Any] = msgspec.to_builtins(self._venue.state, str_keys=True)
        return built

    def restore(self, snapshot: Mapping[str, Any]) -> None:
        """Become what the snapshot says."""
        self._become(msgspec.convert(snapshot, State, str_keys=True))

    def _trade(self, market: SymbolMarket, traded: Print) -> None:
        pass_time(self._venue, traded.at_ms)
        trade_at(self._venue, market, traded)
        watch_margin(self._venue, market.rules.symbol, traded.at_ms)

    def _become(self, state: State) -> None:
        self._venue = Venue(state)
        self.market_data = MarketData(self._venue, self._history)
        """The public data, for market streams."""
        self._trading = Trading(self._venue)
        self._account_data = AccountData(self._venue)
        self._acts = Acts(self._venue)


def _check_account(options: AccountOptions) -> None:
    for asset, amount in options.balances.items():
        if not amount.is_finite() or not 0 <= amount < _BALANCE_MAX or not is_multiple(amount, MONEY_UNIT):
            raise ConfigError(
                f"{amount} {asset} is not a valid balance",
                remedy="Give 0 or more, with at most 8 decimals",
                asset=asset,
            )
    for name, fee in (("maker_fee", options.maker_fee), ("taker_fee", options.taker_fee)):
        if not fee.is_finite() or abs(fee) >= 1:
            raise ConfigError(f"{name} cannot be {fee}", remedy="Give a share of the notional: 0.0005")
    if options.leverage < 1 or not options.bnb_price.is_finite() or options.bnb_price <= 0:
        raise ConfigError("leverage and bnb_price must be above 0", remedy="Correct the account's options")
