"""What in a strategy's source may make it decide otherwise on the same bars: chance, clocks, the order of sets.

Strategy code is a function of the bars and events that it was called with. What is found here is a hint for a strategy
that was seen to decide differently, not a proof, and nothing is refused for it.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from typing import Final

__all__ = ["suspects"]

_MODULES: Final = {
    "random": "random numbers",
    "secrets": "random numbers",
    "uuid": "random identifiers",
    "time": "the clock",
    "os": "the environment of the process",
    "socket": "the network",
    "threading": "threads",
    "asyncio": "threads",
}
_CALLS: Final = {
    "now": "the clock",
    "utcnow": "the clock",
    "today": "the clock",
    "urandom": "random numbers",
    "default_rng": "random numbers",
}
_BUILTINS: Final = {
    "hash": "hashes differ from process to process",
    "id": "addresses differ from process to process",
    "open": "a file",
    "input": "the terminal",
}


def suspects(sources: Mapping[str, str]) -> list[str]:
    """``file:line: what is used there`` for each place, in order; ``sources`` are texts by module name."""
    return [
        f"{name}.py:{line}: {what}"
        for name, text in sorted(sources.items())
        for line, what in sorted(set(_found(ast.parse(text))))
    ]


def _found(tree: ast.Module) -> Iterator[tuple[int, str]]:
    sets = {
        target
        for node in ast.walk(tree)
        if isinstance(node, (ast.Assign, ast.AnnAssign)) and node.value is not None and _is_set(node.value, frozenset())
        for target in _targets(node)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in _MODULES:
            yield node.lineno, f"{node.value.id}.{node.attr} ({_MODULES[node.value.id]})"
        elif isinstance(node, ast.ImportFrom) and node.module in _MODULES:
            names = ", ".join(alias.name for alias in node.names)
            yield node.lineno, f"from {node.module} import {names} ({_MODULES[node.module]})"
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _CALLS:
            yield node.lineno, f"{node.func.attr}() ({_CALLS[node.func.attr]})"
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _BUILTINS:
            yield node.lineno, f"{node.func.id}() ({_BUILTINS[node.func.id]})"
        elif isinstance(node, (ast.For, ast.comprehension)) and _is_set(node.iter, sets):
            yield node.iter.lineno, "a loop over a set (its order differs from process to process; sort it)"


def _is_set(node: ast.expr, names: frozenset[str] | set[str]) -> bool:
    if isinstance(node, (ast.Set, ast.SetComp)):
        return True
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        return node.func.id in ("set", "frozenset")
    return ast.unparse(node) in names if isinstance(node, (ast.Name, ast.Attribute)) else False


def _targets(node: ast.Assign | ast.AnnAssign) -> Iterator[str]:
    for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
        if isinstance(target, (ast.Name, ast.Attribute)):
            yield ast.unparse(target)
