"""The way to the other services: the bus. What it answers, a browser can go on from."""

from collections.abc import Mapping
from typing import Any

from libs.bus import Answer as BusAnswer
from libs.kernel.messages import NOBODY, registry
from libs.live.asking import Respondent
from libs.live.cursor import Cursor, CursorSigner, canonical, digest_of_result, hash_of_epoch
from libs.live.question import Question, Questions
from services.web.adapters.asking import Answer


class BusAsk:
    """Ask over the bus what everyone may know.

    Answers carry a cursor as a gateway would have written it, so that the live query of a page
    resumes from what the page was rendered from.
    """

    def __init__(self, respondent: Respondent, cursor_secret: str | None) -> None:
        """`cursor_secret` is the gateways' own; None writes no cursors."""
        self._respondent = respondent
        self._questions = Questions(registry, asked_by="web")
        self._signer = None if cursor_secret is None else CursorSigner(cursor_secret.encode())

    async def __call__(self, query: str, args: Mapping[str, Any]) -> Answer:
        question = self._questions.of(query, dict(args), NOBODY)
        answer = await self._respondent.ask_raw(query, question.args, caller=question.caller)
        cursor = self._cursor(question, answer)
        return {"position": answer.position, "cursor": cursor, "result": answer.result}

    def _cursor(self, question: Question, answer: BusAnswer) -> str | None:
        if self._signer is None:
            return None
        place = Cursor(
            question.hash,
            hash_of_epoch(answer.epoch),
            answer.position,
            digest_of_result(canonical(answer.result)),
        )
        return self._signer.write(place)
