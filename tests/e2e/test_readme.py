"""What the README tells people to type works as it stands there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", flags=re.MULTILINE | re.DOTALL)
COMMAND_LIMIT_S = 240


def blocks(repository: Path, language: str) -> list[str]:
    text = (repository / "README.md").read_text(encoding="utf-8")
    return [body for found, body in BLOCK.findall(text) if found == language]


@pytest.fixture
def played(repository: Path, tmp_path: Path, postgres_dsn: str) -> str:
    """The README's strategy and configuration as files, and every command typed; the database afterwards."""
    for body in [*blocks(repository, "python"), *blocks(repository, "yaml")]:
        name = body.partition("\n")[0].removeprefix("# ")
        (tmp_path / name).write_text(body, encoding="utf-8")
    environment = {**os.environ, "TIMESCALE_DSN": postgres_dsn}
    environment.pop("NATS_URL", None)
    lines = [line for body in blocks(repository, "sh") for line in body.splitlines() if line]
    assert all(line.startswith("live-runner ") for line in lines)
    for line in lines:
        command = line.replace("live-runner", f"{sys.executable} -P -m live_runner.services.cli.main", 1)
        done = subprocess.run(
            command, shell=True, cwd=tmp_path, env=environment, capture_output=True, text=True,
            timeout=COMMAND_LIMIT_S, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"{line}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    return postgres_dsn


def test_every_command_of_the_readme_works_and_every_query_answers(repository: Path, played: str) -> None:
    queries = blocks(repository, "sql")

    with psycopg.connect(played) as connection:
        rows = {query: connection.execute(query.encode()).fetchall() for query in queries}

    silent = [query for query, found in rows.items() if not found]
    # A session in which nothing was refused and nothing went wrong has no such rows.
    assert all(any(word in query for word in ("refused", "incidents", "failures")) for query in silent), silent
    assert len(queries) > 5
