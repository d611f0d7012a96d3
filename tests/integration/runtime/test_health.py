"""The health endpoint answers HTTP as compose and Prometheus ask it."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Mapping
from typing import Any

import pytest

from live_runner.contracts.errors import ConfigError
from live_runner.services.runtime.config.settings import Settings
from live_runner.services.runtime.service.health import Health


async def ask(port: int, request: bytes) -> tuple[int, bytes]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    head, _, body = (await reader.read()).partition(b"\r\n\r\n")
    writer.close()
    await writer.wait_closed()
    return int(head.split()[1]), body


async def answers(is_well: bool, *requests: bytes) -> list[tuple[int, bytes]]:
    def check() -> tuple[bool, Mapping[str, Any]]:
        return is_well, {"sessions": ["a"]}

    health = Health(Settings(), "strategy", check)
    await health.listen("127.0.0.1", 0)
    assert health.registry is not None
    from prometheus_client import Counter

    Counter("decisions", "Decisions made.", registry=health.registry).inc(3)
    try:
        return [await ask(health.port, request) for request in requests]
    finally:
        await health.stop()


def test_health_is_200_with_facts_while_the_service_is_well() -> None:
    [(status, body)] = asyncio.run(answers(True, b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n"))

    assert status == 200
    assert json.loads(body) == {"service": "strategy", "healthy": True, "sessions": ["a"]}


def test_health_is_503_while_it_is_not() -> None:
    [(status, body)] = asyncio.run(answers(False, b"GET /health HTTP/1.1\r\n\r\n"))

    assert status == 503
    assert json.loads(body)["healthy"] is False


def test_metrics_are_in_the_prometheus_format() -> None:
    [(status, body)] = asyncio.run(answers(True, b"GET /metrics HTTP/1.1\r\n\r\n"))

    assert status == 200
    assert b"decisions_total 3.0" in body


def test_anything_else_is_refused() -> None:
    asked = (b"GET / HTTP/1.1\r\n\r\n", b"POST /health HTTP/1.1\r\n\r\n", b"x\r\n\r\n", b"GET /" + b"x" * 20_000)

    assert [status for status, _ in asyncio.run(answers(True, *asked))] == [404, 405, 400, 400]


def test_a_taken_port_is_one_clear_error() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        health = Health(Settings(health_port=port), "recorder", lambda: (True, {}))

        with pytest.raises(ConfigError, match=f"recorder.*{port}.*LIVE_RUNNER_HEALTH_PORT"):
            asyncio.run(health.start())
