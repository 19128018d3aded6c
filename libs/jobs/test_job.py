"""A job's policy: how long it waits, and what it does not try again."""

from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nats.aio.client import Client
from pydantic import ValidationError

from libs.jobs import Job, JobContext, Policy, Worker
from libs.jobs.attempts import printable
from libs.kernel.errors import Invalid, RateLimited, RemoteProblem, Unavailable
from libs.kernel.messages import message, registry


@message
class Draw:
    name: str = ""


async def draw(_arguments: Draw, _context: JobContext) -> None:
    """Draw a ticket.

    And more.
    """


@given(st.text(), st.integers(1, 1000))
def test_waits_at_least_half_and_at_most_the_whole_of_its_pause(run_id: str, attempt: int) -> None:
    policy = Policy(first_pause_seconds=2, pause_seconds_max=60)
    whole = min(60.0, 2.0 * 2.0 ** min(attempt - 1, 62))
    seconds = policy.pause_seconds(run_id, attempt)
    assert whole / 2 <= seconds <= whole
    assert policy.pause_seconds(run_id, attempt) == seconds


def test_tries_again_what_may_pass_and_parks_what_is_hopeless() -> None:
    policy = Policy(final_errors=(LookupError,))
    assert policy.is_final(Invalid())
    assert policy.is_final(KeyError("a LookupError"))
    assert policy.is_final(RemoteProblem({"kind": "rejected", "code": "x"}))
    assert not policy.is_final(RemoteProblem({"kind": "unavailable", "code": "x"}))
    assert not policy.is_final(Unavailable())
    assert not policy.is_final(RateLimited())
    assert not policy.is_final(RuntimeError())


def test_checks_what_it_is_told() -> None:
    job = Job("toy.draw", Draw, draw)
    assert job.read({"name": "ann"}) == Draw(name="ann")
    assert job.summary == "Draw a ticket."
    with pytest.raises(ValidationError):
        job.read({"name": 7})


@pytest.mark.parametrize(
    ("text", "recorded"),
    [
        (
            "GET https://api.example.org/v2?apikey=s3cret: 401",
            "GET https://api.example.org/v2?… 401",
        ),
        ("'https://ann:pw@example.org/feed' is HTML", "'https://…@example.org/feed' is HTML"),
        ("what? a\x00b\ud800", "what? ab?"),
        ("x" * 3000, "x" * 2000),
    ],
)
def test_records_no_secrets_of_addresses(text: str, recorded: str) -> None:
    assert printable(text) == recorded


def test_refuses_jobs_of_other_services_and_two_of_one_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(cast(dict[str, Any], registry.commands), "scheduler.start-run", object())
    client = cast(Client, None)
    theirs = Job("voting.draw", Draw, draw)
    mine = Job("toy.draw", Draw, draw)
    with pytest.raises(ValueError, match=r"voting\.draw"):
        Worker(service="toy", jobs=[theirs], client=client)
    with pytest.raises(ValueError, match="own jobs"):
        Worker(service="toy", jobs=[mine, mine], client=client)
