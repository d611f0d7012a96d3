"""Settings come from the environment, and no secret of theirs is ever shown."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from live_runner.contracts.errors import ConfigError
from live_runner.services.runtime.config.masking import masked
from live_runner.services.runtime.config.settings import Settings
from live_runner.services.strategy.login import read_login, without_login, write_login


@pytest.mark.parametrize(
    ("shown", "text"),
    [
        ("postgresql://me:***@db:5432/x", "postgresql://me:secret@db:5432/x"),
        ("postgresql://me:***@db/x", "postgresql://me:s%40c:r@e/t@db/x"),
        ("host=db password=*** user=me", "host=db password=secret user=me"),
        ("host=db password=*** user=me", r"host=db password='sec\'ret word' user=me"),
        ("postgresql://db/x?password=***&sslmode=require", "postgresql://db/x?password=secret&sslmode=require"),
        ("nats://***@host:4222", "nats://token@host:4222"),
        ("nats://me:***@host:4222", "nats://me:secret@host:4222"),
        ("nothing to hide", "nothing to hide"),
    ],
)
def test_passwords_and_tokens_in_addresses_are_masked(shown: str, text: str) -> None:
    assert masked(text) == shown


def test_a_printed_settings_object_holds_no_secret() -> None:
    settings = Settings.from_environment(
        {"NATS_URL": "nats://secret@host", "NATS_TOKEN": "secret", "TIMESCALE_DSN": "postgresql://me:secret@db/x"}
    )

    assert "secret" not in repr(settings)
    assert "secret" not in str(settings.described())


def test_a_secret_may_stand_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("hush\n")

    assert Settings.from_environment({"NATS_TOKEN_FILE": str(tmp_path / "token")}).nats_token == "hush"


def test_a_secret_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="NATS_TOKEN_FILE"):
        Settings.from_environment({"NATS_TOKEN_FILE": str(tmp_path / "absent")})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("LIVE_RUNNER_LOG", "loud"),
        ("LIVE_RUNNER_LOG_FORMAT", "xml"),
        ("LIVE_RUNNER_HEALTH_PORT", "70000"),
        ("LIVE_RUNNER_HEALTH_PORT", "-1"),
        ("LIVE_RUNNER_NATS_SYNC", "sometimes"),
        ("LIVE_RUNNER_NATS_REPLICAS", "6"),
        ("LIVE_RUNNER_NATS_REPLICAS", "three"),
        ("LIVE_RUNNER_STRATEGIES_MAX", "0"),
    ],
)
def test_a_wrong_variable_is_named(name: str, value: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Settings.from_environment({name: value})

    assert caught.value.fields["variable"] == name


def test_a_child_gets_the_same_settings() -> None:
    settings = Settings.from_environment({"NATS_URL": "nats://h", "LIVE_RUNNER_HOME": "/x", "LIVE_RUNNER_LOG": "debug"})

    assert Settings.from_environment(settings.environment()) == settings


def test_a_child_gets_the_same_login(tmp_path: Path) -> None:
    names = {"NATS_CREDS": "creds", "NATS_CA": "ca", "NATS_CERT": "cert", "NATS_KEY": "key"}
    for file in names.values():
        (tmp_path / file).write_text("")
    given = {name: str(tmp_path / file) for name, file in names.items()}
    more = {"NATS_URL": "nats://h", "NATS_JS_DOMAIN": "hub", "LIVE_RUNNER_NATS_REPLICAS": "3"}
    settings = Settings.from_environment({**given, **more, "LIVE_RUNNER_STRATEGIES_MAX": "7"})

    assert (settings.nats.creds, settings.nats.domain, settings.nats.replicas) == (given["NATS_CREDS"], "hub", 3)
    assert Settings.from_environment(settings.environment()) == settings


def test_a_login_for_other_tools_is_not_taken_to_the_embedded_server(tmp_path: Path) -> None:
    """NATS_CREDS and its like may be set for NATS' own command line; so may a child find them."""
    of_the_user = {"NATS_CREDS": str(tmp_path / "absent"), "NATS_CA": "absent", "NATS_JS_DOMAIN": "a.b"}
    settings = Settings.from_environment(of_the_user)
    embedded = dataclasses.replace(settings, nats_url="nats://127.0.0.1:4222", nats_token="token")

    assert (settings.nats.creds, settings.nats.ca, settings.nats.domain) == ("", "", "")
    assert Settings.from_environment({**of_the_user, **embedded.environment()}).nats == embedded.nats


@pytest.mark.parametrize(
    ("variable", "given"),
    [
        ("NATS_CREDS", {"NATS_CREDS": "absent"}),
        ("NATS_CA", {"NATS_CA": "absent"}),
        ("NATS_CERT", {"NATS_CERT": __file__}),
        ("NATS_CERT", {"NATS_KEY": __file__}),
        ("NATS_CREDS", {"NATS_CREDS": __file__, "NATS_NKEY": __file__}),
        ("NATS_JS_DOMAIN", {"NATS_JS_DOMAIN": "a.b"}),
    ],
)
def test_a_login_that_cannot_be_used_is_named(variable: str, given: dict[str, str]) -> None:
    with pytest.raises(ConfigError) as caught:
        Settings.from_environment({"NATS_URL": "nats://h", **given})

    assert caught.value.fields["variable"] == variable


def test_each_of_several_addresses_is_shown_without_its_secret() -> None:
    nats = Settings.from_environment({"NATS_URL": "nats://me:secret@a:1, nats://token@b:2"}).nats

    assert nats.addresses == ["nats://me:secret@a:1", "nats://token@b:2"]
    assert nats.shown == "nats://me:***@a:1,nats://***@b:2"
    assert "secret" not in repr(nats)


def test_the_command_line_goes_over_the_home_of_the_environment() -> None:
    assert Settings.from_environment({"LIVE_RUNNER_HOME": "/x"}, home=Path("/y")).home == Path("/y")


@pytest.mark.parametrize("word", ["a", "password", "://", "a:", "nats://", "a@", "'", "\\'", "password='", "/", " "])
def test_megabytes_are_masked_in_one_pass(word: str) -> None:
    """An exception's text may be of any length; a second look at each place of it would take hours."""
    long = word * (2_000_000 // len(word))

    assert "hush" not in masked(f"{long} postgresql://me:hush@db/x {long}")
    assert "hush" not in masked(f"postgresql://me:hush{long}@db/x".replace(" ", ""))


@pytest.mark.parametrize(
    "dsn",
    ["hunter2", "me:hunter2@db/x", "mysql://me:hunter2@db/x", "host=db hunter2", "postgresql://me:hunter2%zz@db/x"],
)
def test_an_address_that_is_not_valid_is_a_clean_error_without_it(dsn: str) -> None:
    with pytest.raises(ConfigError, match="TIMESCALE_DSN") as refused:
        Settings.from_environment({"TIMESCALE_DSN": dsn})

    assert "hunter2" not in str(refused.value)
    assert "hunter2" not in str(refused.value.fields)


def test_the_environment_of_strategy_code_holds_no_login(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NATS_URL", "NATS_TOKEN", "NATS_TOKEN_FILE", "TIMESCALE_DSN", "TIMESCALE_DSN_FILE", "PGPASSWORD"):
        monkeypatch.setenv(name, "nats://hush@host")
    settings = Settings(nats_url="nats://hush@host", nats_token="hush", timescale_dsn="postgresql://me:hush@db/x")

    assert "hush" not in str(without_login(settings))
    assert read_login(write_login(settings), Settings()).nats == settings.nats
