"""The other services, asked over the bus in the name of whoever asks us."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

import structlog
from pydantic import ValidationError

from contracts.auth import GetJwks
from contracts.auth_keys import OpenKeySession
from contracts.auth_sessions import ListRevocations
from contracts.gateway import PositionNotReached
from libs.bus import Answer, Bus
from libs.bus.server import describe
from libs.chassis.keys import KeyTokens, is_key
from libs.chassis.revocations import Revocations
from libs.chassis.tokens import Identity, Jwks, Verifier
from libs.kernel.admission import admit
from libs.kernel.attempts import Attempts
from libs.kernel.clock import Clock
from libs.kernel.errors import BacklineError, NotFound, RateLimited, RemoteProblem
from libs.kernel.ids import derive_id
from libs.kernel.messages import (
    NOBODY,
    Caller,
    CommandSpec,
    Registry,
    registry,
    service_caller,
)
from libs.live.hub import Listen
from libs.live.notices import Continuity, parse_notice
from libs.live.question import ArgumentsInvalid, Question
from libs.telemetry import inject

ANONYMOUS_KEY_LENGTH_MIN: Final = 20
"""From callers we do not know, a shorter idempotency key could be somebody else's as well, who
would then be given what is not theirs."""

OPEN_KEY_SESSION: Final = registry.command_of[OpenKeySession].name

READ_MODEL_BEHIND: Final = "read-model-behind"
"""Code of libs.readmodel.ReadModelBehind. Importing it here would bring SQLAlchemy along."""

REVOCATIONS_ASKED_SECONDS: Final = 30.0
"""At the latest; as a rule a notice says when."""

REVOCATIONS_PAUSE_SECONDS: Final = 0.5

logger = structlog.get_logger(__name__)


class CommandUnknown(NotFound):
    code = "command-unknown"
    title = "There is no such command."


class TooManyFromHere(RateLimited):
    code = "too-many-from-here"
    title = "Too many attempts from where you are; wait a moment."


class Desk:
    """Has commands carried out, questions answered and tokens checked."""

    def __init__(
        self, bus: Bus, messages: Registry, clock: Clock, revocations: Revocations
    ) -> None:
        self._bus = bus
        self._commands = messages.commands
        self._verifier = Verifier(self._fetch_keys, clock)
        self._revocations = revocations
        self._attempts = Attempts.by_address(TooManyFromHere)
        self._keys = KeyTokens(self._exchange, self._verifier, revocations)

    async def identify(self, shown: str, address: str) -> Identity:
        """Whom a token or an API key names, shown from an address (`libs.kernel.addresses`).

        raises  Unauthenticated; Forbidden, TooManyFromHere for a key; Unavailable when nobody can
                tell
        """
        if is_key(shown):
            await self._revocations.wait()
            return await self._keys.identify(shown, address)
        identity = self._verifier.recall(shown) or await self._verifier.verify(shown)
        await self._revocations.wait()
        self._revocations.check(identity)
        return identity

    async def _exchange(self, key: str, address: str) -> str:
        opened = await self.send(
            OPEN_KEY_SESSION, {"key": key}, key=None, caller=NOBODY, address=address
        )
        token: str = opened["token"]
        return token

    async def send(
        self, name: str, args: Any, *, key: str | None, caller: Caller, address: str
    ) -> dict[str, Any]:
        """Have a command carried out; returns the view it is answered with.

        args    its fields, as JSON values
        key     the caller's idempotency key: the same caller, command, aggregate and key is one
                command
        address  where they are (`libs.kernel.addresses`)
        raises  CommandUnknown, ArgumentsInvalid, Unauthenticated, Forbidden, TooManyFromHere; what
                it was refused with (RemoteProblem); Unavailable
        """
        spec = self._commands.get(name)
        if spec is None:
            raise CommandUnknown(f"there is no command {name[:100]!r}")
        admit(spec, caller)
        if spec.is_limited:
            self._attempts.take(f"{name} {address}")
        _check(spec, args)
        return await self._bus.send_raw(
            name,
            args,
            caller=caller,
            command_id=_command_id(spec, args, key, caller),
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


class RevocationFeed:
    """Keeps what was revoked known: asks auth whenever a notice says that there is more."""

    def __init__(
        self,
        bus: Bus,
        listen: Listen,
        revocations: Revocations,
        on_revoked: Callable[[set[str]], None],
    ) -> None:
        """`on_revoked` is called with the users whom something was taken from."""
        self._bus = bus
        self._listen = listen
        self._revocations = revocations
        self._on_revoked = on_revoked
        self._continuity = Continuity()
        self._woken = asyncio.Event()
        self._woken.set()
        self._epoch = ""
        self._position = 0

    async def run(self) -> None:
        """Follow until cancelled."""
        stop_listening = await self._listen("chg.auth.*", self._on_notice)
        try:
            while True:
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._woken.wait(), REVOCATIONS_ASKED_SECONDS)
                self._woken.clear()
                try:
                    await self._ask()
                except BacklineError as error:
                    logger.warning("Nobody says what was revoked.", reason=str(error))
                    self._woken.set()
                    await asyncio.sleep(REVOCATIONS_PAUSE_SECONDS)
        finally:
            await stop_listening()

    async def _ask(self) -> None:
        query = ListRevocations(after=self._position)
        answer = await self._bus.ask(query, caller=service_caller("gateway"))
        if answer.epoch != self._epoch and self._position:
            self._epoch, self._position = answer.epoch, 0
            self._woken.set()  # Another log: ask for all of it.
            return
        self._epoch, self._position = answer.epoch, answer.position
        users = self._revocations.learn(answer.result["revocations"])
        if users:
            self._on_revoked(users)

    def _on_notice(self, subject: str, payload: bytes, _cause: str | None) -> None:
        try:
            notice = parse_notice(payload)
        except ValidationError:
            logger.warning("A change notice cannot be read.", service="auth")
            return
        if self._continuity.is_broken_by(subject, notice) or "revocations" in notice.keys:
            self._woken.set()


def _check(spec: CommandSpec, args: Any) -> None:
    """Spare the owner what is malformed. It looks again: nobody takes our word for it."""
    try:
        spec.adapter.validate_python(args)
    except ValidationError as error:
        raise ArgumentsInvalid(describe(error)) from None


def _command_id(spec: CommandSpec, args: Any, key: str | None, caller: Caller) -> str | None:
    """The id of a command, also of its retry; None when it is to be drawn.

    Of what it is about as well: a key that is used for two aggregates makes two commands, and what
    they record must not bear one id.
    """
    if key is None or (not caller.user_id and len(key) < ANONYMOUS_KEY_LENGTH_MIN):
        return None
    about = str(args[spec.key]) if spec.has_key_field else ""
    who = f"{caller.user_id} {caller.impersonator}" if caller.impersonator else caller.user_id
    return derive_id(who, spec.name, about, key)
