"""The other services, asked over the bus in the name of whoever asks us."""

from typing import Any, Final

from pydantic import ValidationError

from contracts.auth import GetJwks
from contracts.gateway import PositionNotReached
from libs.bus import Answer, Bus
from libs.bus.server import describe
from libs.chassis.tokens import Identity, Jwks, Verifier
from libs.kernel.clock import Clock
from libs.kernel.errors import NotFound, RemoteProblem
from libs.kernel.ids import derive_id
from libs.kernel.messages import NOBODY, Caller, CommandSpec, Registry
from libs.live.question import ArgumentsInvalid, Question, admit
from libs.telemetry import inject

ANONYMOUS_KEY_LENGTH_MIN: Final = 20
"""From callers we do not know, a shorter idempotency key could be somebody else's as well, who
would then be given what is not theirs."""

READ_MODEL_BEHIND: Final = "read-model-behind"
"""Code of libs.readmodel.ReadModelBehind. Importing it here would bring SQLAlchemy along."""


class CommandUnknown(NotFound):
    code = "command-unknown"
    title = "There is no such command."


class Desk:
    """Has commands carried out, questions answered and tokens checked."""

    def __init__(self, bus: Bus, messages: Registry, clock: Clock) -> None:
        self._bus = bus
        self._commands = messages.commands
        self._verifier = Verifier(self._fetch_keys, clock)

    async def identify(self, token: str) -> Identity:
        """Whom a token names.

        raises  Unauthenticated; Unavailable when nobody can tell
        """
        return self._verifier.recall(token) or await self._verifier.verify(token)

    async def send(
        self, name: str, args: Any, *, key: str | None, caller: Caller
    ) -> dict[str, Any]:
        """Have a command carried out; returns the view it is answered with.

        args    its fields, as JSON values
        key     the caller's idempotency key: the same caller, command and key is one command
        raises  CommandUnknown, ArgumentsInvalid, Unauthenticated, Forbidden; what it was
                refused with (RemoteProblem); Unavailable
        """
        spec = self._commands.get(name)
        if spec is None:
            raise CommandUnknown(f"there is no command {name[:100]!r}")
        admit(spec, caller)
        _check(spec, args)
        return await self._bus.send_raw(
            name,
            args,
            caller=caller,
            command_id=_command_id(name, key, caller),
            traceparent=inject(),
        )

    async def ask(self, question: Question, caller: Caller, after: int | None) -> Answer:
        """Have a question answered, as the caller, at or behind a position.

        raises  PositionNotReached; what it was refused with (RemoteProblem); Unavailable
        """
        try:
            return await self._bus.ask_raw(
                question.spec.name, question.args, caller=caller, after=after
            )
        except RemoteProblem as error:
            if error.document.get("code") == READ_MODEL_BEHIND:
                raise PositionNotReached(f"not at {after} yet", retry_after_seconds=1) from None
            raise

    async def _fetch_keys(self) -> Jwks:
        return (await self._bus.ask(GetJwks(), caller=NOBODY)).result


def _check(spec: CommandSpec, args: Any) -> None:
    """Spare the owner what is malformed. It looks again: nobody takes our word for it."""
    try:
        spec.adapter.validate_python(args)
    except ValidationError as error:
        raise ArgumentsInvalid(describe(error)) from None


def _command_id(name: str, key: str | None, caller: Caller) -> str | None:
    if key is None or (not caller.user_id and len(key) < ANONYMOUS_KEY_LENGTH_MIN):
        return None
    return derive_id(caller.user_id, name, key)
