"""The connection to NATS: beside nats-py on a real server, over TLS, and byte by byte against a scripted one."""

from __future__ import annotations

import asyncio
import datetime
import functools
import ipaddress
import json
import os
import ssl
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
from fix_nats import BusFactory

from live_runner.contracts.errors import BusUnavailable
from live_runner.services.runtime.nats import nats_client
from live_runner.services.runtime.nats.bus import SNAPSHOT_BUCKET, Bus
from live_runner.services.runtime.nats.nats_address import Address, addresses
from live_runner.services.runtime.nats.nats_client import ConnectionLostError, NatsClient, NatsError, NoAnswerError

DEADLINE_S = 30.0
HELLO = b'INFO {"server_id":"x","headers":true,"max_payload":1048576}\r\n'


def in_a_loop[**P](test: Callable[P, Coroutine[Any, Any, None]]) -> Callable[P, None]:
    """Run the test in an event loop of its own, in bounded time."""

    @functools.wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        asyncio.run(asyncio.wait_for(test(*args, **kwargs), DEADLINE_S))

    return run


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
        assert left.messages == 4  # the chunk of one object, and a word on each of three names
    await other.close()


@in_a_loop
async def test_messages_go_to_and_fro_with_other_clients(bus_factory: BusFactory) -> None:
    import nats

    other = await nats.connect(bus_factory.url)
    async with bus_factory() as bus:
        heard: asyncio.Queue[tuple[str, bytes]] = asyncio.Queue()

        async def answer(subject: str, data: bytes) -> bytes:
            heard.put_nowait((subject, data))
            return data[::-1]

        undo = await bus.on("ops.cmd.*.s", answer)
        reply = await other.request("ops.cmd.stop.s", b"abc", headers={"From": "there"})
        assert (reply.data, heard.get_nowait()) == (b"cba", ("ops.cmd.stop.s", b"abc"))
        await undo()
        await bus.flush()
        with pytest.raises(nats.errors.NoRespondersError):
            await other.request("ops.cmd.stop.s", b"abc")
    await other.close()


@in_a_loop
async def test_tls_is_used_when_asked_for_and_its_certificate_checked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate, context = _certificate(tmp_path)
    said: asyncio.Queue[bytes] = asyncio.Queue()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(HELLO.replace(b"}", b',"tls_required":true}'))
        await writer.drain()
        try:
            await writer.start_tls(context)
            said.put_nowait(await reader.readline())
            await reader.readline()
            writer.write(b"PONG\r\n")
            await reader.read()
        except OSError:
            pass
        finally:
            writer.close()

    async with _server(serve) as address:
        with pytest.raises(ssl.SSLError):
            await NatsClient.open(address, "test", _never)
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        client = await NatsClient.open(address, "test", _never)
        assert json.loads(said.get_nowait().removeprefix(b"CONNECT "))["tls_required"] is True
        await client.close()


@in_a_loop
async def test_bytes_may_come_in_any_pieces() -> None:
    """The socket cuts where it likes; what is inside a message looks like the protocol."""
    payload = b"MSG x 1 3\r\n\r\nPING\r\n" * 50
    sent = (
        b"+OK\r\nMSG a.b 2 %d\r\n%b\r\n" % (len(payload), payload)
        + b"HMSG a.c 2 re.ply 12 15\r\nNATS/1.0\r\n\r\nabc\r\n"
        + b"MSG a.d 2 re.ply 0\r\n\r\n"
        + b"MSG gone 77 2\r\nno\r\n"
        + b"MSG a.e 2 1\r\nz\r\n"
    )
    expected = [
        (b"a.b", b"", payload, None),
        (b"a.c", b"re.ply", b"abc", b"NATS/1.0\r\n\r\n"),
        (b"a.d", b"re.ply", b"", None),
        (b"a.e", b"", b"z", None),
    ]
    for step in (1, 2, 3, 7, 64, 1000, len(sent)):
        got: list[tuple[bytes, bytes, bytes, bytes | None]] = []
        client = NatsClient(_never)
        client._deliver[2] = lambda *message, got=got: got.append(message)
        client.data_received(HELLO)
        for at in range(0, len(sent), step):
            client.data_received(sent[at : at + step])
        assert got == expected


@pytest.mark.parametrize("nonsense", [b"HTTP/1.1 400 Bad Request\r\n", b"MSG a 1 x\r\n", b"MSG\r\n", b"INFO {no\r\n"])
def test_what_is_no_nats_is_given_up(nonsense: bytes) -> None:
    @in_a_loop
    async def test() -> None:
        async def serve(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(nonsense)
            await writer.drain()
            writer.close()

        async with _server(serve) as address:
            with pytest.raises(NatsError):
                await NatsClient.open(address, "test", _never)

    test()


@in_a_loop
async def test_an_error_of_the_server_ends_the_connection_and_says_why() -> None:
    lost: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await _greet(reader, writer)
        await reader.readuntil(b"PING\r\n")
        writer.write(b"-ERR 'Maximum Payload Violation'\r\n")
        await writer.drain()
        writer.close()

    async with _server(serve) as address:
        client = await NatsClient.open(address, "test", lost.set_result)
        with pytest.raises(ConnectionLostError, match="Maximum Payload"):
            await client.flush()
        assert "Maximum Payload" in await lost
        with pytest.raises(ConnectionLostError, match="Maximum Payload"):
            client.publish(b"a", b"")


@in_a_loop
async def test_a_server_that_falls_silent_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nats_client, "PING_EVERY_S", 0.01)
    lost: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await _greet(reader, writer)
        await reader.read()
        writer.close()

    async with _server(serve) as address:
        client = await NatsClient.open(address, "test", lost.set_result)
        with pytest.raises(NoAnswerError):
            await client.request("a", b"", 0.001)
        assert "has not answered" in await lost


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

    async with _server(serve) as address:
        client = await NatsClient.open(address, "test", _never)
        while not client.is_congested:
            client.publish(b"a", bytes(100_000))
        may_read.set()
        await client.writable()
        assert not client.is_congested
        await client.flush()
        await client.close()


@in_a_loop
async def test_the_first_server_that_answers_is_taken(nats_url: str) -> None:
    bus = await Bus.connect(f"nats://127.0.0.1:1,{nats_url}")
    await bus.ensure_stream()
    assert await bus.last_message("order.evt.filled.s.a") is None
    await bus.close()


@in_a_loop
async def test_a_wrong_token_is_said(nats_url: str) -> None:
    [address] = addresses(nats_url)
    with pytest.raises(BusUnavailable, match="Authorization Violation"):
        await Bus.connect(f"nats://{address.host}:{address.port}", token="wrong")


def _never(why: str) -> None:
    raise AssertionError(why)


async def _greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """INFO, and the answer to the PING after CONNECT; then the subscription for replies."""
    writer.write(HELLO)
    await reader.readuntil(b"PING\r\n")
    writer.write(b"PONG\r\n")
    await reader.readuntil(b"\r\n")


class _server:  # noqa: N801  # used as a function
    """A server on a free port that serves one connection."""

    def __init__(
        self, serve: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Coroutine[Any, Any, None]]
    ) -> None:
        self._serve = serve

    async def __aenter__(self) -> Address:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return Address("127.0.0.1", self._server.sockets[0].getsockname()[1], False)

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        await self._server.wait_closed()


def _certificate(folder: Path) -> tuple[Path, ssl.SSLContext]:
    """A certificate for 127.0.0.1 that signs itself, and a server's context with it."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    public, private = folder / "certificate.pem", folder / "key.pem"
    public.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(public, private)
    return public, context
