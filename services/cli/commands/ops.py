"""``stop``, ``kill``, ``resume``, ``flatten`` and ``end``: an operator's commands to a running session."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from live_runner.services.cli.options import HomeOption, JsonOption, SessionArgument, running_settings, settings_of

if TYPE_CHECKING:
    from live_runner.services.runtime.config.settings import Settings
    from live_runner.services.runtime.nats.bus import Bus

__all__ = ["ANSWER_LIMIT_S", "ask", "check_author", "register", "user"]

ANSWER_LIMIT_S: Final = 5.0
"""A command that is not confirmed within this time has failed as far as the operator can know."""

_COMMANDS: Final = {
    "stop": "Block new risk (opens, adds, fallbacks); closes continue. Undo with `resume`.",
    "kill": "Like stop, and cancel resting entry orders. Undo with `resume`.",
    "resume": "Lift a stop or kill; of an account, reset its limits and lift what they have set.",
    "flatten": "Close every position, and open nothing.",
    "end": "End the session after the current bar; positions stay as they are. Closes one that cannot go on.",
}

ReasonOption = Annotated[str, typer.Option(help="The reason, recorded with the command.", show_default=False)]
AuthorOption = Annotated[
    str | None,
    typer.Option(help="The author, recorded with the command. [default: the user of this process]", show_default=False),
]


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    for name, text in _COMMANDS.items():
        app.command(
            name,
            short_help=text.partition(";")[0].partition(" `")[0].rstrip(".") + ".",
            help=f"{text}\n\nThe command is in the session's log before this returns.",
            epilog=f'Examples:\n\n\b\n  live-runner {name} monday --reason "as planned"',
        )(_command(name))


def _command(name: str):  # type: ignore[no-untyped-def]  # typer reads the inner function's signature
    def command(
        session: SessionArgument,
        reason: ReasonOption,
        author: AuthorOption = None,
        home: HomeOption = None,
        as_json: JsonOption = False,
    ) -> None:
        import asyncio

        from live_runner.services.cli.output import note, print_json

        check_author(author)
        if name == "end" and _is_idle(settings_of(home)):
            from live_runner.services.cli.closing import idle_servers

            servers: AbstractContextManager[Settings] = idle_servers(settings_of(home))
            is_idle = True
        else:
            servers, is_idle = nullcontext(running_settings(home)), False
        with servers as settings:
            id_ = asyncio.run(_send(settings, name, session, author or user(), reason, is_idle=is_idle))
        if as_json:
            print_json({"session": session, "command": name, "accepted": True, "id": id_})
        else:
            note(f"{name} of {session} is accepted ({id_})")

    return command


def check_author(author: str | None) -> None:
    """CommandRefused for an author that only an account may be."""
    from live_runner.contracts.errors import CommandRefused
    from live_runner.contracts.vocabulary import RISK_AUTHOR

    if author is not None and author.startswith(RISK_AUTHOR):
        raise CommandRefused(
            f"'{author}' is not a valid author: {RISK_AUTHOR} is for the limits of accounts",
            remedy="Give your own name with --author",
        )


def _is_idle(settings: Settings) -> bool:
    """Whether the data folder has a log of its own and no server runs there."""
    from live_runner.services.runtime.embedded.servers import find, nats_folder

    return find(settings).nats_url is None and (nats_folder(settings.home) / "store").exists()


async def _send(settings: Settings, name: str, session: str, author: str, reason: str, *, is_idle: bool) -> str:
    """The id of the logged command; CommandRefused, or ServiceUnavailable when nobody confirms."""
    from live_runner.contracts import subjects
    from live_runner.services.runtime.nats.bus import Bus

    subjects.check_session(session)
    bus = await Bus.connect(settings.nats, name=name)
    try:
        if name == "end":
            from live_runner.services.cli.closing import close, why_dead

            if is_idle or await why_dead(bus, session) is not None:
                return f"stream sequence {await close(bus, session, author, reason)}"
        answer = await ask(bus, name, session, author, reason)
    finally:
        await bus.close()
    return str(answer.get("id", ""))


async def ask(
    bus: Bus, name: str, session: str, author: str, reason: str, *, limit_s: float = ANSWER_LIMIT_S
) -> dict[str, Any]:
    """The session's answer to a command; CommandRefused, or ServiceUnavailable when nobody confirms."""
    import msgspec

    from live_runner.contracts import codec, subjects
    from live_runner.contracts.errors import CommandRefused, ServiceUnavailable

    body = msgspec.msgpack.encode({"author": author, "reason": reason})
    try:
        reply = await bus.request(subjects.command(name, session), body, timeout_s=limit_s)
    except ServiceUnavailable as error:
        silent = error.fields.get("silent")
        raise ServiceUnavailable(
            f"The {name} command for {session} was not confirmed"
            + (f" within {limit_s:g} s: it may or may not be in force" if silent else ": no such session runs"),
            remedy="Check with: live-runner status",
            session=session,
            silent=silent,
        ) from error
    answer: dict[str, Any] = codec.fields(reply)
    if not answer.get("accepted"):
        raise CommandRefused(
            f"The {name} command for {session} was refused: {str(answer.get('message', '')).rstrip('.')}",
            remedy="Check the session with: live-runner status",
            session=session,
        )
    return answer


def user() -> str:
    """Who gives a command, where no author is given."""
    import getpass
    import socket

    try:
        return f"{getpass.getuser()}@{socket.gethostname()}"
    except (KeyError, OSError):
        return f"operator@{socket.gethostname()}"
