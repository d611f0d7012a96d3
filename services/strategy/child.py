"""The process of one session's strategy: ``python -m live_runner.services.strategy.child``.

Exit codes tell the strategy service what to do: 0 the session has ended, 69 NATS is away (start again),
68 another process owns it, 1 to 127 otherwise a fault that starting again cannot mend.
"""

from __future__ import annotations

import asyncio
import sys

import msgspec
import uvloop

from live_runner.contracts.errors import BusUnavailable, OwnershipLost, RunnerError
from live_runner.contracts.messages import Announced
from live_runner.services.runtime.config.masking import masked
from live_runner.services.runtime.config.settings import Settings
from live_runner.services.runtime.nats.bus import Bus
from live_runner.services.runtime.nats.events import event_of
from live_runner.services.runtime.service import log
from live_runner.services.runtime.service.hosting import instance_name, stop_on_signals
from live_runner.services.runtime.service.ownership import AlreadyOwned, Ownership
from live_runner.services.strategy.child_args import ChildArgs
from live_runner.services.strategy.login import read_login
from live_runner.services.strategy.shell import StrategyShell
from live_runner.services.strategy.watchdog import BusyFlag

__all__ = ["main"]

CONNECT_WAIT_S = 10.0


async def _run(args: ChildArgs, settings: Settings) -> None:
    stop = stop_on_signals()
    bus = await Bus.connect(
        settings.nats,
        name=f"strategy {args.session}",
        wait_s=CONNECT_WAIT_S,
    )
    try:
        message = await bus.message_at(args.stream_seq)
        announced = None if message is None else event_of(message)
        if not isinstance(announced, Announced) or announced.session != args.session:
            raise BusUnavailable(f"Session {args.session} is not in the log", remedy="Announce it again")
        instance = instance_name("strategy")
        try:
            shell = StrategyShell(bus, announced, instance, BusyFlag(args.busy_descriptor))
        except RunnerError as error:
            await _refuse(bus, announced, instance, error)
            raise
        shell.trouble = args.trouble
        work = asyncio.ensure_future(shell.run(args.stream_seq))
        stopping = asyncio.ensure_future(stop.wait())
        await asyncio.wait([work, stopping], return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if not work.done():
            work.cancel()
            await asyncio.wait([work])
            return
        work.result()
    finally:
        await bus.close()


async def _refuse(bus: Bus, announced: Announced, instance: str, error: RunnerError) -> None:
    ownership = await Ownership.take(bus, announced.session, "strategy", instance)
    await bus.publish(ownership.refusal(error, announcement=announced.id))


def main() -> None:
    """Run one session's strategy until it is over."""
    log.hook_uncaught()
    args = msgspec.json.decode(sys.argv[1], type=ChildArgs)
    settings = read_login(args.login_descriptor, Settings.from_environment())
    log.configure(settings, f"strategy.{args.session}", to_file=args.log_to_file)
    try:
        uvloop.run(_run(args, settings))
    except RunnerError as error:
        log.get("strategy").error("the session's strategy ends", session=args.session, reason=str(error))
        sys.stderr.write(f"{masked(str(error))}\n")
        # A role that was lost while strategy code ran is owned by another process, as one that was never had.
        sys.exit(AlreadyOwned.exit_code if isinstance(error, OwnershipLost) else error.exit_code)


if __name__ == "__main__":
    main()
