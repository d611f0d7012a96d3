"""Requests to the gateway and its answers, as bytes; and the age of a request on a clock that does not stand still."""

from __future__ import annotations

import pytest

from live_runner.contracts.core import QueryOrder
from live_runner.contracts.errors import MessageError
from live_runner.contracts.gateway import (
    CHANGING_VERBS,
    VERBS,
    GatewayRequest,
    Moment,
    Outcome,
    decode_outcome,
    decode_request,
    encode,
)

NOW = Moment("boot", 5_000, 90_000)


def test_a_request_and_an_answer_come_back_as_they_were() -> None:
    effect = QueryOrder("o", "c", "BTC/USDT:USDT", "stop", "17", True)
    request = GatewayRequest(verb="query", account="main", made=NOW, session="s", epoch=3, stream_seq=9, effect=effect)
    outcome = Outcome(verb="query", fate="gone", code="-2013", asked_ns=7, complete=True, via="query")

    assert decode_request(encode(request)) == request
    assert decode_outcome(encode(outcome)) == outcome


@pytest.mark.parametrize("data", [b"", b"\xc0", b"junk", encode(Outcome(verb="send", fate="done"))])
def test_other_bytes_are_refused_as_a_request(data: bytes) -> None:
    with pytest.raises(MessageError, match="not a valid request to the gateway"):
        decode_request(data)


def test_a_request_of_an_unknown_verb_is_refused() -> None:
    data = encode(GatewayRequest(verb="rules", account="main", made=NOW)).replace(b"\xa5rules", b"\xa5sends")

    with pytest.raises(MessageError):
        decode_request(data)


def test_the_age_of_a_request_goes_on_while_the_machine_sleeps_and_the_wall_clock_jumps() -> None:
    assert NOW.age_ns(Moment("boot", 9_000, 1)) == 4_000
    assert NOW.age_ns(Moment("another", 1, 91_000)) == 1_000
    assert Moment("", 0, 5).age_ns(Moment("", 100, 7)) == 2


def test_what_changes_something_is_a_verb() -> None:
    assert set(VERBS) >= CHANGING_VERBS == {"send", "cancel"}
