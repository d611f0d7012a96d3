"""The connection to NATS: beside other clients on a real server, and byte by byte against a scripted one."""

from __future__ import annotations

import asyncio
import functools
import inspect
import os
from collections.abc import Callable, Coroutine
from importlib.metadata import version
from typing import Any

import pytest
from fix_nats import BusFactory
from nats import errors
from nats.aio.client import Client
from nats.aio.transport import TcpTransport, WebSocketTransport

from live_runner.contracts.errors import BusUnavailable
from live_runner.services.runtime.config.settings import NatsSettings
from live_runner.services.runtime.nats import connection as connection_module
from live_runner.services.runtime.nats.bus import SNAPSHOT_BUCKET, Bus
from live_runner.services.runtime.nats.connection import Connection, open_connection

DEADLINE_S = 30.0
HELLO = b'INFO {"server_id":"x","headers":true,"max_payload":1048576}\r\n'


def in_a_loop[**P](test: Callable[P, Coroutine[Any, Any, None]]) -> Callable[P, None]:
    """Run the test in an event loop of its own, in bounded time."""

    @functools.wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        asyncio.run(asyncio.wait_for(test(*args, **kwargs), DEADLINE_S))

    return run


# -- beside other clients ------------------------------------------------------------------------


@in_a_loop
async def test_an_object_is_the_same_to_other_clients(bus_factory: BusFactory) -> None:
    """Snapshots can be listed, read and restored with any NATS tool."""
    import nats

    data = os.urandom(300_000)
    other = await nats.connect(bus_factory.url)
    async with bus_factory() as bus:
        store = await other.jetstream().object_store(SNAPSHOT_BUCKET)
        await bus.put_object("s/execution/1", data)
        await store.put("s/strategy/1", data)
        await store.put("empty", b"")

        assert (await store.get("s/execution/1")).data == data
        assert await bus.get_object("s/strategy/1") == data
        assert await bus.get_object("empty") == b""
        await bus.put_object("s/execution/1", b"another")
        await bus.delete_object("s/strategy/1")
        assert (await store.get("s/execution/1")).data == b"another"
        left = (await other.jetstream().stream_info(f"OBJ_{SNAPSHOT_BUCKET}")).state
        assert left.messages == 3  # the chunk of one object, and a word on each of the two names that are left
    await other.close()


@in_a_loop
async def test_messages_go_to_and_fro_with_other_clients(bus_factory: BusFactory) -> None:
    import nats

    other = await nats.connect(bus_factory.url)
    async with bus_factory() as bus:
        got: asyncio.Queue[tuple[str, bytes]] = asyncio.Queue()

        async def answer(subject: str, data: bytes) -> bytes:
            got.put_nowait((subject, data))
            return data[::-1]

        undo = await bus.on("ops.cmd.*.s", answer)
        reply = await other.request("ops.cmd.stop.s", b"abc", headers={"From": "there"})
        assert (reply.data, got.get_nowait()) == (b"cba", ("ops.cmd.stop.s", b"abc"))
        await undo()
        await bus.flush()
        with pytest.raises(errors.NoRespondersError):
            await other.request("ops.cmd.stop.s", b"abc")
    await other.close()


@in_a_loop
async def test_a_callback_under_way_is_brought_to_its_end(bus_factory: BusFactory) -> None:
    async with bus_factory() as bus, bus_factory() as other:
        begun, may_end = asyncio.Event(), asyncio.Event()

        async def answer(_subject: str, _data: bytes) -> bytes:
            begun.set()
            await may_end.wait()
            return b"done"

        undo = await bus.on("ops.cmd.end.s", answer)
        reply = asyncio.create_task(other.request("ops.cmd.end.s", b""))
        await begun.wait()
        await undo()
        may_end.set()
        assert await reply == b"done"


@in_a_loop
async def test_a_callback_that_fails_gives_the_connection_up(bus_factory: BusFactory) -> None:
    async with bus_factory() as bus, bus_factory() as other:

        async def answer(_subject: str, _data: bytes) -> bytes:
            raise KeyError("nothing")

        await bus.on("ops.cmd.end.s", answer)
        await other.send("ops.cmd.end.s", b"")
        with pytest.raises(BusUnavailable, match="KeyError"):
            await bus.lost


@in_a_loop
async def test_what_waits_on_a_lost_connection_fails_at_once(bus_factory: BusFactory) -> None:
    """nats-py alone would let it wait for its time limit."""
    async with bus_factory() as bus:

        async def silent(_subject: str, _data: bytes) -> None:
            return None

        await bus.on("live.strategy.s", silent)
        request = asyncio.create_task(bus.request("live.strategy.s", b"", timeout_s=DEADLINE_S * 2))
        await bus.flush()
        bus._connection.fail("cut")
        with pytest.raises(BusUnavailable, match="failed"):
            await request


