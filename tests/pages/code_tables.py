"""docs/codes.md: what each token means and what to do, from contracts/codes.py and contracts/errors.py."""

from __future__ import annotations

from collections.abc import Iterator

from pages.markdown import MADE, table, text

from live_runner.contracts import codes, errors
from live_runner.contracts.errors import RunnerError

SECTIONS = (
    (
        "Denials",
        "DENIALS",
        "The runner does not carry an intent out: `reason` of `order.refused`, of `blocked` in `strategy.decided`, and "
        "of the rejection that the strategy is notified with. Nothing was sent to a venue.",
    ),
    (
        "Rejections",
        "REJECTIONS",
        "The venue does not take an order: `code` of `order.rejected`. These are the paper venue's; a real venue's "
        "codes are its own.",
    ),
    (
        "Ends of orders",
        "ENDINGS",
        "`reason` of `order.cancel_requested`, `order.cancelled`, `order.expired` and `order.unknown`. A cancel has "
        "the strategy's own words where it gave any, and a venue's code where it sent one.",
    ),
    (
        "Incidents",
        "INCIDENTS",
        "Something an operator should know: `code` of `ops.incident`, with a severity (`warning`, `error` or `fatal`), "
        "one sentence and the facts. A fatal incident, after which the service leaves the session, has the code of an "
        "[error](#errors) besides these.",
    ),
    (
        "Declined sessions",
        "DECLINES",
        "A service does not take part, and the session does not start: `reason` of `session.refused`, exit code 66 of "
        "`run` (71 for `version_mismatch`). Where an [error](#errors) is the cause, its code stands there.",
    ),
)


def page() -> str:
    """The whole page."""
    lines = [
        MADE,
        "",
        "# Codes and remedies",
        "",
        "Every token with which something is denied, rejected, ended, declined or reported, from",
        "[contracts/codes.py](../contracts/codes.py). The sentence beside a token in its event has the numbers.",
        "[events.md](events.md) has the events, [entrypoint.md](entrypoint.md#exit-codes) the exit codes.",
        "",
    ]
    for title, name, lead in SECTIONS:
        entries = getattr(codes, name)
        lines += [f"## {title}", "", lead, ""]
        lines += table(
            ("token", "meaning", "what to do"),
            ((f"`{token}`", text(code.meaning), text(code.remedy)) for token, code in entries.items()),
        )
    lines += [
        "## Errors",
        "",
        "An error has a code, one sentence that ends with what to do, and the exit code of the command that meets it.",
        "With `--json` it is `error.code`, beside its facts.",
        "",
        *table(("code", "meaning", "exit code"), _errors()),
    ]
    return "\n".join(lines).rstrip() + "\n"


def _errors() -> Iterator[tuple[str, str, str]]:
    for kind in (getattr(errors, name) for name in errors.__all__):
        if kind is not RunnerError:
            error = kind("", reason="") if kind is errors.NormalizationRefused else kind("")
            yield f"`{error.code}`", text(kind.__doc__), str(kind.exit_code)
