"""The five steps of a bar with four bare processes: no cores, no typed messages, the bytes of a real session.

    python bare_steps.py ROLE SCRIPT URL DSN

``market`` publishes the sets, ``execution`` and ``strategy`` answer with what the session's services said,
message by message, and ``recorder`` copies everything into one table. So a run has the counts, the sizes
and the order of the session, and nothing of its work: it is the floor of what the services can reach.

Each process prints ``ready`` when it listens, and at its end what it cost; the recorder also what it saw.
"""

from __future__ import annotations

import asyncio
import struct
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import msgspec
import nats
import psycopg
import uvloop
from bench.table import note
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy, StreamConfig

__all__ = ["CHAIN", "ROLES", "Script", "Stored", "make_stream", "play", "stamps"]

STREAM = "BARE"
ROLES = ("recorder", "execution", "strategy", "market")
"""In the order in which they are started."""
CHAIN = ("execution", "strategy", "market")
"""Without the recorder."""
WINDOW = 512
LINGER_S = 0.02
BATCH_EVENTS = 2_000
RUN_LIMIT_S = 180.0
_HEARD = {"market": (1, 2), "execution": (0, 2), "strategy": (0, 1), "recorder": (0, 1, 2)}
_SUBJECTS = ("bare.set", "bare.execution", "bare.strategy")
_SET, _EXECUTION, _STRATEGY = range(3)
_TABLE = """
    create table bare (session text not null, seq bigint not null, ts timestamptz not null, payload bytea not null);
    create unique index on bare (session, seq, ts);
"""
_COPY = "copy bare (session, seq, ts, payload) from stdin (format binary)"
_ROW = struct.Struct(">hi4siqiqi")


class Script(msgspec.Struct):
    """What the session said, bar by bar. Each message ends with the eight bytes of its time of publishing."""

    sets: list[bytes]
    settled: list[list[bytes]]
    """What execution published between the set and the decision, ``settled`` last."""
    decided: list[bytes]
    executed: list[list[bytes]]
    """What execution published of the decision."""
    sets_per_s: float | None = None
    is_acked: bool = False
    """Await every acknowledgement before going on."""

    def count(self) -> int:
        """Messages of the whole run."""
        inner = sum(map(len, self.settled)) + sum(map(len, self.executed))
        return len(self.sets) + len(self.decided) + inner


class Stored(msgspec.Struct):
    """What the recorder saw."""

    lag_ns: list[int]
    """Publish to commit, of every message."""
    committed_ns: int
    """When the last one was committed."""
    processor_s: dict[str, float] = {}
    """Of each role, from when it listened to its end."""


class _Node:
    """One process: hears some subjects, says others."""

    def __init__(self, client: Client, script: Script) -> None:
        self.client = client
        self.script = script
        self.heard = [0, 0, 0]
        self.ended = asyncio.Event()
        self._inbox = client.new_inbox()
        self._sent = self._acked = 0
        self._changed = asyncio.Event()

    async def open(self, role: str) -> None:
        """Listen for acknowledgements and for what the role hears."""
        await self.client.subscribe(self._inbox, cb=self._on_ack)
        inbox = self.client.new_inbox()
        await self.client.subscribe(inbox, cb=self._on_message, pending_msgs_limit=-1, pending_bytes_limit=-1)
        config = ConsumerConfig(
            deliver_subject=inbox,
            ack_policy=AckPolicy.NONE,
            deliver_policy=DeliverPolicy.ALL,
            filter_subjects=[_SUBJECTS[index] for index in _HEARD[role]],
            flow_control=True,
            idle_heartbeat=2.0,
            mem_storage=True,
        )
        await self.client.jetstream()._jsm.add_consumer(STREAM, config)

    async def say(self, subject: int, data: bytes) -> None:
        """Publish with the time put in; waits for the window, or for the acknowledgement itself."""
        bound = 1 if self.script.is_acked else WINDOW
        self._sent += 1
        stamped = data[:-8] + time.time_ns().to_bytes(8, "big")
        await self.client.publish(_SUBJECTS[subject], stamped, reply=self._inbox)
        while self._sent - self._acked >= bound:
            self._changed.clear()
            await self._changed.wait()

    async def flush(self) -> None:
        """Wait until everything is acknowledged."""
        while self._acked < self._sent:
            self._changed.clear()
            await self._changed.wait()

    async def _on_ack(self, message: Msg) -> None:
        if b'"error"' in message.data:
            raise SystemExit(f"a message was refused: {message.data!r}")
        self._acked += 1
        self._changed.set()

    async def _on_message(self, message: Msg) -> None:
        if message.headers and "Status" in message.headers:
            answer = message.reply or message.headers.get("Nats-Consumer-Stalled", "")
            if answer:
                await self.client.publish(answer)
            return
        self.heard[_SUBJECTS.index(message.subject)] += 1
        await self.on(message)

    async def on(self, message: Msg) -> None:
        """A role's own part."""


