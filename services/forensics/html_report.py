"""The comparison as one HTML file: price, trades, equity and drawdown, the bridge and the differences.

Everything is inside the file, so it can be mailed, kept and opened without a network.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import Final

from live_runner.services.forensics.compare import Comparison
from live_runner.services.forensics.curves import Curves, Point, curves_of, thin
from live_runner.services.forensics.difference import Difference
from live_runner.services.forensics.report import time_text
from live_runner.services.forensics.session_log import SessionLog
from live_runner.services.forensics.svg import chart
from live_runner.services.forensics.trades import Trade

__all__ = ["html_report"]

_STYLE: Final = """
body{font:15px/1.45 system-ui,sans-serif;max-width:1060px;margin:2em auto;padding:0 1em;color:#1c2430;background:#fff}
h1{font-size:1.5em}h2{font-size:1.15em;margin-top:2em}
table{border-collapse:collapse;margin:.5em 0}td{padding:.2em .8em .2em 0;border-bottom:1px solid #e3e7ec}
td.n{text-align:right;font-variant-numeric:tabular-nums}code{font-size:.92em;overflow-wrap:anywhere}
.yes{color:#0a7a3d}.no{color:#b3261e}
svg{width:100%;height:auto;background:#fafbfc}svg text{font:11px system-ui,sans-serif;fill:#5b6675}
.grid{stroke:#e3e7ec;fill:none}.line{stroke:#2457a6;fill:none;stroke-width:1.2}
.second{stroke:#d98200;fill:none;stroke-width:1;stroke-dasharray:4 3}
.area{stroke:#b3261e;fill:#f3c9c6;stroke-width:1}.buy{fill:#0a7a3d}.sell{fill:#b3261e}
"""


def html_report(log: SessionLog, comparison: Comparison) -> str:
    """The whole page."""
    curves = curves_of(log)
    backtest = thin([(at_ns, float(equity)) for at_ns, equity in comparison.equity])
    name = escape(comparison.session)
    verdict = (
        '<p class="yes">The session and its backtest are the same, to the bit.</p>'
        if comparison.agrees
        else '<p class="no">The session and its backtest differ.</p>'
    )
    parts = [
        "<!doctype html>",
        f'<html lang="en"><head><meta charset="utf-8"><title>{name}</title><style>{_STYLE}</style></head><body>',
        f"<h1>Session {name} and its backtest</h1>",
        verdict,
        *_facts(log, comparison),
        *_bridge(comparison),
        *_curves(curves, backtest),
        *_trades(comparison),
        *_differences(comparison),
        "</body></html>",
    ]
    return "\n".join(parts)


def _facts(log: SessionLog, comparison: Comparison) -> list[str]:
    started = log.started
    rows = [
        ("strategy", started.strategy),
        ("strategy hash", started.strategy_hash),
        ("engine", f"{started.engine} of version {started.engine_version} ({started.engine_hash})"),
        ("symbols", ", ".join(started.config["market"]["symbols"])),
        ("timeframe", started.config["market"]["timeframe"]),
        ("first tradable bar", time_text(started.first_open_ns)),
        ("bar sets", str(comparison.sets)),
        ("events compared", str(comparison.events)),
        ("differences", str(comparison.differences)),
        ("differences with the session's own fills", str(comparison.replayed.differences)),
        ("operator commands", str(comparison.commands)),
        ("compare with", started.compare_command),
    ]
    changed = [(f"other {change.what}", "; ".join([change.here, *change.details])) for change in comparison.changes]
    return ["<h2>Facts</h2>", _table([*rows, *changed])]


def _bridge(comparison: Comparison) -> list[str]:
    bridge = comparison.bridge
    rows = [
        ("backtest", bridge.backtest, ""),
        *((line.cause.replace("_", " "), line.amount, line.why) for line in bridge.lines),
        ("unexplained", bridge.unexplained, ""),
        ("session", bridge.session, ""),
    ]
    return [f"<h2>From the backtest's PnL to the session's, {escape(bridge.currency)}</h2>", _table(rows, number=1)]


def _curves(curves: Curves, backtest: Sequence[Point]) -> list[str]:
    parts = [
        "<h2>Equity</h2>",
        "<p>Line: the session. Dashed: the backtest.</p>",
        chart(curves.equity, label="equity", second=backtest),
        "<h2>Drawdown</h2>",
        chart(curves.drawdown, label="drawdown", fill=True),
    ]
    for symbol, line in curves.prices.items():
        parts.append(f"<h2>{escape(symbol)}</h2>")
        parts.append(chart(line, label=f"price of {symbol}", markers=curves.markers[symbol]))
    return parts


def _trades(comparison: Comparison) -> list[str]:
    trades = comparison.trades
    rows = [
        ("matched", str(trades.matched)),
        ("of these with another price or amount", str(trades.changed)),
        ("missing in the session", str(trades.missing)),
        ("extra in the session", str(trades.extra)),
    ]
    parts = ["<h2>Trades</h2>", _table(rows, number=1)]
    listed = [
        *(("backtest", before) for before, _ in trades.changed_trades),
        *(("session", after) for _, after in trades.changed_trades),
        *(("missing", trade) for trade in trades.missing_trades),
        *(("extra", trade) for trade in trades.extra_trades),
    ]
    if listed:
        parts.append(_table(_trade_row(kind, trade) for kind, trade in listed))
    return parts


def _trade_row(kind: str, trade: Trade) -> tuple[str, ...]:
    return (
        kind,
        time_text(trade.at_ns),
        trade.symbol,
        f"{trade.action} {trade.leg}",
        trade.quantity,
        trade.price,
        trade.realised,
        trade.order_id,
    )


def _differences(comparison: Comparison) -> list[str]:
    found = [*comparison.kept, *comparison.replayed.kept]
    if not found:
        return []
    return ["<h2>Differences</h2>", *(_difference(difference) for difference in found)]


def _difference(difference: Difference) -> str:
    title = (
        f"{difference.type} {difference.symbol} number {difference.seq} of {difference.source}, "
        f"close {time_text(difference.close_ns)}: {difference.kind}"
    )
    rows = [("field", "expected", "got"), *((f.path or "(whole)", f.expected, f.got) for f in difference.fields)]
    return f"<h3>{escape(title)}</h3>{_table(rows)}"


def _table(rows: Iterable[Sequence[str]], *, number: int = -1) -> str:
    lines = []
    for row in rows:
        cells = (
            f"<td{' class=n' if at == number else ''}><code>{escape(cell)}</code></td>" for at, cell in enumerate(row)
        )
        lines.append(f"<tr>{''.join(cells)}</tr>")
    return f"<table>{''.join(lines)}</table>"
