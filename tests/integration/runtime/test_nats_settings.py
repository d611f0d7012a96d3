"""How NATS is reached: logins, TLS, several servers, domains, replicas, WebSockets, each on a real server."""

from __future__ import annotations

import asyncio
import functools
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
from fix_nats import NatsServer
from fix_nats_servers import RawServer, StartServer, free_ports, jetstream
from nats_keys import Authority, Key, creds, operator_configuration

from live_runner.contracts import codec, subjects
from live_runner.contracts.errors import BusUnavailable, ConfigError
from live_runner.contracts.messages import Executed
from live_runner.services.runtime.config.settings import NatsSettings
from live_runner.services.runtime.nats.bus import SNAPSHOT_BUCKET, Bus

DEADLINE_S = 60.0


def in_a_loop[**P](test: Callable[P, Coroutine[Any, Any, None]]) -> Callable[P, None]:
    """Run the test in an event loop of its own, in bounded time."""

    @functools.wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        asyncio.run(asyncio.wait_for(test(*args, **kwargs), DEADLINE_S))

    return run


def executed(number: int) -> Executed:
    return Executed(
        close_ns=number,
        requested=0,
        refused=0,
        id=f"s/execution/{number}",
        session="s",
        source="execution",
        seq=number,
        event_ns=number,
    )


async def works(nats: NatsSettings) -> None:
    """Everything that the house asks of NATS, once."""
    bus = await Bus.connect(nats)
    await bus.ensure_stream()
    before = await bus.last_seq()
    got: asyncio.Queue[bytes] = asyncio.Queue()
    in_bulk: asyncio.Queue[bytes] = asyncio.Queue()
    reader = await bus.reader(subjects.of_session("s"), before + 1, lambda message: got.put(message.data))
    bulk = await bus.bulk_reader(subjects.of_session("s"), before + 1, lambda message: in_bulk.put(message.data))
    publisher = await bus.publisher()
    for number in range(1, 4):
        await publisher.publish(executed(number))
    await publisher.flush()
    assert [codec.decode(await got.get()).seq for _ in range(3)] == [1, 2, 3]
    assert [codec.decode(await in_bulk.get()).seq for _ in range(3)] == [1, 2, 3]
    found = await bus.last_message(subjects.event_subject("account.executed", "s"))
    assert found is not None
    data = os.urandom(300_000)
    await bus.put_object("s/execution/1", data)
    assert await bus.get_object("s/execution/1") == data
    assert await bus.purge(subjects.event_subject("account.executed", "s"), before + 2) >= 1
    assert len(await bus.consumers()) == 2
    await reader.close()
    await bulk.close()
    assert await bus.consumers() == []
    await bus.close()


# -- who we are ----------------------------------------------------------------------------------


@in_a_loop
async def test_login_with_an_nkey(tmp_path: Path, start_server: StartServer) -> None:
    key = Key("U")
    login = f"authorization {{ users: [ {{ nkey: {key.public} }} ] }}\n"
    server = start_server("nkey", jetstream(tmp_path) + login)
    for name, text in {"right": key.seed, "wrong": Key("U").seed, "broken": "SUANONSENSE"}.items():
        (tmp_path / name).write_text(f"{text}\n")

    await works(NatsSettings(server.url, nkey=str(tmp_path / "right")))
    with pytest.raises(BusUnavailable, match="Authorization Violation"):
        await Bus.connect(NatsSettings(server.url, nkey=str(tmp_path / "wrong")))
    with pytest.raises(ConfigError, match="NATS_NKEY"):
        await Bus.connect(NatsSettings(server.url, nkey=str(tmp_path / "broken")))


@in_a_loop
async def test_login_with_a_creds_file(tmp_path: Path, start_server: StartServer) -> None:
    account, stranger = Key("A"), Key("A")
    server = start_server("creds", jetstream(tmp_path) + operator_configuration(account))
    whole = creds(account, Key("U"))
    files = {"right": whole, "wrong": creds(stranger, Key("U")), "half": whole.partition("\n\n")[0], "empty": ""}
    for name, text in files.items():
        (tmp_path / f"{name}.creds").write_text(text)

    await works(NatsSettings(server.url, creds=str(tmp_path / "right.creds")))
    with pytest.raises(BusUnavailable, match="Authorization Violation"):
        await Bus.connect(NatsSettings(server.url, creds=str(tmp_path / "wrong.creds")))
    for name in ("half", "empty", "absent"):
        with pytest.raises(ConfigError, match=f"NATS_CREDS names .*{name}"):
            await Bus.connect(NatsSettings(server.url, creds=str(tmp_path / f"{name}.creds")))


