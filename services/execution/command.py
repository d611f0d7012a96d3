"""Commands to the execution service, as they cross the bus: a request and its answer."""

from __future__ import annotations

from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta

from live_runner.contracts.errors import CommandRefused

__all__ = ["CommandAnswer", "CommandRequest", "read_request"]

AUTHOR_LENGTH_MAX: Final = 200
REASON_LENGTH_MAX: Final = 500
CAUSE_LENGTH_MAX: Final = 200


class CommandRequest(msgspec.Struct, forbid_unknown_fields=True):
    """The body of a command."""

    author: Annotated[str, Meta(max_length=AUTHOR_LENGTH_MAX)]
    reason: str = ""
    cause: Annotated[str, Meta(max_length=CAUSE_LENGTH_MAX)] = ""
    """Id of the event that led to it; "" for an operator's."""


class CommandAnswer(msgspec.Struct):
    """The answer to a command: the id of the logged command, or why it was refused."""

    accepted: bool
    id: str = ""
    message: str = ""
    differences: list[dict[str, Any]] = []
    """Of ``reconcile``: the legs that the venue holds otherwise, and those that are halted."""


def read_request(name: str, data: bytes) -> CommandRequest:
    """The request, its reason cut to ``REASON_LENGTH_MAX``; CommandRefused for anything else."""
    try:
        request = msgspec.msgpack.decode(data, type=CommandRequest)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise CommandRefused(f"The {name} command cannot be read: {error}", remedy="Send author and reason") from error
    if not request.author.strip():
        raise CommandRefused(f"The {name} command names no author", remedy="Give its author")
    return msgspec.structs.replace(request, reason=request.reason[:REASON_LENGTH_MAX])
