"""One request to the gateway of an account, over the bus."""

from __future__ import annotations

import asyncio
from typing import Final

from live_runner.contracts import subjects
from live_runner.contracts.errors import MessageError, ServiceUnavailable
from live_runner.contracts.gateway import GatewayRequest, Outcome, decode_outcome, encode
from live_runner.services.runtime.nats.bus import Bus

__all__ = ["GATEWAY_AWAY", "ask_gateway", "gateway_instance"]

ANSWER_LIMIT_S: Final = 45.0
"""How long an answer of the gateway is waited for; it gives up its own calls sooner."""
ALIVE_EVERY_S: Final = 1.0
"""How often it is asked meanwhile whether the gateway that has the request still runs."""
ALIVE_LIMIT_S: Final = 1.0
GATEWAY_AWAY: Final = "gateway_away"
"""Code of an outcome where no answer came."""


async def ask_gateway(bus: Bus, request: GatewayRequest, instance: str = "") -> Outcome:
    """The answer; ``unknown`` with ``GATEWAY_AWAY`` where none comes.

    ``instance`` is the gateway's process, as ``gateway_instance`` names it: once another one has its place, what was
    asked of it is not waited for any more.
    """
    subject = subjects.gateway(request.account)
    asking = asyncio.ensure_future(bus.request(subject, encode(request), timeout_s=ANSWER_LIMIT_S))
    try:
        while not (await asyncio.wait({asking}, timeout=ALIVE_EVERY_S))[0]:
            found = await gateway_instance(bus, request.account)
            if found is None or (found and instance and found != instance):
                return _away(request, "The gateway that was asked runs no more")
            instance = instance or found
        return decode_outcome(asking.result())
    except (ServiceUnavailable, MessageError) as error:
        return _away(request, str(error))
    finally:
        asking.cancel()


async def gateway_instance(bus: Bus, account: str) -> str | None:
    """The process that is the account's gateway, "" for one that does not say so in time, None where there is none."""
    try:
        answer = await bus.request(subjects.liveness("gateway", account), b"", timeout_s=ALIVE_LIMIT_S)
    except ServiceUnavailable as error:
        return "" if error.fields["silent"] else None
    return answer.decode(errors="replace")


def _away(request: GatewayRequest, why: str) -> Outcome:
    return Outcome(verb=request.verb, fate="unknown", code=GATEWAY_AWAY, message=why, via=request.verb)