@in_a_loop
async def test_a_subscription_is_known_to_the_server_once_it_is_flushed(bus_factory: BusFactory) -> None:
    async with bus_factory() as bus, bus_factory() as other:

        async def answer(_subject: str, _data: bytes) -> bytes:
            return b"here"

        for _ in range(200):
            undo = await bus.on("live.execution.s", answer)
            assert await other.request("live.execution.s", b"") == b"here"
            await undo()


@in_a_loop
async def test_the_first_server_that_answers_is_taken(nats_url: str) -> None:
    bus = await Bus.connect(f"nats://127.0.0.1:1,{nats_url}")
    await bus.ensure_stream()
    assert await bus.last_message("order.evt.filled.s.a") is None
    await bus.close()


@in_a_loop
async def test_a_wrong_token_is_named(nats_url: str) -> None:
    place = nats_url.rpartition("@")[2]
    with pytest.raises(BusUnavailable, match="Authorization Violation"):
        await Bus.connect(NatsSettings(f"nats://{place}", token="wrong"))


# -- what we lean on in nats-py --------------------------------------------------------------------


def test_what_is_overridden_in_nats_py_is_as_it_was() -> None:
    """The direct way takes these insides of nats-py; look at connection.py before allowing another version."""
    assert version("nats-py").startswith("2.16.")
    signatures = {
        "_send_command": "(self, cmd: 'bytes', priority: 'bool' = False) -> 'None'",
        "_connect_command": "(self) -> 'bytes'",
        "_read_loop": "(self) -> 'None'",
        "_process_info": "(self, info: 'Dict[str, Any]', initial_connection: 'bool' = False) -> 'None'",
        "_process_msg": "(self, sid: 'int', subject: 'bytes', reply: 'bytes', data: 'bytes', headers: 'bytes')"
        " -> 'None'",
    }
    for name, signature in signatures.items():
        assert str(inspect.signature(getattr(Client, name))) == signature
        assert name in vars(Connection)
    used = ("_sid", "_transport", "_resp_map", "_pongs", "_pending_data_size", "_flush_queue")
    assert all(hasattr(Client(), name) for name in used)
    assert hasattr(TcpTransport(), "_io_writer")  # type: ignore[no-untyped-call]  # nats-py leaves it untyped
    assert not hasattr(WebSocketTransport, "_io_writer")


