"""docs/client_ids.md: our client order ids at each venue, from the profiles in services/venues."""

from __future__ import annotations

from pages.markdown import MADE, table

from live_runner.services.venues.client_ids import OPERATIONS, OURS, WORDED, CcxtCall, ClientIds, NoCall
from live_runner.services.venues.registry import PROFILES

HEADS = {
    "place": "place",
    "place_trigger": "place a trigger order",
    "fetch": "look up",
    "fetch_trigger": "look up a trigger order",
    "cancel": "cancel",
    "cancel_trigger": "cancel a trigger order",
}


def page() -> str:
    """The whole page."""
    known = {name: profile.client_ids for name, profile in sorted(PROFILES.items()) if profile.client_ids}
    lines = [
        MADE,
        "",
        "# Client order ids at the venues",
        "",
        "An order is known by an id that is made before it is sent: 28 characters of `[0-9a-f]`, from session,",
        "intent and attempt, so that a restart makes the same one. The tables are data in `services/venues`; each",
        "request in them is built by unmodified ccxt in `tests/property/test_client_ids.py`. No order is sent to a",
        "venue yet.",
        "",
        "## The id",
        "",
        "`<id>` is ours. An order that a venue names otherwise is not: one placed by hand, a forced close, another",
        "program's.",
        "",
        *table(
            ["venue", "worded", "the venue takes", "stored"],
            (
                [
                    name,
                    f"`{ids.worded('<id>')}`",
                    f"`{ids.takes}`",
                    "in lower case" if ids.stored_in_lower_case else "as sent",
                ]
                for name, ids in known.items()
            ),
        ),
        "## In requests",
        "",
        "ccxt's method, what it is given (`ours` is the id, `worded` the id as the venue has it), and the venue's",
        "field in which the id leaves; a field in braces is the end of the path. A trigger order waits at the venue",
        "for a price. `fetch_orders` and `fetch_open_orders` answer with a list: the order, or nothing.",
        "",
    ]
    for name, ids in known.items():
        lines += [f"### {name}", "", *_requests(ids)]
    return "\n".join(lines).rstrip("\n") + "\n"


def _requests(ids: ClientIds) -> list[str]:
    rows = []
    for operation in OPERATIONS:
        call = ids.calls[operation]
        if isinstance(call, NoCall):
            rows.append([HEADS[operation], "not possible", "", call.reason])
        else:
            rows.append([HEADS[operation], f"`{call.method}`", f"`{_given(call)}`", _fields(call)])
    return table(["to", "ccxt", "given", "leaves as"], rows)


def _given(call: CcxtCall) -> str:
    text = ", ".join(f"{key}={value!r}" for key, value in call.arguments.items())
    return text.replace(repr(OURS), "ours").replace(repr(WORDED), "worded")


def _fields(call: CcxtCall) -> str:
    return ", ".join(f"`{field}`" for field in call.fields)
