"""Every token with which something is denied, rejected, ended, declined or reported, and what to do about it.

docs/codes.md is made from these tables; tests/architecture/test_codes.py holds them to the code in both directions.
Only pages read them: no rule depends on a meaning or a remedy.
"""

from __future__ import annotations

from typing import Final

from live_runner.contracts.decline_codes import DECLINES, Code

__all__ = ["DECLINES", "DENIALS", "ENDINGS", "INCIDENTS", "REJECTIONS", "Code"]


DENIALS: Final = {
    "above_max_amount": Code(
        "The amount is above the market's maximum, or has more digits than can be kept.",
        "Ask for less, or split it into several intents.",
    ),
    "above_max_notional": Code(
        "Price times amount is above the market's maximum.", "Ask for less, or split it into several intents."
    ),
    "amount_rounds_to_zero": Code(
        "At the market's precision nothing is left of the amount.",
        "Ask for at least one lot: `view.instrument(symbol).lot_size`.",
    ),
    "backoff": Code(
        "The leg has had as many rejections in a row as the policy permits, and opens and adds wait.",
        "Look at the rejections; `max_failures` and `backoff_s` of the policy say when and for how long.",
    ),
    "bad_fallback": Code(
        "A reason for a fallback is not known.", "Use `reject` or `timeout`, in the intent and in the policy."
    ),
    "bad_fraction": Code(
        "The share of a position to close is not above 0 and at most 1.", "Give a fraction in that range."
    ),
    "bad_price": Code(
        "A limit, stop or target is not a positive price, would trigger at once, or stands on an order that cannot "
        "carry it.",
        "Put a long's stop below and its target above the entry (of a `protect`: the last close), a short's the other "
        "way round; only an open, add or `protect` carries them.",
    ),
    "bad_quantity": Code(
        "The quantity or notional is not a positive decimal number, or its sizing is not known.",
        "Give a number above 0; `explicit` and `delegate_notional` are the sizings.",
    ),
    "bad_time_to_live": Code("The order's time to live is over before it is sent.", "Give a time above 0."),
    "below_min_amount": Code("The amount is below the market's minimum.", "Ask for more, or leave it out."),
    "below_min_notional": Code("Price times amount is below the market's minimum.", "Ask for more, or leave it out."),
    "close_pending": Code(
        "An order that closes the whole leg is under way already.",
        "Wait for it, or cancel it first; a market close is taken beside a resting limit close.",
    ),
    "closing": Code(
        "A limit that would close a part of the leg is not tried again: the whole leg is being closed.", "None."
    ),
    "entries_stopped": Code(
        "An operator or a risk limit has stopped the session: no opens, adds or fallbacks.",
        "`live-runner resume SESSION` lifts it.",
    ),
    "flattening": Code(
        "An operator or a risk limit has flattened the session: no opens, adds or fallbacks.",
        "`live-runner resume SESSION` lifts it.",
    ),
    "killed": Code(
        "An operator or a risk limit has killed the session's entries: no opens, adds or fallbacks.",
        "`live-runner resume SESSION` lifts it.",
    ),
    "late_bar": Code(
        "The symbol's last bar came late, and entries on late bars are not permitted.",
        "`market.late_bars: trade` permits them.",
    ),
    "late_decision": Code(
        "The decision came after the next bar, and `execution.late_decision` does not send its opens and adds.",
        "Let the strategy decide faster, or set `execution.late_decision: send`.",
    ),
    "leg_blocked": Code(
        "It is not known yet what became of an order on this leg.",
        "Wait: the venue is asked about the order (`order.unknown` names it).",
    ),
    "leg_halted": Code(
        "The leg takes no entries: the venue holds another quantity than the ledger, closed lots by force, or its mode "
        "or leverage was changed. The incident `leg_halted` has both values.",
        "Put it right (`live-runner reconcile`), then `live-runner resume`; closes go out all the while.",
    ),
    "leg_is_protected": Code(
        "The leg has a stop or target of its own, by `protect`: an entry with another one is refused, and one that "
        "fills now gets none.",
        "Move the leg's own with `intent.protect`; it covers what is added.",
    ),
    "leg_notional_cap": Code(
        "The leg would be worth more than the cap, with what its entries may still fill.",
        "Ask for less, or raise `caps.leg_notional`.",
    ),
    "max_protective": Code(
        "The market has as many stops and targets of entries as `execution.max_protective` permits; entries under way "
        "count, too.",
        "Protect the whole leg with `intent.protect`, or raise the limit where the venue takes more.",
    ),
    "missing_limit_price": Code("A limit or post-only order has no price.", "Give `limit_price`."),
    "missing_order_style": Code(
        "An open or add has no known order style, neither of its own nor from the policy.",
        "Give `style`, or for adds `add_style` in the policy.",
    ),
    "missing_quantity": Code(
        "An open or add has no quantity and does not delegate its sizing; a partial close has neither quantity nor "
        "fraction.",
        "Give `quantity`, or `notional` for an open or add, or `fraction` for a partial close. The runner has no "
        "default size.",
    ),
    "negative": Code("A price or an amount is negative.", "Give a positive one; the side comes from leg and action."),
    "no_position": Code(
        "An add, partial close, close or `protect` of a leg that is flat, or a retried close that has nothing left to "
        "close.",
        "Look at `view.leg(symbol, side).is_open` first.",
    ),
    "no_price": Code("The symbol has had no bar yet.", "Decide on a symbol after its first bar."),
    "not_a_number": Code(
        "A price or an amount is not a finite decimal number.", "Look for a NaN in what the strategy computes."
    ),
    "not_flat": Code(
        "An open of a leg that is open already.", "Use `add` to enlarge it; one position per symbol and side."
    ),
    "not_protected": Code(
        "A `protect` without prices, of a leg that has neither a stop nor a target.", "None: nothing stands."
    ),
    "one_way_conflict": Code(
        "The other leg is open or being opened, and the position mode is one_way.",
        "Close the other leg in the same decision, or use the hedge mode.",
    ),
    "open_orders_cap": Code(
        "As many orders are open as the cap permits.",
        "Wait, or raise `caps.open_orders`.",
    ),
    "order_notional_cap": Code(
        "The order is worth more than the cap.",
        "Ask for less, or raise `caps.order_notional`.",
    ),
    "orders_per_minute_cap": Code(
        "As many orders were requested within a minute as the cap permits.",
        "Wait, or raise `caps.orders_per_minute`.",
    ),
    "price_out_of_range": Code(
        "The price is outside the market's limits, or zero at its precision.",
        "Compare with `view.instrument(symbol)`: tick size, minimum and maximum.",
    ),
    "protection_not_configured": Code(
        "Stops and targets at a venue need `execution.max_protective` and `risk.unprotected` in the configuration.",
        "Say how many the venue takes on one market, and what happens when a leg stands without its stop. Paper and "
        "backtests need neither.",
    ),
    "rejected": Code(
        "The close that this one waits for was rejected by the venue.",
        "Look at the rejection, and close again.",
    ),
    "spot_short": Code(
        "An open of the short leg of a spot market.", "Sell short on a perpetual, or trade the long leg only."
    ),
    "strategy_error": Code(
        "Strategy code has raised before, and `strategy.on_error` is `manage_only`: opens and adds are held back.",
        "The incident `strategy_failed` has the traceback; mend the strategy and run a new session.",
    ),
    "symbol_notional_cap": Code(
        "Both legs of the symbol would together be worth more than the cap.",
        "Ask for less, or raise `caps.symbol_notional`.",
    ),
    "total_notional_cap": Code(
        "All legs would together be worth more than the cap.",
        "Ask for less, or raise `caps.total_notional`.",
    ),
    "unknown_action": Code("The intent's action is not known.", "Make intents with `strategies.intent`."),
    "unknown_leg": Code("The intent's leg is neither `long` nor `short`.", "Make intents with `strategies.intent`."),
    "unknown_order": Code(
        "A cancel names no open order of the leg.", "Take the id from `view.pending(symbol)`; it may have just ended."
    ),
    "unknown_symbol": Code(
        "The symbol is not one of the session's.", "Return intents for the symbols of `market.symbols` only."
    ),
}
"""``reason`` of ``order.refused``, of ``blocked`` in ``strategy.decided``, and of NormalizationRefused."""

