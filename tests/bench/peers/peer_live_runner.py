"""live-runner itself, asked the same as the peers: once per engine of the bench."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

from bench.engines import ENGINES, Ran, contest
from bench.peers.protocol import Bars, Case, Scenario, part, peak_mib, per_call, per_update, serve
from msgspec.structs import replace

from live_runner.contracts import codec
from live_runner.contracts.messages import BarSet, SetBar
from live_runner.hotpath import indicators, normalize
from live_runner.services.market_data.core import simulation
from live_runner.services.market_data.core.candles import Candles

SYMBOL = "ETH/USDT:USDT"


def run(bars: Bars, case: Case, engine: str, strategy: str) -> dict[str, Any]:
    chosen = ENGINES[engine]
    choice = chosen.strategies[strategy]
    sized = {"fast": case.fast, "slow": case.slow, "quantity": case.quantity}

    def played(columns: Bars) -> Ran:
        given = contest(
            replace(choice, parameters={**choice.parameters, **sized}),
            [Candles(SYMBOL, *columns)],
            equity=str(int(case.cash)),
            fee=str(case.fee),
        )
        return chosen.run(given)

    played(part(bars, 2_000))  # imports, as vectorbt's compilation is not counted
    ran = played(bars)
    return {
        "seconds": {"run": ran.seconds},
        "fills": ran.summary["fills"],
        "equity": float(ran.summary["equity"]),
        "peak_mib": peak_mib(),
    }


def calls(bars: Bars, case: Case) -> dict[str, Any]:
    closes = bars.close.tolist()
    rows = list(zip(bars.high.tolist(), bars.low.tolist(), closes, strict=True))
    normalizer = normalize.Normalizer(simulation.instrument(SYMBOL, "simulated"))
    open_, high, low, close, volume = (float(column[-1]) for column in bars[1:])
    row = SetBar(SYMBOL, open_, high, low, close, volume)
    message = BarSet(
        id="bench/market_data/1", session="bench", source="market_data", seq=1, cause="", event_ns=1, number=1,
        open_ns=0, close_ns=1, bars=[row], missing=[], funding=[], warmup=False,
    )  # fmt: skip
    told = codec.encode(message)

    def normalized() -> None:
        for close in closes:
            normalizer.price(close)
            normalizer.amount(close)

    def encode() -> None:
        for _ in closes:
            codec.encode(message)

    def decode() -> None:
        for _ in closes:
            codec.decode(told)

    count = len(closes)
    return {
        "ema": per_update(indicators.Ema(20).update, closes),
        "rsi": per_update(indicators.Rsi(14).update, closes),
        "atr": per_update(indicators.Atr(14).update, rows),
        "ema batch": per_call(lambda: indicators.ema(bars.close, 20), count),
        "rsi batch": per_call(lambda: indicators.rsi(bars.close, 14), count),
        "atr batch": per_call(lambda: indicators.atr(bars.high, bars.low, bars.close, 14), count),
        "precision": per_call(normalized, count),
        "encode": per_call(encode, count),
        "decode": per_call(decode, count),
        "bytes": len(told),
    }


def _scenarios() -> dict[str, Scenario]:
    found: dict[str, Scenario] = {"calls": calls}
    for engine, chosen in ENGINES.items():
        if "ema_cross" in chosen.strategies:
            found[f"cross {engine}"] = partial(run, engine=engine, strategy="ema_cross")
        if "averages" in chosen.strategies:
            found[f"indicators {engine}"] = partial(run, engine=engine, strategy="averages")
    return found


if __name__ == "__main__":
    serve("live-runner", _scenarios())
