"""Where a NATS server is and who we are there, out of its URL."""

from __future__ import annotations

from typing import Final

import msgspec

__all__ = ["Address", "addresses", "without_secrets"]

DEFAULT_PORT: Final = 4222
_SCHEMES: Final = ("nats", "tls")


class Address(msgspec.Struct, frozen=True):
    """One server. ``is_encrypted`` demands TLS; without it TLS is used where the server demands it."""

    host: str
    port: int
    is_encrypted: bool
    user: str | None = None
    password: str | None = None
    token: str | None = None


def addresses(url: str) -> list[Address]:
    """The servers of a URL, or of several with commas between them; ValueError when it is none."""
    return [_address(one.strip()) for one in url.split(",") if one.strip()] or [_address(url)]


def _address(url: str) -> Address:
    scheme, separator, rest = url.partition("://")
    if not separator:
        scheme, rest = "nats", url
    if scheme not in _SCHEMES:
        raise ValueError(f"the scheme '{scheme}' is not one of {', '.join(_SCHEMES)}")
    login, at, place = rest.rstrip("/").rpartition("@")
    host, _, port = place.rpartition(":") if not place.endswith("]") else (place, "", "")
    if not host and port and not port.isdecimal():
        host, port = port, ""
    if not host.strip("[]") or not (port or str(DEFAULT_PORT)).isdecimal():
        raise ValueError("it has no host and port")
    user, colon, password = login.partition(":")
    return Address(
        host=host.strip("[]"),
        port=int(port or DEFAULT_PORT),
        is_encrypted=scheme == "tls",
        user=_plain(user) if colon else None,
        password=_plain(password) if colon else None,
        token=_plain(login) if at and not colon else None,
    )


def _plain(text: str) -> str:
    if "%" not in text:
        return text
    from urllib.parse import unquote

    return unquote(text)


def without_secrets(url: str) -> str:
    """The URL as it may be shown."""
    shown = []
    for one in url.split(","):
        scheme, separator, rest = one.partition("://")
        shown.append(f"{scheme}{separator}{rest.rpartition('@')[2]}")
    return ",".join(shown)
