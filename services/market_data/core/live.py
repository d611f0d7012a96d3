"""Closed bars out of what a live venue sends: which are closed, which are missing, late or revised.

The world: a venue's answer ends with the candle that is still forming; a stream repeats it with every
trade and does not say when it is over; answers fail, come late, twice and changed. The rules:

- A candle is closed when its interval has ended by the venue's clock (a lower bound of it), or when the
  venue has begun a later candle. Any other candle is dropped: it never gets in here as a bar.
- A set goes out when every symbol has its bar, when the venue has shown that those without have none, or
  ``deadline_ns`` after its close. While nothing at all is known of a close, it is waited for: an outage.
- A bar that arrives more than the deadline after its close is late. A run of late bars is told by one ``Gap``
  (filled), a symbol that was missing from sets by one ``Gap`` (not filled), each before the set it is back in.
- A published bar that the venue changes becomes ``BarRevised``; sessions keep what they saw.

Pure: the venue's time comes in with every call.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from live_runner.contracts.errors import DataError
from live_runner.contracts.messages import BarRevised, BarSet, FundingRate, Gap, Incident, SetBar
from live_runner.contracts.timeframe import bar_open_ns, duration_ns
from live_runner.services.market_data.core.sets import Item
from live_runner.services.venues.port import Candle

__all__ = ["PENDING_BARS_MAX", "REVISABLE_BARS", "LiveBook", "closed"]

REVISABLE_BARS: Final = 20
"""Published bars of a symbol that are remembered to see whether the venue changes them."""
PENDING_BARS_MAX: Final = 100_000
"""Bars of a symbol that may wait for their set."""


class _Waiting(NamedTuple):
    """A closed bar whose set was not published yet."""

    bar: SetBar
    arrived_ns: int


def closed(rows: Iterable[Candle], length_ns: int, venue_ns: int) -> list[Candle]:
    """Those rows that cannot change by another trade.

    ``venue_ns`` is a lower bound of the venue's clock when it made the answer.
    """
    ordered = sorted(rows)
    newest = ordered[-1].open_ns if ordered else 0
    return [row for row in ordered if row.open_ns + length_ns <= venue_ns or row.open_ns < newest]


class LiveBook:
    """The bars of one live session between the venue and the log.

    The next set to go out opens at ``begin_ns`` and follows the ``number``-th, 0 at the session's beginning; the
    first tradable one opens at ``first_open_ns``.
    """

    def __init__(
        self,
        symbols: Sequence[str],
        timeframe: str,
        *,
        begin_ns: int,
        first_open_ns: int,
        deadline_ns: int,
        end_ns: int | None = None,
        number: int = 0,
    ) -> None:
        self._symbols = list(symbols)
        self._timeframe = timeframe
        self._length_ns = duration_ns(timeframe)
        self._deadline_ns = deadline_ns
        self._first_open_ns = first_open_ns
        self._begin_ns = begin_ns
        self._end_ns = end_ns
        self._number = number
        self.next_open_ns = begin_ns
        """Open of the set that goes out next."""
        self._waiting: dict[str, dict[int, _Waiting]] = {symbol: {} for symbol in self._symbols}
        self._published: dict[str, OrderedDict[int, SetBar]] = {symbol: OrderedDict() for symbol in self._symbols}
        self._known_until_ns: dict[str, int] = dict.fromkeys(self._symbols, begin_ns)
        self._back_at_ns: dict[str, int] = dict.fromkeys(self._symbols, begin_ns)
        self._late_until_ns: dict[str, int] = dict.fromkeys(self._symbols, 0)
        self._rates: dict[tuple[int, str], FundingRate] = {}
        self._rates_seen: dict[str, int] = {}
        self._news: list[Item] = []
        self._refused: set[tuple[str, int]] = set()
        self._resumed = number > 0

    @property
    def ended(self) -> bool:
        """Whether the session's last set went out."""
        return self._end_ns is not None and self.next_open_ns >= self._end_ns

    def lacking(self, open_ns: int) -> list[str]:
        """Symbols of which nothing is known yet at that open time."""
        return [s for s in self._symbols if open_ns not in self._waiting[s] and self._known_until_ns[s] <= open_ns]

    def offer(self, symbol: str, rows: Sequence[Candle], venue_ns: int, arrived_ns: int) -> None:
        """Take over an answer or a stream's update; ``venue_ns`` as for ``closed``."""
        for row in closed(rows, self._length_ns, venue_ns):
            try:
                bar = self._checked(symbol, row)
            except DataError as error:
                self._refuse(symbol, row, error)
                continue
            if row.open_ns >= self.next_open_ns:
                if len(self._waiting[symbol]) < PENDING_BARS_MAX:
                    self._waiting[symbol].setdefault(row.open_ns, _Waiting(bar, arrived_ns))
            else:
                self._compare(symbol, row.open_ns, bar)

    def prove(self, symbol: str, until_ns: int) -> None:
        """The venue has answered completely for open times before ``until_ns``: what it did not list, it has not."""
        self._known_until_ns[symbol] = max(self._known_until_ns[symbol], until_ns)

    def offer_funding(self, rates: Iterable[FundingRate]) -> None:
        """Rates that have become due; repeats are known by symbol and time."""
        for rate in rates:
            if rate.symbol in self._waiting and rate.funding_ns > self._rates_seen.get(rate.symbol, self._begin_ns - 1):
                self._rates[(rate.funding_ns, rate.symbol)] = rate

    def due(self, now_ns: int) -> list[Item]:
        """The items that are due by now, in order."""
        items, self._news = self._news, []
        while not self.ended and (close_ns := self.next_open_ns + self._length_ns) <= now_ns:
            open_ns = self.next_open_ns
            present = [symbol for symbol in self._symbols if open_ns in self._waiting[symbol]]
            unknown = self.lacking(open_ns)
            if unknown and (not present or now_ns < close_ns + self._deadline_ns):
                break
            if present:
                for symbol in present:
                    items += self._gaps(symbol, open_ns)
                items.append(self._set(open_ns, close_ns, present))
            self.next_open_ns = close_ns
        self._refused = {key for key in self._refused if key[1] >= self.next_open_ns}
        return items

    def _set(self, open_ns: int, close_ns: int, present: Sequence[str]) -> Item:
        warmup = open_ns < self._first_open_ns
        bars: list[SetBar] = []
        for symbol in present:
            bar, arrived_ns = self._waiting[symbol].pop(open_ns)
            if not warmup and arrived_ns > close_ns + self._deadline_ns:
                bar = SetBar(symbol, bar.open, bar.high, bar.low, bar.close, bar.volume, late=True)
            bars.append(bar)
            self._back_at_ns[symbol] = close_ns
            published = self._published[symbol]
            published[open_ns] = bar
            if len(published) > REVISABLE_BARS:
                published.popitem(last=False)
        self._number += 1
        fields = {
            "number": self._number,
            "open_ns": open_ns,
            "close_ns": close_ns,
            "bars": bars,
            "missing": [symbol for symbol in self._symbols if symbol not in present],
            "funding": self._funding_before(close_ns),
            "warmup": warmup,
        }
        return Item(BarSet, close_ns, fields)

    def _gaps(self, symbol: str, open_ns: int) -> list[Item]:
        """Gaps of the symbol before its bar at ``open_ns``."""
        items: list[Item] = []
        back_at_ns = self._back_at_ns[symbol]
        if back_at_ns < open_ns and (self._published[symbol] or self._resumed):
            proven = self._known_until_ns[symbol] >= open_ns
            reason = "no_candle_at_venue" if proven else "missing_deadline"
            items.append(self._gap(symbol, back_at_ns, open_ns, False, reason))
        if open_ns >= max(self._first_open_ns, self._late_until_ns[symbol]) and self._is_late(symbol, open_ns):
            until_ns = open_ns + self._length_ns
            while self._is_late(symbol, until_ns):
                until_ns += self._length_ns
            self._late_until_ns[symbol] = until_ns
            items.append(self._gap(symbol, open_ns, until_ns, True, "caught_up"))
        return items

    def _gap(self, symbol: str, from_ns: int, to_ns: int, filled: bool, reason: str) -> Item:
        fields = {
            "symbol": symbol,
            "from_ns": from_ns,
            "to_ns": to_ns,
            "bars": (to_ns - from_ns) // self._length_ns,
            "filled": filled,
            "reason": reason,
        }
        return Item(Gap, to_ns, fields)

    def _is_late(self, symbol: str, open_ns: int) -> bool:
        waiting = self._waiting[symbol].get(open_ns)
        return waiting is not None and waiting.arrived_ns > open_ns + self._length_ns + self._deadline_ns

    def _funding_before(self, close_ns: int) -> list[FundingRate]:
        place = {symbol: number for number, symbol in enumerate(self._symbols)}
        due = sorted((key for key in self._rates if key[0] < close_ns), key=lambda key: (key[0], place[key[1]]))
        rates = [self._rates.pop(key) for key in due]
        for rate in rates:
            self._rates_seen[rate.symbol] = max(rate.funding_ns, self._rates_seen.get(rate.symbol, 0))
        return rates

    def _compare(self, symbol: str, open_ns: int, bar: SetBar) -> None:
        before = self._published[symbol].get(open_ns)
        if before is None or _values(before) == _values(bar):
            return
        after = SetBar(symbol, bar.open, bar.high, bar.low, bar.close, bar.volume, before.late)
        self._published[symbol][open_ns] = after
        fields = {"symbol": symbol, "open_ns": open_ns, "before": before, "after": after}
        self._news.append(Item(BarRevised, open_ns + self._length_ns, fields))

    def _checked(self, symbol: str, row: Candle) -> SetBar:
        prices = row[1:5]
        if bar_open_ns(row.open_ns, self._timeframe) != row.open_ns:
            raise self._bad(symbol, row, "time", "is not an open time of a bar")
        for name, price in zip(("open", "high", "low", "close"), prices, strict=True):
            if not 0.0 < price < float("inf"):
                raise self._bad(symbol, row, name, f"is {price!r}, which is not a valid price")
        if not 0.0 <= row.volume < float("inf"):
            raise self._bad(symbol, row, "volume", f"is {row.volume!r}")
        if row.high != max(prices) or row.low != min(prices):
            raise self._bad(symbol, row, "high", "and low do not enclose open and close")
        return SetBar(symbol, *row[1:])

    def _bad(self, symbol: str, row: Candle, field: str, what: str) -> DataError:
        return DataError(
            f"The venue's candle of {symbol} at {row.open_ns // 1_000_000} ms: {field} {what}",
            remedy="The bar is left out; compare with the venue's chart",
            field=field,
            open_ns=row.open_ns,
        )

    def _refuse(self, symbol: str, row: Candle, error: DataError) -> None:
        # Every poll shows the last candles again; the operator hears of each bad one once.
        if row.open_ns < self.next_open_ns or (symbol, row.open_ns) in self._refused:
            return
        self._refused.add((symbol, row.open_ns))
        details = {"symbol": symbol, **error.fields}
        fields = {"severity": "warning", "code": "bad_candle", "message": str(error), "details": details}
        self._news.append(Item(Incident, row.open_ns + self._length_ns, fields))


def _values(bar: SetBar) -> tuple[float, ...]:
    return bar.open, bar.high, bar.low, bar.close, bar.volume
