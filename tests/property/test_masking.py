"""Whatever text holds a known secret, nothing that leaves a process does."""

from __future__ import annotations

import ast
import io
import json
import logging
import sys
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from typing import Any, cast
from urllib.parse import quote, quote_plus

import msgspec
from hypothesis import assume, given
from hypothesis import strategies as st

from live_runner.contracts import codec
from live_runner.contracts.errors import RunnerError
from live_runner.contracts.messages import Command, Event, Incident, JoinDeclined, Stopped, VenueCall
from live_runner.services.cli import exit_codes, output
from live_runner.services.runtime.config import masking
from live_runner.services.runtime.config.masking import masked, masked_values
from live_runner.services.runtime.service import log
from live_runner.services.runtime.service.ownership import Ownership

OUTSIDE = "<>\n =:"
"""What stands around a secret: characters that no drawn secret has, so that no other text is taken for one."""


def is_secret(text: str) -> bool:
    """What everybody knows is none; Hypothesis draws words that stand in the source as well."""
    return text.lower() not in masking.PUBLIC


secrets = st.text(
    st.characters(exclude_characters="*\0" + OUTSIDE, exclude_categories=["Cs"]), min_size=6, max_size=40
).filter(is_secret)
around = st.text(st.sampled_from(OUTSIDE), max_size=9)


def percent_lower(text: str) -> str:
    """With small hexadecimal digits, and every character encoded."""
    return "".join(f"%{byte:02x}" for byte in text.encode())


FORMS: dict[str, Callable[[str], str]] = {
    "as it is": str,
    "in an address": quote,
    "percent-encoded": lambda text: quote(text, safe=""),
    "in a form": quote_plus,
    "every character": percent_lower,
    "in JSON": lambda text: json.dumps(text)[1:-1],
    "in JSON, not ASCII": lambda text: json.dumps(text, ensure_ascii=False)[1:-1],
    "in Python": lambda text: repr(text)[1:-1],
    "in Python, ASCII": lambda text: ascii(text)[1:-1],
}
forms = st.sampled_from(sorted(FORMS))


def holds(text: str, secret: str) -> list[str]:
    """The forms in which the text holds the secret."""
    return [name for name, form in FORMS.items() if form(secret) in text]


@given(secret=secrets, before=around, after=around, form=forms)
def test_a_known_secret_is_masked_in_every_form(secret: str, before: str, after: str, form: str) -> None:
    masking.forget()
    masking.remember(secret)

    shown = masked(f"{before}{FORMS[form](secret)}{after}")

    assert not holds(shown, secret)
    assert shown.replace("***", "") in (before + after, (before + after).replace("***", ""))


