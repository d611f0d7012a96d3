"""``tail`` and ``status``: what goes on."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from live_runner.services.cli.options import HomeOption, JsonOption, running_settings, settings_of

if TYPE_CHECKING:
    from live_runner.services.runtime.config.settings import Settings
    from live_runner.services.runtime.nats.bus import Bus

__all__ = ["register"]

BEAT_WAIT_S: Final = 1.2
"""Services beat twice a second."""


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command(
        short_help="Print events, decoded, as they come.",
        epilog="Examples:\n\n\b\n"
        "  live-runner tail --session monday\n"
        "  live-runner tail 'order.>'\n"
        "  live-runner tail 'order.evt.filled.monday.*' --all --no-follow --json",
    )(tail)
    app.command(
        short_help="Show the sessions and how far each is.",
        epilog="Examples:\n\n\b\n  live-runner status\n  live-runner status monday --json",
    )(status)


def tail(
    subject: Annotated[
        str | None, typer.Argument(help="Subject, wildcards allowed; default: every event.", show_default=False)
    ] = None,
    session: Annotated[str | None, typer.Option(help="Only events of this session.")] = None,
    from_start: Annotated[bool, typer.Option("--all", help="Begin with the oldest event in the stream.")] = False,
    follow: Annotated[bool, typer.Option(help="Go on with what comes.")] = True,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Print the events on a subject, decoded, as they come; end with Ctrl-C."""
    from live_runner.contracts import subjects

    if session is not None:
        subjects.check_session(session)
    filters = [subject] if subject else list(subjects.of_session(session)) if session else [">"]
    if filters == [">"]:
        filters = list(subjects.STREAM_SUBJECTS)
    asyncio.run(_tail(running_settings(home), filters, session, from_start or not follow, follow, as_json))


async def _tail(
    settings: Settings, filters: list[str], session: str | None, from_start: bool, follow: bool, as_json: bool
) -> None:
    from live_runner.services.runtime.nats.bus import Bus

    bus = await Bus.connect(settings.nats_url or "", token=settings.nats_token or "", name="tail")
    try:
        last_seq = await bus.last_seq()
        if not follow and not await _holds_any(bus, filters):
            return
        reader = await bus.reader(filters, 1 if from_start else last_seq + 1)
        async for message in reader:
            _print(message.stream_seq, message.subject, message.data, session, as_json)
            if not follow and message.pending == 0:
                return
    finally:
        await bus.close()


async def _holds_any(bus: Bus, filters: list[str]) -> bool:
    """Whether the stream has a message on one of the filters: a reader of none would wait for the first."""
    import msgspec

    from live_runner.contracts.subjects import STREAM

    for pattern in filters:
        body = msgspec.json.encode({"subjects_filter": pattern})
        answer = msgspec.json.decode(await bus.request(f"$JS.API.STREAM.INFO.{STREAM}", body))
        if answer.get("state", {}).get("subjects"):
            return True
    return False


def _print(stream_seq: int, subject: str, data: bytes, session: str | None, as_json: bool) -> None:
    import msgspec

    from live_runner.contracts import codec
    from live_runner.services.cli.output import print_json

    if session is not None and session not in subject.split("."):
        return
    fields: dict[str, Any] = msgspec.to_builtins(codec.decode(data))
    if as_json:
        print_json({"stream_seq": stream_seq, "subject": subject, **fields})
        return
    envelope = ("v", "type", "id", "session", "source", "seq", "cause", "event_ns", "recorded_ns")
    told = " ".join(f"{key}={_short(value)}" for key, value in fields.items() if key not in envelope)
    typer.echo(f"{stream_seq} {_time(fields['event_ns'])} {fields['source']}#{fields['seq']} {subject} {told}")


def _short(value: Any) -> str:
    import msgspec

    text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    return text if len(text) <= _VALUE_CHARACTERS_MAX else text[: _VALUE_CHARACTERS_MAX - 3] + "..."


_VALUE_CHARACTERS_MAX: Final = 160


def _time(at_ns: int) -> str:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(at_ns // 1_000_000_000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def status(
    session: Annotated[str | None, typer.Argument(help="Only this session.", show_default=False)] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show the sessions: how far each is, its equity, and what happened to it.

    Running ones are asked over NATS, finished ones are looked up in the database.
    """
    from rich.table import Table

    from live_runner.contracts.errors import DataError
    from live_runner.services.cli.output import print_json, show

    found = _sessions(settings_of(home), session)
    if session is not None and not found:
        raise DataError(f"There is no session {session}", remedy="List them with: live-runner status")
    if as_json:
        print_json(found)
        return
    if not found:
        show("There is no session yet. Run one with: live-runner run CONFIG --stage paper")
        return
    columns = ("session", "state", "strategy", "sets", "orders", "fills", "equity", "gate", "events", "incidents")
    table = Table()
    for column in columns:
        table.add_column(column, justify="left" if column in ("session", "state", "strategy", "gate") else "right")
    for entry in found:
        table.add_row(*("" if entry.get(column) is None else str(entry.get(column)) for column in columns))
    show(table)


def _sessions(settings: Settings, only: str | None) -> list[dict[str, Any]]:
    from live_runner.services.runtime.embedded.servers import Embedded, find, postgres_folder

    running = find(settings)
    found: dict[str, dict[str, Any]] = {}
    if running.timescale_dsn is not None or (postgres_folder(settings.home) / "data").exists():
        with Embedded.start(running, nats=False) as embedded:
            assert embedded.settings.timescale_dsn is not None
            found = _recorded(embedded.settings.timescale_dsn, only)
    if running.nats_url is not None:
        for name, progress in asyncio.run(_beats(running, only)).items():
            found.setdefault(name, {"session": name, "state": "started"}).update(progress)
    return list(found.values())


def _recorded(dsn: str, only: str | None) -> dict[str, dict[str, Any]]:
    import msgspec

    from live_runner.services.runtime.postgres import archive
    from live_runner.services.runtime.postgres.database import is_migrated

    if not is_migrated(dsn):
        return {}
    found = {entry.session: msgspec.to_builtins(entry) for entry in archive.sessions(dsn, only)}
    for entry in found.values():
        summary = entry.pop("summary") or {}
        entry.update({key: summary[key] for key in ("sets", "orders", "fills") if key in summary})
    return found


async def _beats(settings: Settings, only: str | None) -> dict[str, dict[str, Any]]:
    """What the services of running sessions tell within a little more than one beat."""
    import msgspec

    from live_runner.contracts import subjects
    from live_runner.services.runtime.nats.bus import Bus

    told: dict[str, dict[str, Any]] = {}

    async def on_beat(_subject: str, data: bytes) -> None:
        beat = msgspec.msgpack.decode(data)
        entry = told.setdefault(str(beat.get("session", "")), {"services": {}})
        role = str(beat.get("role", ""))
        entry["services"][role] = str(beat.get("instance", ""))
        if role == "execution":
            entry.update({key: beat[key] for key in ("sets", "orders", "fills", "equity", "gate") if key in beat})

    bus = await Bus.connect(settings.nats_url or "", token=settings.nats_token or "", name="status")
    try:
        await bus.on(subjects.beat("*", only or "*"), on_beat)
        await asyncio.sleep(BEAT_WAIT_S)
    finally:
        await bus.close()
    return told
