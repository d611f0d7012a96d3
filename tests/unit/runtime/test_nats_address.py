"""URLs of NATS servers."""

from __future__ import annotations

import pytest

from live_runner.services.runtime.nats.nats_address import Address, addresses, without_secrets


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("nats://127.0.0.1:4222", Address("127.0.0.1", 4222, False)),
        ("nats://host", Address("host", 4222, False)),
        ("host:4333", Address("host", 4333, False)),
        ("nats://s3cret@host:4333/", Address("host", 4333, False, token="s3cret")),
        ("nats://me:p%40ss@host", Address("host", 4222, False, user="me", password="p@ss")),
        ("tls://[::1]:4443", Address("::1", 4443, True)),
        ("nats://[fe80::1]", Address("fe80::1", 4222, False)),
    ],
)
def test_a_url_names_a_server(url: str, address: Address) -> None:
    assert addresses(url) == [address]


def test_several_are_separated_by_commas() -> None:
    assert [one.host for one in addresses("nats://a:1, nats://b:2")] == ["a", "b"]


@pytest.mark.parametrize("url", ["http://host", "", "nats://", "nats://host:port", "ws://host:80"])
def test_what_is_none_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r"scheme|host and port"):
        addresses(url)


def test_what_is_shown_has_no_secrets() -> None:
    assert without_secrets("nats://s3cret@a:1,nats://me:word@b") == "nats://a:1,nats://b"
