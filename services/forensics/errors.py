"""Errors of unusable recordings and of refused comparisons."""

from __future__ import annotations

from live_runner.contracts.errors import DataError, TheirFault

__all__ = ["BundleError", "CodeMismatch", "RecordingError"]


class RecordingError(DataError):
    """A recording is empty, cut off, of another session or tampered with; ``reason`` is its token."""


class BundleError(DataError):
    """An archive is not a bundle, is damaged, or was changed after it was written."""


class CodeMismatch(TheirFault):
    """The code, parameters or engine at hand are not those that the session ran with."""

    exit_code = 71