@in_a_loop
async def test_login_with_what_stands_in_the_address(tmp_path: Path, start_server: StartServer) -> None:
    login = 'authorization { user: "me@home", password: "p:w/d" }\n'
    server = start_server("password", jetstream(tmp_path) + login)

    await works(NatsSettings(f"nats://me%40home:p%3Aw%2Fd@{server.place}", token="not of this server"))
    with pytest.raises(BusUnavailable, match="Authorization Violation") as refused:
        await Bus.connect(f"nats://me:secret@{server.place}")
    assert "secret" not in str(refused.value)


@in_a_loop
async def test_a_permission_that_is_missing_counts_as_lost(tmp_path: Path, start_server: StartServer) -> None:
    """A message may have been dropped, so nothing goes on as if it had not."""
    login = 'authorization { users: [ { user: u, password: p, permissions: { publish: { deny: "order.evt.>" } } } ] }\n'
    server = start_server("denied", jetstream(tmp_path) + login)
    bus = await Bus.connect(f"nats://u:p@{server.place}")
    await bus.ensure_stream()
    publisher = await bus.publisher()
    await publisher.publish_bytes("order.evt.filled.s", b"no")

    with pytest.raises(BusUnavailable, match=r"(?i)permissions violation"):
        await bus.lost
    with pytest.raises(BusUnavailable):
        await publisher.publish(executed(1))
    await bus.close()


@in_a_loop
async def test_the_permissions_that_the_page_lists_are_enough(
    tmp_path: Path, start_server: StartServer, repository: Path
) -> None:
    page = (repository / "docs" / "entrypoint.md").read_text(encoding="utf-8")
    sentence = page.partition("A user needs to publish and subscribe on ")[2].partition(". A permission")[0]
    allowed = [json.dumps(word) for word in sentence.replace("\n", " ").split("`")[1::2]]
    assert len(allowed) >= 12
    both = f"publish: [{', '.join(allowed)}], subscribe: [{', '.join(allowed)}]"
    login = f"authorization {{ users: [ {{ user: u, password: p, permissions: {{ {both} }} }} ] }}\n"
    server = start_server("allowed", jetstream(tmp_path) + login)

    await works(NatsSettings(f"nats://u:p@{server.place}"))


# -- TLS -----------------------------------------------------------------------------------------


@in_a_loop
async def test_tls_with_a_private_authority_and_client_certificates(tmp_path: Path, start_server: StartServer) -> None:
    authority, other = Authority(tmp_path), Authority(_folder(tmp_path / "other"))
    (certificate, key), (cert, private) = authority.issue("server"), authority.issue("client")
    files = f'cert_file: "{certificate}", key_file: "{key}", ca_file: "{authority.certificate}"'
    server = start_server("tls", jetstream(tmp_path) + f"tls {{ {files}, verify: true }}\n")
    ca = str(authority.certificate)

    await works(NatsSettings(server.url, ca=ca, cert=str(cert), key=str(private)))
    await works(NatsSettings(f"tls://{server.place}", ca=ca, cert=str(cert), key=str(private)))
    with pytest.raises(BusUnavailable, match="certificate verify failed"):
        await Bus.connect(f"tls://{server.place}")
    with pytest.raises(BusUnavailable, match="certificate verify failed"):
        await Bus.connect(NatsSettings(server.url, ca=str(other.certificate)))
    with pytest.raises(BusUnavailable, match="does not answer"):
        await Bus.connect(NatsSettings(server.url, ca=ca))  # without a client certificate
    with pytest.raises(ConfigError, match="NATS_CA"):
        await Bus.connect(NatsSettings(server.url, ca=str(private)))
    with pytest.raises(ConfigError, match="NATS_CERT"):
        await Bus.connect(NatsSettings(server.url, ca=ca, cert=str(cert), key=str(key)))


