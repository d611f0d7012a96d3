from __future__ import annotations

from collections.abc import Callable, Iterable
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree

import msgspec
import pytest
from rich.console import Console

from live_runner.contracts import codec
from live_runner.contracts.config import Fees
from live_runner.contracts.messages import Event
from live_runner.services.forensics.bundle import read_bundle, write_bundle
from live_runner.services.forensics.compare import compare, compare_log
from live_runner.services.forensics.curves import drawdown, thin
from live_runner.services.forensics.html_report import html_report
from live_runner.services.forensics.report import as_dict, compare_view, replay_view
from live_runner.services.forensics.session_log import SessionLog

if TYPE_CHECKING:
    from session_world import World

type MakeWorld = Callable[..., World]


@pytest.fixture
def world(make_world: MakeWorld) -> World:
    return make_world(bars=300)


@pytest.fixture
def recorded(world: World) -> list[bytes]:
    return _wires(world.record())


def _wires(events: Iterable[Event]) -> list[bytes]:
    return [codec.stamp(codec.encode(event), 5_000 + number) for number, event in enumerate(events)]


def test_bundle_replays_and_compares_with_nothing_else(recorded: list[bytes], tmp_path: Path) -> None:
    """R05"""
    path = tmp_path / "test.bundle"
    write_bundle(path, recorded, {"comparison": as_dict(compare(recorded))})

    assert compare(read_bundle(path)).agrees


def _printed(view: object) -> str:
    printed = StringIO()
    Console(width=160, file=printed).print(view)
    return printed.getvalue()


def test_report_shows_verdict_bridge_and_first_difference(world: World, recorded: list[bytes]) -> None:
    comparison = compare(recorded)
    text = _printed(compare_view(comparison))

    assert "the same, to the bit" in text
    assert "unexplained" in text
    assert "blocks and stops" in text
    assert "Every output was reproduced" in _printed(replay_view(comparison.replayed))
    assert as_dict(comparison)["agrees"] is True

    config = msgspec.structs.replace(world.config, fees=Fees(taker="0.001"))
    other = _printed(compare_view(compare(recorded, config=config, allow_different_code=True)))
    assert "First difference: order.filled" in other
    assert "differ" in other


def test_html_report_is_one_file_with_all_charts_and_no_link(recorded: list[bytes]) -> None:
    log = SessionLog(recorded)

    page = html_report(log, compare_log(log))

    assert page.count("<svg") == 4
    assert "the same, to the bit" in page
    assert "http" not in page
    assert "<script" not in page
    assert "BTC/USDT:USDT" in page
    assert 'class="second"' in page


def test_every_chart_is_well_formed(recorded: list[bytes]) -> None:
    log = SessionLog(recorded)
    page = html_report(log, compare_log(log))

    charts = [ElementTree.fromstring(part.partition("</svg>")[0] + "</svg>") for part in _after(page, "<svg")]

    assert len(charts) == 4
    fills = len(log.fills())
    assert sum(len(chart.findall("path/title")) for chart in charts) == fills


def _after(page: str, mark: str) -> list[str]:
    return [mark + part for part in page.split(mark)[1:]]


def test_names_in_the_report_are_escaped(make_world: MakeWorld) -> None:
    """A text from a strategy or venue is shown, never run."""
    log = SessionLog(_wires(make_world(bars=120).record()))
    comparison = compare_log(log)
    hostile = msgspec.structs.replace(comparison, session="<script>alert(1)</script>")

    assert "<script>" not in html_report(log, hostile)
    assert "&lt;script&gt;" in html_report(log, hostile)


def test_thinned_line_keeps_ends_and_extremes() -> None:
    line = [(at, float(at % 7)) for at in range(10_000)]
    line[4321] = (4321, 99.0)
    line[5432] = (5432, -99.0)

    kept = thin(line, 200)

    assert len(kept) <= 250
    assert kept == sorted(kept)
    assert {line[0], line[-1], line[4321], line[5432]} <= set(kept)


def test_drawdown_is_the_fall_from_the_peak() -> None:
    assert drawdown([(1, 10.0), (2, 12.0), (3, 9.0), (4, 13.0)]) == [(1, 0.0), (2, 0.0), (3, -3.0), (4, 0.0)]
