"""The manifest of a session: what everybody said before the first bar, merged once.

``run`` announces (number 1 of its source), the services join, and ``started`` (the next number) merges
what they said. A session that was refused before it started may be announced again, with the next free
number. The manifest never changes and every core folds it first. A session, its backtest and its tests make it here
and nowhere else, so that they begin with the same bytes.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import blake2b
from typing import Any, Final

import msgspec

from live_runner.contracts.config import Config, check
from live_runner.contracts.engine import ENGINE
from live_runner.contracts.errors import ConfigError, SessionRefused, VersionMismatch
from live_runner.contracts.ids import event_id
from live_runner.contracts.messages import Announced, Instrument, JoinDeclined, Joined, Started

__all__ = [
    "SOURCE",
    "announce",
    "announce_again",
    "check_builds",
    "compare_command",
    "config_fields",
    "config_hash",
    "config_of",
    "merge",
    "refuse",
    "start",
]

SOURCE: Final = "run"
"""Who announces and starts a session."""

_ANNOUNCED_SEQ: Final = 1


def config_fields(config: Config) -> dict[str, Any]:
    """The configuration as plain data, with every default written out."""
    # By way of its bytes, so that it is the same before and after the wire: lists, not tuples.
    fields: dict[str, Any] = msgspec.msgpack.decode(msgspec.msgpack.encode(config))
    return fields


def config_hash(fields: Mapping[str, Any]) -> str:
    """blake2b-128 of the written-out configuration; keys in any order give the same hash."""
    return blake2b(msgspec.msgpack.encode(fields, order="deterministic"), digest_size=16).hexdigest()


def config_of(fields: Mapping[str, Any]) -> Config:
    """The typed configuration of a manifest; ConfigError when it does not fit this version's schema and bounds."""
    try:
        config = msgspec.convert(dict(fields), Config)
    except msgspec.ValidationError as error:
        path = str(error).partition(" - at `$.")[2]
        raise ConfigError(
            f"The configuration in the manifest cannot be read: {error}",
            remedy="Use the engine version that recorded the session",
            key=path.rstrip("`"),
        ) from error
    check(config)
    return config


def compare_command(session: str) -> str:
    """The command that compares the session with its backtest."""
    return f"live-runner compare {session}"


def announce(
    config: Config,
    *,
    stage: str,
    strategy: str,
    sources: Mapping[str, str],
    strategy_hash: str,
    engine_version: str,
    engine_hash: str,
    warmup_bars: int,
    engine: int = ENGINE,
) -> Announced:
    """The ``announced`` event; its market time is 0, since no bar is known yet.

    The pace of a recording stands beside the configuration and not in it: a session gives the same events,
    hashes included, at whatever pace it is played.
    """
    fields = config_fields(config)
    fields["market"]["speed"] = None
    return Announced(
        stage=stage,
        config=fields,
        config_hash=config_hash(fields),
        strategy=strategy,
        sources=dict(sources),
        strategy_hash=strategy_hash,
        engine_version=engine_version,
        engine_hash=engine_hash,
        warmup_bars=warmup_bars,
        speed=config.market.speed,
        engine=engine,
        v=Announced.VERSION,
        id=event_id(config.session, SOURCE, _ANNOUNCED_SEQ),
        session=config.session,
        source=SOURCE,
        seq=_ANNOUNCED_SEQ,
        event_ns=0,
    )


