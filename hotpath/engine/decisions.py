# cython: language_level=3, annotation_typing=False, auto_pickle=False
"""One close on the strategy's side: order events, the question to every symbol, intents, and the rollback of leg state.

The same for Python and for compiled strategies, in a backtest and in the strategy service. The order of a close::

    order events since the last decision, in order (blocked intents of the last decision first)
    on_bar of every symbol that has a bar in the set, in configured order
    the intents, handed over in the order given

When a leg's state is put back to what it was before an ``on_bar``: groups.py.

A leg is named by one number, ``2 * symbol + side``; an intent by the close of its decision and its number there.
"""

from __future__ import annotations

from typing import Any, Final

import cython

from live_runner.hotpath.engine.host import Host

if not cython.compiled:
    from live_runner.hotpath.engine.columns import Columns
    from live_runner.hotpath.engine.groups import Group, LegHistory, is_result, new_group, outcome, restored_group
    from live_runner.hotpath.engine.notices import Notice, new_notice
    from live_runner.hotpath.engine.python_lists import empty
    from live_runner.hotpath.engine.words import (
        ADD,
        CANCEL,
        HOLD,
        INTENT_OPEN,
        INTENT_WITHOUT_ORDER,
        LEG_PUT_BACK,
        LEG_WAITS,
        LONG_PART,
        NOTICE_BLOCKED,
        NOTICE_FILLED,
        OPEN,
        PROTECT,
        SYNC_STATE,
    )

__all__ = ["COPIES_PER_LEG_MAX", "INTENTS_PER_CALL_MAX", "Decisions"]

COPIES_PER_LEG_MAX: Final = 100
"""Copies kept per leg while the outcome of their intents is not known; the oldest goes first."""
INTENTS_PER_CALL_MAX: Final = 1000
"""Most intents that one ``on_bar`` may give; more is an error of that call."""


