"""The configuration of a session: what may stand in it, its defaults, and what they mean.

Unknown and missing keys are errors. Every default is written out into the manifest, so that a
changed default can be seen. Bounds stand beside the fields and nowhere else: the check of a file
(``services/runtime/config/config_file.py``), the JSON schema and the engine take them from here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from live_runner.contracts import timeframe
from live_runner.contracts.bounds import DecimalRange, Violation, nearest, violations
from live_runner.contracts.decimals import DIGITS_MAX
from live_runner.contracts.errors import ConfigError
from live_runner.contracts.messages import Instrument
from live_runner.contracts.risk import AccountLimits, Caps, Risk, reset_problems
from live_runner.contracts.subjects import SESSION_PATTERN, check_session, symbol_token
from live_runner.contracts.time import time_ns

__all__ = [
    "Account",
    "Config",
    "Differences",
    "Execution",
    "Fees",
    "Fills",
    "Limits",
    "Market",
    "MarketRules",
    "Queries",
    "Reconcile",
    "StrategyChoice",
    "check",
    "check_rules",
    "problems",
    "rule_problems",
]


SECRET_OPTIONS: Final = frozenset(
    {
        *("apikey", "secret", "apisecret", "secretkey", "password", "passphrase", "uid", "login", "token"),
        *("accesstoken", "twofa", "privatekey", "walletaddress", "authorization", "cookie", "xapikey"),
    }
)
"""Names of logins among the options of a venue, in small letters without anything between."""
OPTIONS_DEPTH_MAX: Final = 20
_NO_LETTER: Final = re.compile(r"[^a-z]")
_LOGIN_IN_ADDRESS: Final = re.compile(r"://[^/?#\s]*@")

SYMBOL_LENGTH_MAX: Final = 100
"""Characters of a symbol: it stands in subjects and in indexes of the database."""


class _Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    pass


_SIZE: Final = DecimalRange(above="0", digits=15)
"""A step of a grid: its count of the last decimal is exact as a float64."""
_MINIMUM: Final = DecimalRange(
    least="0", most="1000000000000000", digits=DIGITS_MAX, decimals=DIGITS_MAX, optional=True
)
_MAXIMUM: Final = DecimalRange(least="0", digits=DIGITS_MAX, decimals=DIGITS_MAX, optional=True)
"""Of any size: some venues give the largest float for no limit."""
_PLACES: Final = DecimalRange(least="-30", most="30", decimals=0)
"""A precision that counts digits; a negative one counts places left of the point."""


class StrategyChoice(_Section, frozen=True):
    """Which strategy, by file path or by module, and its parameters."""

    path: str | None = None
    """A Python file, relative to the configuration file."""
    module: str | None = None
    """An importable module, for example ``live_runner.strategies.ema_cross``."""
    name: str | None = None
    """The class, when the file or module holds more than one strategy."""
    parameters: dict[str, Any] = {}
    on_error: Literal["manage_only", "stop"] = "manage_only"
    """After an exception in strategy code: go on without opens and adds, or stop the session."""
    legacy: dict[str, Any] | None = None
    """Adapter for old-style classes (strategies/legacy.py); None refuses them."""


class Market(_Section, frozen=True):
    """Where bars come from."""

    venue: Annotated[str, Meta(pattern=r"\S", description="the name of a venue")]
    symbols: Annotated[tuple[str, ...], Meta(min_length=1, max_length=1000)]
    """Unified symbols; their order is the order of everything inside one bar."""
    timeframe: Annotated[str, Meta(extra_json_schema={"enum": list(timeframe.TIMEFRAMES)})]
    source: Literal["recording", "simulated", "ccxt"] = "recording"
    dataset: str | None = None
    """Name of an imported dataset (source ``recording``)."""
    seed: Annotated[int, Meta(ge=0, le=2**63 - 1)] = 1
    """Of the simulated market."""
    bars: Annotated[int, Meta(ge=1, le=50_000_000)] = 10_000
    """Length of the simulated market, in bars of the timeframe."""
    start: str | None = None
    """First tradable bar's open, ISO 8601 UTC; default: as soon as the warmup is filled."""
    end: str | None = None
    """The session ends before the bar that opens here, ISO 8601 UTC."""
    speed: Annotated[float, Meta(ge=0.001, le=1e9)] | None = None
    """Multiple of real time at which a recording plays; None is as fast as the services go."""
    warmup_bars: Annotated[int, Meta(ge=0, le=1_000_000)] = 0
    """At least so many bars of history, if the strategy itself asks for less."""
    warmup_holes: Literal["refuse", "accept"] = "refuse"
    """``accept``: the market has no candle for a minute without a trade, so warm up on the bars there are."""
    late_bars: Literal["manage_only", "trade", "halt"] = "manage_only"
    missing_deadline_s: Annotated[float, Meta(ge=0.1, le=3600)] = 20.0
    """Seconds after its close that a live bar is waited for before the set goes out without it."""
    instruments: dict[str, dict[str, Any]] = {}
    """``MarketRules`` by symbol, over those of the dataset or venue."""
    options: dict[str, Any] = {}
    """Handed to the library that speaks to the venue (source ``ccxt``); never secrets."""


