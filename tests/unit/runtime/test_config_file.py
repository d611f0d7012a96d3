"""A configuration is read strictly: each mistake names its key, its line and what to write."""

from __future__ import annotations

import json
import re
from pathlib import Path

import msgspec
import pytest

from live_runner.contracts.config import Config
from live_runner.contracts.errors import ConfigError
from live_runner.contracts.manifest import config_fields
from live_runner.contracts.time import time_ns
from live_runner.services.runtime.config.config_file import from_text, read
from live_runner.services.runtime.config.json_schema import json_schema

TEXT = """\
session: alpha
strategy:
  module: live_runner.strategies.ema_cross
  parameters: {fast: 5, slow: 20, since: 2024-01-01}
market:
  venue: binanceusdm
  symbols: [BTC/USDT:USDT, ETH/USDT:USDT]
  timeframe: 1m
  source: simulated
  start: 2024-01-01T00:00:00Z
  instruments:
    BTC/USDT:USDT: {tick_size: 0.10, contract: true}
fees: {maker: 0.00020, taker: 5e-4}
"""


def parse(text: str) -> Config:
    return from_text(text, name="alpha.yaml", folder=Path()).config


LIMITS = "{daily_loss: {limit: 5, action: stop, reset: operator}}"
MISTAKES = [
    ("source: simulated", "source: simulated\n  options: {apiKey: x}", "market.options.apiKey", 10, "Remove"),
    (
        "source: simulated",
        "source: simulated\n  options: {a: {b: [{api_key: x}]}}",
        "market.options.a.b[0].api_key",
        10,
        "Remove",
    ),
    (
        "source: simulated",
        "source: simulated\n  options: {httpsProxy: 'http://me:pw@host:1'}",
        "market.options.httpsProxy",
        10,
        "proxy",
    ),
    ("ETH/USDT:USDT]", f"{'E' * 9000}/USDT]", "market.symbols[1]", 7, "unified symbols"),
    ("timeframe: 1m", "timeframe: 0.5m", "market.timeframe", 8, "30s"),
    ("maker:", "makr:", "fees.makr", 13, "maker"),
    ("5e-4", "abc", "fees.taker", 13, "from -1 to 1"),
    ("5e-4", "2", "fees.taker", 13, "from -1 to 1"),
    ("5e-4", ".nan", "fees.taker", 13, "from -1 to 1"),
    ("simulated", "simulatd", "market.source", 9, "simulated"),
    ("  venue: binanceusdm\n", "", "market.venue", 6, "venue"),
    ("session: alpha", "session: 5", "session", 1, '"5"'),
    ("session: alpha", "session: Al.pha", "session", 1, "a-z"),
    ("[BTC/USDT:USDT, ETH/USDT:USDT]", "BTC", "market.symbols", 7, "[a, b]"),
    ("ETH/USDT:USDT]", "BTC/USDT:USDT]", "market.symbols[1]", 7, "one of them"),
    ("ETH/USDT:USDT]", "BTC-USDT:USDT]", "market.symbols[1]", 7, "one of them"),
    ("source: simulated", "source: recording", "market.dataset", 5, "data import"),
    ("contract: true", "contract: 1", "market.instruments.BTC/USDT:USDT.contract", 12, "true or false"),
    ("tick_size: 0.10", "tick_sise: 0.10", "market.instruments.BTC/USDT:USDT.tick_sise", 12, "tick_size"),
    ("    BTC/USDT:USDT: {", "    SOL/USDT:USDT: {", "market.instruments.SOL/USDT:USDT", 12, ""),
    ("start: 2024-01-01T", "start: 2024-13-01T", "market.start", 10, "2026-01-31"),
    ("2024-01-01T00:00:00Z", "2024-01-01T00:00:00Z\n  end: 2023-01-01", "market.end", 11, "later end"),
    ("  module: live_runner.strategies.ema_cross\n", "", "strategy", 2, "module"),
    ("strategy:\n", "strategy:\n  path: mine.py\n", "strategy", 2, "one"),
    ("source: simulated", "source: simulated\n  seed: 1.5", "market.seed", 10, "whole number"),
    ("source: simulated", "source: simulated\n  bars: 0", "market.bars", 10, "from 1"),
    ("source: simulated", "source: simulated\n  speed: fast", "market.speed", 10, "finite number"),
    ("source: simulated", "source: simulated\n  source: ccxt", "market.source", 10, "Keep one"),
    ("source: simulated", "source: simulated\n  seed: 0o17", "market.seed", 10, "Write 15: '0o17' is text"),
    ("source: simulated", "source: simulated\n  seed: 1e3", "market.seed", 10, "Write 1000: '1e3' is text"),
    ("source: simulated", "source: simulated\n  seed: 017", "market.seed", 10, "without a leading zero"),
    ("source: simulated", "source: simulated\n  speed: '1e3'", "market.speed", 10, "Write 1000.0: '1e3' is text"),
    ("session: alpha", "session: yes", "session", 1, '"yes"'),
    ("fees: {", "fees: [", "", 13, "Check indentation"),
    ("fees: {maker: 0.00020, taker: 5e-4}", "fees: 3", "fees", 13, "Indent"),
    ("fees:", "account: {equity: -1}\nfees:", "account.equity", 13, "above 0"),
    ("fees:", "fills: {participation: 1.5}\nfees:", "fills.participation", 13, "at most 1"),
    ("fees:", "limits: {read_ahead: true}\nfees:", "limits.read_ahead", 13, "whole number"),
    ("fees:", "account: {name: My.Account}\nfees:", "account.name", 13, "a-z"),
    ("fees:", "account: {name: alpha}\nfees:", "account.name", 13, "another name"),
    ("fees:", f"account: {{limits: {LIMITS}}}\nfees:", "account.limits", 13, "account.name"),
    (
        "fees:",
        f"account: {{name: main, limits: {LIMITS.replace('limit: 5', 'limit: 0')}}}\nfees:",
        "account.limits.daily_loss.limit",
        13,
        "above 0",
    ),
    (
        "fees:",
        f"account: {{name: main, limits: {LIMITS.replace('operator', 'cooldown')}}}\nfees:",
        "account.limits.daily_loss",
        13,
        "cooldown_s",
    ),
]


