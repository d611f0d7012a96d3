# cython: language_level=3, annotation_typing=False, auto_pickle=False, nonecheck=True
"""Calls into a Python strategy, each made once and in one way.

A call that raises, or answers with something it may not, is undone as far as the legs go and recorded. The session
then manages what is open, and blocks opens and adds until it ends.

A copy of a leg's state is its MessagePack bytes, so it shares nothing with the original, whatever the strategy puts
into a field. After each call the bytes are read back with the declared types: a value of a wrong type is an error of
that call, and a state goes on as exactly what a restart would make of it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any, Final

import cython
import msgspec

from live_runner.contracts.errors import StrategyError
from live_runner.contracts.messages import BlockedIntent, FailedCall, Intent
from live_runner.contracts.vocabulary import ACTIONS, SIDES
from live_runner.hotpath.engine.decisions import INTENTS_PER_CALL_MAX, Decisions

if not cython.compiled:
    from live_runner.hotpath.engine.columns import Columns
    from live_runner.hotpath.engine.notices import Notice, new_notice
    from live_runner.hotpath.engine.words import NOTICE_BLOCKED, NOTICE_DENIED, NOTICE_FILLED, NOTICE_REJECTED

__all__ = ["HOOKS", "PythonDecisions", "message_notice"]

HOOKS: Final = ("on_fill", "on_rejection", "on_order_update", "select")
"""Hooks that a strategy may leave out; one that it does not override is never called."""

ACTION_NUMBERS: Final = {action: number for number, action in enumerate(ACTIONS)}
NO_ACTION: Final = -1
"""A word that is not an action; the pre-trade checks deny it."""


class PythonDecisions(Decisions):
    """Calls one Python strategy. A subclass knows the account that it shows, and the words of order events.

    ``hooks`` are the names of HOOKS that the strategy overrides, ``draft_class`` its class of drafts. ``failures``
    records failed calls: ``add(symbol, call, error)`` gives the recorded FailedCall, ``take()`` those since the last
    decision.
    """

    view: Any
    chosen: Any
    drafts: list[Any]
    numbers: list[Any]
    held_back: list[Any]

    def __init__(
        self,
        session: str,
        columns: Columns,
        skips_late: bool,
        strategy: Any,
        hooks: Collection[str],
        draft_class: type[Any],
        failures: Any,
    ) -> None:
        Decisions.__init__(self, columns, skips_late)
        self.session = session
        self.strategy = strategy
        self.names = tuple(strategy.symbols)
        self.places = {symbol: place for place, symbol in enumerate(self.names)}
        self.call_observe = strategy.observe
        self.call_on_bar = strategy.on_bar
        self.call_on_fill = strategy.on_fill
        self.call_on_rejection = strategy.on_rejection
        self.call_on_order_update = strategy.on_order_update
        self.call_select = strategy.select
        self.handles_fills = "on_fill" in hooks
        self.handles_rejections = "on_rejection" in hooks
        self.handles_updates = "on_order_update" in hooks
        self.selects = "select" in hooks
        self.empty_selections = 0
        self.draft_class = draft_class
        self.failures = failures
        self.failed = False
        self.bars: list[Any] = [None for _ in self.names]
        self.view = None
        self.chosen = None
        self.drafts = []
        self.numbers = []
        self.held_back = []
        self.leg_class = strategy.Leg
        self.fields = strategy.Leg.__struct_fields__
        self.keeps_state = len(self.fields) > 0
        self.encode = msgspec.msgpack.Encoder().encode
        self.decode = msgspec.msgpack.Decoder(strategy.Leg).decode
        self.states = [strategy.leg_states[symbol, side] for symbol in self.names for side in SIDES]
        self.listens = self.keeps_state or self.handles_fills or self.handles_rejections or self.handles_updates
        if self.keeps_state:
            self.take_first_states()

    def take_first_states(self) -> None:
        """A default of 0 in a float field becomes the 0.0 that a restart would make of it."""
        for index in range(2 * self.symbols):
            self.put_back(index, self.encode(self.decode(self.encode(self.states[index]))))
            self.first_version(index)

    def first_version(self, index: int) -> None:
        """Count the leg's changes from here."""
        history = self.legs[index]
        history.version = 0

    # -- a subclass's part ------------------------------------------------------------------------

    def is_in_use(self, symbol: int) -> bool:
        """Whether the symbol holds a position or has an order pending."""
        raise NotImplementedError

    def word_fill(self, notice: Notice) -> Any:
        """The fill as the strategy sees it."""
        raise NotImplementedError

    def word_rejection(self, notice: Notice, restored: bool) -> Any:
        """The rejection, denial or blocked intent as the strategy sees it."""
        raise NotImplementedError

    def word_update(self, notice: Notice, restored: bool) -> Any:
        """The order's other changes as the strategy sees them."""
        raise NotImplementedError

    # -- sets that come as messages ---------------------------------------------------------------

    def take_bars(self, bars: list[Any], number: int) -> None:
        """These are the bars of the set of this number."""
        for bar in bars:
            symbol = self.places[bar.symbol]
            self.columns.bars[symbol].number = number
            self.columns.bars[symbol].late = bar.late
            self.bars[symbol] = bar

    def observe_bars(self, bars: list[Any], number: int) -> None:
        """Show every bar of the set of this number."""
        for bar in bars:
            symbol = self.places[bar.symbol]
            self.columns.bars[symbol].number = number
            self.columns.bars[symbol].late = bar.late
            self.show(symbol, bar)

    def decide_on(self, number: int, close_ns: int, now_ns: int, view: Any, notices: list[Notice] | None) -> None:
        """Decide at the close of the set of this number with this view; ``decision`` gives what came of it."""
        self.view = view
        self.decide_at(number, close_ns, now_ns, notices)

    # -- calls ------------------------------------------------------------------------------------

    def show(self, symbol: int, bar: Any) -> None:
        """``observe`` of one bar; never undone."""
        self.bars[symbol] = bar
        try:
            answer = self.call_observe(bar)
            if answer is not None:
                raise answer_error(answer, "observe")
        except BaseException as error:  # noqa: BLE001 - whatever strategy code raises is its failure
            self.fail(self.names[symbol], "observe", error)

    def ask_symbol(self, symbol: int) -> None:
        """``on_bar`` of one symbol; nothing is wanted when the call fails."""
        if self.keeps_state:
            self.ask_with_state(symbol)
        else:
            try:
                answer = self.call_on_bar(self.bars[symbol], self.view)
                if answer is not None and not (type(answer) is list and len(answer) == 0):
                    self.take(symbol, self.drafts_of(answer, self.names[symbol]), b"", b"")
            except BaseException as error:  # noqa: BLE001 - whatever strategy code raises is its failure
                self.fail(self.names[symbol], "on_bar", error)

    def ask_with_state(self, symbol: int) -> None:
        """``on_bar`` of one symbol of a strategy with leg states."""
        long = self.known_state(2 * symbol)
        short = self.known_state(2 * symbol + 1)
        drafts = None
        try:
            answer = self.call_on_bar(self.bars[symbol], self.view)
            if answer is not None and not (type(answer) is list and len(answer) == 0):
                drafts = self.drafts_of(answer, self.names[symbol])
            self.accept(symbol)
        except BaseException as error:  # noqa: BLE001 - whatever strategy code raises is its failure
            self.put_back(2 * symbol, long)
            self.put_back(2 * symbol + 1, short)
            self.fail(self.names[symbol], "on_bar", error)
            drafts = None
        if drafts is not None:
            self.take(symbol, drafts, long, short)

    def drafts_of(self, answer: Any, symbol: str) -> list[Any]:
        """The intents that ``on_bar`` returned for a symbol, in its order; StrategyError for anything else."""
        if isinstance(answer, (self.draft_class, str, bytes, Mapping)):
            raise StrategyError(f"on_bar gave a {type(answer).__name__}", remedy="Return a list of intents, or None")
        drafts = []
        for draft in answer:
            if not isinstance(draft, self.draft_class):
                raise StrategyError(
                    f"on_bar gave a {type(draft).__name__} among its intents",
                    remedy="Make intents with intent.open, add, partial_close, close, cancel, sync_state and hold",
                )
            if draft.symbol != symbol:
                raise StrategyError(
                    f"on_bar of {symbol} gave an intent for {draft.symbol}", remedy="Ask for the bar's own symbol only"
                )
            if draft.leg not in SIDES:
                raise StrategyError(f"on_bar gave an intent for the leg '{draft.leg}'", remedy="Use 'long' or 'short'")
            drafts.append(draft)
            if len(drafts) > INTENTS_PER_CALL_MAX:
                raise StrategyError(
                    f"on_bar gave more than {INTENTS_PER_CALL_MAX} intents", remedy="Spread them over several bars"
                )
        return drafts

    def take(self, symbol: int, drafts: list[Any], long: bytes, short: bytes) -> None:
        """Number one call's drafts; hold back what the backoff or an earlier failure forbids."""
        for at in range(len(drafts)):
            draft = drafts[at]
            self.numbered += 1
            side = 0 if draft.leg == SIDES[0] else 1
            index = 2 * symbol + side
            action = ACTION_NUMBERS.get(draft.action, NO_ACTION)
            self.remember(index, self.numbered, action, short if side else long)
            reason = self.why_blocked(index, action)
            if reason:
                self.block(index, self.numbered, action, reason)
                self.held_back.append((draft, self.numbered, reason, self.blocked_detail))
            else:
                self.wanted += 1
                self.drafts.append(draft)
                self.numbers.append(self.numbered)

    def notify(self, notice: Notice, restored: bool) -> None:
        """Call the hook for an order event, when the strategy has it."""
        if notice.kind == NOTICE_FILLED:
            if self.handles_fills:
                self.call_hook("on_fill", self.call_on_fill, self.word_fill(notice), notice.symbol)
        elif notice.kind == NOTICE_REJECTED or notice.kind == NOTICE_DENIED or notice.kind == NOTICE_BLOCKED:
            if self.handles_rejections:
                self.call_hook(
                    "on_rejection", self.call_on_rejection, self.word_rejection(notice, restored), notice.symbol
                )
        elif self.handles_updates:
            self.call_hook(
                "on_order_update", self.call_on_order_update, self.word_update(notice, restored), notice.symbol
            )

    def call_hook(self, name: str, hook: Callable[[Any, Any], Any], news: Any, symbol: int) -> None:
        """One hook; what it did to the symbol's legs is undone when it fails. ``symbol`` is -1 for a foreign one."""
        guards = self.keeps_state and symbol >= 0
        long = self.known_state(2 * symbol) if guards else b""
        short = self.known_state(2 * symbol + 1) if guards else b""
        try:
            answer = hook(news, self.view)
            if answer is not None:
                raise answer_error(answer, name)
            if guards:
                self.accept(symbol)
        except BaseException as error:  # noqa: BLE001 - whatever strategy code raises is its failure
            if guards:
                self.put_back(2 * symbol, long)
                self.put_back(2 * symbol + 1, short)
            self.fail(news.symbol, name, error)

    def fail(self, symbol: str, call: str, error: BaseException) -> None:
        """Record a failed call; the first one is the session's trouble. Ctrl-C is nobody's failure."""
        if isinstance(error, KeyboardInterrupt):
            raise error
        self.failed = True
        failed = self.failures.add(symbol, call, error)
        if not self.trouble:
            self.trouble = f"{symbol} {call}: {failed.error}".strip()

    def choose(self) -> None:
        """The symbols that the strategy wants to decide for; all of them when it does not choose or fails."""
        self.chosen = None
        try:
            bars = [self.bars[symbol] for symbol in range(self.symbols) if self.has_bar(symbol)]
            answer = self.call_select(tuple(bars), self.view)
            if answer is not None:
                chosen = frozenset(answer)
                unknown = chosen.difference(self.names)
                if unknown:
                    raise StrategyError(
                        f"select gave {', '.join(sorted(map(str, unknown)))}, which the session does not trade",
                        remedy="Choose among the configured symbols",
                    )
                self.chosen = chosen
        except BaseException as error:  # noqa: BLE001 - whatever strategy code raises is its failure
            self.fail("", "select", error)
        if self.chosen is None or len(self.chosen) > 0:
            self.empty_selections = -1
        elif self.empty_selections >= 0:
            self.empty_selections += 1

    def has_bar(self, symbol: int) -> bool:
        """Whether the symbol has a bar in the set."""
        return bool(self.columns.bars[symbol].number == self.number)

    def is_chosen(self, symbol: int) -> bool:
        """Whether the symbol is to be asked: chosen by the strategy, or in use."""
        return self.chosen is None or self.names[symbol] in self.chosen or self.is_in_use(symbol)

    def hand_over(self) -> None:
        """Nothing to do where the decision is a message: ``decision`` gives its intents."""

    # -- leg states -------------------------------------------------------------------------------

    def changed_state(self, index: int, known: bytes) -> bytes | None:
        """The leg's state read back with its types, None where it is ``known``; StrategyError for a wrong type."""
        state = self.states[index]
        try:
            data = self.encode(state)
            if data == known:
                return None
            typed = self.decode(data)
        except (msgspec.MsgspecError, TypeError, OverflowError) as error:
            symbol, side = self.names[index // 2], SIDES[index % 2]
            raise StrategyError(
                f"The leg state of {symbol} {side} holds what its type does not allow: {error}",
                remedy=f"See the field types of {self.leg_class.__name__}",
                symbol=symbol,
                leg=side,
            ) from error
        for name in self.fields:
            setattr(state, name, getattr(typed, name))
        data = self.encode(typed)
        return None if data == known else data

    def write_state(self, index: int, state: bytes) -> None:
        """Give the leg this state."""
        typed = self.decode(state)
        for name in self.fields:
            setattr(self.states[index], name, getattr(typed, name))

    # -- in words ---------------------------------------------------------------------------------

    def decision(self) -> tuple[list[Intent], list[BlockedIntent], list[FailedCall]]:
        """The decision's intents, blocked intents and the calls that failed since the last one; forgets them."""
        if not self.failed and len(self.drafts) == 0 and len(self.held_back) == 0:
            return [], [], []
        intents = [self.word_intent(draft, number) for draft, number in zip(self.drafts, self.numbers, strict=True)]
        blocked = [
            BlockedIntent(intent=self.word_intent(draft, number), reason=reason, detail=detail)
            for draft, number, reason, detail in self.held_back
        ]
        self.forget_decision()
        return intents, blocked, self.failures.take()

    def forget_decision(self) -> None:
        """Begin anew."""
        self.drafts = []
        self.numbers = []
        self.held_back = []
        self.failed = False

    def word_intent(self, draft: Any, number: int) -> Intent:
        """The recorded intent of a draft."""
        open_ns = self.bars[self.places[draft.symbol]].open_ns
        return intent_of(draft, f"{self.session}/{self.close_ns}/{number}", open_ns)


def answer_error(answer: Any, call: str) -> StrategyError:
    """A hook or ``observe`` that returned something."""
    return StrategyError(
        f"{call} gave a {type(answer).__name__}", remedy="Return nothing; intents come from on_bar only"
    )


def message_notice(
    kind: int,
    symbol: int,
    side: int,
    action: int,
    close_ns: int,
    number: int,
    filled: bool,
    retrying: bool,
    event: Any,
    details: Any,
) -> Notice:
    """The notice of an order event that came as a message; -1 for a symbol or side that the session does not have.

    ``details`` is for whoever words it.
    """
    notice = new_notice(kind, None, symbol, side, action, close_ns, number, event.event_ns)
    notice.filled = 1 if filled else 0
    notice.retrying = retrying
    notice.event = event
    notice.details = details
    return notice


def intent_of(draft: Any, id: str, open_ns: int) -> Intent:
    """An intent as it is recorded."""
    return Intent(
        id=id,
        symbol=draft.symbol,
        leg=draft.leg,
        action=draft.action,
        quantity=draft.quantity,
        fraction=draft.fraction,
        sizing=draft.sizing,
        notional=draft.notional,
        style=draft.style,
        limit_price=draft.limit_price,
        take_profit=draft.take_profit,
        stop_loss=draft.stop_loss,
        time_to_live_ns=draft.time_to_live_ns,
        fallback=list(draft.fallback),
        close_semantics=draft.close_semantics,
        order_id=draft.order_id,
        reason=draft.reason,
        policy=draft.policy,
        bar_open_ns=open_ns,
    )