class MarketRules(_Section, frozen=True):
    """Rules of one market that a configuration may give; the precision follows the grid unless it is given too."""

    base: str | UnsetType = UNSET
    quote: str | UnsetType = UNSET
    settle: str | UnsetType = UNSET
    contract: bool | UnsetType = UNSET
    inverse: bool | UnsetType = UNSET
    contract_size: Annotated[str, _SIZE] | UnsetType = UNSET
    tick_size: Annotated[str, _SIZE] | UnsetType = UNSET
    lot_size: Annotated[str, _SIZE] | UnsetType = UNSET
    precision_mode: Literal["tick_size", "decimal_places", "significant_digits"] | UnsetType = UNSET
    price_precision: Annotated[str, DecimalRange(optional=True)] | UnsetType = UNSET
    amount_precision: Annotated[str, DecimalRange(optional=True)] | UnsetType = UNSET
    min_amount: Annotated[str, _MINIMUM] | UnsetType = UNSET
    max_amount: Annotated[str, _MAXIMUM] | UnsetType = UNSET
    min_price: Annotated[str, _MINIMUM] | UnsetType = UNSET
    max_price: Annotated[str, _MAXIMUM] | UnsetType = UNSET
    min_notional: Annotated[str, _MINIMUM] | UnsetType = UNSET
    max_notional: Annotated[str, _MAXIMUM] | UnsetType = UNSET


class Account(_Section, frozen=True):
    """The account that the session trades with."""

    currency: Annotated[str, Meta(pattern=r"\S", description="a currency, for example USDT")] = "USDT"
    """The accounting currency: an instrument that settles elsewhere is refused."""
    equity: Annotated[str, DecimalRange(above="0", most="1000000000000000", digits=28, decimals=12)] = "10000"
    position_mode: Literal["hedge", "one_way"] = "hedge"
    lots: Literal["lifo", "fifo", "average"] = "lifo"
    leverage: Annotated[str, DecimalRange(above="0", most="1000", decimals=18)] = "10"
    maintenance_margin: Annotated[str, DecimalRange(least="0", below="1")] = "0.005"
    """Share of notional that has to be covered; "0" switches liquidation off."""
    name: Annotated[str, Meta(extra_json_schema={"pattern": f"^{SESSION_PATTERN}$"})] | UnsetType = UNSET
    """Of an account that several sessions share: its log has this name, and no session may have it."""
    limits: AccountLimits | UnsetType = UNSET
    """Over all sessions of the account that ``name`` names; each of them gives the same ones."""


