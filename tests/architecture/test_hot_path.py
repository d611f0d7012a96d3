"""The compiled engine touches no Python object where bars pass, and goes through typed fields where orders do.

A local that no ``@cython.locals`` names, or an attribute that the ``.pxd`` forgets, compiles and is only slow, or
fails when it is reached. So the generated C of the hot functions is read: a generic operation on objects is such a
slip, and on the path of every bar even a reference count is. ``make check`` runs this file.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest
from _pytest.mark.structures import ParameterSet

GENERATED = Path(__file__).parents[2] / "build/cython/hotpath/engine"

PER_BAR = {
    "book": ("Book.at_open", "Book.inside"),
    "columns": ("Columns.put", "Columns.take"),
    "compiled_host": (
        "CompiledHost.accept",
        "CompiledHost.ask_symbol",
        "CompiledHost.decide_quietly",
        "CompiledHost.observe",
        "call_on_bar",
    ),
    "ledger": ("Ledger.mark_at", "Ledger.notional_at", "Ledger.revalue", "Ledger.settle", "Ledger.unrealised_at"),
    "margin": ("Margin.is_far",),
    "paper": ("Paper.mark_busy", "Paper.run_bar"),
    "session": ("Session.end_set",),
    "state": ("Market.close_ticks", "Market.ticks", "State.advance", "State.equity", "State.initial_margin"),
    "strategy": (
        "CompiledStrategy.leg",
        "CompiledStrategy.observe",
        "CompiledStrategy.on_bar",
        "Desk.average",
        "Desk.begin",
        "Desk.cash",
        "Desk.equity",
        "Desk.is_entering",
        "Desk.is_leaving",
        "Desk.is_open",
        "Desk.lot_price",
        "Desk.lot_quantity",
        "Desk.lots",
        "Desk.quantity",
        "Desk.smallest_quantity",
        "Desk.whole_lots",
    ),
}
"""Run at every bar of a symbol with a position or orders, or at every close; ``strategy`` by compiled ones."""

MONEY = {
    "ledger": ("add64", "amount", "divide", "is_exact", "money", "mul", "near", "plus", "times"),
    "paper": ("nearest", "ticks_at", "times"),
    "state": ("money", "ticks_at"),
}
"""Inline functions of money.pxd in the modules that use them at every bar."""

PER_ORDER = {
    "book": (
        "Book.add",
        "Book.at_close",
        "Book.clear",
        "Book.cross_inside",
        "Book.cross_open",
        "Book.crossed",
        "Book.drop",
        "Book.drop_exits",
        "Book.note",
        "Book.ranked",
        "Book.release",
        "Book.remove",
        "Book.rest",
        "Book.retire",
        "Book.sweep",
        "Book.take",
        "Book.take_slipped",
        "Book.tie",
        "before",
        "distance",
        "goes_up",
        "group_of",
    ),
    "compiled_host": ("CompiledHost.decide", "CompiledHost.hand_over"),
    "decisions": ("Decisions.ask", "Decisions.decide_at", "Decisions.dispatch", "Decisions.read"),
    "ledger": ("Ledger.book", "Ledger.fund", "Ledger.increase", "Ledger.reduce", "Position.leg", "new_lot"),
    "manager": (
        "Manager.accept",
        "Manager.end",
        "Manager.fill",
        "Manager.record_request",
        "Manager.request",
    ),
    "margin": ("Margin.cover_at", "Margin.ends_at", "Margin.ends_between", "Margin.needed", "Margin.shortfall"),
    "notices": ("new_notice",),
    "orders": ("apply_report", "new_order", "next_attempt"),
    "paper": (
        "Paper.cancelled",
        "Paper.child",
        "Paper.create_bracket",
        "Paper.fill",
        "Paper.submit",
    ),
    "python_host": ("PythonHost.decide", "PythonHost.observe"),
    "session": ("Session.carry_out", "Session.clear_changes", "Session.step"),
    "state": ("State.change",),
}
"""Run where orders happen."""

GENERIC = re.compile(
    r"__Pyx_PyObject_\w+\(|PyObject_\w+\(|PyNumber_\w+\(|__Pyx_PyLong_\w+\(|__Pyx_PyNumber_\w+\(|__Pyx_PyUnicode_\w+\(|"
    r"__Pyx_GetItemInt_Generic\(|__Pyx_SetItemInt_Generic\(|PyFloat_FromDouble\(|__Pyx_PyFloat_\w+\(|__Pyx_PyIter\w*\(|"
    r"__Pyx_GetModuleGlobalName\w*\(|__Pyx_GetBuiltinName\(|PyDict_\w+\(|__Pyx_PyDict_\w+\("
)
COUNTED = re.compile(r"__Pyx_X?INCREF\w*\(|Py_X?INCREF\(|\bPy\w+_New\(|->tp_new\(")
UNSEEN = ("live_runner", "hotpath", "engine")


@cache
def generated(module: str) -> str:
    path = GENERATED / f"{module}.c"
    assert path.exists(), f"There is no {path.relative_to(GENERATED.parents[3])}: run make setup"
    return re.sub(r"/\*.*?\*/", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)


def body(module: str, name: str, declared: str | None = None) -> str:
    """The C of a function, or of a method; ``declared`` in the .pxd of another module."""
    *owner, function = name.split(".")
    mangled = "_".join(f"{len(part)}{part}" for part in (*UNSEEN, declared or module, *owner))
    pattern = rf"^static [^;{{]*__pyx_f_{mangled}_{function}\([^;{{]*\) {{$(.*?)^}}$"
    found = re.search(pattern, generated(module), re.MULTILINE | re.DOTALL)
    assert found, f"{module}.{name} is not a typed function: declare it in hotpath/engine/{declared or module}.pxd"
    return found[1]


def rows(listed: dict[str, tuple[str, ...]]) -> list[ParameterSet]:
    return [pytest.param(m, name, id=f"{m}.{name}") for m, names in sorted(listed.items()) for name in names]


@pytest.mark.parametrize(("module", "name"), rows(PER_BAR))
def test_a_bar_touches_no_object(module: str, name: str) -> None:
    text = body(module, name)

    assert sorted({*GENERIC.findall(text), *COUNTED.findall(text)}) == []


@pytest.mark.parametrize(("module", "name"), rows(MONEY))
def test_arithmetic_touches_no_object(module: str, name: str) -> None:
    text = body(module, name, declared="money")

    assert sorted({*GENERIC.findall(text), *COUNTED.findall(text)}) == []


@pytest.mark.parametrize(("module", "name"), rows(PER_ORDER))
def test_an_order_goes_through_typed_fields(module: str, name: str) -> None:
    assert sorted(set(GENERIC.findall(body(module, name)))) == []


def test_a_function_that_goes_through_objects_is_seen() -> None:
    assert GENERIC.search(body("ledger", "Ledger.totals"))
    assert COUNTED.search(body("ledger", "new_lot"))
