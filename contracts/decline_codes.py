"""Every token with which a session is refused, and what to do about it; the other tables are in codes.py."""

from __future__ import annotations

from typing import Final, NamedTuple

__all__ = ["DECLINES", "Code"]


class Code(NamedTuple):
    """The meaning of a token, and what to do when it appears; each one sentence or two."""

    meaning: str
    remedy: str


DECLINES: Final = {
    "account_differs": Code(
        "Another session of the same account is under way with other limits or another currency, or one of the two "
        "trades on paper.",
        "Give every session of one account the same `account.limits`, or end the other session first.",
    ),
    "account_name_taken": Code(
        "The account has the name of a session: each has a log of its own.",
        "Choose another `account.name`, in each session of the account.",
    ),
    "foreign_position": Code(
        "The account holds a position that no session of it has opened.",
        "Close it at the venue, or end the session that it belongs to in order.",
    ),
    "gateway_away": Code(
        "The gateway of the session's account does not answer.", "`live-runner serve gateway --account NAME`."
    ),
    "incomplete_answer": Code(
        "The strategy service joined without the strategy's execution policy.", "Run one build of every service."
    ),
    "keys_refused": Code(
        "The venue refuses the account's keys.",
        "Check key, secret, permissions and the addresses that the key is bound to.",
    ),
    "leverage_differs": Code(
        "The venue's leverage of a symbol is not the one of the configuration.",
        "Set `account.leverage`, or change it at the venue.",
    ),
    "no_trade_permission": Code("The key may not trade.", "Give it the permission, or use another key."),
    "not_joined": Code(
        "A service did not join within `limits.join_timeout_s`.", "Start it: `live-runner serve NAME`; see its log."
    ),
    "open_orders_unavailable": Code(
        "The venue did not list the open orders, or not all of them.",
        "Run it again: nothing is sent while it is not known what stands there.",
    ),
    "other_venue": Code(
        "The account is at another venue than the session's market.", "Set `market.venue`, or name another account."
    ),
    "position_mode_differs": Code(
        "The account is in another position mode than the configuration says.",
        "Set `account.position_mode`, or change the mode at the venue while nothing is open.",
    ),
    "recv_window_differs": Code(
        "The account's file lets the venue take an order for longer than the session counts on.",
        "Set `execution.recv_window_ms` and the file's `recv_window_ms` to the same.",
    ),
    "session_differs": Code(
        "The session is under way with another strategy, dataset, configuration or build.",
        "Run it with the same ones, or choose another name with `--session`.",
    ),
    "session_exists": Code(
        "The name is taken, by a session or by an account.", "Choose another name with `--session`."
    ),
    "session_finished": Code("The session of this name is finished.", "Choose another name with `--session`."),
    "strategy_hash_mismatch": Code(
        "The strategy's source is not the one that was announced.", "Announce the session again from unchanged source."
    ),
    "symbol_taken": Code(
        "Another session trades a symbol of the session on the same venue account.",
        "End that session first, or trade another symbol, or use another account.",
    ),
    "too_many_strategies": Code(
        "The strategy service has as many strategies as `LIVE_RUNNER_STRATEGIES_MAX` permits.",
        "End a session, raise the limit, or start the service on another machine.",
    ),
    "tracked_order_missing_at_venue": Code(
        "An order that the venue had accepted neither stands there nor has it filled.",
        "Look at the account's history at the venue: the keys may be another account's.",
    ),
    "unknown_symbol": Code(
        "No market rules are known for a symbol.", "Give them under `market.instruments`, or use a dataset with them."
    ),
    "untracked_order": Code(
        "An order that is none of the session's, and can open a position, stands at the venue.",
        "Cancel it, or end the session that it belongs to in order.",
    ),
    "venue_unavailable": Code(
        "The venue did not answer with the account's settings, rules, balances or positions.",
        "Run it again, and check the venue's status.",
    ),
    "version_mismatch": Code(
        "The services, or the session and they, are not of one build.",
        "Install one build everywhere and restart the services.",
    ),
    "warmup_refused": Code(
        "There is too little history before the first bar, or a hole in it.",
        "Import more, set `market.start` later, use a strategy that needs less, or `market.warmup_holes: accept`.",
    ),
}
"""``reason`` of ``session.refused``, by which a session does not start. Other errors give their own code."""