class Fills(_Section, frozen=True):
    """The paper venue's fill model."""

    market: Literal["next_open", "bar_close"] = "next_open"
    limit: Literal["touch", "through"] = "touch"
    slippage_bp: Annotated[str, DecimalRange(least="0", below="10000", decimals=14)] = "0"
    """Adverse slippage of market orders and triggered stops, in basis points."""
    participation: Annotated[str, DecimalRange(above="0", most="1")] | None = None
    """Share of a bar's volume that one order may take; None takes any amount."""


class Fees(_Section, frozen=True):
    """Share of notional, by liquidity."""

    maker: Annotated[str, DecimalRange(least="-1", most="1")] = "0.0002"
    taker: Annotated[str, DecimalRange(least="-1", most="1")] = "0.0005"


class Limits(_Section, frozen=True):
    """Bounds of queues, waits and batches."""

    decide_timeout_s: Annotated[float, Meta(ge=0.05, le=3600)] = 10.0
    read_ahead: Annotated[int, Meta(ge=1, le=100_000)] = 1000
    """Bar sets that may wait in a core for the decision before them."""
    snapshot_every: Annotated[int, Meta(ge=1, le=100_000_000)] = 5000
    """Bar sets between two snapshots."""
    state_hash_every: Annotated[int, Meta(ge=1, le=100_000_000)] = 1000
    """Bar sets between two full state hashes in ``settled`` and ``decided``."""
    join_timeout_s: Annotated[float, Meta(ge=1, le=3600)] = 60.0


class Queries(_Section, frozen=True):
    """How often a real venue is asked what became of an order: soon, then ever less often."""

    first_s: Annotated[float, Meta(ge=0.1, le=60)] = 1.0
    """From the first query to the second."""
    factor: Annotated[float, Meta(ge=1, le=10)] = 2.0
    max_s: Annotated[float, Meta(ge=0.1, le=3600)] = 60.0


class Execution(_Section, frozen=True):
    """Orders at a real venue (stages live_small and live). Times have defaults, decisions have none."""

    send_window_s: Annotated[float, Meta(ge=0.1, le=60)] = 2.0
    """After its request an order may leave for so long; later it is not sent."""
    recv_window_ms: Annotated[int, Meta(ge=100, le=60_000)] = 3000
    """For how long the venue takes an order that was sent."""
    fill_grace_s: Annotated[float, Meta(ge=0.1, le=600)] = 5.0
    """How long the trades of a quantity that is filled are waited for; then it is booked at the average price."""
    query: Queries = Queries()
    poll_s: Annotated[float, Meta(ge=0.1, le=600)] = 5.0
    """While an order is open the venue is asked for it so often, whatever its streams say."""
    account_every_s: Annotated[float, Meta(ge=0.1, le=3600)] = 60.0
    """How often the venue is asked for positions, balances and what it has booked besides trades."""
    max_resend_age_s: Annotated[float, Meta(ge=0.1, le=86_400)] | None = None
    """An entry that never reached the venue is sent again up to this age; None stands for one bar."""
    history_window_s: Annotated[float, Meta(ge=60, le=31_536_000)] | None = None
    """For how long the venue knows an order that has ended; None where it does not forget."""
    max_protective: Annotated[int, Meta(ge=0, le=10_000)] | None = None
    """Most stops and targets of entries on one market, each pair counted once; None refuses every one."""
    late_decision: Literal["send", "deny"] | None = None
    """Opens and adds of a decision that comes after the next bar: stages that send orders need the choice."""


type Remedy = Literal["adopt", "flatten", "halt"]


class Differences(_Section, frozen=True):
    """What is done about a position at the venue that is not the ledger's, by kind; nothing but what is written here.

    ``halt`` leaves the ledger and blocks entries of the leg. ``adopt`` takes the venue's quantity over. ``flatten``
    does, and closes at the market, reduce-only, what is not the session's own: what the venue has beyond the ledger, or
    all that is left of a leg of which something is gone.
    """

    position_more: Remedy = "halt"
    """The venue holds more of a leg than the ledger."""
    position_less: Remedy = "halt"
    foreign_position: Remedy = "halt"
    """The venue holds a leg of which the ledger has nothing."""