class _Market(_Node):
    """Publishes the next set when the decision on the one before is carried out."""

    async def play(self) -> None:
        script = self.script
        awaited = 0
        began = time.monotonic()
        for number, data in enumerate(script.sets):
            if script.sets_per_s is not None:
                await asyncio.sleep(max(0.0, began + number / script.sets_per_s - time.monotonic()))
            await self.say(_SET, data)
            awaited += len(script.settled[number]) + len(script.executed[number])
            while self.heard[_STRATEGY] <= number or self.heard[_EXECUTION] < awaited:
                self.ended.clear()
                await self.ended.wait()
        await self.flush()

    async def on(self, message: Msg) -> None:
        self.ended.set()


class _Execution(_Node):
    async def on(self, message: Msg) -> None:
        heard, script = self.heard, self.script
        is_set = message.subject == _SUBJECTS[_SET]
        answers = script.settled[heard[_SET] - 1] if is_set else script.executed[heard[_STRATEGY] - 1]
        for data in answers:
            await self.say(_EXECUTION, data)
        if not is_set and heard[_STRATEGY] == len(script.sets):
            self.ended.set()


class _Strategy(_Node):
    def __init__(self, client: Client, script: Script) -> None:
        super().__init__(client, script)
        self._due = len(script.settled[0])
        self._said = 0

    async def on(self, message: Msg) -> None:
        script = self.script
        if self.heard[_EXECUTION] < self._due or self._said == len(script.sets):
            return
        await self.say(_STRATEGY, script.decided[self._said])
        self._said += 1
        if self._said == len(script.sets):
            self.ended.set()
        else:
            self._due += len(script.executed[self._said - 1]) + len(script.settled[self._said])


class _Recorder(_Node):
    """Copies what comes, at most ``LINGER_S`` or ``BATCH_EVENTS`` later."""

    def __init__(self, client: Client, script: Script, dsn: str) -> None:
        super().__init__(client, script)
        self._dsn = dsn
        self._rows: list[bytes] = []
        self._stamps: list[int] = []
        self._full = asyncio.Event()
        self.stored = Stored([], 0)

    async def on(self, message: Msg) -> None:
        number = sum(self.heard)
        data = message.data
        self._rows.append(_ROW.pack(4, 4, b"bare", 8, number, 8, number, len(data)) + data)
        self._stamps.append(int.from_bytes(data[-8:], "big"))
        if len(self._rows) >= BATCH_EVENTS:
            self._full.set()

    async def store(self) -> None:
        """Until every message of the script is in the table."""
        expected = self.script.count()
        async with await psycopg.AsyncConnection.connect(self._dsn, autocommit=True) as connection:
            while len(self.stored.lag_ns) < expected:
                try:
                    async with asyncio.timeout(LINGER_S):
                        await self._full.wait()
                except TimeoutError:
                    if not self._rows:
                        continue
                rows, stamps = self._rows, self._stamps
                self._rows, self._stamps = [], []
                self._full.clear()
                async with connection.transaction(), connection.cursor() as cursor, cursor.copy(_COPY) as copy:
                    await copy.write(b"PGCOPY\n\xff\r\n\0" + bytes(8) + b"".join(rows) + b"\xff\xff")
                self.stored.committed_ns = now = time.time_ns()
                self.stored.lag_ns += [now - stamp for stamp in stamps]


