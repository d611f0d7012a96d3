"""Each token that the code denies, rejects, ends, declines or reports with has a meaning and a remedy, and a use."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from live_runner.contracts import codes, errors
from live_runner.contracts.risk import Risk
from live_runner.contracts.vocabulary import END_REASONS

if TYPE_CHECKING:
    from fix_sources import Source

TOKEN = re.compile(r"[a-z]+(_[a-z]+)*")
SEVERITIES = {"warning", "error", "fatal"}
ENGINE = "hotpath/engine/"
REFUSALS = {"SessionRefused", "WarmupRefused", "VersionMismatch"}


def tokens(node: ast.AST | None) -> set[str]:
    """Tokens among the string literals of an expression; sentences and what is put together are none."""
    if node is None or isinstance(node, ast.JoinedStr | ast.Call | ast.Compare | ast.Attribute | ast.Dict):
        return set()
    if isinstance(node, ast.Constant):
        return {node.value} if isinstance(node.value, str) and TOKEN.fullmatch(node.value) else set()
    return {token for inner in ast.iter_child_nodes(node) for token in tokens(inner)}


def called(node: ast.Call) -> str:
    """Name of the function or method, without what it belongs to."""
    return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")


def calls(sources: list[Source], folder: str, *names: str) -> Iterator[ast.Call]:
    """Calls of functions by their name."""
    for source in sources:
        if source.name.startswith(folder):
            for node in ast.walk(source.tree):
                if isinstance(node, ast.Call) and called(node) in names:
                    yield node


def literals(sources: list[Source], folder: str, name: str, *places: int) -> set[str]:
    """Tokens at places among the arguments of a function's calls; at any place without one."""
    found: set[str] = set()
    for node in calls(sources, folder, name):
        given = [node.args[at] for at in places if at < len(node.args)] if places else node.args
        found |= {token for argument in given for token in tokens(argument)}
    return found


def keyword(node: ast.Call, name: str) -> set[str]:
    """Tokens of one keyword argument."""
    return {token for each in node.keywords if each.arg == name for token in tokens(each.value)}


def denials(sources: list[Source]) -> set[str]:
    found = literals(sources, ENGINE, "deny") | literals(sources, ENGINE, "give_up", 2)
    for source in sources:
        for node in ast.walk(source.tree):
            if source.name == f"{ENGINE}trading_state.py" and isinstance(node, ast.AnnAssign):
                found |= tokens(node.value) if getattr(node.target, "id", "") == "REASONS" else set()
            if source.name == f"{ENGINE}manager.py" and isinstance(node, ast.Assign):
                found |= tokens(node.value) if any(getattr(at, "id", "") == "why" for at in node.targets) else set()
            if isinstance(node, ast.FunctionDef) and node.name in ("leg_block", "why_blocked"):
                found |= {t for each in ast.walk(node) if isinstance(each, ast.Return) for t in tokens(each.value)}
    found |= literals(sources, f"{ENGINE}caps.py", "refuse", 0)
    normalization = "hotpath/reference/normalize.py"
    for name, place in (("_refusal", 0), ("_through", 3), ("_on_grid", 2)):
        found |= literals(sources, normalization, name, place)
    return found


def rejections(sources: list[Source]) -> set[str]:
    return literals(sources, ENGINE, "reject")


def endings(sources: list[Source]) -> set[str]:
    found = {*END_REASONS, "kill", "flatten"}  # session.py: cancel_entries(command.command)
    found |= set(Risk.__struct_fields__)  # and cancel_entries(risk.kills)
    for name in ("cancel", "cancelled", "expired", "query_unknown"):
        found |= literals(sources, ENGINE, name)
    return found | literals(sources, ENGINE, "taken_off", 2)


def incidents(sources: list[Source]) -> set[str]:
    found = literals(sources, ENGINE, "give_up", 1)
    found |= literals(sources, "services/recorder/", "Finding")
    for name in ("incident", "_incident"):
        found |= literals(sources, "", name)
    for source in sources:
        for node in ast.walk(source.tree):
            if isinstance(node, ast.Call) and "Incident" in {called(node), *(getattr(a, "id", "") for a in node.args)}:
                found |= keyword(node, "code")
            if isinstance(node, ast.Dict):
                fields = {key.value: value for key, value in zip(node.keys, node.values, strict=True)
                          if isinstance(key, ast.Constant)}  # fmt: skip
                found |= tokens(fields.get("code")) if "severity" in fields else set()
    return found - SEVERITIES


def declines(sources: list[Source]) -> set[str]:
    found = {token for node in calls(sources, "", *REFUSALS) for token in keyword(node, "reason")}
    return found | literals(sources, "services/execution/core/guard.py", "_blocking", 0)


TABLES: dict[str, Callable[[list[Source]], set[str]]] = {
    "DENIALS": denials,
    "REJECTIONS": rejections,
    "ENDINGS": endings,
    "INCIDENTS": incidents,
    "DECLINES": declines,
}


@pytest.mark.parametrize("table", TABLES)
def test_every_token_has_its_meaning_and_every_meaning_its_token(table: str, sources: list[Source]) -> None:
    """A new token gets an entry in contracts/codes.py; `make pages` then makes docs/codes.md anew."""
    described = getattr(codes, table)
    used = TABLES[table](sources)

    assert {"without a meaning": sorted(used - set(described)), "without a use": sorted(set(described) - used)} == {
        "without a meaning": [],
        "without a use": [],
    }
    assert list(described) == sorted(described)
    assert all(text.endswith(".") for code in described.values() for text in code)


def test_the_compiled_normalization_names_the_reasons_of_the_reference(repository: Path) -> None:
    source = (repository / "hotpath/compiled/normalize.pyx").read_text(encoding="utf-8")
    body = source.partition("cdef const char *c_reason(")[2].partition("\n\n\n")[0]

    assert set(re.findall(r'return "(\w+)"', body)) <= set(codes.DENIALS)


def test_the_page_of_exit_codes_has_every_one_that_an_error_ends_with(repository: Path) -> None:
    page = (repository / "docs" / "entrypoint.md").read_text(encoding="utf-8").partition("## Exit codes")[2]
    listed = {int(code) for code in re.findall(r"^\| (\d+) \|", page, flags=re.MULTILINE)}
    waiting = [errors.RunnerError]
    for kind in waiting:
        waiting += kind.__subclasses__()

    assert {kind.exit_code for kind in waiting if isinstance(kind.exit_code, int)} <= listed
