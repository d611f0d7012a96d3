"""The accounts whose sessions this process runs: each account's limits are kept beside its sessions.

Any number of processes may run sessions of one account; one of them has the account, the others stand by. A session is
run only while somebody here keeps its account or stands by for it: where that fails, the session fails with it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable
from contextlib import suppress
from typing import Any, Final

from live_runner.contracts import subjects
from live_runner.contracts.errors import BusUnavailable, OwnershipLost, SessionRefused
from live_runner.contracts.messages import Announced
from live_runner.contracts.stages import SENDING_STAGES
from live_runner.services.execution.account_shell import ROLE, AccountShell
from live_runner.services.execution.core.account import account_of
from live_runner.services.runtime.nats.bus import Bus
from live_runner.services.runtime.service import log
from live_runner.services.runtime.service.ownership import AlreadyOwned

__all__ = ["Accounts", "check_account"]

STANDBY_EVERY_S: Final = 0.5
REFUSED_RETRY_S: Final = 2.0
"""Between two attempts while the stream stores nothing, as when it is full."""
REFUSED_TRIES_MAX: Final = 30
"""In a row; then the account ends, and its sessions with it."""
LEAVE_LIMIT_S: Final = 5.0
"""How long the end of a session may take to reach its account; where it does not, the next process folds it."""


class _Kept:
    """One account, and how many sessions here need it."""

    def __init__(self, bus: Bus, account: str, instance: str) -> None:
        self.bus = bus
        self.sessions = 0
        self.shell: AccountShell | None = None
        self.task = asyncio.create_task(self._keep(account, instance))

    async def _keep(self, account: str, instance: str) -> None:
        """Run the account, standing by while another process has it."""
        logged = log.get(ROLE).bind(account=account)
        why, refused = "", 0
        while True:
            self.shell = None
            shell = AccountShell(self.bus, account, instance)
            try:
                self.shell = shell
                await shell.run()
            except (AlreadyOwned, OwnershipLost) as error:
                if why != str(error):
                    logged.info("the account is left to its owner", reason=str(error))
                why, refused = str(error), 0
                self.shell = None
                await asyncio.sleep(STANDBY_EVERY_S)
            except BusUnavailable as error:
                refused = 0 if shell.is_ready else refused + 1
                if self.bus.lost.done() or refused == REFUSED_TRIES_MAX:
                    raise
                if why != str(error):
                    logged.warning("NATS refuses the account; trying again", reason=str(error))
                why = str(error)
                await asyncio.sleep(REFUSED_RETRY_S)

    async def left(self, session: str) -> None:
        """Wait for the account to fold the end of a session, where it is kept here."""
        if self.shell is None or self.task.done():
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(LEAVE_LIMIT_S):
                await self.shell.left(session)


class Accounts:
    """Keeps the account of each session that runs here."""

    def __init__(self, instance: str) -> None:
        self._instance = instance
        self._kept: dict[str, _Kept] = {}

    async def beside(self, bus: Bus, announced: Announced, session: Coroutine[Any, Any, None]) -> None:
        """Run a session with its account beside it, where it has one with limits; the error of either ends both."""
        account = account_of(announced.config)
        if not account:
            await session
            return
        kept = self._kept.get(account)
        if kept is None or kept.bus is not bus:
            kept = self._kept[account] = _Kept(bus, account, self._instance)
        kept.sessions += 1
        run = asyncio.ensure_future(session)
        try:
            done, _ = await asyncio.wait({run, kept.task}, return_when=asyncio.FIRST_COMPLETED)
            for future in done:
                future.result()
            await kept.left(announced.session)
        finally:
            if not run.done():
                run.cancel()
                await asyncio.wait({run})
            await self._leave(account, kept)

    async def _leave(self, account: str, kept: _Kept) -> None:
        kept.sessions -= 1
        if kept.sessions:
            return
        if self._kept.get(account) is kept:
            del self._kept[account]
        kept.task.cancel()
        await asyncio.wait({kept.task})


async def check_account(bus: Bus, announced: Announced, under_way: Iterable[Announced]) -> None:
    """SessionRefused for a name that is an account's, and for an account whose sessions state something else.

    ``under_way`` are the sessions that are under way in the order of their announcements: those before this one count.
    """
    if await bus.last_seq_of(subjects.owned(announced.session, ROLE)):
        raise SessionRefused(
            f"'{announced.session}' is the name of an account",
            remedy="Choose another name with --session",
            reason="session_exists",
        )
    account = announced.config["account"].get("name")
    if account is None:
        return
    if await bus.last_seq_of(subjects.event_subject("session.announced", account)):
        raise SessionRefused(
            f"The account {account} has the name of a session",
            remedy="Choose another name for it, in each of its sessions (account.name)",
            reason="account_name_taken",
            account=account,
        )
    for other in under_way:
        if other.session == announced.session:
            return
        if other.config["account"].get("name") == account and (differing := _differing(announced, other)):
            raise SessionRefused(
                f"The session {other.session} of the account {account} runs with other values of {differing}",
                remedy="Give every session of one account the same ones, or end that session first",
                reason="account_differs",
                account=account,
                session=other.session,
            )


def _differing(announced: Announced, other: Announced) -> str:
    """What must be the same in every session of an account, and is not; "" for nothing."""
    here, there = announced.config["account"], other.config["account"]
    found = [f"account.{key}" for key in ("limits", "currency") if here.get(key) != there.get(key)]
    if (announced.stage in SENDING_STAGES) != (other.stage in SENDING_STAGES):
        found.append("the stage: paper and real money are not added up")
    return ", ".join(found)