REJECTIONS: Final = {
    "insufficient_margin": Code(
        "The account lacks the initial margin of an open or add.",
        "Ask for less, close something first, or start with more equity.",
    ),
    "post_only": Code(
        "The venue took a post-only order and expired it at once: it would have been filled as taker.",
        "Give a price further away, or permit `fallback=['reject']`.",
    ),
    "post_only_would_cross": Code(
        "A post-only order would have taken liquidity at the last close.",
        "Quote further away, or permit `fallback=['reject']`.",
    ),
}
"""``code`` of ``order.rejected`` at the paper venue. A real venue's codes are its own."""

ENDINGS: Final = {
    "absent": Code(
        "The venue does not know an order that it had; it is asked once more, with the trades.",
        "None: the answer ends the order or finds it.",
    ),
    "absent_unproven": Code(
        "The venue does not know the order, by an answer that proves nothing: incomplete, or asked for too early.",
        "None: the venue is asked again.",
    ),
    "closing": Code(
        "A close of the whole leg takes the place of this resting one.",
        "None.",
    ),
    "daily_loss": Code(
        "The day's loss reached the risk limit: the entry was taken off the book.",
        "`account.limit_tripped` has the numbers; `risk.daily_loss.reset` says when the limit ends.",
    ),
    "drawdown": Code(
        "The session's loss reached the risk limit: the entry was taken off the book.",
        "`account.limit_tripped` has the numbers; `risk.drawdown.reset` says when the limit ends.",
    ),
    "duplicate": Code(
        "The venue has an order with this id already: it is asked what became of it.",
        "None.",
    ),
    "entry_slippage": Code(
        "The slippage of one entry fill reached the risk limit: the entry was taken off the book.",
        "`account.limit_tripped` has the numbers; `risk.entry_slippage.reset` says when the limit ends.",
    ),
    "filled_without_quantity": Code(
        "A report says filled without how much.", "None: the venue is asked about the order, by its client order id."
    ),
    "fills_missing": Code(
        "The venue counts more as filled than it has named trades: the trades are asked for before the order ends.",
        "None; after `execution.fill_grace_s` the rest is booked at the average price.",
    ),
    "flatten": Code("An operator's `flatten` took the resting entry off the book.", "`live-runner resume SESSION`."),
    "history_window": Code(
        "The order is older than what the venue remembers, so its absence proves nothing.",
        "Look the order up at the venue, then end the session or close the leg by hand.",
    ),
    "intent": Code("The strategy's cancel, which gave no reason of its own.", "None."),
    "ioc": Code("What an `ioc` order (immediate or cancel) could not fill at once.", "Ask again, or at another limit."),
    "kill": Code("An operator's `kill` took the resting entry off the book.", "`live-runner resume SESSION`."),
    "leg_flat": Code("The leg that this order would reduce is flat.", "None."),
    "leg_halted": Code(
        "The venue never had the entry, and its leg has been halted since: it is not sent again.",
        "The incident `leg_halted` has the reason.",
    ),
    "liquidation": Code(
        "The account's margin was used up: the symbol's orders left the book and its legs were closed.",
        "Use less leverage; `account.liquidated` has the numbers.",
    ),
    "loss_streak": Code(
        "The number of losing trades in a row reached the risk limit: the entry was taken off the book.",
        "`account.limit_tripped` has the numbers; `risk.loss_streak.reset` says when the limit ends.",
    ),
    "lost": Code(
        "The venue had the order and proved that it has it no more. A market close is tried again.",
        "Look at the venue's own record of it; its fills are booked.",
    ),
    "minimum_size": Code(
        "The number of orders in a row that were too small reached the risk limit: the entry was taken off the book.",
        "`account.limit_tripped` has the numbers; `risk.minimum_size.reset` says when the limit ends.",
    ),
    "oco": Code("The other order of the bracket was filled (one cancels the other).", "None."),
    "one_way_conflict": Code(
        "The other leg has been opened, and the position mode is one_way.", "Decide on one leg, or use the hedge mode."
    ),
    "p95_slippage": Code(
        "The slippage of the worst entry fills reached the risk limit: the entry was taken off the book.",
        "`account.limit_tripped` has the numbers; `risk.p95_slippage.reset` says when the limit ends.",
    ),
    "protect": Code("A `protect` of the leg has replaced this stop or target.", "None."),
    "quantity_changed": Code(
        "The venue filled the order at a smaller quantity of its own (what it could reduce, or no self-trade).",
        "Look at the position; the rest can be asked for again.",
    ),
    "rejected_resend": Code(
        "The venue rejected a request that was sent twice: the first copy may stand, so it is asked.",
        "None.",
    ),
    "resend_age": Code(
        "The venue never had the order, and it is older than `execution.max_resend_age_s`.",
        "None; the next decision can ask for it again.",
    ),
    "resized": Code("The stop or target is for another quantity now, and a new one stands for it.", "None."),
    "restart": Code(
        "Another process goes on with the session, and the one before it may have sent the order, or not.",
        "None: the venue is asked about the order, by its client order id.",
    ),
    "spread": Code(
        "The spread reached the risk limit: the entry was taken off the book.",
        "`account.limit_tripped` has the numbers; `risk.spread.reset` says when the limit ends.",
    ),
    "stale_data": Code(
        "The age of the last bar reached the risk limit: the entry was taken off the book.",
        "`account.limit_tripped` has the numbers; `risk.stale_data.reset` says when the limit ends.",
    ),
    "time_to_live": Code("The order's time to live ran out.", "Give it more time, or permit `fallback=['timeout']`."),
    "timeout": Code(
        "The order's time to live ran out, and the venue is asked to cancel it.",
        "Give it more time, or permit `fallback=['timeout']`.",
    ),
    "trailing_drawdown": Code(
        "The fall from the highest equity reached the risk limit: the entry was taken off the book.",
        "`account.limit_tripped` has the numbers; `risk.trailing_drawdown.reset` says when the limit ends.",
    ),
    "unprotected": Code(
        "The time of a leg without its stop reached the risk limit: the entry was taken off the book.",
        "`account.limit_tripped` has the numbers; `risk.unprotected.reset` says when the limit ends.",
    ),
    "venue": Code(
        "The venue cancelled the order and gave no reason. A market close is tried again.",
        "Look at the venue's own record of it.",
    ),
}
"""``reason`` of ``order.cancel_requested``, ``order.cancelled``, ``order.expired`` and ``order.unknown``.

A cancel has the strategy's own words where it gave any, and a real venue's code where it sent one.
"""