@given(secret=st.binary(min_size=6, max_size=40), before=st.binary(max_size=9), after=st.binary(max_size=9))
def test_a_known_secret_is_masked_inside_base64(secret: bytes, before: bytes, after: bytes) -> None:
    """A header or a stored message has it behind something else, and so at any of three places of its alphabet."""
    text = secret.hex()
    masking.forget()
    masking.remember(text)
    for encode in (b64encode, urlsafe_b64encode):
        whole = encode(before + text.encode() + after).decode()

        shown = masked(whole)

        kept = [part for part in shown.split("***") if part]
        assert "***" in shown
        assert max(map(len, kept), default=0) <= -(-max(len(before), len(after)) * 4 // 3) + 4


@given(
    address=st.sampled_from(
        ["postgresql://me:{}@db/x", "postgres://{}:{}@db/x?password={}", "nats://me:{}@a,nats://{}@b"]
    ),
    secret=st.text(st.characters(codec="ascii", categories=("L", "N")), min_size=6).filter(is_secret),
)
def test_the_secrets_of_an_address_are_known(address: str, secret: str) -> None:
    masking.forget()
    masking.remember(*masking.of_address(address.format(secret, secret, secret)))

    assert secret not in masked(f"the driver read {secret}.")


def test_a_secret_of_a_percent_encoded_address_is_known_decoded() -> None:
    masking.remember(*masking.of_address("postgresql://me:p%40ss%2Fword@db/x"))

    assert masked("no entry for p@ss/word, p%40ss%2Fword, p%40ss/word") == "no entry for ***, ***, ***"


def test_what_everybody_knows_and_short_values_stay_readable() -> None:
    """Else a message could not name a command where a demonstration's password is the program's name."""
    masking.remember("live-runner", "abc", "1234")

    assert masked("live-runner status abc 1234") == "live-runner status abc 1234"


nested = st.recursive(
    st.just("SECRET"),
    lambda inner: (
        st.lists(inner, min_size=1, max_size=2)
        | st.dictionaries(st.sampled_from(["a", "SECRET"]), inner, min_size=1, max_size=2)
        | st.tuples(inner)
    ),
    max_leaves=4,
)


def with_secret(value: Any, secret: str) -> Any:
    """The drawn value with the secret in place of its name."""
    return ast.literal_eval(repr(value).replace("'SECRET'", repr(f"<{secret}>")))


def left_by(secret: str, value: Any) -> list[str]:
    """Everything that leaves when a text or value with the secret comes to each place that something leaves from."""
    text = f"it broke <{secret}>"
    error = RunnerError(text, remedy=text, reason=text, details=value)
    ownership = Ownership("s", "strategy", 1, 1, cast(Any, None))
    events: list[Event] = [
        ownership.refusal(error, announcement=""),
        ownership.fatal(error),
        ownership.note(Incident, severity="error", code="strategy_failed", message=text, details={"traceback": value}),
        ownership.note(Command, command="end", author="me", reason=text),
        ownership.note(Stopped, reason=text, summary={"why": value}),
        ownership.note(VenueCall, call="x", arguments={"a": value}, outcome="failed", error=text),
    ]
    assert {type(event) for event in events} >= {Incident, JoinDeclined, Stopped}
    found = [str(msgspec.to_builtins(codec.decode(codec.encode(event)))) for event in events]
    record = logging.LogRecord("x", logging.ERROR, "f", 1, text, (), _raised(text))
    record.fields = {"reason": error, "value": value}
    found += [formatter.format(record) for formatter in (log._JsonLines("x"), log._Console("x", in_colour=False))]
    with redirect_stdout(io.StringIO()) as out, redirect_stderr(io.StringIO()) as err:
        output.note(text)
        output.show(text)
        output.print_json({"value": value, "text": text})
        exit_codes.fail(error, as_json=False)
        exit_codes.fail(error, as_json=True)
        exit_codes.ended(lambda: _raise(text), as_json=False)
        exit_codes.ended(lambda: _raise(text, OSError), as_json=False)
        log.write_traceback(ValueError(text))
    return [*found, str(masked_values(value)), out.getvalue(), err.getvalue()]


def _raise(text: str, kind: type[Exception] = ValueError) -> None:
    raise kind(text)


def _raised(text: str) -> Any:
    try:
        _raise(text)
    except ValueError:
        return sys.exc_info()


@given(secret=secrets, value=nested)
def test_nothing_that_leaves_a_process_holds_a_known_secret(secret: str, value: Any) -> None:
    """A secret that is a part of the program's own words ("starte" of ``started_ns``) is not drawn."""
    masking.forget()
    assume(not any(holds(text, secret) for text in left_by("<>", "<>")))
    masking.remember(secret)

    for text in left_by(secret, with_secret(value, secret)):
        assert not holds(text, secret)
        assert "***" in text


def test_megabytes_are_searched_for_known_secrets_in_one_pass() -> None:
    masking.remember("a" * 20 + "b", "hunter22")

    for word in ("a", "%61", "hunter2", "\\"):
        long = word * (2_000_000 // len(word))
        assert masked(f"{long}<hunter22>{long}") == f"{long}<***>{long}"