class Decisions(Host):
    """Calls one strategy. A subclass knows its kind of strategy and of account, and writes the methods that raise here.

    ``keeps_state``: the strategy has leg state. ``listens``: order events mean something to it; otherwise nothing is
    remembered of its intents. ``skips_late``: a symbol whose bar came late is not asked. ``trouble`` is the first
    failure of strategy code: opens and adds are blocked from then on.
    """

    def __init__(self, columns: Columns, skips_late: bool) -> None:
        self.columns = columns
        self.symbols = columns.symbols
        self.legs = [LegHistory(b"") for _ in range(2 * self.symbols)]
        self.keeps_state = False
        self.listens = True
        self.skips_late = skips_late
        self.selects = False
        self.number = 0
        self.close_ns = 0
        self.now_ns = 0
        self.numbered = 0
        self.wanted = 0
        self.open_groups = 0
        self.waits = False
        self.blocked: list[Notice] = []
        self.trouble = ""
        self.blocked_detail = ""

    # -- a subclass's part ------------------------------------------------------------------------

    def ask_symbol(self, symbol: int) -> None:
        """Call ``on_bar``; ``accept`` the legs, then ``remember`` each intent or ``block`` it, and count ``wanted``."""
        raise NotImplementedError

    def notify(self, notice: Notice, restored: bool) -> None:
        """Call the strategy's hook for an order event, if it has one."""
        raise NotImplementedError

    def hand_over(self) -> None:
        """Give the intents of the decision to whoever carries them out."""
        raise NotImplementedError

    def changed_state(self, index: int, known: bytes) -> bytes | None:
        """The leg's state as bytes, None where it is still ``known``."""
        raise NotImplementedError

    def write_state(self, index: int, state: bytes) -> None:
        """Give the leg this state."""
        raise NotImplementedError

    def backoff_detail(self, index: int) -> str | None:
        """The last rejection of a leg whose opens and adds are held back now; None where they are not."""
        raise NotImplementedError

    def choose(self) -> None:
        """Ask the strategy which symbols it wants to decide for."""
        raise NotImplementedError

    def is_chosen(self, symbol: int) -> bool:
        """Whether the symbol is to be asked: chosen, or in use."""
        raise NotImplementedError

    # -- a close ----------------------------------------------------------------------------------

    def decide_at(self, number: int, close_ns: int, now_ns: int, notices: Any) -> None:
        """Decide at the close of the set of this number; ``notices`` are the order events since the last decision."""
        self.number = number
        self.close_ns = close_ns
        self.now_ns = now_ns
        self.numbered = 0
        if self.waits or notices is not None:
            self.dispatch(notices)
        self.ask()
        if self.wanted:
            self.hand_over()
            self.wanted = 0

    def ask(self) -> None:
        """Every symbol that has a bar in the set, in configured order."""
        if self.selects:
            self.choose()
        for symbol in range(self.symbols):
            if (
                self.columns.bars[symbol].number == self.number
                and not (self.skips_late and self.columns.bars[symbol].late)
                and (not self.selects or self.is_chosen(symbol))
            ):
                self.ask_symbol(symbol)

    # -- intents ----------------------------------------------------------------------------------

    def remember(self, index: int, number: int, action: int, before: bytes) -> None:
        """An intent of the call that was just accepted, blocked ones included; ``before``: the leg before the call."""
        if self.listens and action != HOLD:
            history = self.legs[index]
            count = len(history.groups)
            group = history.groups[count - 1] if count > 0 else None
            if group is None or group.close_ns != self.close_ns:
                group = new_group(self.close_ns, number, history.version, before)
                self.add_group(history, group)
            group.add(number, INTENT_WITHOUT_ORDER if action in (CANCEL, SYNC_STATE, PROTECT) else INTENT_OPEN)

    def add_group(self, history: LegHistory, group: Group) -> None:
        """Keep a group; those of another version cannot be put back any more."""
        if len(history.groups) > 0:
            kept = []
            for at in range(len(history.groups)):
                other = history.groups[at]
                if other.version == group.version:
                    kept.append(other)
            if len(kept) >= COPIES_PER_LEG_MAX:
                del kept[0]
            self.open_groups -= len(history.groups) - len(kept)
            history.groups = kept
        history.groups.append(group)
        self.open_groups += 1

    def why_blocked(self, index: int, action: int) -> str:
        """Why an intent of the leg is held back, "" where it is not; ``blocked_detail`` has the sentence."""
        if action < OPEN or action > ADD:
            return ""
        if self.trouble:
            self.blocked_detail = self.trouble
            return "strategy_error"
        detail = self.backoff_detail(index)
        if detail is None:
            return ""
        self.blocked_detail = detail
        return "backoff"

    def block(self, index: int, number: int, action: int, reason: str) -> None:
        """Hold an intent back; the strategy is notified with the next order events."""
        if self.listens:
            notice = new_notice(
                NOTICE_BLOCKED, None, index // 2, index % 2, action, self.close_ns, number, self.close_ns
            )
            notice.reason = reason
            notice.message = self.blocked_detail
            self.blocked.append(notice)
            self.waits = True

    # -- leg states -------------------------------------------------------------------------------

    def known_state(self, index: int) -> bytes:
        """The leg's state as it was accepted last."""
        history = self.legs[index]
        return history.known

    def accept(self, symbol: int) -> None:
        """Take over what strategy code left in the symbol's legs."""
        self.accept_leg(2 * symbol)
        self.accept_leg(2 * symbol + 1)

    def accept_leg(self, index: int) -> None:
        """Take over what strategy code left in one leg."""
        history = self.legs[index]
        state = self.changed_state(index, history.known)
        if state is not None:
            self.take_over(index, state)

    def take_over(self, index: int, state: bytes) -> None:
        """Strategy code has left another state in the leg."""
        history = self.legs[index]
        history.known = state
        history.version += 1

    def put_back(self, index: int, state: bytes) -> None:
        """Give the leg an earlier state."""
        known = self.known_state(index)
        self.write_state(index, state)
        if state != known:
            self.take_over(index, state)

    # -- order events -----------------------------------------------------------------------------

    def dispatch(self, notices: Any) -> None:
        """Dispatch order events in order and empty ``notices``; put a leg back when all intents of a call were void."""
        if self.waits:
            self.waits = False
            if notices is not None:
                self.blocked.extend(notices)
                empty(notices)
            notices = self.blocked
            self.blocked = []
        if self.open_groups:
            for at in range(len(notices)):
                self.read(notices, at)
        for at in range(len(notices)):
            notice = notices[at]
            self.deliver(notice)
        empty(notices)
        if self.open_groups:
            self.forget()

    def read(self, notices: list[Notice], at: int) -> None:
        """Apply one event to the group of its intent, and see whether its leg is to be put back."""
        notice = notices[at]
        if notice.symbol >= 0 and notice.side >= 0 and is_result(notice.kind):
            history = self.legs[2 * notice.symbol + notice.side]
            if len(history.groups) > 0:
                self.read_result(notices, at, history)

    def read_result(self, notices: list[Notice], at: int, history: LegHistory) -> None:
        """Apply the outcome of an intent of a leg with open groups."""
        notice = notices[at]
        group = None
        if notice.order is None or notice.order.part < LONG_PART:
            group = self.group_of(history, notice.close_ns, notice.number)
        if group is not None and group.waits_for(notice.number, notice.kind):
            group.put(notice.number, outcome(notice.kind, notice.filled > 0, notice.retrying))
            notice.group = group
            if group.first_notice < 0:
                group.first_notice = at
            if group.verdict() == LEG_PUT_BACK:
                first = notices[group.first_notice]
                first.puts_back = group
        if notice.kind == NOTICE_FILLED:
            self.end_groups(notices, history, notice)

    def group_of(self, history: LegHistory, close_ns: int, number: int) -> Group | None:
        """The group of an intent; None when nothing can be put back any more."""
        for at in range(len(history.groups)):
            group = history.groups[at]
            if group.holds(close_ns, number):
                return group
        return None

    def end_groups(self, notices: list[Notice], history: LegHistory, fill: Notice) -> None:
        """Something was filled on the leg: what it was before cannot be put back any more."""
        for at in range(len(history.groups)):
            group = history.groups[at]
            group.filled_since = True
            if group.first_notice >= 0 and group.holds(fill.close_ns, fill.number):
                # A fill that was reported after the end of its own order.
                first = notices[group.first_notice]
                first.puts_back = None
        self.open_groups -= len(history.groups)
        empty(history.groups)

    def deliver(self, notice: Notice) -> None:
        """Put the leg back where the event says so, then call the strategy."""
        restored = False
        if notice.puts_back is not None:
            index = 2 * notice.symbol + notice.side
            history = self.legs[index]
            group = notice.puts_back
            if group.version == history.version:
                if self.keeps_state:
                    self.put_back(index, group.before)
                group.restored = True
        if notice.group is not None:
            group = notice.group
            restored = group.restored
        self.notify(notice, restored)

    def forget(self) -> None:
        """Drop the groups that are finished, or whose leg has changed since."""
        for index in range(2 * self.symbols):
            history = self.legs[index]
            if len(history.groups) == 0:
                continue
            kept = []
            for at in range(len(history.groups)):
                group = history.groups[at]
                group.first_notice = -1
                group.end_without_order()
                if group.version == history.version and group.verdict() == LEG_WAITS:
                    kept.append(group)
            self.open_groups -= len(history.groups) - len(kept)
            history.groups = kept

    # -- snapshots --------------------------------------------------------------------------------

    def state(self) -> dict[str, Any]:
        """Plain data: versions, states and open groups of the legs, blocked intents that wait, the first failure."""
        return {
            "legs": [
                [history.version, self.known_state(index), [group.row() for group in history.groups]]
                for index, history in enumerate(self.legs)
            ],
            "blocked": [notice_row(notice) for notice in self.blocked],
            "trouble": self.trouble,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Take over what ``state`` gave; a leg's state is the strategy's again."""
        self.open_groups = 0
        for index in range(len(state["legs"])):
            self.restore_leg(index, state["legs"][index])
        self.blocked = [restored_notice(row) for row in state["blocked"]]
        self.waits = len(self.blocked) > 0
        self.trouble = state["trouble"]

    def restore_leg(self, index: int, row: list[Any]) -> None:
        """One leg from its row."""
        history = self.legs[index]
        if self.keeps_state:
            self.write_state(index, row[1])
        history.known = row[1]
        history.version = row[0]
        history.groups = [restored_group(group) for group in row[2]]
        self.open_groups += len(history.groups)


def notice_row(notice: Notice) -> list[Any]:
    """Plain data of a blocked intent for a snapshot."""
    return [notice.symbol, notice.side, notice.action, notice.close_ns, notice.number, notice.reason, notice.message]


def restored_notice(row: list[Any]) -> Notice:
    """A blocked intent from its row in a snapshot."""
    notice = new_notice(NOTICE_BLOCKED, None, row[0], row[1], row[2], row[3], row[4], row[3])
    notice.reason = row[5]
    notice.message = row[6]
    return notice
