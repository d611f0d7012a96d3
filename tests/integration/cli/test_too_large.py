"""A decision larger than NATS takes ends its own session with an error that names it, and no other one."""

from __future__ import annotations

import pytest
from fix_nats_servers import StartServer, jetstream
from fix_terminal import CONFIG, LIMIT_S, OUTLASTS_EVERYTHING, Terminal

pytestmark = pytest.mark.slow

STRATEGY = """
from live_runner.strategies import intent
from live_runner.strategies.ema_cross import EmaCross


class Verbose(EmaCross):
    def on_bar(self, bar, view):
        return [intent.open(bar.symbol, "long", 1, reason="because " * 40) for _ in range(1000)]
"""


def test_a_decision_that_is_too_large_ends_its_own_session_alone(terminal: Terminal, start_server: StartServer) -> None:
    limit = "max_payload: 262144\n"  # well under that many intents, and over everything else
    terminal.environment["NATS_URL"] = start_server("small", limit + jetstream(terminal.folder / "store")).url
    other = terminal.begin("run", terminal.config(OUTLASTS_EVERYTHING), "--stage", "paper", "--speed", "6000")
    terminal.until_logged("market.bar_set", 10, other)
    (terminal.folder / "verbose.py").write_text(STRATEGY)
    config = terminal.folder / "verbose.yaml"
    text = (CONFIG % 100).replace("module: live_runner.strategies.ema_cross", "path: verbose.py")
    config.write_text(text.replace("alpha", "beta"))

    code, _, err = terminal.do("run", str(config), "--stage", "paper")

    assert code == 65, err
    assert "strategy.evt.decided.beta is larger than the 262144 that NATS takes" in err
    assert terminal.status("beta")["state"] in ("dead", "stopped")
    sets = terminal.status()["sets"]
    terminal.until(lambda: terminal.status()["sets"] > sets, other)
    assert terminal.do("end", "alpha", "--reason", "enough")[0] == 0
    _, err = other.communicate(timeout=LIMIT_S)
    assert other.returncode == 0, err