@in_a_loop
async def test_what_the_log_delivers_and_takes_goes_the_direct_way(
    bus_factory: BusFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not through nats-py's parser, queue and tasks, which cost four times as much."""

    async def never(*_: object) -> None:
        raise AssertionError("the long way")

    async with bus_factory() as bus:
        got: asyncio.Queue[bytes] = asyncio.Queue()
        subscription = await bus._connection.subscribe_direct("order.>", lambda *message: got.put_nowait(message[2]))
        await bus.flush()
        monkeypatch.setattr(Connection, "_process_msg", never)
        monkeypatch.setattr(Connection, "_send_command", never)
        for size in (1, 100_000, 700_000):
            bus._connection.publish_direct(b"order.a", bytes(size), block=b"NATS/1.0\r\na: b\r\n\r\n")
            assert len(await got.get()) == size
        monkeypatch.undo()
        await bus._connection.end_subscription(subscription)


# -- against a scripted server ---------------------------------------------------------------------


@in_a_loop
async def test_bytes_may_come_in_any_pieces() -> None:
    """The socket cuts where it likes; what is inside a message looks like the protocol."""
    payload = b"MSG x 1 3\r\n\r\nPING\r\n" * 50
    sent = (
        b"+OK\r\nMSG a.b 1 %d\r\n%b\r\n" % (len(payload), payload)
        + b"HMSG a.c 1 re.ply 12 15\r\nNATS/1.0\r\n\r\nabc\r\n"
        + b"MSG b 2 4\r\nslow\r\n"
        + b"MSG a.d 1 re.ply 0\r\n\r\n"
        + b"MSG gone 77 2\r\nno\r\n"
        + b"PING\r\nMSG a.e 1 1\r\nz\r\n"
    )
    expected = [
        (b"a.b", b"", payload, None),
        (b"a.c", b"re.ply", b"abc", b"NATS/1.0\r\n\r\n"),
        (b"a.d", b"re.ply", b"", None),
        (b"a.e", b"", b"z", None),
    ]
    for step in (1, 2, 3, 7, 64, 1000, len(sent)):
        answered: asyncio.Queue[bytes] = asyncio.Queue()

        async def serve(
            reader: asyncio.StreamReader, writer: asyncio.StreamWriter, step: int = step, answered: Any = answered
        ) -> None:
            await _greet(reader, writer)
            await reader.readuntil(b"SUB b  2\r\n")
            for at in range(0, len(sent), step):
                writer.write(sent[at : at + step])
                await writer.drain()
            answered.put_nowait(await reader.readline())
            await reader.read()
            writer.close()

        async with _server(serve) as url:
            connection = await open_connection(NatsSettings(url), "test")
            got: list[tuple[bytes, bytes, bytes, bytes | None]] = []
            slow: asyncio.Queue[bytes] = asyncio.Queue()

            async def take(message: Any, slow: asyncio.Queue[bytes] = slow) -> None:
                slow.put_nowait(message.data)

            whole = asyncio.Event()

            def collect(*message: Any, got: list[Any] = got, whole: asyncio.Event = whole) -> None:
                got.append(message)
                if len(got) == len(expected):
                    whole.set()

            await connection.subscribe_direct("a.>", collect)
            await connection.subscribe("b", cb=take)
            assert await answered.get() == b"PONG\r\n"
            assert await slow.get() == b"slow"
            await whole.wait()
            assert got == expected
            await connection.end()


@pytest.mark.parametrize("nonsense", [b"HTTP/1.1 400 Bad Request\r\n", b"INFO {no\r\n", b"", b"x" * 100_000])
def test_what_is_not_nats_is_given_up(nonsense: bytes) -> None:
    @in_a_loop
    async def test() -> None:
        async def serve(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(nonsense)
            writer.close()

        async with _server(serve) as url:
            with pytest.raises(BusUnavailable, match="does not answer"):
                await Bus.connect(url)

    test()


@pytest.mark.parametrize("nonsense", [b"MSG a 1 x\r\n", b"MSG\r\n", b"MSG a x 1\r\nz\r\n", b"NONSENSE\r\n"])
def test_what_breaks_the_protocol_ends_the_connection(nonsense: bytes) -> None:
    @in_a_loop
    async def test() -> None:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await _greet(reader, writer)
            writer.write(nonsense)
            await reader.read()
            writer.close()

        async with _server(serve) as url:
            with pytest.raises(BusUnavailable, match=r"(?i)protocol"):
                await _connected_until_lost(url)

    test()


@in_a_loop
async def test_an_error_of_the_server_ends_the_connection_and_names_it() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await _greet(reader, writer)
        writer.write(b"-ERR 'Maximum Payload Violation'\r\n")
        await reader.read()
        writer.close()

    async with _server(serve) as url:
        bus = await Bus.connect(url)
        with pytest.raises(BusUnavailable, match=r"(?i)maximum payload"):
            await bus.lost
        with pytest.raises(BusUnavailable):
            await bus.publisher()
        await bus.close()


@in_a_loop
async def test_a_server_that_falls_silent_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection_module, "PING_EVERY_S", 0.01)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await _greet(reader, writer)
        await reader.read()
        writer.close()

    async with _server(serve) as url:
        bus = await Bus.connect(url)
        with pytest.raises(BusUnavailable, match=r"(?i)stale"):
            await bus.lost
        await bus.close()


@in_a_loop
async def test_publishers_pause_while_the_socket_takes_no_more() -> None:
    may_read = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await _greet(reader, writer)
        await may_read.wait()
        while not (await reader.read(1 << 20)).endswith(b"PING\r\n"):
            pass
        writer.write(b"PONG\r\n")
        await reader.read()
        writer.close()

    async with _server(serve) as url:
        connection = await open_connection(NatsSettings(url), "test")
        while not connection.is_congested:
            connection.publish_direct(b"a", bytes(100_000))
        may_read.set()
        await connection.writable()
        assert not connection.is_congested
        await connection.flush()
        await connection.end()


async def _connected_until_lost(url: str) -> None:
    bus = await Bus.connect(url)
    try:
        await bus.lost
    finally:
        await bus.close()


async def _greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """INFO, and the answer to the PING after CONNECT."""
    writer.write(HELLO)
    await reader.readuntil(b"PING\r\n")
    writer.write(b"PONG\r\n")


class _server:  # noqa: N801  # used as a function
    """A server on a free port that serves one connection; gives its address."""

    def __init__(
        self, serve: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Coroutine[Any, Any, None]]
    ) -> None:
        self._serve = serve

    async def __aenter__(self) -> str:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return f"nats://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        await self._server.wait_closed()
