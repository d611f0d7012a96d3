"""The columns of each table that the recorder copies into, in the order in which rows are made.

They are those of infra/timescale/migrations; a test compares the two.
"""

from __future__ import annotations

from typing import Final

from live_runner.services.recorder.core.packing import RowPacker

__all__ = ["TABLES", "Table"]


class Table:
    """A table by name, with the kind of each column (see packing.ENCODERS)."""

    __slots__ = ("columns", "copy", "name", "pack")

    def __init__(self, name: str, columns: str) -> None:
        pairs = [line.split() for line in columns.strip().splitlines()]
        self.name = name
        self.columns = {column: kind for kind, *columns in pairs for column in columns}
        self.copy = f"copy {name} ({', '.join(self.columns)}) from stdin (format binary)"
        """The statement that takes packed rows."""
        self.pack = RowPacker(tuple(self.columns.values())).pack


_ALL: Final = (
    Table(
        "event",
        """
        token session source type
        int8 seq
        timestamptz ts
        int8 event_ns recorded_ns
        timestamptz log_epoch
        int8 stream_seq
        text id cause
        token symbol
        bytea payload
        """,
    ),
    Table(
        "bars",
        """
        token session symbol
        timestamptz ts close_ts
        float8 open high low close volume
        boolean late warmup
        int8 set_number stream_seq
        """,
    ),
    Table(
        "gaps",
        """
        token session symbol
        timestamptz ts until_ts
        int8 bars
        boolean filled
        token reason
        text event_id
        int8 stream_seq
        """,
    ),
    Table(
        "bar_revisions",
        """
        token session symbol
        timestamptz ts
        float8 open_before high_before low_before close_before volume_before open high low close volume
        text event_id
        int8 stream_seq
        """,
    ),
    Table(
        "decisions",
        """
        token session
        timestamptz ts
        int4 intents blocked failed
        jsonb failures
        text hash state_hash event_id
        int8 stream_seq
        """,
    ),
    Table(
        "intents",
        """
        token session
        timestamptz ts
        text intent_id
        token symbol leg action
        numeric quantity fraction
        token sizing
        numeric notional
        token style
        numeric limit_price take_profit stop_loss
        interval time_to_live
        text[] fallback
        token close_semantics
        text order_id reason
        time_or_null bar_ts
        jsonb policy
        token blocked
        text blocked_detail event_id
        int8 stream_seq
        """,
    ),
    Table(
        "order_events",
        """
        token session
        timestamptz ts
        token event
        text_or_null order_id client_order_id venue_order_id intent_id
        token symbol leg side action kind status
        numeric quantity asked_quantity price filled remaining reference_price
        boolean reduce_only
        int4 attempt
        timestamptz expires_ts
        text_or_null reason code message
        boolean retryable retrying
        text_or_null parent
        text event_id cause
        int8 stream_seq
        """,
    ),
    Table(
        "fills",
        """
        token session
        timestamptz ts
        text fill_id order_id intent_id
        token symbol leg side action kind
        numeric quantity price notional fee
        token fee_currency liquidity
        numeric realised reference_price slippage filled remaining
        token status
        text reason
        numeric leg_quantity
        boolean provisional
        text event_id
        numeric fee_rate
        text fee_rate_source
        int8 stream_seq
        """,
    ),
    Table(
        "corrections",
        """
        token session
        timestamptz ts
        text fill_id order_id intent_id
        token symbol leg side
        numeric quantity price_before price fee_before fee
        token fee_currency liquidity
        numeric amount
        text event_id
        numeric fee_rate
        text fee_rate_source
        int8 stream_seq
        """,
    ),
    Table(
        "theoretical_fills",
        """
        token session
        timestamptz ts
        text order_id intent_id
        token symbol leg side action kind
        numeric quantity price fee
        token liquidity
        numeric reference_price slippage remaining
        text event_id
        int8 stream_seq
        """,
    ),
    Table(
        "quotes",
        """
        token session symbol
        timestamptz ts
        float8 bid ask
        text event_id
        int8 stream_seq
        """,
    ),
    Table(
        "reconciliations",
        """
        token session
        timestamptz ts
        token symbol leg reason
        numeric quantity_before quantity price amount
        text order_id report
        timestamptz asked_ts
        text event_id
        text_or_null difference trade_id
        numeric fee
        text_or_null fee_currency
        int8 stream_seq
        """,
    ),
    Table(
        "market_rules",
        """
        token session
        timestamptz ts
        token symbol
        jsonb instrument
        text_or_null status
        text event_id
        int8 stream_seq
        """,
    ),
    Table(
        "account_trades",
        """
        token session
        timestamptz ts
        token symbol
        text_or_null leg
        token side
        jsonb trade
        text_or_null venue_order_id client_order_id forced
        text event_id
        int8 stream_seq
        """,
    ),
    Table(
        "account_reports",
        """
        token session
        timestamptz ts
        jsonb positions
        boolean positions_complete
        time_or_null positions_asked_ts
        jsonb balances
        boolean balances_complete
        time_or_null balances_asked_ts
        jsonb orders
        boolean orders_complete
        time_or_null orders_asked_ts
        text_or_null position_mode
        text event_id
        jsonb leverage margin_mode
        int8 stream_seq
        """,
    ),
    Table(
        "income",
        """
        token session
        timestamptz ts
        text income_id
        token kind
        numeric amount
        token currency
        text_or_null symbol leg
        numeric rate mark
        text event_id
        int8 stream_seq
        """,
    ),
    Table(
        "stream_gaps",
        """
        token session
        timestamptz ts
        token stream
        timestamptz from_ts until_ts
        text event_id
        int8 stream_seq
        """,
    ),
    Table(
        "limit_events",
        """
        token session
        timestamptz ts
        token event name action author
        numeric value most
        text_or_null reset
        time_or_null until_ts
        text_or_null symbol leg order_id why
        text event_id
        int8 stream_seq
        """,
    ),
    Table(
        "risk_levels",
        """
        token session
        timestamptz ts
        token name
        numeric value most room
        boolean tripped
        text_or_null not_applied
        text event_id
        int8 stream_seq
        """,
    ),
    Table(
        "funding_rates",
        """
        token session symbol
        timestamptz ts
        numeric rate
        float8 mark
        int8 stream_seq
        """,
    ),
    Table(
        "funding",
        """
        token session
        timestamptz ts
        token symbol leg
        numeric rate mark quantity amount
        text event_id
        int8 stream_seq
        """,
    ),
    Table(
        "positions",
        """
        token session
        timestamptz ts
        token symbol leg
        numeric quantity average realised
        int4 lots
        jsonb open_lots
        text_or_null blocked
        text event_id
        int8 stream_seq
        """,
    ),
    Table(
        "equity",
        """
        token session
        timestamptz ts
        numeric cash realised unrealised equity fees funding slippage turnover exposure margin
        numeric drawdown_realised drawdown_equity
        token gate
        int4 pending
        text hash state_hash event_id
        int8 stream_seq
        """,
    ),
    Table(
        "liquidations",
        """
        token session
        timestamptz ts
        token symbol
        numeric price equity maintenance
        text event_id
        int8 stream_seq
        """,
    ),
    Table(
        "venue_calls",
        """
        token session
        timestamptz ts
        token call
        jsonb arguments
        token outcome
        jsonb result
        text_or_null error
        time_or_null started_ts
        interval latency
        text event_id
        int8 stream_seq
        """,
    ),
    Table(
        "incidents",
        """
        token session
        timestamptz ts
        token source severity code
        text message
        jsonb details
        text event_id
        int8 stream_seq
        """,
    ),
    Table(
        "snapshots",
        """
        token session
        timestamptz ts
        token role
        text object
        int8 input_seq core_seq
        text state_hash
        int8 bytes
        text event_id
        int8 stream_seq
        """,
    ),
    Table(
        "commands",
        """
        token session
        timestamptz ts
        token command
        text author reason event_id
        int8 stream_seq
        """,
    ),
)

TABLES: Final[dict[str, Table]] = {table.name: table for table in _ALL}
