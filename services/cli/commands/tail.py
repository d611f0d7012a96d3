"""``tail``: the events of the log, decoded, as they come."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from live_runner.services.cli.options import HomeOption, JsonOption, running_settings

if TYPE_CHECKING:
    from live_runner.services.runtime.config.settings import Settings
    from live_runner.services.runtime.nats.bus import Bus

__all__ = ["register"]

_VALUE_CHARACTERS_MAX: Final = 160


def register(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command(
        short_help="Print events, decoded, as they arrive.",
        epilog="Examples:\n\n\b\n"
        "  live-runner tail --session monday\n"
        "  live-runner tail 'order.>'\n"
        "  live-runner tail 'order.evt.filled.monday.*' --all --no-follow --json",
    )(tail)


def tail(
    subject: Annotated[
        str | None, typer.Argument(help="Subject, wildcards allowed; default: every event.", show_default=False)
    ] = None,
    session: Annotated[str | None, typer.Option(help="Only events of this session.")] = None,
    from_start: Annotated[bool, typer.Option("--all", help="Start with the oldest event in the stream.")] = False,
    follow: Annotated[bool, typer.Option(help="Wait for new events.")] = True,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Print the events on a subject, decoded, as they arrive; end with Ctrl-C."""
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

    bus = await Bus.connect(settings.nats, name="tail")
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
    from live_runner.contracts.subjects import STREAM

    for pattern in filters:
        answer = await bus.jetstream(f"STREAM.INFO.{STREAM}", {"subjects_filter": pattern})
        if answer.get("state", {}).get("subjects"):
            return True
    return False


def _print(stream_seq: int, subject: str, data: bytes, session: str | None, as_json: bool) -> None:
    import msgspec

    from live_runner.contracts import codec
    from live_runner.contracts.errors import MessageError
    from live_runner.services.cli.output import print_json, printable
    from live_runner.services.runtime.config.masking import masked, masked_values

    if session is not None and session not in subject.split("."):
        return
    try:
        fields: dict[str, Any] = masked_values(msgspec.to_builtins(codec.read(subject, data)))
    except MessageError as error:
        subject = printable(subject)
        unreadable = {"stream_seq": stream_seq, "subject": subject, "bytes": len(data), "unreadable": error.what}
        if as_json:
            print_json(unreadable)
        else:
            what = f"{stream_seq} {subject} is not a valid message ({len(data)} bytes): {error.what}"
            typer.echo(printable(masked(what)))
        return
    if as_json:
        print_json({"stream_seq": stream_seq, "subject": subject, **fields})
        return
    envelope = ("v", "type", "id", "session", "source", "seq", "cause", "event_ns", "recorded_ns")
    values = " ".join(f"{key}={_short(value)}" for key, value in fields.items() if key not in envelope)
    line = f"{stream_seq} {_time(fields['event_ns'])} {fields['source']}#{fields['seq']} {subject} {values}"
    typer.echo(printable(line))


def _short(value: Any) -> str:
    import msgspec

    text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    return text if len(text) <= _VALUE_CHARACTERS_MAX else text[: _VALUE_CHARACTERS_MAX - 3] + "..."


def _time(at_ns: int) -> str:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(at_ns // 1_000_000_000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
