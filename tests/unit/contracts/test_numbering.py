"""Numbers, ids and the running hash of a source."""

from __future__ import annotations

from hashlib import blake2b

import msgspec

from live_runner.contracts import ids
from live_runner.contracts.codec import encode
from live_runner.contracts.messages import Executed, Finished
from live_runner.contracts.numbering import FIRST_HASH, Numbering


def _executed(numbering: Numbering, close_ns: int = 60) -> Executed:
    return numbering.make(
        Executed, cause="demo/strategy/1", event_ns=close_ns, close_ns=close_ns, requested=1, refused=0
    )


def test_numbers_are_contiguous_from_one_and_make_the_id() -> None:
    numbering = Numbering("demo", "execution")

    made = [_executed(numbering) for _ in range(3)]

    assert [event.seq for event in made] == [1, 2, 3]
    assert [event.id for event in made] == ["demo/execution/1", "demo/execution/2", "demo/execution/3"]


def test_the_running_hash_is_the_one_written_down() -> None:
    numbering = Numbering("demo", "strategy")
    first = _executed(numbering)

    closing = numbering.close(Finished, cause="x", event_ns=60)

    digest = blake2b(bytes.fromhex(FIRST_HASH), digest_size=16)
    for event in (first, msgspec.structs.replace(closing, hash="")):
        data = encode(event)
        digest.update(len(data).to_bytes(4, "big") + data)
    assert digest.hexdigest() == closing.hash == numbering.hash


def test_the_hash_of_a_step_depends_on_every_step_before() -> None:
    first, second = Numbering("demo", "strategy"), Numbering("demo", "strategy")
    _executed(first, 60)
    _executed(second, 61)
    first.close(Finished, cause="x", event_ns=60)
    second.close(Finished, cause="x", event_ns=60)

    assert first.close(Finished, cause="x", event_ns=120).hash != second.close(Finished, cause="x", event_ns=120).hash


def test_a_restored_numbering_goes_on_in_the_middle_of_a_step() -> None:
    """P10."""
    original = Numbering("demo", "execution")
    _executed(original)
    copy = Numbering("demo", "execution")
    copy.restore(original.state())

    _executed(original)
    _executed(copy)

    assert original.close(Finished, cause="x", event_ns=1) == copy.close(Finished, cause="x", event_ns=1)


def test_without_hashing_the_events_are_the_same_and_the_hash_is_empty() -> None:
    plain, hashed = Numbering("demo", "execution", hashing=False), Numbering("demo", "execution")

    assert _executed(plain) == _executed(hashed)
    assert plain.close(Finished, cause="x", event_ns=1).hash == ""


def test_ids_hold_the_session_so_that_two_can_play_one_recording() -> None:
    def order(session: str) -> str:
        return ids.order_id(ids.intent_id(session, 60, 1), 1)

    assert ids.event_id("a", "execution", 1) != ids.event_id("b", "execution", 1)
    assert order("a") != order("b")
    assert ids.client_order_id(order("a")) != ids.client_order_id(order("b"))


def test_a_client_order_id_differs_between_attempts_and_parts() -> None:
    """O16."""
    intent = ids.intent_id("demo", 60, 1)
    made = [ids.client_order_id(ids.order_id(intent, attempt, part)) for attempt in (1, 2) for part in ("", "sl", "tp")]

    assert len(set(made)) == 6
    assert made[0] == ids.client_order_id(ids.order_id(intent, 1))


def test_an_event_carries_the_version_of_its_shape() -> None:
    class Newer(Finished, frozen=True, kw_only=False, tag="strategy.newer"):
        VERSION = 2

    made = Numbering("demo", "strategy").make(Newer, cause="x", event_ns=1)

    assert (made.v, _executed(Numbering("demo", "execution")).v) == (2, 1)
