"""Names and versions of the models that fill, charge and value orders; they stand in the manifest.

A change of results is a change of version: a comparison across versions is refused by the manifest.
"""

from __future__ import annotations

from live_runner.contracts.config import Config

__all__ = ["model_names"]


def model_names(config: Config) -> dict[str, str]:
    """Every model of the paper venue and the ledger, with its settings."""
    fills, account = config.fills, config.account
    participation = fills.participation if fills.participation is not None else "unbounded"
    return {
        "fills": f"{fills.market}/{fills.limit} v1",
        "slippage": f"adverse {fills.slippage_bp} bp v1",
        "participation": f"per order and bar {participation} v1",
        "fees": f"maker {config.fees.maker} taker {config.fees.taker} v1",
        "funding": "mark else open v1",
        "margin": f"cross {account.leverage}x maintenance {account.maintenance_margin} v1",
        "mode": account.position_mode,
        "lots": account.lots,
    }
