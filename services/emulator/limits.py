"""How often a venue may be asked: weights per address and orders per account, and what follows when it is asked more.

Binance's rules: beyond the weight of a minute every request is answered by 429 until the minute is over; who goes on
is banned (418), first for two minutes and for longer each time, up to three days. Orders beyond their own limits get
-1015. Pure: the time comes in with every call.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

__all__ = ["Ban", "Limits", "LimitsOptions", "TooManyRequests"]

MINUTE_MS: Final = 60_000
TEN_SECONDS_MS: Final = 10_000


class LimitsOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The limits themselves; the defaults are Binance USD-M's."""

    weight_per_minute: int = 2400
    orders_per_minute: int = 1200
    orders_per_ten_seconds: int = 300
    tolerated: int = 5
    """Requests during a 429 before a ban."""
    ban_ms: int = 120_000
    """Of the first ban; each further one is twice as long."""
    ban_max_ms: int = 3 * 24 * 3600 * 1000


class TooManyRequests(Exception):  # noqa: N818  # what the venue calls it, and no error of ours
    """A request that is not executed: HTTP status, code, text and seconds to wait."""

    def __init__(self, status: int, code: int, message: str, retry_after_s: int) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.retry_after_s = retry_after_s


class Ban(msgspec.Struct):
    """What one address has used, and its ban."""

    window: int = 0
    weight: int = 0
    ignored: int = 0
    """Requests of this window that came after the first 429."""
    until_ms: int = 0
    bans: int = 0


class _Orders(msgspec.Struct):
    """What one account has sent, by length of the window in milliseconds."""

    window: dict[int, int] = {}
    count: dict[int, int] = {}


class Limits:
    """Counters of every address and account."""

    def __init__(self, options: LimitsOptions) -> None:
        self.options = options
        self._addresses: dict[str, Ban] = {}
        self._orders: dict[str, _Orders] = {}

    def charge(self, address: str, weight: int, now_ms: int) -> int:
        """Count a request of an address; the weight used in this minute. TooManyRequests where it is too much."""
        used = self._addresses.setdefault(address, Ban())
        if now_ms < used.until_ms:
            raise _banned(address, used.until_ms, now_ms)
        window = now_ms // MINUTE_MS
        if window != used.window:
            used.window, used.weight, used.ignored = window, 0, 0
        used.weight += weight
        limit = self.options.weight_per_minute
        if used.weight <= limit:
            return used.weight
        used.ignored += 1
        if used.ignored > self.options.tolerated:
            self.ban(address, now_ms, None)
            raise _banned(address, used.until_ms, now_ms)
        text = (
            f"Too many requests; current limit of IP({address}) is {limit} requests per minute. "
            "Please use the websocket for live updates to avoid polling the API."
        )
        raise TooManyRequests(429, -1003, text, _seconds((window + 1) * MINUTE_MS - now_ms))

    def charge_orders(self, account: str, orders: int, now_ms: int) -> dict[int, int]:
        """Count orders of an account; those of each window, by its length in milliseconds. TooManyRequests beyond."""
        sent = self._orders.setdefault(account, _Orders())
        limits = (
            (TEN_SECONDS_MS, self.options.orders_per_ten_seconds, "TEN_SECONDS"),
            (MINUTE_MS, self.options.orders_per_minute, "MINUTE"),
        )
        for length, limit, name in limits:
            window = now_ms // length
            if sent.window.get(length) != window:
                sent.window[length], sent.count[length] = window, 0
            if sent.count[length] + orders > limit:
                text = f"Too many new orders; current limit is {limit} orders per {name}."
                raise TooManyRequests(429, -1015, text, _seconds((window + 1) * length - now_ms))
        for length, _, _ in limits:
            sent.count[length] += orders
        return dict(sent.count)

    def ban(self, address: str, now_ms: int, length_ms: int | None) -> int:
        """Ban an address, for longer than the last time unless a length is given; until when."""
        used = self._addresses.setdefault(address, Ban())
        grown = min(self.options.ban_ms << used.bans, self.options.ban_max_ms)
        used.until_ms = now_ms + (grown if length_ms is None else length_ms)
        used.bans += 1
        used.weight = used.ignored = 0
        return used.until_ms

    def view(self) -> dict[str, Any]:
        """As ``GET /_/limits`` shows them."""
        return {"options": msgspec.to_builtins(self.options), "addresses": msgspec.to_builtins(self._addresses)}


def _banned(address: str, until_ms: int, now_ms: int) -> TooManyRequests:
    text = (
        f"Way too many requests; IP({address}) banned until {until_ms}. "
        "Please use the websocket for live updates to avoid bans."
    )
    return TooManyRequests(418, -1003, text, _seconds(until_ms - now_ms))


def _seconds(ms: int) -> int:
    return -(-ms // 1000)