class Reconcile(_Section, frozen=True):
    """Positions at a real venue beside the ledger, at each complete answer of the venue (``account_every_s``)."""

    tolerance: Annotated[int, Meta(ge=0, le=1_000_000)] = 0
    """Lots (steps of the market's quantity) by which a leg may differ without anything being done or named."""
    policy: Differences = Differences()


class Config(_Section, frozen=True):
    """One session."""

    session: Annotated[str, Meta(extra_json_schema={"pattern": f"^{SESSION_PATTERN}$"})]
    strategy: StrategyChoice
    market: Market
    account: Account = Account()
    fills: Fills = Fills()
    fees: Fees = Fees()
    limits: Limits = Limits()
    execution: Execution | UnsetType = UNSET
    """In the manifest of stages that send orders, and where it is given."""
    caps: Caps | UnsetType = UNSET
    risk: Risk | UnsetType = UNSET
    reconcile: Reconcile | UnsetType = UNSET


def check(config: Config) -> None:
    """ConfigError for the first value that cannot be, with its key path in the field ``key``."""
    for problem in problems(config):
        raise ConfigError(f"{problem.key}: {problem.what}", remedy=problem.remedy, key=problem.key)


def check_rules(instrument: Instrument) -> None:
    """ConfigError for a market whose sizes and limits are outside the bounds of ``MarketRules``."""
    rules = {name: getattr(instrument, name) for name in MarketRules.__struct_fields__}
    for problem in rule_problems(rules, f"market.instruments.{instrument.symbol}"):
        raise ConfigError(
            f"{problem.key}: {problem.what}", remedy=problem.remedy, key=problem.key, symbol=instrument.symbol
        )


def problems(config: Config) -> Iterator[Violation]:
    """Everything that is wrong with a configuration whose types are right."""
    yield from _refused("session", check_session, config.session)
    choice = config.strategy
    if (choice.path is None) == (choice.module is None):
        what = "neither path nor module is given" if choice.path is None else "both path and module are given"
        remedy = "Give one: `path: my_strategy.py` or `module: live_runner.strategies.ema_cross`"
        yield Violation("strategy", what, remedy)
    yield from _refused("market.timeframe", timeframe.duration_ns, config.market.timeframe)
    yield from violations(config)
    yield from _symbol_problems(config.market)
    yield from _time_problems(config.market)
    yield from _secret_problems(config.market.options, "market.options")
    if not isinstance(config.risk, UnsetType):
        yield from reset_problems(config.risk)
    yield from _account_problems(config)
    for symbol, rules in config.market.instruments.items():
        key = f"market.instruments.{symbol}"
        if symbol not in config.market.symbols:
            remedy = nearest(symbol, config.market.symbols) or "Add it there, or remove its rules"
            yield Violation(key, "this symbol is not in market.symbols", remedy)
        yield from rule_problems(rules, key)


def _refused(key: str, checked: Callable[[str], Any], text: str) -> Iterator[Violation]:
    try:
        checked(text)
    except ConfigError as error:
        yield Violation(key, error.what, error.remedy)


def _account_problems(config: Config) -> Iterator[Violation]:
    name, limits = config.account.name, config.account.limits
    if not isinstance(name, UnsetType):
        yield from _refused("account.name", check_session, name)
        if name == config.session:
            what = "it is the name of the session: each has a log of its own"
            yield Violation("account.name", what, "Choose another name for the account, or for the session")
    if not isinstance(limits, UnsetType):
        if isinstance(name, UnsetType):
            remedy = "Give account.name, the same in each of its sessions"
            yield Violation("account.limits", "limits over sessions need the name of their account", remedy)
        yield from reset_problems(limits, "account.limits")


