"""``status``: the sessions and how far each is."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from live_runner.services.cli.options import HomeOption, JsonOption, settings_of

if TYPE_CHECKING:
    from live_runner.services.runtime.config.settings import Settings

__all__ = ["register"]

BEAT_WAIT_S: Final = 1.2
"""Services beat twice a second."""


def register(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command(
        short_help="Show the sessions and how far each is.",
        epilog="Examples:\n\n\b\n  live-runner status\n  live-runner status monday --json",
    )(status)


def status(
    session: Annotated[str | None, typer.Argument(help="Only this session.", show_default=False)] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show the sessions: progress, equity and incidents of each.

    Running sessions are queried over NATS, finished ones in the database.
    """
    from rich.table import Table

    from live_runner.contracts.errors import DataError
    from live_runner.services.cli.output import note, print_json, printable, show

    found = _sessions(settings_of(home), session)
    if session is not None and not found:
        raise DataError(f"There is no session {session}", remedy="List them with: live-runner status")
    if as_json:
        print_json(found)
        return
    if not found:
        show("There are no sessions yet. Run one with: live-runner run CONFIG --stage paper")
        return
    columns = ("session", "state", "strategy", "sets", "orders", "fills", "equity", "gate", "events", "incidents")
    table = Table()
    for column in columns:
        table.add_column(column, justify="left" if column in ("session", "state", "strategy", "gate") else "right")
    for entry in found:
        if entry.get("why"):
            note(f"{entry['session']} cannot go on: {entry['why']} Close it with: live-runner end {entry['session']}")
        table.add_row(*("" if entry.get(column) is None else printable(str(entry[column])) for column in columns))
    show(table)
    for entry in found:
        for level in entry.get("limits", ()):
            state = level["not_applied"] or ("tripped" if level["tripped"] else f"{level['left']} left")
            show(printable(f"{entry['session']}: {level['name']} {level['value']} of {level['limit']}, {state}"))


def _sessions(settings: Settings, only: str | None) -> list[dict[str, Any]]:
    from live_runner.services.cli.output import note
    from live_runner.services.runtime.embedded.servers import Embedded, find, postgres_folder

    if settings.timescale_dsn is None and not (postgres_folder(settings.home) / "data").exists():
        return list(_with_beats(find(settings), only, {}).values())
    # While they are used here, a `run` that is ending keeps its servers.
    with Embedded.start(settings, nats=False, is_brief=True, on_wait=note) as embedded:
        assert embedded.settings.timescale_dsn is not None
        found = _recorded(embedded.settings.timescale_dsn, only)
        return list(_with_beats(find(embedded.settings), only, found).values())


def _with_beats(running: Settings, only: str | None, found: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    if running.nats_url is not None:
        for name, beats in asyncio.run(_beats(running, only)).items():
            found.setdefault(name, {"session": name, "state": "started"}).update(beats)
    return found


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


def _levels(found: Any) -> list[dict[str, Any]]:
    """The limits in a heartbeat; none where somebody else has sent something else."""
    import msgspec

    from live_runner.contracts.messages import RiskLevel

    try:
        return [msgspec.to_builtins(level) for level in msgspec.convert(found, list[RiskLevel])]
    except msgspec.ValidationError:
        return []


async def _beats(settings: Settings, only: str | None) -> dict[str, dict[str, Any]]:
    """Heartbeats of running sessions, gathered for a little more than one beat."""
    from live_runner.contracts import codec, subjects
    from live_runner.services.runtime.nats.bus import Bus

    progress: dict[str, dict[str, Any]] = {}

    async def on_beat(subject: str, data: bytes) -> None:
        found = codec.beat(subject, data)
        if found is None:
            return
        role, name, beat = found
        entry = progress.setdefault(name, {"services": {}})
        entry["services"][role] = beat.get("instance", "")
        if role == "account":
            entry.update(state="account", limits=_levels(beat.get("limits")))
            entry.update({key: beat[key] for key in ("sessions", "profit", "gate") if key in beat})
        elif role == "execution":
            entry.update({key: beat[key] for key in ("sets", "orders", "fills", "equity", "gate") if key in beat})
            if "limits" in beat:
                entry["limits"] = _levels(beat["limits"])
        if fatal := beat.get("fatal"):
            entry.update(state="dead", why=fatal.get("message", ""))

    bus = await Bus.connect(settings.nats, name="status")
    try:
        await bus.on(subjects.beat("*", only or "*"), on_beat)
        await asyncio.sleep(BEAT_WAIT_S)
    finally:
        await bus.close()
    return progress
