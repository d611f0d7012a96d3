"""Orders go to rehearsed venues only, and nothing in ``market.options`` changes how they are sent."""

from __future__ import annotations

import ccxt
import pytest

from live_runner.contracts.errors import ConfigError
from live_runner.services.venues.sending import OPTIONS_WHILE_SENDING, check_sending, rehearsed_venues


def test_orders_are_sent_to_two_venues() -> None:
    assert rehearsed_venues() == ["binanceusdm", "okx"]
    for venue in rehearsed_venues():
        check_sending(venue, dict.fromkeys(OPTIONS_WHILE_SENDING, "x"))


@pytest.mark.parametrize("venue", sorted(set(ccxt.exchanges) - {"binanceusdm", "okx"}))
def test_every_other_venue_is_refused_by_name(venue: str) -> None:
    with pytest.raises(ConfigError, match=f"rehearsed at {venue} .venue_not_rehearsed") as refused:
        check_sending(venue, {})

    assert (refused.value.exit_code, refused.value.fields["reason"]) == (64, "venue_not_rehearsed")


@pytest.mark.parametrize(
    "option",
    [
        "maxRetriesOnFailure", "enableRateLimit", "defaultType", "builder", "builderFee", "recvWindow", "verify",
        "base_url", "urls", "hostname", "options", "warnWithoutSymbol", "headers", "session", "proxyUrl", "rateLimit",
    ],
)  # fmt: skip
def test_an_option_that_may_change_what_is_sent_is_refused_by_name(option: str) -> None:
    with pytest.raises(ConfigError, match=rf"market\.options\.{option} is not permitted") as refused:
        check_sending("binanceusdm", {"httpsProxy": "http://127.0.0.1:1", option: 1})

    assert refused.value.fields["key"] == f"market.options.{option}"
