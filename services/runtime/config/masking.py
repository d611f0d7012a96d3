"""What is secret is taken out of every text that leaves a process: logs, incidents, answers, output, tracebacks.

Two rules, both in one pass over the text. What looks like the password or token of an address is masked, whoever's it
is. And the values that this process knows to be secret are masked wherever they stand: as they are, percent-encoded or
escaped in any of their characters, and inside base64. ``Settings`` gives its own to ``remember``; whoever reads or
makes another one does the same.
"""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final
from urllib.parse import unquote

__all__ = ["MASK", "forget", "masked", "masked_values", "of_address", "remember"]

MASK: Final = "***"
SHORTEST: Final = 4
"""Characters of a value that is masked wherever it stands; a shorter one would take parts of words with it."""
DIGITS_SHORTEST: Final = 6
"""The same of digits alone, which would take parts of prices and times."""
KNOWN_MAX: Final = 200
"""Values that a process knows; the oldest is forgotten."""
PUBLIC: Final = frozenset({"live-runner", "postgres", "nats", "runner"})
"""Values that everybody knows (the one of docker-compose.yml among them) and that are words of our own output."""
DEPTH_MAX: Final = 50
"""Values within values of what is masked; what lies deeper is masked as its text."""

_SPACE: Final = re.compile(r"(\s+)")
_END_OF_USER: Final = re.compile(r"[:/?#]")
_URL_TOKEN: Final = re.compile(r"(?P<scheme>(?:nats|tls|ws|wss)://)(?P<token>[^:/?#@\s]+)@")
_KEY_PASSWORD: Final = re.compile(r"(?P<key>\b(?:ssl)?password\s*=\s*)(?:'(?:\\.|[^'\\])*'|[^\s&]+)", re.IGNORECASE)
_KEY_VALUE: Final = re.compile(
    r"\b(?:ssl)?password\s*=\s*(?:'(?P<quoted>(?:\\.|[^'\\])*)'|(?P<bare>[^\s&]+))", re.IGNORECASE
)
_BASE64_BITS: Final = 6

_known: Final[dict[str, str]] = {}
"""Each secret and the expression that finds it, the oldest first."""
_find: re.Pattern[str] | None = None


def remember(*secrets: str | None) -> None:
    """These values are secret from here on, in this process."""
    global _find  # noqa: PLW0603  # the process has one set of secrets
    new = {secret for secret in secrets if secret and _is_distinct(secret)}
    if new <= _known.keys():
        return
    for secret in sorted(new - _known.keys()):
        if len(_known) >= KNOWN_MAX:
            del _known[next(iter(_known))]
        _known[secret] = _expression(secret)
    # The longest first: a secret may be part of another one.
    _find = re.compile("|".join(_known[secret] for secret in sorted(_known, key=len, reverse=True)))


def _is_distinct(secret: str) -> bool:
    return len(secret) >= (DIGITS_SHORTEST if secret.isdigit() else SHORTEST) and secret.lower() not in PUBLIC


def forget() -> None:
    """No value is known to be secret, as in a process that has just begun."""
    global _find  # noqa: PLW0603  # as above
    _known.clear()
    _find = None


def of_address(address: str | None) -> Iterator[str]:
    """The secrets in an address: the login of each URL in it, and the passwords among its ``key=value`` pairs."""
    for word in re.split(r"[\s,]+", address or ""):
        start, last = word.find("://"), word.rfind("@")
        if 0 <= start < last:
            login = word[start + 3 : last]
            user, colon, password = login.partition(":")
            # Before the @ alone stands a token at NATS; at a database it is the user's name, and no secret.
            found = (login, password) if colon else () if word.startswith("postgres") else (user,)
            yield from found
            yield from map(unquote, found)
    for match in _KEY_VALUE.finditer(address or ""):
        value = match["bare"] or re.sub(r"\\(.)", r"\1", match["quoted"] or "")
        yield value
        yield unquote(value)


def masked(text: str) -> str:
    """The text without the secrets that are known, and without the passwords and tokens of addresses in it."""
    if "://" in text:
        text = "".join(map(_masked_word, _SPACE.split(text)))
    text = _URL_TOKEN.sub(rf"\g<scheme>{MASK}@", text)
    text = _KEY_PASSWORD.sub(rf"\g<key>{MASK}", text)
    return text if _find is None else _find.sub(MASK, text)


def masked_values(value: Any, depth: int = 0) -> Any:
    """Plain data with every text in it masked, keys included; what is not plain data becomes masked text."""
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, str):
        return masked(value)
    if depth < DEPTH_MAX:
        if isinstance(value, Mapping):
            return {masked_values(key, depth + 1): masked_values(item, depth + 1) for key, item in value.items()}
        if isinstance(value, list | tuple | set | frozenset):
            return [masked_values(item, depth + 1) for item in value]
    return masked(value.decode(errors="backslashreplace") if isinstance(value, bytes) else str(value))


def _masked_word(word: str) -> str:
    """A word without the password of the address in it: what is between ``user:`` and the last ``@``."""
    # By hand and not by one expression, which would try each place of a long word anew.
    last = word.rfind("@")
    at = word.find("://")
    while 0 <= at < last:
        end = _END_OF_USER.search(word, at + 3)
        if end is not None and end[0] == ":" and end.start() < last:
            return f"{word[: end.end()]}{MASK}{word[last:]}"
        at = word.find("://", at + 3)
    return word


def _expression(secret: str) -> str:
    """An expression for the secret in each form: no form is repeated in it, so it is tried once at each place."""
    encoded = {re.escape(core) for core in _base64_cores(secret)}
    return "|".join(("".join(map(_character, secret)), *sorted(encoded, key=len, reverse=True)))


def _character(character: str) -> str:
    """One character of a secret: as it is, percent-encoded, or escaped as in JSON and Python."""
    forms = {character, json.dumps(character)[1:-1], repr(character)[1:-1], f"\\{character}"}
    forms |= {"+"} if character == " " else set()
    forms |= {ascii(character)[1:-1]}
    percent = "".join(f"%{byte:02X}" for byte in character.encode("utf-8", "surrogatepass"))
    expressions = sorted({re.escape(form) for form in forms}, key=len, reverse=True)
    return f"(?:{'|'.join((*expressions, f'(?i:{percent})'))})"


def _base64_cores(secret: str) -> Iterable[str]:
    """The characters that base64 gives the secret wherever it begins in the encoded bytes, in both alphabets."""
    data = secret.encode("utf-8", "surrogatepass")
    for offset in range(3):
        encoded = b64encode(b"\0" * offset + data).decode()
        first = -(-8 * offset // _BASE64_BITS)
        core = encoded[first : 8 * (offset + len(data)) // _BASE64_BITS]
        if len(core) > SHORTEST:
            yield core
            yield core.replace("+", "-").replace("/", "_")
