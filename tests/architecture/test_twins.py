"""Every hot module has two files of one stem, with the same names, signatures and docstrings."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fix_hotpath import twins

from live_runner.hotpath import MODULES

HOTPATH = Path(__file__).resolve().parents[2] / "hotpath"


def _public(kind: Any) -> set[str]:
    return {name for name in dir(kind) if not name.startswith("_")}


def _signature(routine: Any) -> str:
    """The evaluated signature; a twin's classes count as the other's."""
    return str(inspect.signature(routine, eval_str=True)).replace("hotpath.compiled.", "hotpath.reference.")


def _pairs(name: str) -> Iterator[tuple[str, Any, Any]]:
    """Functions, classes, methods and properties that both twins show."""
    compiled, reference = twins(name)
    for public in reference.__all__:
        left, right = getattr(compiled, public), getattr(reference, public)
        if not callable(right):
            continue
        yield public, left, right
        if inspect.isclass(right) and left is not right:
            for member in sorted(_public(right)):
                yield f"{public}.{member}", getattr(left, member), getattr(right, member)


def test_each_stem_is_in_both_folders_and_in_the_list() -> None:
    assert {path.stem for path in HOTPATH.glob("reference/*.py")} - {"__init__"} == set(MODULES)
    assert {path.stem for path in HOTPATH.glob("compiled/*.pyx")} == set(MODULES)


@pytest.mark.parametrize("name", MODULES)
def test_twins_export_the_same_names(name: str) -> None:
    compiled, reference = twins(name)

    assert compiled.__all__ == reference.__all__
    assert [public for public in reference.__all__ if not hasattr(compiled, public)] == []


@pytest.mark.parametrize("name", MODULES)
def test_twin_classes_have_the_same_members(name: str) -> None:
    compiled, reference = twins(name)
    for public in reference.__all__:
        right = getattr(reference, public)
        if inspect.isclass(right):
            left = getattr(compiled, public)
            assert _public(right) - _public(left) == set(), public
            # A compiled class shows its attributes too, the reference sets them in __init__.
            assert {member for member in _public(left) if inspect.isroutine(getattr(left, member))} <= _public(right)


@pytest.mark.parametrize("name", MODULES)
def test_twins_have_the_same_signatures(name: str) -> None:
    different = [
        f"{where}: {_signature(left)} and {_signature(right)}"
        for where, left, right in _pairs(name)
        if inspect.isroutine(right) and _signature(left) != _signature(right)
    ]

    assert different == []


@pytest.mark.parametrize("name", MODULES)
def test_twins_have_the_same_docstrings(name: str) -> None:
    different = [
        where
        for where, left, right in _pairs(name)
        if (inspect.isroutine(right) or inspect.isclass(right) or isinstance(right, property))
        and (inspect.getdoc(left) != inspect.getdoc(right) or not right.__doc__)
    ]

    assert different == []


@pytest.mark.parametrize("name", MODULES)
def test_twin_constants_are_equal(name: str) -> None:
    compiled, reference = twins(name)
    names = [name for name in reference.__annotations__ if name.isupper() and not name.startswith("_")]
    constants = {name: getattr(reference, name) for name in names}

    assert {name: getattr(compiled, name, None) for name in names} == constants