@in_a_loop
async def test_a_login_is_never_sent_without_the_encryption_that_was_asked_for(
    tmp_path: Path, start_server: StartServer
) -> None:
    server = start_server("plain", jetstream(tmp_path))
    authority = Authority(tmp_path)

    for nats in (
        NatsSettings(f"tls://me:secret@{server.place}"),
        NatsSettings(f"nats://me:secret@{server.place}", ca=str(authority.certificate)),
    ):
        with pytest.raises(BusUnavailable, match="secure connection not available"):
            await Bus.connect(nats)


@in_a_loop
async def test_encryption_that_a_server_only_offers_is_used_when_asked_for(
    tmp_path: Path, start_server: StartServer
) -> None:
    authority = Authority(tmp_path)
    certificate, key = authority.issue("server")
    files = f'cert_file: "{certificate}", key_file: "{key}"'
    server = start_server("offers", jetstream(tmp_path) + f"allow_non_tls: true\ntls {{ {files} }}\n")

    await works(NatsSettings(server.url))
    await works(NatsSettings(f"tls://{server.place}", ca=str(authority.certificate)))


# -- several servers -----------------------------------------------------------------------------


def cluster(tmp_path: Path, start_server: StartServer, size: int = 3) -> list[RawServer]:
    """Servers that know each other."""
    clients, routes = free_ports(size), free_ports(size)
    known = ", ".join(f'"nats://127.0.0.1:{port}"' for port in routes)
    return [
        start_server(
            f"n{at}",
            f"port: {clients[at]}\n{jetstream(_folder(tmp_path / f'store{at}'))}"
            f'lame_duck_duration: "30s"\nlame_duck_grace_period: "1s"\n'
            f"cluster {{ name: c, host: 127.0.0.1, port: {routes[at]}, routes: [{known}] }}\n",
        )
        for at in range(size)
    ]


async def connected_to(bus: Bus) -> int:
    """Port of the server."""
    url = bus._connection.connected_url
    assert url is not None
    assert url.port is not None
    return int(url.port)


async def with_stream(nats: NatsSettings) -> Bus:
    """A connection to a cluster that has chosen its leader by now."""
    bus = await Bus.connect(nats, wait_s=DEADLINE_S)
    while True:
        try:
            await bus.ensure_stream()
        except BusUnavailable:
            await asyncio.sleep(0.1)  # no leader yet
        else:
            return bus


@in_a_loop
async def test_the_log_has_copies_and_outlives_a_server_of_the_cluster(
    tmp_path: Path, start_server: StartServer
) -> None:
    """One address is enough: the others are discovered, and found again when the first one is gone."""
    servers = cluster(tmp_path, start_server)
    first = servers[0]
    nats = NatsSettings(f"nats://127.0.0.1:1,{first.url}", replicas=3)
    bus = await with_stream(nats)
    for name in (subjects.STREAM, f"OBJ_{SNAPSHOT_BUCKET}"):
        assert (await bus.jetstream(f"STREAM.INFO.{name}"))["config"]["num_replicas"] == 3
    while len(bus.discovered) < 2:
        await bus.flush()
    discovered = bus.discovered
    assert {url.rpartition(":")[2] for url in discovered} >= {str(server.port) for server in servers[1:]}
    await bus.publish(executed(1))
    await bus.put_object("s/execution/1", b"kept")

    os.kill(first.process.pid, signal.SIGKILL)
    with pytest.raises(BusUnavailable):
        await bus.lost
    await bus.close()
    again = await Bus.connect(nats, also=discovered, wait_s=DEADLINE_S)
    assert await connected_to(again) in {server.port for server in servers[1:]}
    while True:
        try:
            assert await again.last_seq() == 1
            assert await again.get_object("s/execution/1") == b"kept"
            break
        except BusUnavailable:
            await asyncio.sleep(0.1)  # the others choose a new leader
    await again.close()


@in_a_loop
async def test_a_stream_of_one_copy_gets_more_where_they_are_set(tmp_path: Path, start_server: StartServer) -> None:
    servers = cluster(tmp_path, start_server)
    urls = ",".join(server.url for server in servers)
    await (await with_stream(NatsSettings(urls))).close()
    bus = await with_stream(NatsSettings(urls, replicas=3))
    assert (await bus.jetstream(f"STREAM.INFO.{subjects.STREAM}"))["config"]["num_replicas"] == 3
    await bus.close()
    bus = await with_stream(NatsSettings(urls))  # nothing set: as it is
    assert (await bus.jetstream(f"STREAM.INFO.{subjects.STREAM}"))["config"]["num_replicas"] == 3
    await bus.close()


