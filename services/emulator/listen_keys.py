"""Listen keys: the names under which accounts hear of their orders. One per account, valid for an hour.

Pure: the time comes in. A key that has expired, or that somebody has deleted, leaves its connections open and silent.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from live_runner.services.emulator.binance import Refused
from live_runner.services.market_data.core.randomness import key as drawn

__all__ = ["ListenKeys"]

VALID_MS: Final = 60 * 60_000


class _Issued(msgspec.Struct):
    account: str
    until_ms: int


class ListenKeys:
    """Every valid key."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._issued = 0
        self._keys: dict[str, _Issued] = {}

    def handle(self, method: str, account: str, now_ms: int) -> Any:
        """``POST`` makes one or extends it, ``PUT`` extends it, ``DELETE`` ends it; Refused where there is none."""
        found = self.of(account, now_ms)
        if method == "DELETE":
            if found is None:
                raise _unknown()
            del self._keys[found]
            return {}
        if found is None and method == "PUT":
            raise _unknown()
        if found is None:
            self._issued += 1
            parts = (drawn(self._seed, "listen key", account, self._issued, part) for part in range(4))
            found = "".join(f"{part:016x}" for part in parts)
            self._keys[found] = _Issued(account, 0)
        self._keys[found].until_ms = now_ms + VALID_MS
        return {"listenKey": found}

    def of(self, account: str, now_ms: int) -> str | None:
        """An account's valid key."""
        held = self._keys.items()
        return next((key for key, of in held if of.account == account and of.until_ms > now_ms), None)

    def account(self, key: str, now_ms: int) -> str | None:
        """Whose key this is; None when it is not valid."""
        found = self._keys.get(key)
        return found.account if found is not None and found.until_ms > now_ms else None

    def expire(self, now_ms: int, account: str | None = None) -> list[tuple[str, str]]:
        """Take away keys whose time is over, or an account's; (key, account) of each."""
        gone = [
            (key, of.account)
            for key, of in self._keys.items()
            if (of.until_ms <= now_ms if account is None else of.account == account)
        ]
        for key, _ in gone:
            del self._keys[key]
        return gone

    def snapshot(self) -> dict[str, Any]:
        """For ``restore``."""
        return {"issued": self._issued, "keys": msgspec.to_builtins(self._keys)}

    def restore(self, stored: dict[str, Any]) -> None:
        """Go on from a snapshot."""
        self._issued = stored["issued"]
        self._keys = msgspec.convert(stored["keys"], dict[str, _Issued])


def expired_event(key: str, now_ms: int) -> dict[str, Any]:
    """What goes out to the connections of a key that has expired."""
    return {"e": "listenKeyExpired", "E": now_ms, "listenKey": key}


def _unknown() -> Refused:
    return Refused(400, -1125, "This listenKey does not exist.")
