"""A request answered: the calls it takes at the venue, and what they prove together.

An answer is put together from several calls only where each of them is whole: a listing of which a part is missing is
no listing, an order that was not found is absent only beside the trades in which it could have ended.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final

from msgspec.structs import replace

from live_runner.contracts.core import CancelOrder, QueryOrder, SendOrder
from live_runner.contracts.errors import DataError
from live_runner.contracts.gateway import AccountFacts, AccountTrade, GatewayRequest, OrderAnswer, Outcome
from live_runner.contracts.messages import VenuePosition
from live_runner.services.gateway.core.budget import CLOSES, ENTRIES, LISTINGS, QUERIES, Budget
from live_runner.services.venues.answers import Verdict
from live_runner.services.venues.ccxt_account import CallResult, CcxtAccount
from live_runner.services.venues.ccxt_orders import (
    balances_of,
    income_of,
    open_order,
    order_answer,
    order_ids,
    position_of,
    trade_of,
)
from live_runner.services.venues.client_ids import Operation
from live_runner.services.venues.registry import profile_of

__all__ = ["PAGES_MAX", "RequestAnswerer"]

PAGES_MAX: Final = 20
"""Answers of which one listing is put together; what is beyond is not complete."""
CANDIDATES_MAX: Final = 10
"""Orders that are looked at for one that is not found by its id."""
READS_MAX: Final = 8
"""Requests that change nothing and are under way at once: what is sent meanwhile does not stand behind all of them."""
READS_OF_A_SYMBOL_MAX: Final = 2
"""Of one symbol, or of listings of several: answers that do not come hold up no other symbol's."""
BUDGET_WAIT_NS: Final = 10_000_000_000
"""A request that would wait longer for the budget is answered ``retryable``."""
_SENT: Final = ("send", "validate", "cancel")
_TRIGGERS: Final = ("stop", "take_profit")
_MS: Final = 1_000_000
_S: Final = 1_000_000_000


class _Unproven(Exception):  # noqa: N818  # not an error of ours: the venue's answer ends the request
    """A call of several was not done."""

    def __init__(self, verdict: Verdict) -> None:
        super().__init__(verdict.code)
        self.verdict = verdict