def _symbol_problems(market: Market) -> Iterator[Violation]:
    tokens: dict[str, str] = {}
    for number, symbol in enumerate(market.symbols):
        key = f"market.symbols[{number}]"
        token = symbol_token(symbol)
        if not token or len(symbol) > SYMBOL_LENGTH_MAX or not symbol.isprintable():
            yield Violation(
                key,
                f"'{symbol[:SYMBOL_LENGTH_MAX]}' is not a valid symbol",
                "Use unified symbols, for example BTC/USDT:USDT",
            )
        elif token in tokens:
            is_same = tokens[token] == symbol
            what = "is listed twice" if is_same else f"and '{tokens[token]}' have the same subject on the bus"
            yield Violation(key, f"'{symbol}' {what}", "Keep one of them")
        tokens[token] = symbol


def _secret_problems(value: Any, key: str, depth: int = 0) -> Iterator[Violation]:
    """Logins among the options of a venue: a configuration is published and stored for everybody."""
    if depth > OPTIONS_DEPTH_MAX:
        yield Violation(key, "its values are nested too deeply", f"Nest them {OPTIONS_DEPTH_MAX} deep at most")
    elif isinstance(value, Mapping):
        for name, inner in value.items():
            if _NO_LETTER.sub("", str(name).lower()) in SECRET_OPTIONS:
                what = "it is a secret: market data needs none, and configurations are published"
                yield Violation(f"{key}.{name}", what, "Remove it from the configuration")
            else:
                yield from _secret_problems(inner, f"{key}.{name}", depth + 1)
    elif isinstance(value, list | tuple):
        for number, inner in enumerate(value):
            yield from _secret_problems(inner, f"{key}[{number}]", depth + 1)
    elif isinstance(value, str) and _LOGIN_IN_ADDRESS.search(value):
        what = "an address holds a login, and configurations are published"
        yield Violation(key, what, "Use a proxy that needs none, or one on this machine that logs in")


def _time_problems(market: Market) -> Iterator[Violation]:
    found: dict[str, int] = {}
    for name, text in (("start", market.start), ("end", market.end)):
        try:
            if text is not None:
                found[name] = time_ns(text)
        except ValueError:
            what = f"'{text}' is not a valid ISO 8601 time"
            yield Violation(f"market.{name}", what, 'Write for example "2026-01-31T00:00:00Z"')
    if len(found) == 2 and found["start"] >= found["end"]:
        yield Violation("market.end", "it is not after market.start", "Choose a later end or an earlier start")


def rule_problems(rules: Mapping[str, Any], key: str) -> Iterator[Violation]:
    """Violations in the rules of one market, given as the fields of ``MarketRules`` that are known."""
    unknown = next((name for name in rules if name not in MarketRules.__struct_fields__), None)
    if unknown is not None:
        known = MarketRules.__struct_fields__
        remedy = nearest(unknown, known) or f"Known are {', '.join(known)}"
        yield Violation(f"{key}.{unknown}", "there is no such rule", remedy)
        return
    try:
        typed = msgspec.convert(dict(rules), MarketRules)
    except msgspec.ValidationError as error:
        what, _, path = str(error).partition(" - at `$")
        yield Violation(f"{key}{path.rstrip('`')}", what, 'Write true or false, or text in quotes: "0.01"')
        return
    yield from violations(typed, key)
    if typed.precision_mode is UNSET:
        return  # the venue's own, which is not known here: the engine checks the whole rules
    kind = _SIZE if typed.precision_mode == "tick_size" else _PLACES
    for name in ("price_precision", "amount_precision"):
        text = getattr(typed, name)
        if text and (wrong := kind.outside(text)):
            yield Violation(f"{key}.{name}", f"{wrong[0]} in precision mode {typed.precision_mode}", wrong[1])
