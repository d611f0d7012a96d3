"""The embedded servers: real ones, killed and started again."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import psycopg
import pytest

from live_runner.contracts.errors import ConfigError, DatabaseUnavailable
from live_runner.services.runtime.config.settings import Settings
from live_runner.services.runtime.embedded import postgres_server
from live_runner.services.runtime.embedded.nats_server import probe, start_nats
from live_runner.services.runtime.embedded.postgres_server import start_postgres
from live_runner.services.runtime.embedded.process import Process, is_alive, wait_until_gone
from live_runner.services.runtime.embedded.servers import Embedded, find, is_owned, nats_folder, postgres_folder

GONE_LIMIT_S = 30.0


def start(home: Path, **servers: Any) -> Embedded:
    return Embedded.start(Settings(home=home), **servers)


async def store(settings: Settings, data: bytes) -> None:
    import nats

    client = await nats.connect(settings.nats_url or "", token=settings.nats_token)
    jetstream = client.jetstream()
    await jetstream.add_stream(name="KEPT", subjects=["kept"])
    await jetstream.publish("kept", data)
    await client.close()


async def stored(settings: Settings) -> bytes | None:
    import nats

    client = await nats.connect(settings.nats_url or "", token=settings.nats_token)
    message = await client.jetstream().get_last_msg("KEPT", "kept")
    await client.close()
    return message.data


def test_both_servers_answer_and_end_with_their_owner(tmp_path: Path) -> None:
    with start(tmp_path / "home") as embedded:
        pids = [process.pid for process in embedded.owned]
        asyncio.run(store(embedded.settings, b"one"))
        with psycopg.connect(embedded.settings.timescale_dsn or "") as connection:
            assert connection.execute("select 1").fetchone() == (1,)

    assert len(pids) == 2
    assert not any(is_alive(pid) for pid in pids)
    assert find(Settings(home=tmp_path / "home")).nats_url is None


def test_a_second_user_of_the_folder_gets_the_same_servers(tmp_path: Path) -> None:
    with start(tmp_path) as first:
        second = start(tmp_path)

        assert second.owned == []
        assert second.settings == first.settings == find(Settings(home=tmp_path))
        assert first.is_shared()

        second.stop()

        assert not first.is_shared()


def test_a_run_waits_for_the_command_that_has_started_a_server_and_starts_its_own(tmp_path: Path) -> None:
    with start(tmp_path, nats=False):
        pass
    brief = start(tmp_path, nats=False, is_brief=True)
    begun: list[Embedded] = []
    is_waiting, is_begun, may_end = threading.Event(), threading.Event(), threading.Event()

    def run() -> None:  # to its end on one thread: a server ends with the thread that started it
        with start(tmp_path, nats=False, on_wait=lambda _: is_waiting.set()) as ours:
            begun.append(ours)
            is_begun.set()
            may_end.wait(GONE_LIMIT_S)

    beside = threading.Thread(target=run)
    beside.start()
    try:
        assert is_waiting.wait(GONE_LIMIT_S)
        assert not begun
        brief.stop()  # which would wait for the end of that run, if the two shared the server
        assert is_begun.wait(GONE_LIMIT_S)
        [ours] = begun
        assert [process.program.name for process in ours.owned] == ["postgres"]
        with start(tmp_path, nats=False, is_brief=True) as guest:
            assert guest.owned == []
            assert guest.settings == ours.settings
    finally:
        may_end.set()
        brief.stop()
        beside.join(GONE_LIMIT_S)


def test_what_was_stored_survives_a_kill_of_both_servers(tmp_path: Path) -> None:
    """D: a process crash loses nothing acknowledged, and the next start recovers by itself."""
    embedded = start(tmp_path)
    asyncio.run(store(embedded.settings, b"kept"))
    with psycopg.connect(embedded.settings.timescale_dsn or "") as connection:
        connection.execute("create table kept (n int)")
        connection.execute("insert into kept values (42)")
    for process in embedded.owned:
        os.kill(process.pid, signal.SIGKILL)
    embedded.stop()

    with start(tmp_path) as again:
        assert asyncio.run(stored(again.settings)) == b"kept"
        with psycopg.connect(again.settings.timescale_dsn or "") as connection:
            assert connection.execute("select n from kept").fetchone() == (42,)


def test_a_killed_owner_leaves_no_orphans(tmp_path: Path) -> None:
    """Nothing outlives `run`, not even when it is ended by kill -9."""
    script = (
        "import sys, time; from pathlib import Path\n"
        "from live_runner.services.runtime.embedded.servers import Embedded\n"
        "from live_runner.services.runtime.config.settings import Settings\n"
        "e = Embedded.start(Settings(home=Path(sys.argv[1])))\n"
        "print(*[p.pid for p in e.owned], flush=True)\n"
        "time.sleep(600)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path)], stdout=subprocess.PIPE, text=True, cwd=tmp_path
    ) as owner:
        assert owner.stdout is not None
        pids = [int(word) for word in owner.stdout.readline().split()]
        owner.kill()

    assert len(pids) == 2
    assert all(wait_until_gone(pid, GONE_LIMIT_S) for pid in pids)
    with start(tmp_path) as again:
        assert len(again.owned) == 2


def test_a_nats_that_is_started_again_keeps_its_address(tmp_path: Path) -> None:
    server = start_nats(tmp_path)
    assert server.process is not None
    os.kill(server.pid, signal.SIGKILL)
    server.process.stop()
    again = Process(server.process.program)
    try:
        port = int(server.url.rpartition(":")[2])
        deadline = time.monotonic() + GONE_LIMIT_S
        while probe(port) is None:
            assert time.monotonic() < deadline
            time.sleep(0.02)
    finally:
        again.stop()


def test_a_taken_port_is_named_with_its_remedy(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        with pytest.raises(ConfigError, match=f"Port {port} on 127.0.0.1 is taken.*another port"):
            start_nats(tmp_path, port=port)


def test_a_given_port_is_used(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = start_nats(tmp_path, port=port, sync="always")
    assert server.process is not None
    server.process.stop()

    assert server.url == f"nats://127.0.0.1:{port}"
    assert "sync_interval: always" in (tmp_path / "nats.conf").read_text()


def test_the_secrets_of_the_servers_are_readable_by_their_owner_only(tmp_path: Path) -> None:
    with start(tmp_path):
        for path in (
            nats_folder(tmp_path) / "nats.conf",
            nats_folder(tmp_path) / "server.json",
            postgres_folder(tmp_path) / "server.json",
            postgres_folder(tmp_path) / "password",
        ):
            assert path.stat().st_mode & 0o077 == 0


def test_a_database_that_was_half_made_is_made_again(tmp_path: Path) -> None:
    (tmp_path / "data.new").mkdir(parents=True)
    (tmp_path / "data.new" / "PG_VERSION").write_text("18\n")
    server = start_postgres(tmp_path)
    assert server.process is not None
    server.process.stop()

    assert not (tmp_path / "data.new").exists()


def test_a_mark_of_a_process_that_is_no_database_is_no_obstacle(tmp_path: Path) -> None:
    """In a container the number of a killed server may belong to another program after a restart."""
    first = start_postgres(tmp_path)
    assert first.process is not None
    mark = (tmp_path / "data" / "postmaster.pid").read_text()
    first.process.stop()
    (tmp_path / "data" / "postmaster.pid").write_text(mark.replace(str(first.pid), str(os.getpid()), 1))

    again = start_postgres(tmp_path)
    assert again.process is not None
    again.process.stop()


def test_a_port_that_somebody_took_meanwhile_is_not_the_only_try(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        ports = iter([taken.getsockname()[1]])
        free_port = postgres_server._free_port
        monkeypatch.setattr(postgres_server, "_free_port", lambda: next(ports, None) or free_port())
        server = start_postgres(tmp_path)

    assert server.process is not None
    server.process.stop()


def test_a_database_that_does_not_start_says_why(tmp_path: Path) -> None:
    """Its last line is always that it is shut down, and the file has those of earlier starts."""
    first = start_postgres(tmp_path)
    assert first.process is not None
    first.process.stop()
    (tmp_path / "data" / "pg_wal").rename(tmp_path / "pg_wal")

    with pytest.raises(DatabaseUnavailable, match=r"ended at once: .*FATAL.*pg_wal"):
        start_postgres(tmp_path)


UNUSUAL = {
    "umlaut": "B\u00f6rse",
    "quotes and signs": 'it\'s "so" $HOME {#} 100% \\ ~ a=b;c, ',
    "control characters": "a\ttab and a\nline",
    "no text at all": os.fsdecode(b"\xff\xfe"),
}


def test_any_path_that_the_file_system_takes_is_a_data_folder(tmp_path: Path) -> None:
    home = tmp_path.joinpath(*UNUSUAL.values())

    with start(home) as embedded:
        asyncio.run(store(embedded.settings, b"one"))
        with psycopg.connect(embedded.settings.timescale_dsn or "") as connection:
            assert connection.execute("select 1").fetchone() == (1,)
        assert find(Settings(home=home)) == embedded.settings


ENDS_ITS_MAIN_THREAD = """
import ctypes, platform, sys, threading
threading.Thread(target=sys.stdin.read, daemon=True).start()
ctypes.CDLL(None).syscall({"x86_64": 60, "aarch64": 93}[platform.machine()], 0)
"""


def test_a_process_runs_until_its_last_thread_has_ended() -> None:
    """Until then it holds its files and ports; its main thread is a zombie meanwhile."""
    with subprocess.Popen([sys.executable, "-c", ENDS_ITS_MAIN_THREAD], stdin=subprocess.PIPE) as process:
        stat = Path(f"/proc/{process.pid}/stat")
        deadline = time.monotonic() + GONE_LIMIT_S
        while stat.read_text().rpartition(")")[2].split()[0] != "Z":
            assert time.monotonic() < deadline
        assert is_alive(process.pid)
        assert process.stdin is not None
        process.stdin.close()
        assert wait_until_gone(process.pid, GONE_LIMIT_S)
        assert process.poll() == 0


def test_a_server_that_was_started_again_is_found_and_its_store_is_locked(tmp_path: Path) -> None:
    server = start_nats(nats_folder(tmp_path))
    assert server.process is not None
    os.kill(server.pid, signal.SIGKILL)
    assert wait_until_gone(server.pid, GONE_LIMIT_S)
    assert server.process.exit_code() == -signal.SIGKILL
    assert is_owned(nats_folder(tmp_path))
    again = Process(server.process.program)
    try:
        found = find(Settings(home=tmp_path))
        assert (found.nats_url, found.nats_token) == (server.url, server.token)
    finally:
        again.stop()
    assert not is_owned(nats_folder(tmp_path))


def test_a_server_without_an_owner_keeps_its_store_from_others_until_it_ends(tmp_path: Path) -> None:
    server = start_nats(nats_folder(tmp_path))
    assert server.process is not None
    lock = server.process.program.lock
    assert lock is not None
    lock.release()  # as the kernel does when the owner is killed

    assert is_owned(nats_folder(tmp_path))
    os.kill(server.pid, signal.SIGKILL)
    server.process.stop()
    assert not is_owned(nats_folder(tmp_path))


def test_a_folder_that_cannot_be_made_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(ConfigError, match="cannot be used"):
        start(tmp_path / "file" / "home")
