"""Pauses between tries."""

from libs.readmodel.backoff import Backoff


def test_pauses_grow_up_to_a_bound_and_never_vanish() -> None:
    backoff = Backoff(first_seconds=0.1, most_seconds=5.0)
    pauses = [backoff.next_seconds() for _ in range(2000)]
    assert 0.05 <= pauses[0] <= 0.1
    assert 0.1 <= pauses[1] <= 0.2
    assert all(2.5 <= pause <= 5.0 for pause in pauses[6:])
    assert len(set(pauses)) > 1900


def test_pauses_are_short_again_when_it_worked() -> None:
    backoff = Backoff(first_seconds=0.1, most_seconds=5.0)
    for _ in range(10):
        backoff.next_seconds()
    backoff.reset()
    assert backoff.next_seconds() <= 0.1