INCIDENTS: Final = {
    "attempt_dropped": Code(
        "A further attempt at an order was due and is not made; `reason` in the details says why.",
        "See the reason, and the denial that follows.",
    ),
    "bad_candle": Code(
        "A venue's candle contradicts itself and is left out.", "Compare with the venue's chart; the bar stays missing."
    ),
    "command_refused": Code("An operator's command was not accepted.", "The message says why; `live-runner status`."),
    "database_away": Code(
        "The recorder had to wait for the database; nothing was dropped.", "Look at the database's log."
    ),
    "duplicate_event": Code("An event was delivered twice; the second was dropped.", "None; often: look at NATS."),
    "fallback_blocked": Code(
        "A fallback to a market order was permitted and is held back; `reason` in the details says why.",
        "See the reason, and the denial that follows.",
    ),
    "fill_after_end": Code(
        "A trade of an order came after the order had ended; it is booked.",
        "None; often: look at the connection to the venue.",
    ),
    "history_window": Code(
        "An order is older than what the venue remembers: its absence proves nothing, and its leg stays blocked.",
        "Look the order up at the venue, then end the session or close the leg by hand.",
    ),
    "income_not_booked": Code(
        "An entry of the venue's ledger is not funding of a market of the session in its settle currency: it is not "
        "booked.",
        "Compare the account with the venue's own record.",
    ),
    "late_decision": Code(
        "A decision came after the next bar; its closes are sent, its opens and adds go by `execution.late_decision`.",
        "Let the strategy decide faster, or use a longer timeframe.",
    ),
    "leg_halted": Code(
        "The leg takes no entries any more. `kind` says why: a difference of positions that the policy halts on, a "
        "close by force (`liquidation`, `adl`, `settlement`), or a setting that was changed outside; `venue` and "
        "`ledger` are both values.",
        "Put it right at the venue or by `live-runner reconcile`, then `live-runner resume`.",
    ),
    "leg_was_unprotected": Code(
        "A leg stood without its stop at the venue, from `from_ns` to `to_ns`.",
        "Look at `stop_failed` before it, and at the leg's fills since.",
    ),
    "no_rows": Code(
        "An event is stored in the log only: its values do not fit the tables.",
        "`live-runner tail` and `replay` still read it; report it.",
    ),
    "number_taken": Code(
        "Another program has published an event under the next number of a session's market data. It stays in the log; "
        "what was dropped for it comes again under the next numbers.",
        "Find the program that publishes on the session's subjects, and give it a login of its own.",
    ),
    "numbers_voided": Code(
        "The stream refused an event of a core (it was full) and took later ones; those are void, and recovery has "
        "published all of them anew, in order. `session.voided` names the numbers.",
        "Nothing is lost. Raise the limit of the stream, or look for what fills it.",
    ),
    "position_differs": Code(
        "The venue holds another quantity of a leg than the ledger has fills for. What follows is the operator's "
        "policy (`reconcile.policy`), `halt` where there is none.",
        "Look for trades that were not made by the session; `live-runner reconcile` shows and settles differences.",
    ),
    "replacement_refused": Code(
        "The venue refused the replacement of a stop or target: the one before it, `kept`, stands.",
        "Look at the rejection; `intent.protect` with another price or quantity tries again.",
    ),
    "report_kept": Code(
        "A venue's report changes nothing: it is late, doubled, not about an order of the session, or impossible.",
        "Compare the order with the venue's own record of it.",
    ),
    "rules_changed": Code(
        "The venue has changed steps, minima or limits of a market; `changes` has each before and after. The next "
        "intents are normalized by them.",
        "Nothing is to be done; a strategy that sizes close to the minimum should mind the new one.",
    ),
    "sequence_ahead": Code(
        "A number of a source comes before the one that is next: the stream refused that one (`numbers_voided` "
        "follows), somebody else published it, or messages are missing. Every reader leaves it out and waits for the "
        "next one.",
        "None where `numbers_voided` follows; else check that nothing else publishes on the session's subjects.",
    ),
    "sequence_gap": Code(
        "Numbers of a source are missing: what a service observed while the stream was full. As a fatal incident of a "
        "service: it will not go on from such a log.",
        "Look at who else writes to the stream, and at its limits; keep the data folder and report it.",
    ),
    "sequence_repeated": Code(
        "A source sent a number again; the message is not stored again.",
        "Check that nothing else publishes on the session's subjects.",
    ),
    "session_stalled": Code(
        "A decision has been outstanding for long, and the next bar waits for it.",
        "Check that strategy and execution run, and look at their logs.",
    ),
    "stop_failed": Code(
        "A stop was refused by the venue, or has triggered and ended unfilled, or a leg has outgrown those that stand: "
        "it stands without its stop.",
        "Close the leg or protect it anew; `leg_was_unprotected` names when it was over.",
    ),
    "strategy_failed": Code(
        "Strategy code raised; the traceback is in the details, and the leg states are as before the call.",
        "Mend the strategy. `strategy.on_error` says whether the session goes on without opens and adds.",
    ),
    "strategy_given_up": Code(
        "The strategy's process hung or crashed too often; the session's entries are stopped and it ends.",
        "Mend the strategy (see its log) and run it as a new session.",
    ),
    "strategy_never_asked": Code(
        "The strategy was never asked for an intent: it has no `on_bar`, or its `select` chose nothing at any close.",
        "Check the spelling of `on_bar`, and what `select` returns.",
    ),
    "strategy_never_warm": Code(
        "An indicator of the strategy had no value at the end of the session.",
        "Check how the strategy updates it, and how many bars `warmup` asks for.",
    ),
    "strategy_restarted": Code(
        "The strategy's process hung or crashed and is started again from the log.",
        "Look at the strategy's log; `limits.decide_timeout_s` is its time for one decision.",
    ),
    "target_failed": Code(
        "A target was refused by the venue, or has triggered and ended unfilled: the leg stands without it.",
        "Protect the leg anew, or close it.",
    ),
    "trade_not_booked": Code(
        "A trade of the account outside the session's orders cannot be booked: its symbol, side or numbers are "
        "impossible.",
        "Compare the account with the venue's own record of the trade.",
    ),
    "unreadable_message": Code(
        "Bytes on a subject of the session are not a valid message, or cannot follow; they are in the details.",
        "Check that nothing else publishes on the session's subjects, and that every service is of one build.",
    ),
    "venue_unavailable": Code(
        "The venue has not answered for longer than `market.missing_deadline_s`; it is still being asked.",
        "Look at the venue's status page and at the `ops.venue_call` events.",
    ),
}
"""``code`` of ``ops.incident``. A fatal incident has the code of the error that ended the service, besides these."""
