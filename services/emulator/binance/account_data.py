"""The private endpoints of balances, positions, incomes and settings."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from live_runner.services.emulator.binance import events
from live_runner.services.emulator.binance.amounts import digits, divided, text
from live_runner.services.emulator.binance.margin import AssetMargin, asset_margin, liquidation_price, symbol_margin
from live_runner.services.emulator.binance.parameters import DAY_MS, flag, integer, number
from live_runner.services.emulator.binance.payloads import average_text, income_body, price_text, quantity_text
from live_runner.services.emulator.binance.refusals import malformed, refusal
from live_runner.services.emulator.binance.state import Account, Position, SymbolMarket
from live_runner.services.emulator.binance.venue import Venue

__all__ = ["ROUTES", "AccountData"]

type Parameters = Mapping[str, str]

_WEEK_MS: Final = 7 * DAY_MS
_INCOMES_KEPT_MS: Final = 90 * DAY_MS
_DONE: Final = {"code": 200, "msg": "success"}


class AccountData:
    """Answers as plain data; every method takes the account, the parameters and the time, and raises Refused."""

    def __init__(self, venue: Venue) -> None:
        self._venue = venue

    def balances(self, account: Account, _params: Parameters, _now_ms: int) -> Any:
        """GET balance: one line per asset."""
        lines = []
        for asset in account.wallet:
            margin = asset_margin(self._venue, account, asset)
            lines.append(
                {
                    "accountAlias": account.key[:4],
                    "asset": asset,
                    "balance": text(margin.wallet),
                    "crossWalletBalance": text(margin.wallet),
                    "crossUnPnl": text(margin.unrealized),
                    "availableBalance": text(margin.available),
                    "maxWithdrawAmount": text(margin.withdrawable),
                    "marginAvailable": True,
                    "updateTime": account.updated_ms.get(asset, 0),
                }
            )
        return lines

    def account(self, account: Account, _params: Parameters, _now_ms: int) -> Any:
        """GET account, version 3: assets, and positions of the symbols with a position or an order."""
        positions = [
            {
                "symbol": position.symbol,
                "positionSide": position.side,
                "positionAmt": quantity_text(market.rules, position.quantity),
                "unrealizedProfit": text(position.unrealized(market.mark)),
                "isolatedMargin": "0",
                "notional": text(position.quantity * market.mark),
                "isolatedWallet": "0",
                "initialMargin": text(self._initial(account, position)),
                "maintMargin": text(market.rules.maintenance(abs(position.quantity) * market.mark)),
                "updateTime": position.updated_ms,
            }
            for market, position in self._shown(account)
        ]
        return {**self._totals(account), "assets": self._assets(account), "positions": positions}

    def account_v2(self, account: Account, _params: Parameters, _now_ms: int) -> Any:
        """GET account, version 2: with permissions, and positions of every symbol."""
        sides = ("LONG", "SHORT") if account.options.hedge else ("BOTH",)
        positions = []
        for symbol, market in self._venue.state.markets.items():
            margin = symbol_margin(self._venue, account, symbol)
            for side in sides:
                position = account.positions.get(f"{symbol} {side}", Position(symbol, side))
                own = self._initial(account, position)
                positions.append(
                    {
                        "symbol": symbol,
                        "initialMargin": text(own + margin.orders),
                        "maintMargin": text(market.rules.maintenance(abs(position.quantity) * market.mark)),
                        "unrealizedProfit": text(position.unrealized(market.mark)),
                        "positionInitialMargin": text(own),
                        "openOrderInitialMargin": text(margin.orders),
                        "leverage": str(account.leverage_of(symbol)),
                        "isolated": account.isolated.get(symbol, False),
                        "entryPrice": average_text(market.rules, position.entry),
                        "maxNotional": digits(market.rules.largest_notional(account.leverage_of(symbol))),
                        "bidNotional": digits(margin.bids),
                        "askNotional": digits(margin.asks),
                        "positionSide": side,
                        "positionAmt": quantity_text(market.rules, position.quantity),
                        "updateTime": position.updated_ms,
                    }
                )
        assets = [{**asset, "marginAvailable": True} for asset in self._assets(account)]
        head = {
            "feeTier": 0,
            "canTrade": account.options.may_trade,
            "canDeposit": True,
            "canWithdraw": account.options.may_withdraw,
            "updateTime": 0,
            "multiAssetsMargin": False,
            "tradeGroupId": -1,
        }
        return {**head, **self._totals(account), "assets": assets, "positions": positions}

    def position_risk(self, account: Account, params: Parameters, _now_ms: int) -> Any:
        """GET positionRisk, version 3: symbols with a position or an order."""
        symbol = params.get("symbol", "")
        if symbol:
            self._venue.market(symbol)
        found = []
        for market, position in self._shown(account):
            if symbol in ("", position.symbol):
                margin = symbol_margin(self._venue, account, position.symbol)
                own = self._initial(account, position)
                found.append(
                    {
                        **self._risk(account, market, position),
                        "initialMargin": text(own + margin.orders),
                        "maintMargin": text(market.rules.maintenance(abs(position.quantity) * market.mark)),
                        "positionInitialMargin": text(own),
                        "openOrderInitialMargin": text(margin.orders),
                        "adl": 1 if position.quantity else 0,
                        "bidNotional": digits(margin.bids),
                        "askNotional": digits(margin.asks),
                        "marginAsset": market.rules.quote,
                    }
                )
        return found

    def position_risk_v2(self, account: Account, params: Parameters, _now_ms: int) -> Any:
        """GET positionRisk, version 2: every symbol, with leverage and margin type."""
        symbol = params.get("symbol", "")
        markets = [self._venue.market(symbol)] if symbol else list(self._venue.state.markets.values())
        sides = ("LONG", "SHORT") if account.options.hedge else ("BOTH",)
        found = []
        for market in markets:
            name = market.rules.symbol
            for side in sides:
                position = account.positions.get(f"{name} {side}", Position(name, side))
                found.append(
                    {
                        **self._risk(account, market, position),
                        "leverage": str(account.leverage_of(name)),
                        "maxNotionalValue": digits(market.rules.largest_notional(account.leverage_of(name))),
                        "marginType": "isolated" if account.isolated.get(name) else "cross",
                        "isAutoAddMargin": "false",
                    }
                )
        return found

    def incomes(self, account: Account, params: Parameters, now_ms: int) -> Any:
        """GET income: of the last 7 days, or a window within 90 days; a page of at most 1000 lines."""
        limit, page = number(params, "limit", 100, 1000), number(params, "page", 1, 1_000_000)
        start, end = integer(params, "startTime"), integer(params, "endTime")
        if start is None and end is None:
            from_ms, to_ms = now_ms - _WEEK_MS, now_ms
        else:
            from_ms, to_ms = start or 0, now_ms if end is None else end
            if to_ms < now_ms - _INCOMES_KEPT_MS:
                raise refusal(-4166)
            from_ms = max(from_ms, now_ms - _INCOMES_KEPT_MS)
        kind, symbol = params.get("incomeType", ""), params.get("symbol", "")
        found = [
            income_body(income)
            for income in account.incomes
            if kind in ("", income.kind) and symbol in ("", income.symbol) and from_ms <= income.at_ms <= to_ms
        ]
        return found[(page - 1) * limit : page * limit]

    def commission_rate(self, account: Account, params: Parameters, _now_ms: int) -> Any:
        """GET commissionRate of a symbol."""
        market = self._venue.market(params.get("symbol", ""))
        return {
            "symbol": market.rules.symbol,
            "makerCommissionRate": digits(account.options.maker_fee),
            "takerCommissionRate": digits(account.options.taker_fee),
        }

    def brackets(self, account: Account, params: Parameters, _now_ms: int) -> Any:
        """GET leverageBracket of one symbol or of all."""
        del account
        symbol = params.get("symbol", "")
        markets = [self._venue.market(symbol)] if symbol else list(self._venue.state.markets.values())
        return [
            {
                "symbol": market.rules.symbol,
                "notionalCoef": 1.0,
                "brackets": [
                    {
                        "bracket": place,
                        "initialLeverage": bracket.leverage,
                        "notionalCap": int(bracket.cap),
                        "notionalFloor": int(bracket.floor),
                        "maintMarginRatio": float(bracket.ratio),
                        "cum": float(bracket.deduction),
                    }
                    for place, bracket in enumerate(market.rules.brackets, 1)
                ],
            }
            for market in markets
        ]

    def set_leverage(self, account: Account, params: Parameters, now_ms: int) -> Any:
        """POST leverage of a symbol."""
        market = self._venue.market(params.get("symbol", ""))
        leverage = integer(params, "leverage")
        if leverage is None:
            raise malformed("leverage")
        most = market.rules.largest_notional(leverage)
        if leverage < 1 or not most:
            raise refusal(-4028, leverage)
        gross = sum(abs(p.quantity) * market.mark for p in account.held(market.rules.symbol))
        if gross > most:
            raise refusal(-2027)
        changed = leverage != account.leverage_of(market.rules.symbol)
        account.leverage[market.rules.symbol] = leverage
        if changed:
            self._venue.send(account.key, events.configuration_update(market.rules.symbol, leverage, now_ms))
        return {"leverage": leverage, "maxNotionalValue": digits(most), "symbol": market.rules.symbol}

    def set_margin_type(self, account: Account, params: Parameters, _now_ms: int) -> Any:
        """POST marginType of a symbol; orders of a symbol in isolated margin are refused with -4051."""
        market, kind = self._venue.market(params.get("symbol", "")), params.get("marginType", "")
        if kind not in ("CROSSED", "ISOLATED"):
            raise malformed("marginType")
        if (kind == "ISOLATED") == account.isolated.get(market.rules.symbol, False):
            raise refusal(-4046)
        if self._venue.open_orders(account.key, market.rules.symbol):
            raise refusal(-4047)
        if account.held(market.rules.symbol):
            raise refusal(-4048)
        account.isolated[market.rules.symbol] = kind == "ISOLATED"
        return dict(_DONE)

    def position_mode(self, account: Account, _params: Parameters, _now_ms: int) -> Any:
        """GET positionSide/dual: whether the account is in hedge mode."""
        return {"dualSidePosition": account.options.hedge}

    def set_position_mode(self, account: Account, params: Parameters, _now_ms: int) -> Any:
        """POST positionSide/dual: hedge or one-way mode, while nothing is open."""
        if "dualSidePosition" not in params:
            raise malformed("dualSidePosition")
        hedge = flag(params, "dualSidePosition")
        if hedge == account.options.hedge:
            raise refusal(-4059)
        if self._venue.open_orders(account.key) or self._venue.open_algos(account.key):
            raise refusal(-4067)
        if account.held():
            raise refusal(-4068)
        account.options.hedge = hedge
        return dict(_DONE)

    def assets_mode(self, account: Account, _params: Parameters, _now_ms: int) -> Any:
        """GET multiAssetsMargin: always the single-asset mode."""
        del account
        return {"multiAssetsMargin": False}

    def set_assets_mode(self, account: Account, params: Parameters, _now_ms: int) -> Any:
        """POST multiAssetsMargin: the multi-assets mode is refused."""
        del account
        raise refusal(-1130, "multiAssetsMargin") if flag(params, "multiAssetsMargin") else refusal(-4171)

    def fee_burn(self, account: Account, _params: Parameters, _now_ms: int) -> Any:
        """GET feeBurn: whether fees are taken in BNB."""
        return {"feeBurn": account.options.bnb_burn}

    def set_fee_burn(self, account: Account, params: Parameters, _now_ms: int) -> Any:
        """POST feeBurn."""
        account.options.bnb_burn = flag(params, "feeBurn")
        return dict(_DONE)

    def symbol_config(self, account: Account, params: Parameters, _now_ms: int) -> Any:
        """GET symbolConfig of one symbol or of all."""
        symbol = params.get("symbol", "")
        markets = [self._venue.market(symbol)] if symbol else list(self._venue.state.markets.values())
        return [
            {
                "symbol": market.rules.symbol,
                "marginType": "ISOLATED" if account.isolated.get(market.rules.symbol) else "CROSSED",
                "isAutoAddMargin": False,
                "leverage": account.leverage_of(market.rules.symbol),
                "maxNotionalValue": digits(market.rules.largest_notional(account.leverage_of(market.rules.symbol))),
            }
            for market in markets
        ]

    def account_config(self, account: Account, _params: Parameters, _now_ms: int) -> Any:
        """GET accountConfig."""
        return {
            "feeTier": 0,
            "canTrade": account.options.may_trade,
            "canDeposit": True,
            "canWithdraw": account.options.may_withdraw,
            "dualSidePosition": account.options.hedge,
            "updateTime": 0,
            "multiAssetsMargin": False,
            "tradeGroupId": -1,
        }

    def restrictions(self, account: Account, _params: Parameters, _now_ms: int) -> Any:
        """GET /sapi/v1/account/apiRestrictions: what the key may do."""
        return {
            "ipRestrict": False,
            "createTime": account.opened_ms,
            "enableReading": True,
            "enableWithdrawals": account.options.may_withdraw,
            "enableInternalTransfer": False,
            "enableMargin": False,
            "enableFutures": account.options.may_trade,
            "permitsUniversalTransfer": False,
            "enableVanillaOptions": False,
            "enableFixApiTrade": False,
            "enableFixReadOnly": False,
            "enableSpotAndMarginTrading": False,
            "enablePortfolioMarginTrading": False,
        }

    def _initial(self, account: Account, position: Position) -> Decimal:
        market = self._venue.market(position.symbol)
        leverage = Decimal(account.leverage_of(position.symbol))
        return divided(abs(position.quantity) * market.mark, leverage)

    def _shown(self, account: Account) -> list[tuple[SymbolMarket, Position]]:
        shown = []
        sides = ("LONG", "SHORT") if account.options.hedge else ("BOTH",)
        for symbol, market in self._venue.state.markets.items():
            has_orders = bool(self._venue.open_orders(account.key, symbol))
            for side in sides:
                position = account.positions.get(f"{symbol} {side}", Position(symbol, side))
                if position.quantity or has_orders:
                    shown.append((market, position))
        return shown

    def _risk(self, account: Account, market: SymbolMarket, position: Position) -> dict[str, Any]:
        margin = asset_margin(self._venue, account, market.rules.quote)
        return {
            "symbol": position.symbol,
            "positionSide": position.side,
            "positionAmt": quantity_text(market.rules, position.quantity),
            "entryPrice": average_text(market.rules, position.entry),
            "breakEvenPrice": average_text(market.rules, position.entry),
            "markPrice": text(market.mark),
            "unRealizedProfit": text(position.unrealized(market.mark)),
            "liquidationPrice": price_text(market.rules, liquidation_price(account, market, margin, position.side)),
            "isolatedMargin": "0",
            "notional": text(position.quantity * market.mark),
            "isolatedWallet": "0",
            "updateTime": position.updated_ms,
        }

    def _assets(self, account: Account) -> list[dict[str, Any]]:
        return [
            {
                "asset": asset,
                **_margins(asset_margin(self._venue, account, asset)),
                "updateTime": account.updated_ms.get(asset, 0),
            }
            for asset in account.wallet
        ]

    def _totals(self, account: Account) -> dict[str, Any]:
        """Of the first asset, which is what the account is margined in (USDT)."""
        quote = next((m.rules.quote for m in self._venue.state.markets.values()), "USDT")
        margin = _margins(asset_margin(self._venue, account, quote))
        shared = ("availableBalance", "maxWithdrawAmount")
        totals = {f"total{name[0].upper()}{name[1:]}": value for name, value in margin.items() if name not in shared}
        return {**totals, **{name: margin[name] for name in shared}}


def _margins(margin: AssetMargin) -> dict[str, str]:
    return {
        "walletBalance": text(margin.wallet),
        "unrealizedProfit": text(margin.unrealized),
        "marginBalance": text(margin.balance),
        "maintMargin": text(margin.maintenance),
        "initialMargin": text(margin.initial),
        "positionInitialMargin": text(margin.position),
        "openOrderInitialMargin": text(margin.orders),
        "crossWalletBalance": text(margin.wallet),
        "crossUnPnl": text(margin.unrealized),
        "availableBalance": text(margin.available),
        "maxWithdrawAmount": text(margin.withdrawable),
    }


ROUTES: Final = {
    "GET /fapi/v2/balance": AccountData.balances,
    "GET /fapi/v3/balance": AccountData.balances,
    "GET /fapi/v2/account": AccountData.account_v2,
    "GET /fapi/v3/account": AccountData.account,
    "GET /fapi/v2/positionRisk": AccountData.position_risk_v2,
    "GET /fapi/v3/positionRisk": AccountData.position_risk,
    "GET /fapi/v1/income": AccountData.incomes,
    "GET /fapi/v1/commissionRate": AccountData.commission_rate,
    "GET /fapi/v1/leverageBracket": AccountData.brackets,
    "POST /fapi/v1/leverage": AccountData.set_leverage,
    "POST /fapi/v1/marginType": AccountData.set_margin_type,
    "GET /fapi/v1/positionSide/dual": AccountData.position_mode,
    "POST /fapi/v1/positionSide/dual": AccountData.set_position_mode,
    "GET /fapi/v1/multiAssetsMargin": AccountData.assets_mode,
    "POST /fapi/v1/multiAssetsMargin": AccountData.set_assets_mode,
    "GET /fapi/v1/feeBurn": AccountData.fee_burn,
    "POST /fapi/v1/feeBurn": AccountData.set_fee_burn,
    "GET /fapi/v1/symbolConfig": AccountData.symbol_config,
    "GET /fapi/v1/accountConfig": AccountData.account_config,
    "GET /sapi/v1/account/apiRestrictions": AccountData.restrictions,
}
"""Method and path to method of ``AccountData``."""
