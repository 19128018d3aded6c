"""Answers: what becomes of each command goes into the reply of its message, and the reply is sent
when the last of them is there.
"""

import asyncio
import logging
from typing import Any

import orjson
from nats.errors import Error as NatsError

from libs.kernel.errors import BacklineError, Problem
from libs.owner.inbox import Bundle, Completer, Inbox, Outcome, Request
from libs.owner.observed import Observed
from libs.owner.tasks import Tasks

logger = logging.getLogger(__name__)


class Replies:
    """Collects the answers of each message, and sends them together."""

    def __init__(self, inbox: Inbox, observed: Observed, tasks: Tasks) -> None:
        self._inbox = inbox
        self._observed = observed
        self._tasks = tasks
        self._ready: list[Request] = []
        self._woken = asyncio.Event()

    async def run(self) -> None:
        """Send replies until cancelled."""
        while True:
            await self._woken.wait()
            self._woken.clear()
            await self.flush()

    async def flush(self) -> None:
        """Send what is ready. A reply that gets lost is no harm: its caller asks again."""
        self._observed.tell_answers()
        while self._ready:
            ready, self._ready = self._ready, []
            for request in ready:
                await _send(request)

    def send(self, request: Request) -> None:
        """The last command of a message is answered: let its reply be sent."""
        self._ready.append(request)
        self._woken.set()

    def settle(self, bundle: Bundle, position: int) -> None:
        """A bundle is decided, and the commit its answers rest on acknowledged at a position."""
        refused = 0
        for outcome in bundle.outcomes:
            view = outcome.get("answer")
            if view is None:
                self._observed.refused(outcome["problem"])
                refused += 1
            else:
                view.position = position
        for view, landing in bundle.repeated:
            view.position = landing.position
        self._observed.answered("ok", bundle.recorded)
        self._observed.answered("repeated", len(bundle.outcomes) - bundle.recorded - refused)
        completer = bundle.route.completer
        if completer is not None and "answer" in bundle.outcomes[0]:
            self._tasks.start(self._complete(bundle, completer))
        else:
            self._deliver(bundle.request, bundle.indexes, bundle.outcomes)

    def refuse(self, bundle: Bundle, problem: Problem) -> None:
        """Answer all commands of a bundle with the same problem."""
        count = len(bundle.indexes)
        self._observed.refused(problem, count)
        self._deliver(bundle.request, bundle.indexes, [{"problem": problem}] * count)

    def refuse_one(self, bundle: Bundle, number: int, problem: Problem) -> None:
        """Answer one command of a bundle with a problem, and take it out."""
        self._observed.refused(problem)
        self._deliver(bundle.request, [bundle.drop(number)], [{"problem": problem}])

    def _deliver(self, request: Request, indexes: list[int], outcomes: list[Outcome]) -> None:
        if len(outcomes) == len(request.answers):
            request.answers = outcomes
        else:
            for index, outcome in zip(indexes, outcomes, strict=True):
                request.answers[index] = outcome
        request.missing -= len(outcomes)
        if not request.missing:
            self._inbox.done(request)
            self.send(request)

    async def _complete(self, bundle: Bundle, completer: Completer) -> None:
        """Have an answer completed. A bundle with a completer holds one command."""
        answer = orjson.dumps(bundle.outcomes[0]["answer"], option=orjson.OPT_UTC_Z)
        document: dict[str, Any] = orjson.loads(answer)
        try:
            document = await completer(bundle.commands[0], document, bundle.origin)
        except BacklineError as error:
            outcome = {"problem": error.problem()}
        except Exception:
            logger.exception("An answer could not be completed.")
            outcome = {"problem": BacklineError().problem()}
        else:
            outcome = {"answer": document}
        self._deliver(bundle.request, bundle.indexes, [outcome])


async def _send(request: Request) -> None:
    if not request.message.reply:
        return
    try:
        await request.message.respond(request.payload())
    except NatsError:
        logger.warning("An answer was lost; its caller will ask again.")
