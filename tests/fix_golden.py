"""One realistic sample of every message, and the option that rewrites the golden files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from live_runner.contracts import messages as m
from live_runner.contracts.policy import BackoffState, ExecutionPolicy

GOLDEN = Path(__file__).parent / "golden"

_SYMBOL = "BTC/USDT:USDT"
_OPEN_NS = 1_704_067_200_000_000_000
_CLOSE_NS = _OPEN_NS + 60_000_000_000
_INTENT_ID = f"demo/{_CLOSE_NS}/1"
_ORDER_ID = f"{_INTENT_ID}/1"
_HASH = "00112233445566778899aabbccddeeff"

_POLICY = ExecutionPolicy(
    add_style="post_only", attempts=3, retry_spacing_s=0.5, fallback=("reject",), time_to_live_s=120.0,
    max_failures=2, backoff_s=900.0, open_rounding="nearest",
)  # fmt: skip
_INSTRUMENT = m.Instrument(
    symbol=_SYMBOL,
    venue="binanceusdm",
    base="BTC",
    quote="USDT",
    settle="USDT",
    tick_size="0.1",
    lot_size="0.001",
    price_precision="0.1",
    amount_precision="0.001",
    min_amount="0.001",
    max_amount="1000",
    min_price="556.8",
    max_price="4529764",
    min_notional="5",
    rules="given",
)
_BAR = m.SetBar(_SYMBOL, 42_000.1, 42_010.0, 41_990.5, 42_005.0, 12.345)
_INTENT = m.Intent(
    id=_INTENT_ID,
    symbol=_SYMBOL,
    leg="long",
    action="open",
    quantity="0.01",
    style="limit",
    limit_price="41990.5",
    take_profit="42200",
    stop_loss="41800",
    time_to_live_ns=120_000_000_000,
    fallback=["timeout"],
    reason="cross",
    policy=_POLICY,
    bar_open_ns=_OPEN_NS,
)


def _core(source: str, seq: int, cause: str = "demo/market_data/7", event_ns: int = _CLOSE_NS) -> dict[str, Any]:
    return {
        "id": f"demo/{source}/{seq}",
        "session": "demo",
        "source": source,
        "seq": seq,
        "cause": cause,
        "event_ns": event_ns,
    }


_CONFIG = {
    "session": "demo",
    "strategy": {"module": "live_runner.strategies.ema_cross", "parameters": {"fast": 20}},
    "market": {"venue": "simulated", "symbols": [_SYMBOL], "timeframe": "1m"},
}
_EXECUTION = "execution"

_FEE_RATE = m.FeeRate(rate="612.35", source="venue_ticker", at_ns=_CLOSE_NS)
_CORRECTED = m.Corrected(
    _ORDER_ID, "87654321", _INTENT_ID, _SYMBOL, "long", "buy", "0.004", price_before="41990.5", price="41990.4",
    fee_before="0.083981", fee="0.0335923", fee_currency="USDT", liquidity="maker", amount="0.0507887",
    fee_rate=_FEE_RATE, **_core(_EXECUTION, 16),
)  # fmt: skip
_THEORETICAL = m.Theoretical(
    _ORDER_ID, _INTENT_ID, _SYMBOL, "long", "buy", "open", "post_only", quantity="0.004", price="41990.5",
    fee="0.0335924", liquidity="maker", reference_price="41990.5", slippage="0", remaining="0.006",
    **_core(_EXECUTION, 15),
)  # fmt: skip
_BACKOFF = BackoffState(
    failures=2, blocked=True, blocked_until_ns=_CLOSE_NS + 900_000_000_000, event_id="demo/execution/9",
    detail="-5022: Post only order would have crossed", at_ns=_CLOSE_NS,
)  # fmt: skip
_TRIPPED = m.LimitTripped(
    "entry_slippage", value="12.5", most="10", action="stop", reset="cooldown", until_ns=_CLOSE_NS + 600,
    symbol=_SYMBOL, leg="long", order_id=_ORDER_ID, author="risk:main", **_core(_EXECUTION, 17),
)  # fmt: skip
_RESET = m.LimitReset("entry_slippage", why="cooldown", author="risk", action="stop", **_core(_EXECUTION, 18))
_INCIDENT = m.Incident(
    "warning", "sequence_gap", "strategy skipped from 4 to 6", {"expected": 5, "seen": 6}, **_core("recorder.shell", 1)
)
_LEVEL = m.RiskLevel(name="daily_loss", value="50", limit="50", left="0", tripped=True, not_applied="-")
_LEVELS = m.RiskLevels(_CLOSE_NS, [_LEVEL], **_core(_EXECUTION, 19))
_SNAPSHOT = m.Snapshot(_EXECUTION, "demo.execution.5000", 20_000, 15_000, _HASH, 4096, **_core("execution.shell", 2))
_RECONCILED = m.Reconciled(
    _SYMBOL, "long", "closed_elsewhere", "0.01", "0", "41990.5", "-0.12", _ORDER_ID, "demo/execution.shell/9",
    _CLOSE_NS, "position_less", "991", "0.21", "USDT", v=2, **_core(_EXECUTION, 20),
)  # fmt: skip
_TRADED = m.Traded(
    _SYMBOL, "long", "sell", m.Trade("991", "0.01", "41990.5", _CLOSE_NS, "0.21", "USDT", "taker"), "4712",
    "autoclose-1", "liquidation", **_core("execution.shell", 10),
)  # fmt: skip
_QUOTE = m.Quote(_SYMBOL, 42_001.4, 42_001.6, **_core("execution.shell", 8))
_RULES = m.RulesReported(_INSTRUMENT, "SETTLING", **_core("execution.shell", 11))
_OF_LIMITS = [_RECONCILED, _TRADED, _RULES, _TRIPPED, _RESET, _LEVELS, _QUOTE]

_SAMPLES: list[m.Event] = [
    m.Announced(
        stage="paper",
        config=_CONFIG,
        config_hash=_HASH,
        strategy="live_runner.strategies.ema_cross:EmaCross",
        sources={"live_runner.strategies.ema_cross": "class EmaCross: ...\n"},
        strategy_hash=_HASH,
        engine_version="0.2.0",
        engine_hash=_HASH,
        warmup_bars=50,
        speed=60.0,
        engine=2,
        v=2,
        **_core("run.shell", 1, ""),
    ),
    m.Joined(
        role="market_data",
        instance="market_data-1",
        instruments=[_INSTRUMENT],
        dataset={"venue": "simulated", "rows": 10_000, "sha256": _HASH * 2, "gaps": []},
        warmup_found=50,
        first_open_ns=_OPEN_NS,
        policy=_POLICY,
        packages={"numpy": "2.5.5"},
        engine=2,
        engine_version="0.2.0",
        engine_hash=_HASH,
        platform={"machine": "x86_64", "build": "compiled"},
        v=2,
        **_core("market_data.shell", 1, "demo/run.shell/1"),
    ),
    m.JoinDeclined(
        role="market_data",
        reason="warmup_refused",
        message="1440 bars of history are needed and 900 were found",
        details={"needed": 1440, "found": 900},
        **_core("market_data.shell", 2, "demo/run.shell/1"),
    ),
    m.Started(
        stage="paper",
        config=_CONFIG,
        config_hash=_HASH,
        strategy="live_runner.strategies.ema_cross:EmaCross",
        strategy_hash=_HASH,
        engine_version="0.2.0",
        engine_hash=_HASH,
        dataset={"venue": "simulated", "rows": 10_000},
        instruments=[_INSTRUMENT],
        policy=_POLICY,
        warmup_bars=50,
        warmup_found=50,
        first_open_ns=_OPEN_NS,
        models={"fill": "next_open/touch/1"},
        platform={"machine": "x86_64"},
        packages={"numpy": "2.5.5"},
        compare_command="live-runner compare demo",
        engine=2,
        continues=m.Continuation(session="demo-1", hash=_HASH),
        v=2,
        **_core("run.shell", 2, "demo/market_data.shell/1"),
    ),
    m.Owned(role=_EXECUTION, instance="execution-1", epoch=2, **_core("execution.shell", 1)),
    _SNAPSHOT,
    m.Voided(role=_EXECUTION, from_seq=15_001, to_seq=15_004, **_core("execution.shell", 2)),
    m.Timer(role=_EXECUTION, name="expire", due_ns=_CLOSE_NS, **_core("execution.shell", 3)),
    m.Stopped(
        reason="feed_ended",
        summary={"bars": 9950, "realised": "12.5", "symbols": {_SYMBOL: {"fills": 3}}},
        hash=_HASH,
        state_hash=_HASH,
        **_core(_EXECUTION, 99),
    ),
    m.BarSet(
        number=51,
        open_ns=_OPEN_NS,
        close_ns=_CLOSE_NS,
        bars=[_BAR, m.SetBar("ETH/USDT:USDT", 2300.0, 2301.5, 2299.25, 2300.75, 0.0, late=True)],
        missing=["SOL/USDT:USDT"],
        funding=[m.FundingRate(_SYMBOL, _OPEN_NS, "0.0001", 42_001.5), m.FundingRate("ETH/USDT:USDT", 1, "-0.00005")],
        hash=_HASH,
        v=2,
        **_core("market_data", 51, ""),
    ),
    m.Gap(
        symbol=_SYMBOL,
        from_ns=_OPEN_NS,
        to_ns=_CLOSE_NS,
        bars=1,
        filled=False,
        reason="no candle in the recording",
        **_core("market_data.shell", 3),
    ),
    m.BarRevised(
        symbol=_SYMBOL,
        open_ns=_OPEN_NS,
        before=_BAR,
        after=m.SetBar(_SYMBOL, 42_000.1, 42_011.0, 41_990.5, 42_005.0, 12.5),
        **_core("market_data.shell", 4),
    ),
    m.FeedEnded(reason="end_of_recording", sets=10_000, close_ns=_CLOSE_NS, **_core("market_data", 10_001, "")),
    m.Decided(
        close_ns=_CLOSE_NS,
        intents=[_INTENT],
        blocked=[m.BlockedIntent(intent=_INTENT, reason="backoff", detail="1 rejection")],
        failed=[m.FailedCall(symbol=_SYMBOL, call="on_bar", error="ValueError: no")],
        hash=_HASH,
        state_hash=_HASH,
        **_core("strategy", 1, "demo/execution/1"),
    ),
    m.Finished(hash=_HASH, state_hash=_HASH, **_core("strategy", 2, "demo/market_data/10001")),
    m.Requested(
        order_id=_ORDER_ID,
        client_order_id=_HASH[:28],
        intent_id=_INTENT_ID,
        attempt=1,
        symbol=_SYMBOL,
        leg="long",
        side="buy",
        action="open",
        kind="limit",
        quantity="0.01",
        price="41990.5",
        reduce_only=False,
        reference_price="42005",
        expires_ns=_CLOSE_NS + 120_000_000_000,
        reason="cross",
        asked_quantity="0.0104",
        parent=f"demo/{_OPEN_NS}/1/1",
        v=2,
        **_core(_EXECUTION, 2, "demo/strategy/1"),
    ),
    m.Submitted(order_id=_ORDER_ID, symbol=_SYMBOL, **_core(_EXECUTION, 3)),
    m.Accepted(order_id=_ORDER_ID, symbol=_SYMBOL, venue_order_id="4711", **_core(_EXECUTION, 4)),
    m.Filled(
        order_id=_ORDER_ID,
        fill_id=f"{_ORDER_ID}/f1",
        intent_id=_INTENT_ID,
        symbol=_SYMBOL,
        leg="long",
        side="buy",
        action="open",
        kind="limit",
        quantity="0.01",
        price="41990.5",
        notional="419.905",
        fee="0.083981",
        fee_currency="USDT",
        liquidity="maker",
        realised="0",
        reference_price="41990.5",
        slippage="0",
        filled="0.01",
        remaining="0",
        status="filled",
        reason="limit",
        leg_quantity="0.01",
        provisional=True,
        fee_rate=_FEE_RATE,
        v=2,
        **_core(_EXECUTION, 5),
    ),
    m.CancelRequested(order_id=_ORDER_ID, symbol=_SYMBOL, reason="kill", **_core(_EXECUTION, 6)),
    m.Cancelled(
        order_id=_ORDER_ID,
        intent_id=_INTENT_ID,
        symbol=_SYMBOL,
        leg="long",
        action="open",
        filled="0",
        remaining="0.01",
        reason="kill",
        retrying=True,
        v=2,
        **_core(_EXECUTION, 7),
    ),
    m.Expired(
        order_id=_ORDER_ID,
        intent_id=_INTENT_ID,
        symbol=_SYMBOL,
        leg="long",
        action="open",
        filled="0.004",
        remaining="0.006",
        reason="time_to_live",
        retrying=True,
        v=2,
        **_core(_EXECUTION, 8),
    ),
    m.Rejected(
        order_id=_ORDER_ID,
        intent_id=_INTENT_ID,
        symbol=_SYMBOL,
        leg="long",
        action="open",
        code="-5022",
        message="Post only order would have crossed",
        retryable=True,
        retrying=True,
        v=2,
        **_core(_EXECUTION, 9),
    ),
    m.Denied(
        intent_id=_INTENT_ID,
        symbol=_SYMBOL,
        leg="long",
        action="open",
        reason="missing_quantity",
        message="The intent names no quantity and delegates no sizing",
        order_id=_ORDER_ID,
        **_core(_EXECUTION, 10),
    ),
    m.Unknown(order_id=_ORDER_ID, symbol=_SYMBOL, reason="timeout", **_core(_EXECUTION, 11)),
    m.Report(
        client_order_id=_HASH,
        symbol=_SYMBOL,
        status="partly_filled",
        venue_order_id="4711",
        filled="0.004",
        last_quantity="0.004",
        last_price="41990.5",
        fill_id="99",
        fee="0.03",
        fee_currency="USDT",
        liquidity="maker",
        code="0",
        message="ok",
        retryable=True,
        trades=[m.Trade("99", "0.004", "41990.5", _CLOSE_NS, "0.03", "USDT", "maker", _FEE_RATE)],
        cost="167.962",
        quantity="0.01",
        sent_ns=_CLOSE_NS + 1,
        asked_ns=_CLOSE_NS + 2,
        complete=True,
        via="query",
        parent=_HASH,
        meaning="duplicate",
        v=2,
        **_core("execution.shell", 4),
    ),
    _CORRECTED,
    _THEORETICAL,
    m.AccountReported(
        positions=[m.VenuePosition(_SYMBOL, "long", "0.01", "41990.5", "42001.5", "10", "cross")],
        positions_complete=True,
        positions_asked_ns=_CLOSE_NS + 2,
        balances=[m.VenueBalance("USDT", "1000.5", "958.5")],
        balances_complete=True,
        balances_asked_ns=_CLOSE_NS + 3,
        orders=[
            m.VenueOrder(
                _SYMBOL, "4711", _HASH, "buy", "long", "limit", "0.01", "0.004", "41990.5", "41000", reduce_only=True
            )
        ],
        orders_complete=True,
        orders_asked_ns=_CLOSE_NS + 4,
        position_mode="hedge",
        leverage={_SYMBOL: "10"},
        margin_mode={_SYMBOL: "cross"},
        v=2,
        **_core("execution.shell", 5),
    ),
    m.Income(
        income_id="88",
        kind="funding",
        amount="-0.0420015",
        currency="USDT",
        symbol=_SYMBOL,
        leg="long",
        rate="0.0001",
        mark="42001.5",
        **_core("execution.shell", 6),
    ),
    m.StreamGap("orders", _CLOSE_NS, _CLOSE_NS + 5, "no message for 60 s", **_core("execution.shell", 7)),
    m.FundingPaid(
        symbol=_SYMBOL,
        leg="long",
        funding_ns=_OPEN_NS,
        rate="0.0001",
        mark="42001.5",
        quantity="0.01",
        amount="-0.0420015",
        **_core(_EXECUTION, 12),
    ),
    m.Liquidated(symbol=_SYMBOL, price="38000", equity="1.5", maintenance="1.9", **_core(_EXECUTION, 13)),
    *_OF_LIMITS,
    m.Settled(
        close_ns=_CLOSE_NS,
        legs=[
            m.Leg(
                symbol=_SYMBOL,
                leg="long",
                quantity="0.01",
                average="41990.5",
                lots=[m.Lot("0.01", "41990.5", _CLOSE_NS, _ORDER_ID)],
                realised="0",
                blocked="backoff",
                backoff=_BACKOFF,
            )
        ],
        pending=[
            m.Pending(
                order_id=_ORDER_ID,
                intent_id=_INTENT_ID,
                symbol=_SYMBOL,
                leg="long",
                side="sell",
                kind="take_profit",
                action="close",
                remaining="0.01",
                price="42200",
                status="accepted",
                expires_ns=_CLOSE_NS,
                parent=_ORDER_ID,
            )
        ],
        cash="9999.916019",
        realised="0",
        unrealised="0.145",
        equity="10000.061019",
        fees="0.083981",
        funding="0",
        slippage="0",
        turnover="419.905",
        exposure="420.05",
        margin="42.005",
        drawdown_realised="0.083981",
        drawdown_equity="0.1",
        gate="open",
        hash=_HASH,
        state_hash=_HASH,
        foreign_fees={"BNB": "0.0003"},
        v=2,
        **_core(_EXECUTION, 14),
    ),
    m.Executed(close_ns=_CLOSE_NS, requested=1, refused=0, **_core(_EXECUTION, 15, "demo/strategy/1")),
    m.Command(command="stop", author="operator", reason="maintenance", **_core("command.shell", 1, "")),
    m.VenueCall(
        call="fetch_ohlcv",
        arguments={"symbol": _SYMBOL, "limit": 1000, "params": {}},
        outcome="ok",
        result=[[1_704_067_200_000, 42_000.1]],
        error="none",
        started_ns=_CLOSE_NS,
        latency_ns=1_500_000,
        **_core("market_data.shell", 5, ""),
    ),
    _INCIDENT,
]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-golden", action="store_true", help="write golden files anew from what the code gives now"
    )


@pytest.fixture(scope="session")
def samples() -> dict[str, m.Event]:
    """A message of every type, each field set, so that a lost or renamed field shows."""
    return {str(event.__struct_config__.tag): event for event in _SAMPLES}


@pytest.fixture(params=_SAMPLES, ids=lambda event: event.__struct_config__.tag)
def sample(request: pytest.FixtureRequest) -> m.Event:
    event: m.Event = request.param
    return event


@pytest.fixture(scope="session")
def golden_folder() -> Path:
    return GOLDEN


@pytest.fixture
def update_golden(request: pytest.FixtureRequest) -> bool:
    """Whether the run was asked to rewrite golden files: it never does so by itself."""
    return bool(request.config.getoption("--update-golden"))
