"""The database's absences: what the log and the incidents say of them."""

from __future__ import annotations

import time
from typing import Any

import msgspec
import psycopg

from live_runner.contracts.errors import RunnerError
from live_runner.services.recorder.core.batch import Batch
from live_runner.services.recorder.core.packing import json_text
from live_runner.services.runtime.config.masking import masked, masked_values
from live_runner.services.runtime.service import log

__all__ = ["Outages"]


class _Outage(msgspec.Struct):
    since: float
    attempts: int
    reason: str


class Outages:
    """Whether the database is being waited for, and since when."""

    def __init__(self) -> None:
        self._log = log.get("recorder")
        self._now: _Outage | None = None

    def note(self, error: psycopg.Error | RunnerError) -> None:
        """An attempt failed."""
        reason = " ".join(masked(str(error)).split()) or type(error).__name__
        if self._now is None:
            self._now = _Outage(time.monotonic(), 1, reason)
            self._log.warning("waiting for the database", reason=reason)
        else:
            self._now.attempts += 1
            if self._now.reason != reason:
                self._now.reason = reason
                self._log.warning("still waiting for the database", reason=reason)

    def end(self, sessions: list[str]) -> None:
        """An attempt succeeded."""
        if self._now is not None:
            away_s = round(time.monotonic() - self._now.since, 3)
            self._log.info("the database is back", away_s=away_s, sessions=sessions)
            self._now = None

    def incidents(self, batch: Batch, sessions: list[str]) -> list[dict[str, Any]]:
        """Parameters of INCIDENT: the batch's findings, and the absence before it."""
        found = [
            {
                "session": finding.session,
                "severity": finding.severity,
                "code": finding.code,
                "message": finding.message,
                "details": finding.details,
                "stream_seq": finding.stream_seq,
            }
            for finding in batch.findings
        ]
        if self._now is not None:
            away_s = round(time.monotonic() - self._now.since, 3)
            found += [
                {
                    "session": session,
                    "severity": "warning",
                    "code": "database_away",
                    "message": f"The recorder waited {away_s:g} s for the database; nothing was dropped",
                    "details": {"away_s": away_s, "attempts": self._now.attempts, "reason": self._now.reason},
                    "stream_seq": batch.last_stream_seq,
                }
                for session in sessions
            ]
        for incident in found:
            self._log.warning("incident", **{k: v for k, v in incident.items() if k != "details"})
            incident["details"] = json_text(masked_values(incident["details"])).decode()
            incident["message"] = masked(incident["message"]).replace("\0", "\u2400")
            incident["session"] = incident["session"].replace("\0", "\u2400")
        return found
