"""A process that owns a session's execution and asks the gateway for an order when a line comes in; for SIGSTOP."""

from __future__ import annotations

import asyncio
import sys

from fix_gateway import requested, send

from live_runner.contracts import subjects
from live_runner.contracts.gateway import decode_outcome, encode
from live_runner.services.runtime.nats.bus import Bus
from live_runner.services.runtime.service.boot_clock import moment
from live_runner.services.runtime.service.ownership import Ownership


def say(*words: object) -> None:
    sys.stdout.write(" ".join(map(str, words)) + "\n")
    sys.stdout.flush()


async def main(url: str) -> None:
    bus = await Bus.connect(url)
    owned = await Ownership.take(bus, "s", "execution", "asker")
    say("ready", owned.epoch)
    for line in iter(sys.stdin.readline, ""):
        request = send(requested(), made=moment(), epoch=owned.epoch, stream_seq=owned.stream_seq)
        outcome = decode_outcome(await bus.request(subjects.gateway("main"), encode(request)))
        say(line.strip(), outcome.fate, outcome.code)
    await bus.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