@in_a_loop
async def test_a_server_that_is_shutting_down_is_left_before_it_cuts(tmp_path: Path, start_server: StartServer) -> None:
    servers = cluster(tmp_path, start_server)
    bus = await with_stream(NatsSettings(servers[0].url))
    while len(bus.discovered) < 2:
        await bus.flush()
    discovered = bus.discovered

    os.kill(servers[0].process.pid, signal.SIGUSR2)
    with pytest.raises(BusUnavailable, match="lame duck"):
        await bus.lost
    await bus.close()
    again = await Bus.connect(NatsSettings(servers[0].url), also=discovered, wait_s=DEADLINE_S)
    assert await connected_to(again) != servers[0].port
    await again.close()


@in_a_loop
async def test_the_log_of_a_domain_is_used_behind_a_leaf_node(tmp_path: Path, start_server: StartServer) -> None:
    leaves = free_ports(1)[0]
    hub = start_server(
        "hub", jetstream(_folder(tmp_path / "hub-store"), "hub") + f"leafnodes {{ host: 127.0.0.1, port: {leaves} }}\n"
    )
    leaf = start_server(
        "leaf",
        jetstream(_folder(tmp_path / "leaf-store"), "leaf")
        + f'leafnodes {{ remotes: [ {{ url: "nats://127.0.0.1:{leaves}" }} ] }}\n',
    )
    nats = NatsSettings(leaf.url, domain="hub")
    while True:
        try:
            bus = await Bus.connect(nats, wait_s=DEADLINE_S)
            await bus.ensure_stream()
            await bus.close()
            break
        except BusUnavailable:
            await bus.close()  # the leaf is not bound to the hub yet

    await works(nats)
    at_the_hub = await Bus.connect(hub.url)
    assert (await at_the_hub.log_state()).last_seq > 0
    await at_the_hub.close()
    of_the_leaf = await Bus.connect(leaf.url)
    with pytest.raises(BusUnavailable, match="stream not found"):
        await of_the_leaf.log_state()
    await of_the_leaf.close()


# -- WebSockets, and what is imported ------------------------------------------------------------


@pytest.mark.filterwarnings("ignore:parameter 'timeout' of type 'float':DeprecationWarning")  # nats-py's, to aiohttp
@in_a_loop
async def test_a_websocket(tmp_path: Path, start_server: StartServer) -> None:
    server = start_server("ws", jetstream(tmp_path) + "websocket { host: 127.0.0.1, port: -1, no_tls: true }\n")

    await works(NatsSettings(f"ws://127.0.0.1:{server.websocket_port}"))


def test_a_connection_imports_no_websockets_until_it_needs_them(nats_server: NatsServer) -> None:
    """They would cost each service more than the rest of the client (services/runtime/nats/__init__.py)."""
    program = (
        "import asyncio, sys\n"
        "from live_runner.services.runtime.nats.bus import Bus\n"
        "async def run():\n"
        "    bus = await Bus.connect(sys.argv[1])\n"
        "    await bus.close()\n"
        "asyncio.run(run())\n"
        "assert 'aiohttp' not in sys.modules\n"
        "import aiohttp, nats.aio.transport\n"
        "assert nats.aio.transport.aiohttp is None\n"
    )
    url = nats_server.url.replace("nats://", f"nats://{nats_server.token}@")
    subprocess.run([sys.executable, "-P", "-c", program, url], check=True, timeout=DEADLINE_S)


@pytest.mark.parametrize(
    "url", ["", "http://host:4222", "nats://", "nats://host:no", "nats://host:99999", "nats://:4222"]
)
def test_what_is_not_an_address_is_named(url: str) -> None:
    with pytest.raises(BusUnavailable, match="is not a valid address of NATS"):
        asyncio.run(Bus.connect(url))


def _folder(path: Path) -> Path:
    path.mkdir(exist_ok=True)
    return path