class RequestAnswerer:
    """Answers requests about one account.

    ``boot_ns`` is a clock that goes on while the machine sleeps; the account's own is the venue's time.
    """

    def __init__(self, account: CcxtAccount, budget: Budget, boot_ns: Callable[[], int]) -> None:
        self.account = account
        self.budget = budget
        self.boot_ns = boot_ns
        self.on_follow_up: Callable[[str], None] = lambda _: None
        """Called with what an answer asks for: ``clock``, ``rules`` or ``account``."""
        self._profile = profile_of(account.venue)
        self._reads = asyncio.Semaphore(READS_MAX)
        self._reads_of: dict[str, asyncio.Semaphore] = {}
        """By symbol: as many as the account trades."""
        self._verbs: Mapping[str, Callable[[GatewayRequest, Callable[[], str]], Awaitable[Outcome]]] = {
            "send": self._send,
            "validate": self._send,
            "cancel": self._cancel,
            "query": self._query,
            "open_orders": self._open_orders,
            "trades_since": self._trades_since,
            "positions": self._positions,
            "balances": self._balances,
            "income": self._income,
            "account": self._account_facts,
            "rules": self._rules,
        }

    async def answer(self, request: GatewayRequest, check: Callable[[], str] = str) -> Outcome:
        """Carry a request out. ``check`` is asked at the last hop of whatever changes something, "" for go."""
        if request.verb in _SENT:
            return await self._answer(request, check)
        effect = request.effect
        named = [effect.symbol] if isinstance(effect, QueryOrder) else request.symbols
        symbol = named[0] if len(named) == 1 and named[0] in self.account.symbols else ""
        async with self._reads_of.setdefault(symbol, asyncio.Semaphore(READS_OF_A_SYMBOL_MAX)), self._reads:
            return await self._answer(request, check)

    async def _answer(self, request: GatewayRequest, check: Callable[[], str]) -> Outcome:
        asked_ns = self.account.now_ns()
        try:
            outcome = await self._verbs[request.verb](request, check)
        except _Unproven as unproven:
            outcome = self._outcome(request, unproven.verdict)
        except DataError as error:
            # It was sent, and the answer is not one: what became of it has to be asked.
            outcome = self._outcome(request, Verdict("unknown", "unreadable", str(error)))
        if not outcome.asked_ns:
            outcome = replace(outcome, asked_ns=asked_ns)
        named = {"session": request.session, "epoch": request.epoch, "stream_seq": request.stream_seq}
        return replace(outcome, answered_ns=self.account.now_ns(), **named)

    def pause(self, pause_ns: int) -> None:
        """The venue wants no request of this address for so long; a whole window of its budget at least."""
        self.budget.pause(self.boot_ns() + max(pause_ns, self._profile.weight_window_s * _S))

    # -- calls ------------------------------------------------------------------------------------

    async def _go(self, name: str, rank: int, deadline_ns: int = 0) -> Verdict | None:
        """Wait for the budget; a verdict where there is none in time."""
        weight = self._profile.calls.get(name, 1)
        last_ns = self.boot_ns() + BUDGET_WAIT_NS
        last_ns = min(last_ns, deadline_ns) if deadline_ns else last_ns
        while wait_ns := self.budget.wait_ns(self.boot_ns(), weight, rank):
            if self.boot_ns() + wait_ns > last_ns:
                return Verdict("not_sent", "budget", f"the budget of this address is used up for {wait_ns / _S:.1f} s")
            await asyncio.sleep(wait_ns / _S)
        self.budget.take(self.boot_ns(), weight)
        return None

    def _note(self, result: CallResult) -> CallResult:
        """Take from an answer what is about the address and not about the request."""
        header = self._profile.used_weight_header
        for exchange in result.exchanges:
            used = next((value for key, value in exchange.headers.items() if key.lower() == header), "")
            if used.isdigit():
                self.budget.observe(self.boot_ns(), int(used))
        verdict = result.verdict
        if verdict.follow_up == "pause":
            banned_ns = verdict.banned_until_ms * _MS - self.account.now_ns() if verdict.banned_until_ms else 0
            self.pause(max(banned_ns, int(verdict.pause_s * _S)))
        elif verdict.follow_up:
            self.on_follow_up(verdict.follow_up)
        return result

    async def _read(self, rank: int, method: str, *arguments: Any, **named: Any) -> CallResult:
        """One call that changes nothing."""
        everything = f"{method} all"
        name = everything if not any(arguments) and everything in self._profile.calls else method
        refused = await self._go(name, rank)
        if refused is not None:
            raise _Unproven(refused)
        return self._note(await self.account.call(method, *arguments, **named))

    async def _whole(self, rank: int, method: str, *arguments: Any, **named: Any) -> Any:
        """The value of a call that must be done."""
        result = await self._read(rank, method, *arguments, **named)
        verdict = result.verdict
        if verdict.fate in ("gone", "duplicate"):
            # It is not what the request is about: of that it proves nothing.
            raise _Unproven(verdict._replace(fate="unknown"))
        if verdict.fate != "done":
            raise _Unproven(verdict)
        return result.value

    def _outcome(self, request: GatewayRequest, verdict: Verdict, **fields: Any) -> Outcome:
        busy_ns = self.budget.paused_until_ns - self.boot_ns()
        return Outcome(
            verb=request.verb,
            fate=verdict.fate,
            code=verdict.code,
            message=verdict.message[:500],
            meaning=verdict.meaning,
            follow_up=verdict.follow_up,
            busy_until_ns=self.account.now_ns() + busy_ns if busy_ns > 0 else 0,
            **fields,
        )

    # -- orders -----------------------------------------------------------------------------------

    async def _send(self, request: GatewayRequest, check: Callable[[], str]) -> Outcome:
        effect = request.effect
        if not isinstance(effect, SendOrder):
            return self._outcome(request, Verdict("not_sent", "bad_request", "a send without an order"))
        order = effect.order
        is_trigger = order.kind in _TRIGGERS
        deadline_ns = self.boot_ns() + request.window_ns if request.window_ns else 0
        rank = CLOSES if order.reduce_only or is_trigger else ENTRIES
        refused = await self._go("create_order", rank, deadline_ns)
        if refused is not None:
            return self._outcome(request, refused, via="send")
        asked_ns = self.account.now_ns()
        result = self._note(
            await self.account.place(
                order,
                one_way=request.position_mode == "one_way",
                check=check,
                test=request.verb == "validate",
            )
        )
        orders = []
        if result.verdict.fate == "done" and request.verb == "send":
            try:
                answer = order_answer(result.value, self.account.ids, is_trigger=is_trigger, accepted=True)
            except DataError as error:
                return self._outcome(
                    request, Verdict("unknown", "unreadable", str(error)), sent_ns=result.sent_ns, via="send"
                )
            orders = [replace(answer, client_order_id=order.client_order_id, symbol=order.symbol)]
        return self._outcome(
            request, result.verdict, sent_ns=result.sent_ns, asked_ns=asked_ns, via="send", orders=orders
        )

    async def _cancel(self, request: GatewayRequest, check: Callable[[], str]) -> Outcome:
        effect = request.effect
        if not isinstance(effect, CancelOrder):
            return self._outcome(request, Verdict("not_sent", "bad_request", "a cancel without an order"))
        refused = await self._go("cancel_order", CLOSES)
        if refused is not None:
            return self._outcome(request, refused, via="cancel")
        is_trigger = effect.kind in _TRIGGERS and not effect.triggered
        if effect.triggered and effect.venue_order_id:
            result = await self.account.call("cancel_order", effect.venue_order_id, effect.symbol, check=check)
        else:
            operation: Operation = "cancel_trigger" if is_trigger else "cancel"
            result = await self.account.by_client_id(operation, effect.client_order_id, effect.symbol, check=check)
        self._note(result)
        orders = []
        if result.verdict.fate == "done" and not is_trigger and result.value.get("status"):
            answer = order_answer(result.value, self.account.ids, is_trigger=False)
            orders = [self._named(answer, effect)]
        return self._outcome(request, result.verdict, sent_ns=result.sent_ns, via="cancel", orders=orders)

    async def _query(self, request: GatewayRequest, _check: Callable[[], str]) -> Outcome:
        effect = request.effect
        if not isinstance(effect, QueryOrder):
            return self._outcome(request, Verdict("not_sent", "bad_request", "a query without an order"))
        asked_ns = self.account.now_ns()
        is_trigger = effect.kind in _TRIGGERS and not effect.triggered
        if effect.triggered and effect.venue_order_id:
            result = await self._read(QUERIES, "fetch_order", effect.venue_order_id, effect.symbol)
        else:
            operation: Operation = "fetch_trigger" if is_trigger else "fetch"
            refused = await self._go("fetch_order", QUERIES)
            if refused is not None:
                return self._outcome(request, refused, via="query")
            result = self._note(await self.account.by_client_id(operation, effect.client_order_id, effect.symbol))
        verdict = result.verdict
        if verdict.fate == "gone":
            found, is_complete = await self._search(request, effect, is_trigger=is_trigger)
            if found is None:
                return self._outcome(request, verdict, asked_ns=asked_ns, via="query", complete=is_complete)
            orders, is_complete = [found], True
        elif verdict.fate != "done":
            return self._outcome(request, verdict, asked_ns=asked_ns, via="query")
        else:
            orders = [self._named(order_answer(result.value, self.account.ids, is_trigger=is_trigger), effect)]
            child = str((result.value.get("info") or {}).get(self._profile.became) or "") if is_trigger else ""
            if child and child != "0":
                fetched = await self._whole(QUERIES, "fetch_order", child, effect.symbol)
                answer = order_answer(fetched, self.account.ids, is_trigger=False)
                orders.append(replace(answer, symbol=effect.symbol, parent=effect.client_order_id))
        answered, is_complete = await self._with_trades(orders, effect.symbol)
        return self._outcome(
            request, Verdict("done"), asked_ns=asked_ns, via="query", orders=answered, complete=is_complete
        )

    def _named(self, answer: OrderAnswer, effect: CancelOrder | QueryOrder) -> OrderAnswer:
        """The order as we asked for it: a venue may leave our id out of its answer."""
        if effect.triggered:
            return replace(answer, symbol=effect.symbol, parent=effect.client_order_id)
        return replace(answer, symbol=effect.symbol, client_order_id=effect.client_order_id)

    async def _with_trades(self, orders: list[OrderAnswer], symbol: str) -> tuple[list[OrderAnswer], bool]:
        """Each order that has filled with its trades, and whether these are all."""
        is_complete = True
        answered = []
        for order in orders:
            if order.filled == "0" or not self._profile.order_field:
                answered.append(order)
                continue
            params = {self._profile.order_field: order.venue_order_id}
            page = self._profile.trades_page
            rows = await self._whole(QUERIES, "fetch_my_trades", symbol, None, page, params)
            trades = [trade for trade in map(trade_of, rows) if trade.venue_order_id == order.venue_order_id]
            is_complete = is_complete and len(rows) < page
            answered.append(replace(order, trades=[each.trade for each in trades]))
        return answered, is_complete

    async def _search(
        self, request: GatewayRequest, effect: QueryOrder, *, is_trigger: bool
    ) -> tuple[OrderAnswer | None, bool]:
        """An order that its id does not lead to, among the trades since it was sent; whether all were looked at.

        A venue may forget an id when its order has filled, and show the fill before the order. What a stop or target
        has become has an id of the venue's making, so an order that no session sent may be it.
        """
        since_ns = request.since_ns or effect.requested_ns
        if not since_ns:
            return None, False
        trades, is_complete = await self._pages(effect.symbol, "", since_ns, QUERIES)
        numbers = list(dict.fromkeys(trade.venue_order_id for trade in trades))
        is_complete = is_complete and len(numbers) <= CANDIDATES_MAX and effect.venue_order_id not in numbers
        for number in numbers[:CANDIDATES_MAX]:
            fetched = await self._whole(QUERIES, "fetch_order", number, effect.symbol)
            answer = order_answer(fetched, self.account.ids, is_trigger=False)
            if answer.client_order_id == effect.client_order_id:
                return self._named(answer, effect), True
            is_complete = is_complete and not (is_trigger and not answer.client_order_id)
        return None, is_complete

    # -- listings ---------------------------------------------------------------------------------

    async def _open_orders(self, request: GatewayRequest, _check: Callable[[], str]) -> Outcome:
        asked_ns = self.account.now_ns()
        if not request.symbols and not self._profile.lists_every_symbol:
            what = "the venue lists the open orders of one symbol at a time"
            return self._outcome(request, Verdict("not_sent", "not_available", what), via="listing")
        orders, ids = [], []
        symbols: Sequence[str | None] = request.symbols or (None,)
        for symbol in symbols:
            for params in self._profile.listings:
                rows = await self._whole(LISTINGS, "fetch_open_orders", symbol, params=dict(params))
                orders += [open_order(row, self.account.ids) for row in rows]
                ids += [order_ids(row) for row in rows]
        return self._listing(request, asked_ns, open_orders=orders, order_ids=ids)

    async def _trades_since(self, request: GatewayRequest, _check: Callable[[], str]) -> Outcome:
        asked_ns = self.account.now_ns()
        trades: list[AccountTrade] = []
        is_complete = True
        for symbol in request.symbols:
            found, is_whole = await self._pages(symbol, request.since_id, request.since_ns, QUERIES)
            trades += found
            is_complete = is_complete and is_whole
        return self._listing(request, asked_ns, complete=is_complete and bool(request.symbols), trades=trades)

    async def _pages(self, symbol: str, since_id: str, since_ns: int, rank: int) -> tuple[list[AccountTrade], bool]:
        """Trades of a symbol from an id or a time on, each once, the oldest first; whether these are all."""
        page, by_id = self._profile.trades_page, self._profile.pages_by_id
        found: dict[str, AccountTrade] = {}
        from_ms = since_ns // _MS
        window_ms = self._profile.trades_window_s * 1000
        last_id = since_id if by_id else ""
        for _ in range(PAGES_MAX):
            if last_id:
                rows = await self._whole(rank, "fetch_my_trades", symbol, None, page, {by_id: last_id})
            else:
                rows = await self._whole(rank, "fetch_my_trades", symbol, from_ms, page)
            trades = [trade_of(row) for row in rows]
            found |= {trade.trade.id: trade for trade in trades}
            if len(rows) < page:
                if last_id or from_ms + window_ms >= self.account.now_ns() // _MS:
                    return list(found.values()), True
                from_ms += window_ms
            elif by_id:
                last_id = trades[-1].trade.id
            else:
                return list(found.values()), False
        return list(found.values()), False

    async def _positions(self, request: GatewayRequest, _check: Callable[[], str]) -> Outcome:
        asked_ns = self.account.now_ns()
        rows = await self._whole(LISTINGS, "fetch_positions")
        held: list[VenuePosition] = [position for row in rows if (position := position_of(row)) is not None]
        wanted = [position for position in held if not request.symbols or position.symbol in request.symbols]
        return self._listing(request, asked_ns, positions=wanted)

    async def _balances(self, request: GatewayRequest, _check: Callable[[], str]) -> Outcome:
        asked_ns = self.account.now_ns()
        return self._listing(request, asked_ns, balances=balances_of(await self._whole(LISTINGS, "fetch_balance")))

    async def _income(self, request: GatewayRequest, _check: Callable[[], str]) -> Outcome:
        asked_ns = self.account.now_ns()
        since_ms = request.since_ns // _MS or None
        page, name = self._profile.income_page, self._profile.income_since
        params = {name: since_ms} if name and since_ms else {}
        rows = await self._whole(LISTINGS, "fetch_ledger", None, since_ms, page, params)
        kinds = self._profile.income_kinds
        entries = [income_of(row, kinds, self.account.symbol_of((row.get("info") or {}).get("symbol"))) for row in rows]
        incomes = [entry for entry in entries if entry is not None]
        return self._listing(request, asked_ns, complete=len(rows) < page, incomes=incomes)

    async def _account_facts(self, request: GatewayRequest, _check: Callable[[], str]) -> Outcome:
        asked_ns = self.account.now_ns()
        mode = await self._whole(LISTINGS, "fetch_position_mode")
        permissions: Mapping[str, Any] = {}
        if self._profile.account_call:
            permissions = await self._whole(LISTINGS, self._profile.account_call)
        leverages: dict[str, Any] = {}
        if request.symbols and self.account.has("fetchLeverages"):
            leverages = await self._whole(LISTINGS, "fetch_leverages", list(request.symbols))
        else:
            for symbol in request.symbols:
                leverages[symbol] = await self._whole(LISTINGS, "fetch_leverage", symbol, {"marginMode": "cross"})
        facts = AccountFacts(
            position_mode="hedge" if mode["hedged"] else "one_way",
            can_trade=permissions.get("canTrade"),
            can_withdraw=permissions.get("canWithdraw"),
            leverage={symbol: str(row.get("longLeverage") or "") for symbol, row in leverages.items()},
            margin_mode={symbol: str(row.get("marginMode") or "") for symbol, row in leverages.items()},
            recv_window_ms=self.account.recv_window_ms,
        )
        return self._listing(request, asked_ns, account=facts)

    async def _rules(self, request: GatewayRequest, _check: Callable[[], str]) -> Outcome:
        asked_ns = self.account.now_ns()
        await self._whole(LISTINGS, "load_markets", True)
        known = set(self.account.symbols)
        rules = [self.account.rules(symbol) for symbol in request.symbols if symbol in known]
        statuses = {each.symbol: status for each in rules if (status := self.account.status(each.symbol))}
        complete = len(rules) == len(request.symbols)
        return self._listing(request, asked_ns, complete=complete, rules=rules, statuses=statuses)

    def _listing(self, request: GatewayRequest, asked_ns: int, *, complete: bool = True, **lists: Any) -> Outcome:
        return self._outcome(request, Verdict("done"), asked_ns=asked_ns, complete=complete, via="listing", **lists)
