"""An account's file and its keys: what is wrong is named before anything is sent, and no key is ever shown."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from live_runner.contracts.errors import ConfigError
from live_runner.services.gateway.account_file import credentials_of, read_account
from live_runner.services.runtime.config.masking import MASK, forget, masked

KEY, SECRET = "key-of-somebody-1234", "secret-of-somebody-5678"
EMULATOR = "options: {httpsProxy: http://127.0.0.1:1, wssProxy: http://127.0.0.1:1, cafile: ca.pem}\n"


@pytest.fixture(autouse=True)
def no_secret_of_another_test() -> Any:
    yield
    forget()


def written(home: Path, text: str, name: str = "main") -> Path:
    (home / "accounts").mkdir(exist_ok=True)
    (home / "accounts" / f"{name}.yaml").write_text(text, "utf-8")
    return home


def test_keys_come_from_the_environment_and_are_masked_from_then_on(tmp_path: Path) -> None:
    home = written(tmp_path, "venue: binanceusdm\nkeys: {env: MAIN}\n")
    account = read_account(home, "main")

    found = credentials_of(account, home, {"MAIN_KEY": KEY, "MAIN_SECRET": SECRET + "\n"})

    assert (found.key, found.secret, found.password) == (KEY, SECRET, "")
    assert masked(f"{KEY} and {SECRET}") == f"{MASK} and {MASK}"
    assert found.shown == "...1234"
    assert KEY not in repr(found)
    assert SECRET not in repr(found)


def test_keys_come_from_a_file_that_nobody_else_may_read(tmp_path: Path) -> None:
    home = written(tmp_path, "venue: binanceusdm\nkeys: {file: keys.json}\n")
    keys = home / "accounts" / "keys.json"
    keys.write_text(json.dumps({"key": KEY, "secret": SECRET}), "utf-8")
    keys.chmod(0o600)
    account = read_account(home, "main")

    assert credentials_of(account, home, {}).secret == SECRET

    keys.chmod(0o640)
    with pytest.raises(ConfigError, match="can be read by others") as refused:
        credentials_of(account, home, {})
    assert refused.value.fields["reason"] == "keys_readable"


@pytest.mark.parametrize(
    ("environ", "reason"),
    [
        ({}, "keys_missing"),
        ({"MAIN_KEY": KEY}, "keys_missing"),
        ({"MAIN_KEY": "short", "MAIN_SECRET": SECRET}, "keys_missing"),
        ({"MAIN_KEY": KEY, "MAIN_SECRET": f"{SECRET}\nmore"}, "keys_malformed"),
        ({"MAIN_KEY": f" {KEY}", "MAIN_SECRET": SECRET}, "keys_malformed"),
    ],
)
def test_a_key_that_cannot_be_one_is_refused_and_not_shown(
    environ: dict[str, str], reason: str, tmp_path: Path
) -> None:
    home = written(tmp_path, "venue: binanceusdm\nkeys: {env: MAIN}\n")

    with pytest.raises(ConfigError) as refused:
        credentials_of(read_account(home, "main"), home, environ)

    assert (refused.value.exit_code, refused.value.fields["reason"]) == (64, reason)
    assert not any(value.strip() in str(refused.value) for value in environ.values())


@pytest.mark.parametrize("text", ["not json", "[]", '{"key": "only-a-key-of-somebody"}', '{"key": 1, "secret": 2}'])
def test_a_key_file_of_another_form_is_refused_and_not_quoted(text: str, tmp_path: Path) -> None:
    home = written(tmp_path, "venue: binanceusdm\nkeys: {file: keys.json}\n")
    keys = home / "accounts" / "keys.json"
    keys.write_text(text, "utf-8")
    keys.chmod(0o600)

    with pytest.raises(ConfigError) as refused:
        credentials_of(read_account(home, "main"), home, {})

    assert refused.value.fields["reason"] == "keys_malformed"
    assert text not in str(refused.value)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("venue: binanceusdm\n", "keys"),
        ("venue: kraken\nkeys: {env: MAIN}\n", "venue_not_rehearsed"),
        ("venue: binanceusdm\nkeys: {env: MAIN}\noptions: {verify: false}\n", "market.options.verify"),
        ("venue: binanceusdm\nkeys: {env: MAIN}\nenvironment: emulator\n", "nothing leads there"),
        (f"venue: binanceusdm\nkeys: {{env: MAIN}}\nenvironment: real\n{EMULATOR}", "lead to an emulator"),
        (f"venue: binanceusdm\nkeys: {{env: MAIN}}\nenvironment: demo\n{EMULATOR}", "lead to an emulator"),
        ("venue: binanceusdm\nkeys: {env: MAIN}\nenvironment: other\n", "environment"),
        ("venue: binanceusdm\nkeys: {env: MAIN}\nsecret: abc\n", "secret"),
        ("- a\n", "it holds no keys"),
    ],
)
def test_an_account_that_cannot_be_traded_is_refused_by_name(text: str, named: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=named):
        read_account(written(tmp_path, text), "main")


def test_both_places_of_keys_or_none_are_refused(tmp_path: Path) -> None:
    for keys in ("{}", "{env: MAIN, file: keys.json}"):
        account = read_account(written(tmp_path, f"venue: binanceusdm\nkeys: {keys}\n"), "main")
        with pytest.raises(ConfigError, match="give either 'env' or 'file'"):
            credentials_of(account, tmp_path, {})


@pytest.mark.parametrize("name", ["", "../x", "Main", "a b", "x" * 49])
def test_a_name_that_is_no_token_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="not a valid account name"):
        read_account(tmp_path, name)


def test_an_account_without_a_file_is_named_with_the_place_of_the_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"accounts/main\.yaml"):
        read_account(tmp_path, "main")


def test_an_account_of_the_emulator_is_read(tmp_path: Path) -> None:
    home = written(tmp_path, f"venue: binanceusdm\nkeys: {{env: MAIN}}\nenvironment: emulator\n{EMULATOR}")

    assert read_account(home, "main").options["cafile"] == "ca.pem"
