"""API keys: made of their ids when they are shown, and exchanged for tokens."""

from typing import Any

from contracts.auth import ActorSuspended, Banned, UserKind
from contracts.auth_accounts import NoAccount, TooManyAttempts
from contracts.auth_keys import (
    CreateApiKey,
    KeyRefused,
    KeySession,
    KeySuspended,
    OpenKeySession,
)
from libs.eventlog import EventLog
from libs.eventlog.states import state_of
from libs.kernel.attempts import Attempts
from libs.kernel.messages import Origin
from libs.owner import Answered, Completer, Resolver
from services.auth.adapters.entry import Entry
from services.auth.adapters.tokens import Tokens
from services.auth.domain import KEY


class ApiKeys:
    """What is looked up and shown around the rules of keys."""

    def __init__(self, *, log: EventLog, entry: Entry, tokens: Tokens) -> None:
        self._log = log
        self._entry = entry
        self._users = entry.users
        self._digests = entry.digests
        self._tokens = tokens
        self._made = Attempts(TooManyAttempts, burst=20, seconds_each=60)

    def resolvers(self) -> dict[type, Resolver]:
        """Each by the command it is for."""
        return {CreateApiKey: self.create, OpenKeySession: self.open_session}

    def completers(self) -> dict[type, Completer]:
        """What answers to give more, by the command they are for."""
        return {CreateApiKey: self.complete}

    async def create(self, command: CreateApiKey, origin: Origin) -> CreateApiKey:
        """A guest has no key: nothing but one token shows who they are."""
        self._entry.confirmed(origin, command.confirmation)
        self._made.take(origin.actor)
        user = await self._users.get(origin.actor)
        if user.kind in {None, UserKind.GUEST} or user.is_erased:
            raise NoAccount
        if user.suspended_by is not None:
            raise ActorSuspended
        return command

    async def complete(
        self, _command: object, made: dict[str, Any], _origin: Origin
    ) -> dict[str, Any]:
        """Add the key to what is told of it."""
        return {**made, "key": self._digests.api_key(made["key_id"])}

    async def open_session(self, command: OpenKeySession, origin: Origin) -> Answered:
        """A token for a key, with the roles its user has now.

        raises   KeyRefused, KeySuspended, Banned
        """
        key_id = self._digests.read_api_key(command.key)
        key = await state_of(self._log, KEY, key_id)
        if key.expires_at is None or not key.is_good(origin.at):
            raise KeyRefused
        user = await self._users.get(key.user_id)
        if user.is_erased:
            raise KeyRefused
        if user.is_banned:
            raise Banned
        if user.suspended_by is not None:
            raise KeySuspended
        made = self._tokens.narrowed(
            user,
            at=origin.at,
            until=min(key.expires_at, self._tokens.latest(origin.at)),
            session_id=key_id,
            scope=key.scopes,
        )
        return Answered(
            KeySession(
                key_id=key_id,
                user_id=user.user_id,
                roles=made.admitted.roles,
                scopes=key.scopes,
                token=made.token,
                expires_at=made.expires_at,
            )
        )
