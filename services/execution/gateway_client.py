"""One request to the gateway of an account, over the bus."""

from __future__ import annotations

from typing import Final

from live_runner.contracts import subjects
from live_runner.contracts.errors import MessageError, ServiceUnavailable
from live_runner.contracts.gateway import GatewayRequest, Outcome, decode_outcome, encode
from live_runner.services.runtime.nats.bus import Bus

__all__ = ["GATEWAY_AWAY", "ask_gateway"]

ANSWER_LIMIT_S: Final = 45.0
"""How long an answer of the gateway is waited for; it gives up its own calls sooner."""
GATEWAY_AWAY: Final = "gateway_away"
"""Code of an outcome where no answer came."""


async def ask_gateway(bus: Bus, request: GatewayRequest) -> Outcome:
    """The answer; ``unknown`` with ``GATEWAY_AWAY`` where none comes."""
    try:
        data = await bus.request(subjects.gateway(request.account), encode(request), timeout_s=ANSWER_LIMIT_S)
        return decode_outcome(data)
    except (ServiceUnavailable, MessageError) as error:
        return Outcome(verb=request.verb, fate="unknown", code=GATEWAY_AWAY, message=str(error), via=request.verb)
