"""Subjects: one builder, tokens that cannot break out of their place."""

from __future__ import annotations

import pytest

from live_runner.contracts import subjects
from live_runner.contracts.errors import ConfigError, MessageError
from live_runner.contracts.messages import Event


@pytest.mark.parametrize(
    ("type_", "subject"),
    [
        ("session.announced", "session.evt.announced.demo"),
        ("session.owned", "session.evt.owned.demo.execution"),
        ("session.snapshot", "session.evt.snapshot.demo.execution"),
        ("session.voided", "session.evt.voided.demo.execution"),
        ("session.refused", "session.evt.refused.demo"),
        ("market.bar_set", "market.evt.bar_set.demo"),
        ("market.gap", "market.evt.gap.demo.btc-usdt-usdt"),
        ("strategy.decided", "strategy.evt.decided.demo"),
        ("order.filled", "order.evt.filled.demo.btc-usdt-usdt"),
        ("account.settled", "account.evt.settled.demo"),
        ("ops.incident", "ops.evt.incident.demo"),
    ],
)
def test_a_message_goes_where_the_design_says(type_: str, subject: str, samples: dict[str, Event]) -> None:
    assert subject == subjects.of(samples[type_])


@pytest.mark.parametrize("name", ["a", "demo", "btc-1m_2", "0", "a" * 48])
def test_a_session_may_be_named_so(name: str) -> None:
    assert name == subjects.check_session(name)


@pytest.mark.parametrize("name", ["", "A", "a.b", "a*", "a>", "-a", "_a", "a b", "a" * 49, "ä", "a\n"])
def test_a_name_that_could_break_a_subject_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="is not a valid session name"):
        subjects.check_session(name)


@pytest.mark.parametrize(
    ("symbol", "token"),
    [
        ("BTC/USDT:USDT", "btc-usdt-usdt"),
        ("1000PEPE/USDT", "1000pepe-usdt"),
        ("BTC/USD:BTC-251226", "btc-usd-btc-251226"),
        ("A.B*C>D", "a-b-c-d"),
    ],
)
def test_a_symbol_becomes_one_safe_token(symbol: str, token: str) -> None:
    assert token == subjects.symbol_token(symbol)


def test_the_session_is_read_back_from_a_subject() -> None:
    assert subjects.session_of("order.evt.filled.demo.btc-usdt") == "demo"
    assert subjects.session_of(subjects.command("stop", "demo")) == "demo"


@pytest.mark.parametrize("subject", ["", "order", "order.evt.filled", "beat.execution.demo.x"])
def test_a_foreign_subject_has_no_session(subject: str) -> None:
    with pytest.raises(MessageError, match="is not a known subject"):
        subjects.session_of(subject)