def merge(
    announced: Announced, joined: Mapping[str, Joined], *, models: Mapping[str, str], platform: Mapping[str, str]
) -> dict[str, Any]:
    """The payload of ``started``: what was announced, and what each role alone knew.

    ``joined`` goes by role; bars and market rules come from ``market_data`` (rules from ``execution`` where
    it has the venue's own), policy and packages from ``strategy``. SessionRefused when one of them is absent.
    """
    market = _answer(joined, "market_data")
    strategy = _answer(joined, "strategy")
    if strategy.policy is None:
        raise SessionRefused(
            "The strategy service joined without the strategy's execution policy",
            remedy="Check that every service runs the same version",
            role="strategy",
            reason="incomplete_answer",
        )
    execution = joined.get("execution")
    instruments = execution.instruments if execution is not None and execution.instruments else market.instruments
    return {
        "stage": announced.stage,
        "config": announced.config,
        "config_hash": announced.config_hash,
        "strategy": announced.strategy,
        "strategy_hash": announced.strategy_hash,
        "engine_version": announced.engine_version,
        "engine_hash": announced.engine_hash,
        "dataset": market.dataset,
        "instruments": _configured(instruments, announced.config["market"]["symbols"]),
        "policy": strategy.policy,
        "warmup_bars": announced.warmup_bars,
        "warmup_found": market.warmup_found,
        "first_open_ns": market.first_open_ns,
        "models": _sorted(models),
        "platform": _sorted(platform),
        "packages": _sorted(strategy.packages),
        "compare_command": compare_command(announced.session),
        "engine": announced.engine,
    }


def start(
    announced: Announced, joined: Mapping[str, Joined], *, models: Mapping[str, str], platform: Mapping[str, str]
) -> Started:
    """The ``started`` event itself, at the open of the first tradable bar."""
    fields = merge(announced, joined, models=models, platform=platform)
    return Started(
        **fields,
        v=Started.VERSION,
        id=event_id(announced.session, SOURCE, announced.seq + 1),
        session=announced.session,
        source=SOURCE,
        seq=announced.seq + 1,
        cause=announced.id,
        event_ns=fields["first_open_ns"],
    )


def check_builds(announced: Announced, joined: Mapping[str, Joined], *, instance: str) -> None:
    """VersionMismatch, which names every instance, unless the services are of the build that announced.

    ``instance`` names the process that announces, as ``joined`` names those of the services: role, host and number.
    """
    builds = [(instance, announced.engine_version, announced.engine, announced.engine_hash)]
    builds += [(each.instance, each.engine_version, each.engine, each.engine_hash) for each in joined.values()]
    if len({(engine, hash_) for _, _, engine, hash_ in builds}) > 1:
        named = [f"{who} has version {v or 'unknown'}, engine {n}, hash {h or 'unknown'}" for who, v, n, h in builds]
        raise VersionMismatch(
            f"The services of session {announced.session} are not of one build: {'; '.join(named)}",
            remedy="Install one build everywhere, restart the services and run it again",
            session=announced.session,
            builds=[dict(zip(("instance", "version", "engine", "hash"), build, strict=True)) for build in builds],
            reason="version_mismatch",
        )


def announce_again(announced: Announced, seq: int) -> Announced:
    """The same announcement with another number, after one of this name was refused."""
    return msgspec.structs.replace(announced, seq=seq, id=event_id(announced.session, SOURCE, seq))


def refuse(announced: Announced, reason: str, message: str) -> JoinDeclined:
    """``run`` itself gives an announced session up before it started."""
    return JoinDeclined(
        role=SOURCE,
        reason=reason,
        message=message,
        details={},
        id=event_id(announced.session, SOURCE, announced.seq + 1),
        session=announced.session,
        source=SOURCE,
        seq=announced.seq + 1,
        cause=announced.id,
        event_ns=0,
    )


def _answer(joined: Mapping[str, Joined], role: str) -> Joined:
    answer = joined.get(role)
    if answer is None:
        raise SessionRefused(
            f"The {role} service did not join the session",
            remedy=f"Start it with: live-runner serve {role}",
            role=role,
            reason="not_joined",
        )
    return answer


def _configured(instruments: list[Instrument], symbols: list[str]) -> list[Instrument]:
    """The rules in configured symbol order, which is the order of everything inside one bar."""
    by_symbol = {instrument.symbol: instrument for instrument in instruments}
    absent = [symbol for symbol in symbols if symbol not in by_symbol]
    if absent:
        raise SessionRefused(
            f"No market rules are known for {', '.join(absent)}",
            remedy="Give them under market.instruments, or use a dataset that has them",
            role="market_data",
            reason="unknown_symbol",
            symbols=absent,
        )
    return [by_symbol[symbol] for symbol in symbols]


def _sorted(values: Mapping[str, str]) -> dict[str, str]:
    return {key: values[key] for key in sorted(values)}
