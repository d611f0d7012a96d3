"""Comparison: did the session decide as its backtest does, and where does the money differ?

Two questions, two answers. With the session's own fills as input the decisions must be identical: that
is a replay. And an independent backtest from the same manifest, over the bars that the session saw and
with its operator's commands at their places, must give the same events byte for byte.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import msgspec

from live_runner.contracts.config import Config
from live_runner.contracts.errors import DataError
from live_runner.contracts.stages import SENDING_STAGES
from live_runner.hotpath import fixed
from live_runner.services.forensics.bridge import Bridge, bridge
from live_runner.services.forensics.code_check import CodeChange, check_playable, code_changes
from live_runner.services.forensics.difference import Difference
from live_runner.services.forensics.recording import Wire
from live_runner.services.forensics.replay import ReplayResult, replay
from live_runner.services.forensics.runs import EquityPoint, Market, Runs, pnl
from live_runner.services.forensics.session_log import SessionLog
from live_runner.services.forensics.trades import TradeMatch, match_trades
from live_runner.services.forensics.variant import recorded_variant, variant_of
from live_runner.strategies.loader import StrategySource

__all__ = ["Comparison", "compare", "compare_log"]

_CODE: Final = "code_and_parameters"
_BARS: Final = "bars"
_COMMANDS: Final = "blocks_and_stops"


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """The result of a comparison; it ``agrees`` when nothing differs and nothing is unexplained."""

    session: str
    sets: int
    """Bar sets the session saw, warmup included."""
    events: int
    """Outputs of both cores compared with the backtest's."""
    differences: int
    first: Difference | None
    """In the first differing bar, field by field."""
    kept: list[Difference]
    replayed: ReplayResult
    """Did it decide the same, with its own fills as input?"""
    trades: TradeMatch
    bridge: Bridge
    unreproduced: int
    """Events in which the last run of the bridge still differs from the session."""
    commands: int
    changes: list[CodeChange]
    """Changes from the session's code that were allowed."""
    equity: list[EquityPoint]
    """Of the backtest, close by close."""

    @property
    def agrees(self) -> bool:
        """Zero differences, and not a unit of money without a name."""
        unexplained = fixed.money(self.bridge.unexplained)
        return self.differences == 0 and self.replayed.agrees and self.unreproduced == 0 and unexplained == 0

    @property
    def exit_code(self) -> int:
        """0 when it agrees, 1 otherwise."""
        return 0 if self.agrees else 1


def compare(
    events: Iterable[Wire],
    *,
    strategy: StrategySource | None = None,
    engine_hash: str | None = None,
    config: Config | None = None,
    market: Market | None = None,
    allow_different_code: bool = False,
    platform: Mapping[str, str] | None = None,
) -> Comparison:
    """Compare a recorded session with its backtest; see ``compare_log``."""
    return compare_log(
        SessionLog(events),
        strategy=strategy,
        engine_hash=engine_hash,
        config=config,
        market=market,
        allow_different_code=allow_different_code,
        platform=platform,
    )


def compare_log(
    log: SessionLog,
    *,
    strategy: StrategySource | None = None,
    engine_hash: str | None = None,
    config: Config | None = None,
    market: Market | None = None,
    allow_different_code: bool = False,
    platform: Mapping[str, str] | None = None,
) -> Comparison:
    """Compare a recorded session with its backtest.

    ``strategy``, ``engine_hash`` and ``config`` are those at hand; what is None is the session's own. CodeMismatch
    when they differ, unless that is allowed. VersionMismatch, whatever is allowed, when the session is of another
    engine number or of other models: neither a replay nor a backtest of it can be made here. ``market`` gives the
    dataset's bars, numbered as by ``services.backtest.market.numbered``; without it the session's own bars are used.
    """
    announced, started = log.announced, log.started
    check_playable(started)
    if started.stage in SENDING_STAGES:
        raise DataError(
            f"The session {started.session} sent its orders to a venue (stage {started.stage}): what became of them is "
            "not compared with a backtest yet",
            remedy=f"Replay it, which holds for every stage: live-runner replay {started.session}",
            session=started.session,
        )
    changes = code_changes(
        announced, strategy=strategy, engine_hash=engine_hash, config=config, allow=allow_different_code
    )
    recorded = recorded_variant(announced, started)
    different = any(change.what != "engine" for change in changes)
    here = variant_of(announced, started, strategy=strategy, config=config) if different else recorded
    runs = Runs(log, recorded, here, market)
    backtest = runs.run(code=False, bars=False, commands=True)
    last = runs.run(code=True, bars=True, commands=True)
    settled = log.last_settled()
    account = started.config["account"]
    causes = _causes(different, market is not None, len(log.operator_commands))

    def pnl_of(facts: Sequence[str]) -> str:
        return runs.run(code=_CODE in facts, bars=_BARS in facts, commands=_COMMANDS in facts).pnl

    return Comparison(
        session=log.recording.session,
        sets=log.sets,
        events=backtest.compared,
        differences=backtest.differences.count,
        first=backtest.differences.first,
        kept=backtest.differences.kept,
        replayed=replay(log.wires, platform=platform, engine_hash=engine_hash),
        trades=match_trades(backtest.fills, log.fills()),
        bridge=bridge(
            account["currency"], pnl_of, pnl(account["equity"], None if settled is None else settled.equity), causes
        ),
        unreproduced=last.differences.count,
        commands=len(log.commands),
        changes=changes,
        equity=backtest.equity,
    )


def _causes(different_code: bool, dataset: bool, commands: int) -> dict[str, str]:
    """The causes that can differ between this backtest and the session, each with its reason."""
    causes = {}
    if different_code:
        causes[_CODE] = "other code or parameters, as allowed"
    if dataset:
        causes[_BARS] = "the dataset's bars against those that the session saw"
    if commands:
        causes[_COMMANDS] = f"{commands} operator command{'' if commands == 1 else 's'}"
    return causes
