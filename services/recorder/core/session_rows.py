"""The rows of sessions and datasets: few, and changed by later messages."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import msgspec

from live_runner.contracts.messages import Announced, Event, JoinDeclined, Joined, Started, Stopped
from live_runner.services.recorder.core.packing import int8, json_text, numeric

__all__ = ["COLUMN_CASTS", "SESSION_KINDS", "Change", "changes"]

DATASET_KEY_LENGTH_MAX: Final = 200

SESSION_KINDS: Final = frozenset({Announced, Joined, JoinDeclined, Started, Stopped})
"""Messages that may change these rows."""

COLUMN_CASTS: Final = {
    "symbols": "%s::text[]",
    "start_equity": "%s::numeric",
    "warmup_bars": "%s::bigint",
    "engine": "%s::integer",
    "rows": "%s::bigint",
    "gaps": "%s::bigint",
    "first_stream_seq": "%s::bigint",
    "log_epoch": "to_ts(%s::bigint)",
    **dict.fromkeys(("first_open_ts", "announced_at", "started_at", "stopped_at"), "to_ts(%s::bigint)"),
    **dict.fromkeys(
        (
            *("summary", "config", "models", "instruments", "policy", "platform", "packages", "sources"),
            "manifest",
        ),
        "%s::jsonb",
    ),
}
"""SQL type of a column's value; text by default."""


class Change(msgspec.Struct, frozen=True):
    """Put these columns into the row of this key, making it when it is not there."""

    table: str
    key: str
    value: str
    columns: dict[str, Any]


def changes(event: Event, stream_seq: int, epoch_ns: int) -> Iterator[Change]:
    """Changes that an event makes to the rows; none for most. ValueError or TypeError when it does not fit."""
    match event:
        case Announced():
            columns = {"state": "announced", "announced_at": event.recorded_ns, **_of_config(event.config)}
            columns |= {"stopped_at": None, "stop_reason": None}  # of a refusal before, when it is announced again
            columns |= _json(config=event.config, sources=event.sources)
            columns |= _same(event, "stage", "strategy", "warmup_bars", *_HASHES)
            yield _session(event, {**columns, "log_epoch": epoch_ns, "first_stream_seq": stream_seq})
        case Joined():
            yield from _dataset(event.dataset)
        case JoinDeclined():
            reason = f"{event.role} refused: {event.message}"
            yield _session(event, {"state": "refused", "stopped_at": event.recorded_ns, "stop_reason": reason})
        case Started():
            columns = {"state": "started", "started_at": event.recorded_ns, **_of_config(event.config)}
            columns |= _json(
                config=event.config,
                models=event.models,
                instruments=event.instruments,
                policy=event.policy,
                platform=event.platform,
                packages=event.packages,
            )
            columns |= _same(event, "stage", "strategy", "warmup_bars", "compare_command", "engine", *_HASHES)
            int8(event.first_open_ns)
            columns |= {"first_open_ts": event.first_open_ns or None, "dataset": _dataset_key(event.dataset)}
            yield _session(event, columns)
            yield from _dataset(event.dataset)
        case Stopped():
            columns = {"state": "stopped", "stopped_at": event.recorded_ns, "stop_reason": event.reason}
            yield _session(event, {**columns, **_json(summary=event.summary), "hash": event.hash})
        case _:
            return


_HASHES: Final = ("config_hash", "strategy_hash", "engine_version", "engine_hash")


def _session(event: Event, columns: dict[str, Any]) -> Change:
    return Change("sessions", "session", _plain(event.session), {name: _plain(v) for name, v in columns.items()})


def _same(event: Event, *names: str) -> dict[str, Any]:
    return {name: getattr(event, name) for name in names}


def _json(**values: Any) -> dict[str, str]:
    return {name: json_text(value).decode() for name, value in values.items()}


def _of_config(config: dict[str, Any]) -> dict[str, Any]:
    market, account = _pick(config, "market", dict) or {}, _pick(config, "account", dict) or {}
    equity = _pick(account, "equity", str)
    numeric(equity)
    return {
        "venue": _pick(market, "venue", str),
        "symbols": [_plain(symbol) for symbol in market.get("symbols") or () if isinstance(symbol, str)],
        "timeframe": _pick(market, "timeframe", str),
        "currency": _pick(account, "currency", str),
        "start_equity": equity,
    }


def _dataset_key(manifest: dict[str, Any]) -> str | None:
    key = _pick(manifest, "hash", str) or _pick(manifest, "sha256", str)
    if key is not None and len(key) > DATASET_KEY_LENGTH_MAX:
        raise ValueError(f"a dataset hash of {len(key)} characters")
    return None if key is None else _plain(key)


def _dataset(manifest: dict[str, Any]) -> Iterator[Change]:
    key = _dataset_key(manifest)
    if key is None:
        return
    columns: dict[str, Any] = {
        name: _plain(_pick(manifest, name, str)) for name in ("name", "venue", "timeframe", "source")
    }
    for name in ("rows", "gaps"):
        columns[name] = _pick(manifest, name, int)
        int8(columns[name])
    yield Change("datasets", "dataset", key, {**columns, **_json(manifest=manifest)})


def _pick[T](mapping: dict[str, Any], name: str, kind: type[T]) -> T | None:
    """A value, unless it is of another kind than its column: a manifest is somebody else's text."""
    value = mapping.get(name)
    return value if isinstance(value, kind) else None


def _plain[T](value: T) -> T:
    return value.replace("\0", "\u2400") if isinstance(value, str) else value  # type: ignore[return-value]  # a str stays one