@pytest.mark.parametrize(("old", "new", "key", "line", "hint"), MISTAKES, ids=[f"{m[2]}-{m[1][:20]}" for m in MISTAKES])
def test_a_mistake_names_its_key_its_line_and_a_remedy(old: str, new: str, key: str, line: int, hint: str) -> None:
    """D06 for `0.5m`; X12: nothing unknown is taken silently."""
    with pytest.raises(ConfigError) as caught:
        parse(TEXT.replace(old, new))

    assert caught.value.fields["key"] == key
    assert caught.value.fields["line"] == line
    assert f"alpha.yaml line {line}" in str(caught.value)
    assert hint in caught.value.remedy


def test_a_bare_number_for_a_decimal_keeps_the_digits_that_were_written() -> None:
    config = parse(TEXT)

    assert config.fees.maker == "0.00020"
    assert config.market.instruments["BTC/USDT:USDT"]["tick_size"] == "0.10"


def test_a_date_in_parameters_stays_text() -> None:
    assert parse(TEXT).strategy.parameters == {"fast": 5, "slow": 20, "since": "2024-01-01"}


def test_every_default_is_written_out() -> None:
    """X12: a changed default can be seen in the manifest."""
    plain = config_fields(parse(TEXT))

    assert plain["limits"]["read_ahead"] == 1000
    assert plain["account"] == msgspec.to_builtins(Config.__struct_defaults__[0])
    assert msgspec.convert(plain, Config) == parse(TEXT)


def test_an_account_over_sessions_is_in_the_manifest_where_it_is_given() -> None:
    """X12: nobody who shares no account has another hash than before."""
    shared = config_fields(parse(TEXT.replace("fees:", f"account: {{name: main, limits: {LIMITS}}}\nfees:")))["account"]

    assert set(shared) - set(config_fields(parse(TEXT))["account"]) == {"name", "limits"}
    assert shared["name"] == "main"
    assert shared["limits"]["daily_loss"] == {"limit": "5", "action": "stop", "reset": "operator", "cooldown_s": None}


def test_the_command_line_goes_over_session_and_speed(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(TEXT.replace("session: alpha\n", ""))

    file = read(path, session="beta", speed=10.0)

    assert file.config.session == "beta"
    assert file.config.market.speed == 10.0


def test_a_strategy_path_is_relative_to_the_file_and_never_absolute_in_the_manifest(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(TEXT.replace("module: live_runner.strategies.ema_cross", f"path: {tmp_path}/mine.py"))
    file = read(path)

    assert file.strategy_path == tmp_path / "mine.py"
    assert config_fields(file.config)["strategy"]["path"] == "mine.py"


def test_a_missing_file_says_where_examples_are(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="infra/examples"):
        read(tmp_path / "absent.yaml")


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_bytes(b"\xff\xfe\x00")

    with pytest.raises(ConfigError, match="UTF-8"):
        read(path)


@pytest.mark.parametrize("text", ["", "just text", "- a\n- b"])
def test_a_file_without_keys_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="holds no keys"):
        parse(text)


def test_a_value_that_contains_itself_is_refused() -> None:
    with pytest.raises(ConfigError, match="nested deeper"):
        parse(TEXT.replace("{fast: 5, slow: 20, since: 2024-01-01}", "&a {again: *a}"))


def test_times_without_a_zone_are_utc() -> None:
    assert time_ns("2024-01-01") == time_ns("2024-01-01T02:00:00+02:00") == 1_704_067_200_000_000_000


def test_the_schema_allows_a_number_where_a_decimal_is_wanted() -> None:
    definitions = json_schema()["$defs"]

    assert "number" in definitions["Fees"]["properties"]["maker"]["type"]
    json.dumps(json_schema())


def test_a_configuration_has_no_say_in_how_an_order_is_placed_or_sized() -> None:
    """I07, X13: order style, fallback and size are the strategy's; the runner has no key for them."""
    keys = {name for section in json_schema()["$defs"].values() for name in section.get("properties", {})}

    assert {"timeframe", "taker", "parameters"} <= keys
    assert (
        keys & {"style", "order_style", "add_style", "order_type", "quantity", "notional", "size", "fallback"} == set()
    )


def test_the_examples_of_the_page_about_risk_are_valid() -> None:
    page = (Path(__file__).parents[3] / "docs" / "risk.md").read_text(encoding="utf-8")
    examples = re.findall(r"```yaml\n(.*?)```", page, flags=re.DOTALL)

    assert len(examples) == 2
    for example in examples:
        parse(TEXT + example)


def test_the_shipped_examples_are_valid() -> None:
    folder = Path(__file__).parents[3] / "infra" / "examples"
    examples = sorted(set(folder.glob("*.yaml")) - set(folder.glob("*.*.yaml")))

    assert len(examples) >= 4
    for example in examples:
        config = read(example).config
        assert config.session
