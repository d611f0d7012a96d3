"""The sessions of the corpus, each drawn from its name alone.

accounts-00     lots, position modes and fill models in every combination
fills-00        limit touch and through, participation and slippage in every combination
funding-00      at opens, inside bars, before closes, with and without mark
liquidation-00  little equity, much leverage
policies-00     backoffs, fallbacks, times to live, roundings
failures-00     strategies that raise, under both settings of on_error
select-00       strategies that leave symbols out
gaps-00         several symbols that miss bars, begin late or hardly trade
extremes-00     ticks, lots, contracts, prices, volumes and rates far from any market's
shipped-00      the strategies that come with the house
late-00         bars that came late, under each setting of market.late_bars
commands-00     stop, kill, flatten, resume and abort
protect-00      stops and targets of whole legs
risk-00         caps and risk limits that refuse and trip, with every action and every reset
live-00         the execution core alone in a live stage, with reports and timers of a venue (live.py)
fuzz-0          any of these but live, for ``python -m tests.corpus fuzz``
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any, Final

from corpus import markets
from corpus.draws import Draw
from corpus.markets import EXTREME, SYMBOLS, USUAL, Shape
from msgspec import UNSET, convert

from live_runner.contracts.config import Account, Config, Execution, Fees, Fills, Limits, Market, StrategyChoice
from live_runner.contracts.messages import FundingRate, Instrument
from live_runner.contracts.policy import ExecutionPolicy
from live_runner.contracts.risk import Caps, Risk
from live_runner.services.market_data.core.candles import Candles
from live_runner.strategies import loader

WILFUL = str(Path(__file__).parents[1] / "wilful.py")
_BARS = (60, 90, 120, 150, 200, 300)
_RATES = ("0.0001", "-0.00025", "0.003", "0.00001234", "-0.0175", "0")
_LOTS = ("lifo", "fifo", "average")
_MODES = ("hedge", "one_way")
_MARKET_FILLS = ("next_open", "bar_close")
_RESTARTED_EVERY = 4
_COMMANDS = ("stop", "kill", "flatten", "resume", "resume", "resume")


@dataclass(frozen=True)
class Session:
    """Everything that a player needs to play a session."""

    name: str
    config: Config
    source: loader.StrategySource
    instruments: list[Instrument]
    columns: list[Candles]
    funding: dict[str, list[FundingRate]]
    late: frozenset[tuple[int, str]] = frozenset()
    """Bars that came late: number of the set, from 1, and symbol."""
    commands: tuple[tuple[int, int, str], ...] = ()
    """Operator commands: after which set (from 0, among the tradable ones), after its bars (0) or its decision (1)."""
    has_compiled_strategy: bool = False
    restarts: bool = False
    """Also played with its cores restarted on the way."""
    live: bool = False
    policy: ExecutionPolicy | None = None
    """Of a live session, which has no strategy but a script."""

    @property
    def group(self) -> str:
        return group_of(self.name)


@dataclass
class _Plan:
    """What a group decides about a session; the rest is drawn."""

    choice: StrategyChoice | None = None
    has_compiled_strategy: bool = False
    bars: int | None = None
    symbols: int | None = None
    account: dict[str, Any] = field(default_factory=dict)
    fills: dict[str, Any] = field(default_factory=dict)
    fees: dict[str, Any] = field(default_factory=dict)
    market: dict[str, Any] = field(default_factory=dict)
    risk: dict[str, Any] | None = None
    caps: dict[str, Any] | None = None
    execution: dict[str, Any] | None = None
    wilful: dict[str, Any] = field(default_factory=dict)
    on_error: str | None = None
    shapes: dict[str, Any] = field(default_factory=dict)
    grids: tuple[markets.Grid, ...] = USUAL
    funding_percent: int | None = None
    rates: tuple[str, ...] = _RATES
    late_percent: int = 0
    commands: tuple[str, ...] = ()
    abort: bool = False
    live: bool = False


def _accounts(draw: Draw, number: int) -> _Plan:
    lots, mode, market = list(product(_LOTS, _MODES, _MARKET_FILLS))[number % 12]
    return _Plan(account={"lots": lots, "position_mode": mode}, fills={"market": market})


def _fills(draw: Draw, number: int) -> _Plan:
    combinations = product(_MARKET_FILLS, ("touch", "through"), (None, "0.0001", "0.01", "0.3"), ("0", "2.5", "50"))
    market, limit, participation, slippage = list(combinations)[number % 48]
    return _Plan(
        fills={"market": market, "limit": limit, "participation": participation, "slippage_bp": slippage},
        fees={"maker": draw.one_of(("0.0002", "-0.0001", "0")), "taker": draw.one_of(("0.0005", "0.000375", "0.01"))},
        wilful={"add_style": draw.one_of(("market", "limit", "post_only"))},
    )


def _funding(draw: Draw, number: int) -> _Plan:
    return _Plan(
        funding_percent=draw.one_of((3, 10, 30, 60)),
        shapes={"holes_percent": draw.one_of((0, 0, 4))},
        fills={"market": _MARKET_FILLS[number % 2]},
        wilful={"ask_percent": draw.one_of((10, 20))},
    )


def _liquidation(draw: Draw, number: int) -> _Plan:
    return _Plan(
        account={
            "equity": draw.one_of(("40", "100", "250.75")),
            "leverage": draw.one_of(("20", "50", "125")),
            "maintenance_margin": draw.one_of(("0.004", "0.015", "0.03", "0.0075")),
            "lots": _LOTS[number % 3],
            "position_mode": _MODES[number // 3 % 2],
        },
        shapes={"moves_bp": draw.one_of((30, 60, 120)), "jumps_percent": 4},
        wilful={"ask_percent": draw.one_of((50, 80)), "max_failures": 0},
        funding_percent=draw.one_of((0, 0, 8)),
    )


def _policies(draw: Draw, number: int) -> _Plan:
    return _Plan(
        account={"equity": draw.one_of(("30", "100", "400")), "leverage": draw.one_of(("1", "3", "10"))},
        wilful={
            "max_failures": 1 + number % 3,
            "backoff_s": (None, 60.0, 90.5, 600.0)[number % 4],
            "fallback": ((), ("reject",), ("timeout",), ("timeout", "reject"))[number // 4 % 4],
            "time_to_live_s": draw.one_of((None, 60.0, 61.5, 300.0)),
            "attempts": draw.within(1, 3),
            "open_rounding": draw.one_of(("down", "nearest")),
            "add_style": draw.one_of((None, "limit", "post_only")),
            "delegates": True,
        },
    )


def _failures(draw: Draw, number: int) -> _Plan:
    methods = ("observe", "select", "on_fill", "on_rejection", "on_order_update")
    return _Plan(
        on_error=("manage_only", "stop")[number % 2],
        wilful={
            "fails": number // 2 % 3 != 0,
            "fails_in": tuple(name for name in methods if draw.chance(40)),
            "selects": True,
        },
    )


def _select(draw: Draw, number: int) -> _Plan:
    return _Plan(symbols=draw.within(2, 5), wilful={"selects": True, "ask_percent": 20}, bars=draw.one_of((60, 90)))


def _gaps(draw: Draw, number: int) -> _Plan:
    return _Plan(
        symbols=draw.within(2, 5),
        bars=draw.one_of((60, 90, 120)),
        shapes={"holes_percent": draw.one_of((2, 6, 20)), "late_begin": draw.one_of((0, 7, 25)), "still_percent": 15},
        funding_percent=draw.one_of((0, 10)),
    )


def _extremes(draw: Draw, number: int) -> _Plan:
    return _Plan(
        account={
            "equity": draw.mostly("10000", "0.000000000001", "999999999999999", "1000000000"),
            "leverage": draw.mostly("10", "0.001", "1", "999"),
            "maintenance_margin": draw.mostly("0.005", "0", "0.99"),
        },
        fees={"maker": draw.mostly("0", "-0.0002"), "taker": draw.mostly("0.0005", "0.999999")},
        fills={
            "slippage_bp": draw.mostly("0", "2.5", "9999"),
            "participation": draw.mostly(None, "0.0000000001", "1"),
        },
        grids=(EXTREME[number % len(EXTREME)], *USUAL[:2]),
        symbols=draw.within(1, 2),
        shapes={"volume": draw.mostly(1.0, 0.0, 1e290)},
        funding_percent=draw.one_of((0, 10)),
        rates=("0.0001", draw.mostly("-0.01", "-1", "1e-30", "123456789.123456789123456789")),
        wilful={
            "max_failures": draw.one_of((0, 1, 2**31 - 1)),
            "backoff_s": draw.mostly(120.0, 0.0, -5.0, 4e9),
            "time_to_live_s": draw.mostly(180.0, 1e9, 9.1e9),
        },
    )


def _shipped(draw: Draw, number: int) -> _Plan:
    kind = number % 3
    if kind == 0:
        sized: dict[str, Any] = draw.one_of(({"notional": 900.0}, {"equity_fraction": 0.4}, {"quantity": 1.5}))
        name = "ema_cross"
        parameters = {"fast": draw.within(2, 4), "slow": draw.within(5, 11), "short": draw.chance(70), **sized}
    elif kind == 1:
        name = "dual_lifo"
        ladder = {
            "regime_move": None,
            "base_notional": draw.one_of((20.0, 150.0)),
            "entry_style": draw.one_of(("market", "post_only")),
            "entry_offset_bp": draw.one_of((0.5, 4.0)),
            "callback": draw.one_of((None, 0.05)),
            "compensation_cap": draw.one_of((None, 0.5)),
            "entry_time_to_live_s": draw.one_of((None, 120.0)),
        }
        parameters = {"long": ladder, "short": {**ladder, "steps": (0.1, 0.2, 0.2, 0.4, 0.4), "take_profit": 0.2}}
    else:
        name = "breakout_bracket"
        parameters = {
            "channel": draw.within(3, 8), "atr": draw.within(3, 6), "notional": 200.0,
            "take_profit_atr": draw.one_of((1.0, 2.5)), "stop_loss_atr": draw.one_of((0.5, 1.5)),
            "entry": draw.one_of(("market", "post_only")), "time_to_live_s": draw.one_of((60.0, 240.0)),
        }  # fmt: skip
    return _Plan(
        choice=StrategyChoice(module=f"live_runner.strategies.{name}", parameters=parameters),
        has_compiled_strategy=name != "breakout_bracket",
        bars=draw.one_of((150, 300)),
        account={"lots": _LOTS[number // 3 % 3], "position_mode": draw.mostly("hedge", "one_way")},
        shapes={"holes_percent": draw.one_of((0, 0, 3)), "moves_bp": draw.one_of((12, 25))},
        funding_percent=draw.one_of((0, 3)),
    )


def _late(draw: Draw, number: int) -> _Plan:
    return _Plan(
        market={"late_bars": ("manage_only", "trade", "halt")[number % 3]},
        fills={"market": _MARKET_FILLS[number // 3 % 2]},
        late_percent=draw.one_of((4, 15, 40)),
        wilful={"ask_percent": draw.one_of((30, 50))},
        shapes={"holes_percent": draw.one_of((0, 4))},
        bars=draw.one_of((60, 90, 120)),
    )


def _commands(draw: Draw, number: int) -> _Plan:
    return _Plan(
        commands=tuple(draw.one_of(_COMMANDS) for _ in range(draw.within(4, 14))),
        abort=number % 4 == 0,
        fills={"market": _MARKET_FILLS[number // 2 % 2]},
        shapes={"moves_bp": 6, "jumps_percent": 0},
        wilful={
            "ask_percent": draw.one_of((30, 50)),
            "entry_style": draw.one_of((None, "limit")),
            "fallback": draw.one_of(((), ("timeout", "reject"))),
            "time_to_live_s": None,
        },
        funding_percent=draw.one_of((0, 5)),
        bars=draw.one_of((60, 90, 120)),
    )


def _ioc(draw: Draw, number: int) -> _Plan:
    mode, market = list(product(_MODES, _MARKET_FILLS))[number % 4]
    return _Plan(
        account={"position_mode": mode},
        fills={"market": market, "participation": (None, "0.01")[number // 4 % 2]},
        wilful={"entry_style": "ioc", "ask_percent": draw.one_of((30, 50))},
    )


def _protect(draw: Draw, number: int) -> _Plan:
    mode, market, participation = list(product(_MODES, _MARKET_FILLS, (None, "0.001", "0.05")))[number]
    return _Plan(
        account={"position_mode": mode},
        fills={"market": market, "participation": participation},
        shapes={"moves_bp": draw.one_of((12, 25))},
        wilful={"protects": True, "ask_percent": draw.one_of((30, 50)), "max_failures": 0},
        late_percent=draw.one_of((0, 0, 15)),
        market={"late_bars": "trade"},
        bars=draw.one_of((60, 90, 120)),
    )


def _risk(draw: Draw, number: int) -> _Plan:
    money = {
        name: {"limit": draw.one_of(("2", "10", "45.5", "200")), **_trip(draw)}
        for name in ("daily_loss", "drawdown", "trailing_drawdown")
    }
    limits: dict[str, Any] = {
        **money,
        "loss_streak": {"limit": draw.within(1, 4), **_trip(draw)},
        "entry_slippage": {
            "limit_bp": draw.one_of(("1", "5", "0.75")),
            **draw.one_of(({"action": "close_leg", "reset": "each"}, _trip(draw))),
        },
        "p95_slippage": {"limit_bp": draw.one_of(("1", "3.5")), "fills": draw.within(1, 9), **_trip(draw)},
        "minimum_size": {"limit": draw.within(1, 3), **_trip(draw)},
        "stale_data": {"after_s": draw.one_of((60.0, 150.0)), **_trip(draw, "recovered")},
        "spread": {"limit_bp": "5", **_trip(draw)},
        "unprotected": {"after_s": 5.0, **_trip(draw)},
    }
    first = list(limits)[number % len(limits)]
    caps: dict[str, Any] = {
        "order_notional": draw.one_of(("50", "400")),
        "leg_notional": draw.one_of(("100", "700")),
        "symbol_notional": draw.one_of(("150", "900")),
        "total_notional": draw.one_of(("300", "1500.25")),
        "open_orders": draw.within(1, 4),
        "orders_per_minute": draw.within(1, 3),
    }
    return _Plan(
        risk={name: given for name, given in limits.items() if name == first or draw.chance(25)},
        caps={name: cap for name, cap in caps.items() if draw.chance(25)} or None,
        account={"equity": draw.one_of(("500", "1000"))},
        commands=tuple(draw.one_of(_COMMANDS) for _ in range(draw.within(1, 6))) if number % 3 == 0 else (),
        symbols=draw.within(1, 3),
        shapes={"holes_percent": draw.one_of((0, 6))},
        wilful={"ask_percent": draw.one_of((30, 50)), "protects": draw.chance(30)},
        bars=draw.one_of((90, 120)),
    )


def _trip(draw: Draw, *more: str) -> dict[str, Any]:
    reset = draw.one_of(("operator", "day", "cooldown", "cooldown", *more))
    action = draw.one_of(("stop", "kill", "flatten", "notify"))
    return {"action": action, "reset": reset, **({"cooldown_s": 600.0} if reset == "cooldown" else {})}


def _live(draw: Draw, number: int) -> _Plan:
    plan = _Plan(live=True, bars=draw.one_of((60, 90, 120)), symbols=draw.within(1, 3), funding_percent=0)
    if number % 2:  # stops and targets are placed
        plan.execution = {"max_protective": draw.within(1, 9)}
        plan.risk = {"unprotected": {"after_s": float(draw.within(10, 300)), **_trip(draw, "recovered")}}
    return plan


def _fuzz(draw: Draw, number: int) -> _Plan:
    make = draw.one_of([make for name, (_, make) in GROUPS.items() if name != "live"])
    return make(draw, draw.below(10_000))


GROUPS: Final[dict[str, tuple[int, Callable[[Draw, int], _Plan]]]] = {
    "accounts": (56, _accounts),
    "fills": (48, _fills),
    "funding": (32, _funding),
    "liquidation": (30, _liquidation),
    "policies": (24, _policies),
    "failures": (24, _failures),
    "select": (12, _select),
    "gaps": (26, _gaps),
    "extremes": (28, _extremes),
    "shipped": (36, _shipped),
    "late": (24, _late),
    "commands": (20, _commands),
    "ioc": (8, _ioc),
    "protect": (12, _protect),
    "risk": (40, _risk),
    "live": (40, _live),
}
"""Group to number of sessions and what it decides."""


def names() -> list[str]:
    """The sessions of the corpus."""
    return [f"{group}-{number:02d}" for group, (count, _) in GROUPS.items() for number in range(count)]


def group_of(name: str) -> str:
    return name.rpartition("-")[0]


def session(name: str) -> Session:
    """The session of this name; KeyError when no group is called so."""
    group, _, number = name.rpartition("-")
    make = _fuzz if group == "fuzz" else GROUPS[group][1]
    draw = Draw(name)
    return _draw(name, draw, make(draw, int(number)))


def _draw(name: str, draw: Draw, plan: _Plan) -> Session:
    bars = plan.bars or draw.one_of(_BARS)
    timeframe = draw.one_of(("1m", "1m", "1m", "5m", "1h"))
    symbols = SYMBOLS[: plan.symbols or draw.one_of((1, 1, 2, 2, 3))]
    grids = [draw.one_of(plan.grids) for _ in symbols]
    if plan.grids != USUAL:
        grids[0] = plan.grids[0]
    shape = {"moves_bp": draw.one_of((6, 12, 25)), **plan.shapes}
    columns = []
    for at, (symbol, grid) in enumerate(zip(symbols, grids, strict=True)):
        begin = shape.get("late_begin", 0) if at else 0
        columns.append(markets.candles(draw, symbol, grid, bars, timeframe, Shape(**{**shape, "late_begin": begin})))
    percent = draw.one_of((0, 0, 2)) if plan.funding_percent is None else plan.funding_percent
    choice = plan.choice or _wilful(draw, plan)
    config = Config(
        session=name,
        strategy=choice,
        market=Market(
            venue="drawn", symbols=symbols, timeframe=timeframe,
            **{"warmup_bars": draw.one_of((0, 0, 0, 5)), "warmup_holes": "accept", **plan.market},
        ),
        account=Account(**{
            "equity": draw.one_of(("500", "1000", "10000", "99999.99")),
            "leverage": draw.one_of(("1", "5", "10", "50")),
            "position_mode": draw.one_of(_MODES),
            "lots": draw.one_of(_LOTS),
            "maintenance_margin": draw.one_of(("0", "0.005", "0.02")),
            **plan.account,
        }),
        fills=Fills(**{
            "market": draw.one_of(_MARKET_FILLS),
            "limit": draw.one_of(("touch", "through")),
            "slippage_bp": draw.one_of(("0", "2", "7.5")),
            "participation": draw.one_of((None, None, "0.001", "0.05")),
            **plan.fills,
        }),
        fees=Fees(**{"maker": draw.one_of(("0.0002", "-0.00005")), **plan.fees}),
        limits=Limits(state_hash_every=50),
        risk=UNSET if plan.risk is None else convert(plan.risk, Risk),
        caps=UNSET if plan.caps is None else Caps(**plan.caps),
        execution=UNSET if plan.execution is None else Execution(**plan.execution),
    )  # fmt: skip
    return Session(
        name=name,
        config=config,
        source=_source(choice.path, choice.module),
        instruments=[markets.instrument(draw, *pair) for pair in zip(symbols, grids, strict=True)],
        columns=columns,
        funding={c.symbol: markets.funding(draw, c, bars, timeframe, percent, plan.rates) for c in columns},
        late=frozenset(
            (at, symbol) for at in range(1, bars + 1) for symbol in symbols if draw.chance(plan.late_percent)
        ),
        commands=_placed(draw, plan, bars),
        has_compiled_strategy=plan.has_compiled_strategy,
        restarts=int(name.rpartition("-")[2]) % _RESTARTED_EVERY == 0,
        live=plan.live,
        policy=_live_policy(draw) if plan.live else None,
    )


def _wilful(draw: Draw, plan: _Plan) -> StrategyChoice:
    parameters = {
        "seed": draw.below(2**31),
        "ask_percent": draw.one_of((5, 15, 30, 50)),
        "max_failures": draw.one_of((0, 1, 3)),
        "backoff_s": draw.one_of((None, 120.0, 300.0)),
        "open_rounding": draw.one_of(("down", "nearest")),
        "add_style": draw.one_of((None, "market", "limit")),
        "fallback": draw.one_of(((), ("reject",), ("timeout", "reject"))),
        "time_to_live_s": draw.one_of((None, 180.0)),
        "delegates": draw.chance(30),
        **plan.wilful,
    }
    on_error = plan.on_error or draw.one_of(("manage_only", "manage_only", "stop"))
    return StrategyChoice(path=WILFUL, parameters=parameters, on_error=on_error)  # type: ignore[arg-type]


def _placed(draw: Draw, plan: _Plan, bars: int) -> tuple[tuple[int, int, str], ...]:
    places = sorted((draw.within(1, bars - 10), draw.below(2)) for _ in plan.commands)
    commands = [(at, phase, name) for (at, phase), name in zip(places, plan.commands, strict=True)]
    if plan.abort:
        commands.append((bars - 1 - draw.below(9), draw.below(2), "abort"))
    return tuple(commands)


def _live_policy(draw: Draw) -> ExecutionPolicy:
    return ExecutionPolicy(
        add_style=draw.one_of((None, "market", "limit")),
        attempts=draw.within(1, 4),
        retry_spacing_s=draw.one_of((0.0, 1.0, 45.5, 90.0)),
        fallback=draw.one_of(((), ("reject",), ("timeout",), ("timeout", "reject"))),
        time_to_live_s=draw.one_of((None, 60.0, 150.0)),
        max_failures=draw.one_of((0, 1, 2, 3)),
        backoff_s=draw.one_of((None, 60.0, 400.0)),
        open_rounding=draw.one_of(("down", "nearest")),
    )


@cache
def _source(path: str | None, module: str | None) -> loader.StrategySource:
    return loader.collect(path=path, module=module)
