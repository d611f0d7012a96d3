"""Who sends a request: keys, signatures over the raw text, and the time in which a request is valid.

Binance: the signature is the HMAC-SHA256, in hex, of the query string and the body as they were sent, without the
signature itself, which comes last. Pure: the server's time comes in.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Mapping
from hashlib import sha256
from typing import Final

import msgspec

from live_runner.services.emulator.binance import Refused
from live_runner.services.emulator.endpoints import Endpoint

__all__ = ["Keys", "Permissions"]

AHEAD_MAX_MS: Final = 1000
WINDOW_DEFAULT_MS: Final = 5000
WINDOW_MAX_MS: Final = 60_000
_SIGNATURE: Final = re.compile(r"(?:^|&)signature=([^&]*)")
_KEY: Final = re.compile(r"[A-Za-z0-9_-]{1,128}")
_MANDATORY: Final = "Mandatory parameter '{}' was not sent, was empty/null, or malformed."


class Permissions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An API key: its secret and what may be done with it."""

    secret: str
    may_read: bool = True
    may_trade: bool = True
    may_withdraw: bool = False
    addresses: tuple[str, ...] = ()
    """Addresses that it may come from; none given: any."""
    created_ms: int = 0


class Keys:
    """Every API key. Each is an account of its own."""

    def __init__(self) -> None:
        self.keys: dict[str, Permissions] = {}

    def account(
        self,
        endpoint: Endpoint,
        key: str | None,
        query: str,
        body: str,
        params: Mapping[str, str],
        address: str,
        now_ms: int,
    ) -> str | None:
        """The account that sends a request: its key; None where nobody is asked for. Refused as the venue does."""
        if endpoint.security == "none":
            return None
        if not key or not _KEY.fullmatch(key):
            raise Refused(401, -2014, "API-key format invalid.")
        if endpoint.security == "signed" and not params.get("signature"):
            raise Refused(400, -1102, _MANDATORY.format("signature"))
        known = self.keys.get(key)
        is_allowed = known is not None and (known.may_trade if endpoint.trades else known.may_read)
        if known is None or not is_allowed or (known.addresses and address not in known.addresses):
            text = f"Invalid API-key, IP, or permissions for action, request ip: {address}"
            raise Refused(401, -2015, text)
        if endpoint.security == "signed":
            _check_time(params, now_ms)
            _check_signature(known.secret, query, body)
        return key


def _check_time(params: Mapping[str, str], now_ms: int) -> None:
    sent_ms = _whole(params, "timestamp", None)
    window_ms = _whole(params, "recvWindow", WINDOW_DEFAULT_MS)
    if window_ms > WINDOW_MAX_MS:
        raise Refused(400, -1131, f"recvWindow must be less than {WINDOW_MAX_MS}")
    if sent_ms >= now_ms + AHEAD_MAX_MS:
        raise Refused(400, -1021, f"Timestamp for this request was {AHEAD_MAX_MS}ms ahead of the server's time.")
    if now_ms - sent_ms > window_ms:
        raise Refused(400, -1021, "Timestamp for this request is outside of the recvWindow.")


def _check_signature(secret: str, query: str, body: str) -> None:
    found = _SIGNATURE.search(query) or _SIGNATURE.search(body)
    signed = _SIGNATURE.sub("", query) + _SIGNATURE.sub("", body)
    right = hmac.new(secret.encode(), signed.encode(), sha256).hexdigest()
    if found is None or not hmac.compare_digest(found[1].lower().encode(), right.encode()):
        raise Refused(400, -1022, "Signature for this request is not valid.")


def _whole(params: Mapping[str, str], name: str, default: int | None) -> int:
    text = params.get(name, "")
    if not text and default is not None:
        return default
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        raise Refused(400, -1102, _MANDATORY.format(name))
    return int(text)
