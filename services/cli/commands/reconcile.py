"""``reconcile``: positions of a session beside the venue's, and what is to be done about differences."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

import typer

from live_runner.services.cli.options import HomeOption, JsonOption, SessionArgument, running_settings

if TYPE_CHECKING:
    from live_runner.services.runtime.config.settings import Settings

__all__ = ["register"]

LIMIT_S: Final = 60.0
"""The venue is asked twice before the session answers."""


def register(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command(
        short_help="Show, and settle, what a venue holds otherwise than the session.",
        epilog="Examples:\n\n\b\n  live-runner reconcile monday\n  live-runner reconcile monday --apply adopt",
    )(reconcile)


def reconcile(
    session: SessionArgument,
    apply: Annotated[
        Literal["adopt", "flatten", "halt"] | None,
        typer.Option(help="Do this about every difference; without it nothing is changed.", show_default=False),
    ] = None,
    reason: Annotated[str, typer.Option(help="The reason, recorded with the command.")] = "reconcile",
    author: Annotated[
        str | None,
        typer.Option(
            help="The author, recorded with the command. [default: the user of this process]", show_default=False
        ),
    ] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Ask the venue for the session's positions and list each leg that differs, with both quantities, and each halt."""
    from live_runner.services.cli.commands.ops import check_author, user
    from live_runner.services.cli.output import note, print_json, show

    check_author(author)
    found, id_ = asyncio.run(_reconcile(running_settings(home), session, apply, author or user(), reason))
    if as_json:
        print_json({"session": session, "differences": found, "applied": apply if id_ else None, "id": id_})
        return
    for each in found:
        show(f"{each['symbol']} {each['leg']}: {_words(each)}")
    if id_:
        note(f"{apply} of {len(found)} is accepted ({id_}); `live-runner reconcile {session}` shows what is left")
    elif not found:
        note(f"The venue holds what {session} does")


def _words(each: dict[str, Any]) -> str:
    if not each["venue"]:
        return f"halted ({each['halted']})"
    doubt = "" if each["believed"] else "; orders of the leg are still being asked for"
    halted = f"; halted ({each['halted']})" if each["halted"] else ""
    return f"{each['kind']}, the venue holds {each['venue']}, the session {each['ledger']}{halted}{doubt}"


async def _reconcile(
    settings: Settings, session: str, apply: str | None, author: str, reason: str
) -> tuple[list[dict[str, Any]], str]:
    """The differences before anything was done, and the id of the command that was logged, "" without one."""
    from live_runner.contracts import subjects
    from live_runner.services.cli.commands.ops import ask
    from live_runner.services.runtime.nats.bus import Bus

    subjects.check_session(session)
    bus = await Bus.connect(settings.nats, name="reconcile")
    try:
        answer = await ask(bus, "reconcile", session, author, reason, limit_s=LIMIT_S)
        found: list[dict[str, Any]] = answer["differences"]
        if apply is None or not found:
            return found, ""
        applied = await ask(bus, f"reconcile_{apply}", session, author, reason)
        return found, str(applied["id"])
    finally:
        await bus.close()
