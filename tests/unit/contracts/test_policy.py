"""I08, I09: backoff counts rejections, blocks opens and adds, and is lifted by their fill alone."""

from __future__ import annotations

from live_runner.contracts.policy import BackoffState, ExecutionPolicy, after_fill, after_rejection, is_blocked

_SECOND = 1_000_000_000


def _reject(state: BackoffState, policy: ExecutionPolicy, at_ns: int = 0) -> BackoffState:
    return after_rejection(state, policy, event_id="demo/execution/7", detail="-2019", at_ns=at_ns)


def test_one_rejection_blocks_when_one_is_allowed() -> None:
    """I08."""
    state = _reject(BackoffState(), ExecutionPolicy(max_failures=1), 5)

    assert is_blocked(state, 10**18)
    assert (state.event_id, state.detail, state.at_ns) == ("demo/execution/7", "-2019", 5)


def test_a_block_with_an_end_ends_then() -> None:
    state = _reject(BackoffState(), ExecutionPolicy(max_failures=1, backoff_s=30.0), _SECOND)

    assert is_blocked(state, 31 * _SECOND - 1)
    assert not is_blocked(state, 31 * _SECOND)


def test_a_policy_without_a_maximum_never_blocks() -> None:
    state = BackoffState()
    for _ in range(100):
        state = _reject(state, ExecutionPolicy())

    assert state.failures == 100
    assert not is_blocked(state, 0)


def test_only_an_open_or_add_fill_clears_it() -> None:
    """I08."""
    state = _reject(BackoffState(), ExecutionPolicy(max_failures=1))

    assert state == after_fill(state, "close")
    assert state == after_fill(state, "partial_close")
    assert BackoffState() == after_fill(state, "open") == after_fill(state, "add")
