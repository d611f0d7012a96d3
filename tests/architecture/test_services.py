"""Who else lists the services names those of the registry: import rules and docker-compose.yml."""

from __future__ import annotations

import importlib
import inspect
from configparser import ConfigParser
from pathlib import Path

import pytest
import yaml

from live_runner.services.runtime.services import SERVICES

PREFIX = "live_runner.services."
LISTS = {
    "services": ("modules", ""),
    "runtime": ("forbidden_modules", ""),
    "command-line": ("source_modules", ""),
    "cores": ("source_modules", ".core"),
}


@pytest.mark.parametrize("contract", LISTS)
def test_the_import_rules_name_every_service(contract: str, repository: Path) -> None:
    option, suffix = LISTS[contract]
    rules = ConfigParser()
    rules.read(repository / ".importlinter")
    listed = set(rules[f"importlinter:contract:{contract}"][option].split())
    folder = repository / "services"

    wanted = {f"{PREFIX}{name}{suffix}" for name in SERVICES if not suffix or (folder / name / suffix[1:]).is_dir()}
    assert wanted - listed == set()


def test_the_compose_stack_serves_every_service(repository: Path) -> None:
    stack = yaml.safe_load((repository / "docker-compose.yml").read_text(encoding="utf-8"))["services"]
    served = [command[1] for service in stack.values() if (command := service.get("command", [""]))[0] == "serve"]

    assert sorted(served) == sorted(SERVICES)


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_is_where_the_registry_says(name: str, repository: Path) -> None:
    assert (repository / "services" / name).is_dir()
    assert inspect.iscoroutinefunction(importlib.import_module(SERVICES[name].module).serve)
