"""What a page is rendered from, a gateway can go on from."""

from typing import Any

import pytest

from libs.bus import Answer
from libs.kernel.errors import Unauthenticated
from libs.kernel.messages import NOBODY, Caller, registry
from libs.live.cursor import CursorSigner, canonical, digest_of_result, hash_of_epoch
from libs.live.question import Questions
from services.web.adapters.bus import BusAsk

RESULT = {"show_id": "s1", "total": 3}


class Respondent:
    """Answers everything alike, and remembers who asked what."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, dict[str, Any], Caller]] = []

    async def ask_raw(
        self,
        name: str,
        args: dict[str, Any],
        *,
        caller: Caller,
        after: int | None = None,  # noqa: ARG002
    ) -> Answer:
        self.asked.append((name, args, caller))
        return Answer(position=41, epoch="epoch-1", result=RESULT)


async def test_gives_the_cursor_that_a_gateway_would() -> None:
    ask = BusAsk(Respondent(), "secret")
    answer = await ask("voting.get-leaderboard", {"show_id": "s1"})
    assert answer["cursor"]
    cursor = CursorSigner(b"secret").read(answer["cursor"])
    assert cursor
    # A browser may leave out what has a default, and write the rest in any order.
    gateway = Questions(registry, asked_by="gateway")
    question = gateway.of("voting.get-leaderboard", {"limit": 20, "show_id": "s1"}, NOBODY)
    assert cursor.question == question.hash
    assert (cursor.epoch, cursor.position) == (hash_of_epoch("epoch-1"), answer["position"])
    assert cursor.digest == digest_of_result(canonical(RESULT))


async def test_gives_no_cursor_when_there_is_no_secret() -> None:
    answer = await BusAsk(Respondent(), None)("voting.get-tally", {"show_id": "s1"})
    assert answer["cursor"] is None


async def test_asks_in_the_name_of_the_service() -> None:
    respondent = Respondent()
    await BusAsk(respondent, None)("voting.get-tally", {"show_id": "s1"})
    [(name, args, caller)] = respondent.asked
    assert (name, args, caller.user_id) == ("voting.get-tally", {"show_id": "s1"}, "svc_web")


async def test_asks_for_nothing_that_is_not_for_everyone() -> None:
    respondent = Respondent()
    with pytest.raises(Unauthenticated):
        await BusAsk(respondent, None)("voting.get-my-vote", {"show_id": "s1"})
    assert respondent.asked == []