async def _run(role: str, script: Script, url: str, dsn: str) -> None:
    client = await nats.connect(url, pending_size=64 * 1024 * 1024)
    kinds: dict[str, type[_Node]] = {"market": _Market, "execution": _Execution, "strategy": _Strategy}
    node = _Recorder(client, script, dsn) if role == "recorder" else kinds[role](client, script)
    await node.open(role)
    print("ready", flush=True)
    began_s = time.process_time()
    if isinstance(node, _Recorder):
        await node.store()
    elif isinstance(node, _Market):
        await node.play()
    else:
        await node.ended.wait()
        await node.flush()
    stored = node.stored if isinstance(node, _Recorder) else Stored([], 0)
    stored.processor_s[role] = time.process_time() - began_s
    sys.stdout.buffer.write(msgspec.json.encode(stored))
    await client.close()


# -- for whoever plays it ------------------------------------------------------------------------


async def make_stream(url: str) -> None:
    """An empty stream for one run."""
    client = await nats.connect(url)
    jetstream = client.jetstream()
    if any(info.config.name == STREAM for info in await jetstream.streams_info()):
        await jetstream.delete_stream(STREAM)
    await jetstream.add_stream(StreamConfig(name=STREAM, subjects=["bare.>"]))
    await client.close()


def play(script: Script, url: str, dsn: str, folder: Path, *, roles: Sequence[str] = ROLES) -> Stored:
    """Run the roles to their end; what the recorder saw, if it took part, and what each cost."""
    note(f"{script.count():,} messages through {len(roles)} bare processes")
    asyncio.run(make_stream(url))
    if "recorder" in roles:
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute("drop table if exists bare")
            connection.execute(_TABLE)
    path = folder / "script.msgpack"
    path.write_bytes(msgspec.msgpack.encode(script))
    with ExitStack() as stack:
        running: dict[str, subprocess.Popen[bytes]] = {}
        for role in roles:
            command = [sys.executable, __file__, role, str(path), url, dsn]
            process = running[role] = subprocess.Popen(command, stdout=subprocess.PIPE)
            stack.callback(process.kill)
            assert process.stdout is not None
            if process.stdout.readline() != b"ready\n":
                raise SystemExit(f"the bare {role} did not start")
        said = {role: process.communicate(timeout=RUN_LIMIT_S)[0] for role, process in running.items()}
        failed = [role for role, process in running.items() if process.returncode != 0]
        if failed:
            raise SystemExit(f"the bare {', '.join(failed)} failed")
    told = {role: msgspec.json.decode(data, type=Stored) for role, data in said.items()}
    return Stored(
        told["recorder"].lag_ns if "recorder" in told else [],
        told["recorder"].committed_ns if "recorder" in told else 0,
        {role: one.processor_s[role] for role, one in told.items()},
    )


async def stamps(url: str) -> list[list[int]]:
    """When each message of the last run was published, by subject: sets, execution's, strategy's."""
    client = await nats.connect(url)
    found: list[list[int]] = [[], [], []]
    subscription = await client.jetstream().subscribe("bare.>", ordered_consumer=True)
    left: int | None = None
    while left != 0:
        message: Any = await subscription.next_msg(timeout=10)
        found[_SUBJECTS.index(message.subject)].append(int.from_bytes(message.data[-8:], "big"))
        left = message.metadata.num_pending
    await client.close()
    return found


if __name__ == "__main__":
    uvloop.run(_run(sys.argv[1], msgspec.msgpack.decode(Path(sys.argv[2]).read_bytes(), type=Script), *sys.argv[3:5]))
