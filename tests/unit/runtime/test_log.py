"""Log lines are JSON objects with fields, and hold no password."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from live_runner.contracts.errors import ConfigError
from live_runner.services.runtime.config.settings import Settings
from live_runner.services.runtime.service import log


@pytest.fixture(autouse=True)
def restored_logging() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    for handler in root.handlers[:]:
        if handler not in handlers:
            root.removeHandler(handler)
            handler.close()
    root.handlers[:] = handlers
    root.setLevel(level)


def lines(settings: Settings) -> list[dict[str, Any]]:
    return [json.loads(line) for line in log.log_path(settings, "strategy").read_text().splitlines()]


def test_a_line_is_an_event_with_fields(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    log.configure(settings, "strategy", to_file=True)
    log.get("strategy").bind(session="alpha").info("order requested", order_id="alpha/1/1")

    [line] = lines(settings)
    assert line["event"] == "order requested"
    assert line["order_id"] == "alpha/1/1"
    assert line["session"] == "alpha"
    assert line["service"] == "strategy"
    assert line["level"] == "info"
    assert line["time"].endswith("Z")


def test_passwords_are_masked_in_fields_and_tracebacks(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    log.configure(settings, "strategy", to_file=True)
    logger = log.get("strategy")
    try:
        raise ValueError("postgresql://me:secret@db/x")
    except ValueError as error:
        logger.exception("it broke", reason=error, dsn="postgresql://me:secret@db/x")

    text = log.log_path(settings, "strategy").read_text()
    assert "secret" not in text
    assert "Traceback" in text


def test_lines_below_the_level_are_left_out_and_libraries_are_included(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, log_level="warning")
    log.configure(settings, "strategy", to_file=True)
    log.get("strategy").info("not this")
    logging.getLogger("some.library").warning("but %s", "this")

    assert [line["event"] for line in lines(settings)] == ["but this"]


def test_a_log_file_that_cannot_be_made_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "logs").write_text("in the way")

    with pytest.raises(ConfigError, match="log file"):
        log.configure(Settings(home=tmp_path), "strategy", to_file=True)


def test_the_lines_of_a_session_are_found_again(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    log.configure(settings, "strategy", to_file=True)
    log.get("strategy").bind(session="alpha").info("ready", epoch=1)
    log.get("strategy").bind(session="alpha-2").info("ready", epoch=7)
    log.get("strategy").info("alpha is not this one's session")
    with log.log_path(settings, "strategy").open("a") as file:
        file.write('{"session": "alpha", "cut')

    told = log.session_lines(settings, "alpha")

    assert [(line["event"], line["epoch"]) for line in told["strategy"]] == [("ready", 1)]
    assert log.session_lines(settings, "beta") == {}
