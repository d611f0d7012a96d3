"""Names and versions of the models that fill, charge and value orders; they stand in the manifest.

A change of results is a change of version: a comparison across versions is refused by the manifest.
"""

from __future__ import annotations

from live_runner.contracts.config import Config
from live_runner.contracts.decimals import parse_decimal
from live_runner.contracts.errors import VersionMismatch
from live_runner.contracts.manifest import config_of
from live_runner.contracts.messages import Started

__all__ = ["check_models", "model_names"]


def model_names(config: Config) -> dict[str, str]:
    """Every model of the paper venue and the ledger, with its settings."""
    fills, account = config.fills, config.account
    participation = fills.participation if fills.participation is not None else "unbounded"
    return {
        "fills": f"{fills.market}/{fills.limit} nearest first v2",
        "slippage": f"adverse {fills.slippage_bp} bp v1",
        "participation": f"per order and bar {participation} v1",
        "fees": f"maker {config.fees.maker} taker {config.fees.taker} v1",
        "funding": "mark else open v2",
        "margin": f"cross {account.leverage}x {_ending(account.maintenance_margin)} v2",
        "mode": account.position_mode,
        "lots": account.lots,
    }


def _ending(maintenance_margin: str) -> str:
    """How an account ends: liquidated, or not at all and then below zero."""
    if parse_decimal(maintenance_margin)[0] == 0:
        return "without liquidation"
    return f"maintenance {maintenance_margin} ends at zero"


def check_models(started: Started) -> None:
    """VersionMismatch, which names each model, when a session was recorded with others than these."""
    here = model_names(config_of(started.config))
    differing = [name for name in sorted({*here, *started.models}) if here.get(name) != started.models.get(name)]
    if differing:
        named = "; ".join(f"{name} '{started.models.get(name)}', here '{here.get(name)}'" for name in differing)
        raise VersionMismatch(
            f"The session {started.session} was recorded with other models: {named}",
            remedy=f"Use version {started.engine_version} to replay, compare or continue it",
            session=started.session,
            models=differing,
        )
