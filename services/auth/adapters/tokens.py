"""Tokens: what is added to the answer of a session's command, outside of the log."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog

from contracts.auth import GetJwks, UserRole
from libs.bus import Answer
from libs.chassis.settings import SettingsInvalid
from libs.chassis.tokens import Signer
from libs.kernel.messages import Caller, Origin
from services.auth.adapters.digests import Digests
from services.auth.domain.state import User
from services.auth.domain.users import Admission, admit
from services.auth.settings import Settings

logger = structlog.get_logger(__name__)


def load_signer(secret: str | None) -> Signer:
    """The installation's signer; without a secret one whose tokens die with this process.

    raises   SettingsInvalid when the secret is no signing key
    """
    if secret is not None:
        try:
            return Signer.from_secret(secret)
        except ValueError as error:
            raise SettingsInvalid(f"BACKLINE_SECRETS: auth.signing is {error}") from None
    logger.warning("Without BACKLINE_SECRETS tokens are signed with a key of this process alone.")
    return Signer.of_this_process()


@dataclass(frozen=True, slots=True)
class Narrowed:
    """A token, what it says of its user, and when it ends."""

    admitted: Admission
    token: str
    expires_at: datetime


class Tokens:
    """Completes the answers of commands that start a session, and tells the public keys."""

    def __init__(self, signer: Signer, settings: Settings) -> None:
        self._signer = signer
        self._settings = settings

    def session(
        self, opened: dict[str, Any], user: User, digests: Digests, at: datetime
    ) -> dict[str, Any]:
        """The session of somebody who signed in, with both of its tokens.

        opened   as the rules of sessions answer
        """
        admitted = admit(user)
        token, expires_at = self._signer.sign(
            user.user_id,
            admitted.roles,
            admitted.kind,
            at=at,
            ttl_seconds=self._settings.access_ttl_seconds,
            session_id=opened["session_id"],
        )
        return {
            "user_id": user.user_id,
            "kind": admitted.kind,
            "display_name": user.display_name,
            "roles": admitted.roles,
            "token": token,
            "expires_at": expires_at,
            "session_id": opened["session_id"],
            "refresh_token": digests.refresh_token(opened["session_id"], opened["generation"]),
            "position": opened["position"],
        }

    def latest(self, at: datetime) -> datetime:
        """When an access token made at a time ends."""
        return at + timedelta(seconds=self._settings.access_ttl_seconds)

    def narrowed(
        self,
        user: User,
        *,
        at: datetime,
        until: datetime,
        session_id: str,
        scope: Sequence[str] | None = None,
        impersonator: str = "",
    ) -> Narrowed:
        """A token that is less than its user: of an API key, or of who acts as them."""
        admitted = admit(user)
        token, expires_at = self._signer.sign(
            user.user_id,
            admitted.roles,
            admitted.kind,
            at=at,
            ttl_seconds=(until - at).total_seconds(),
            session_id=session_id,
            scope=scope,
            impersonator=impersonator,
        )
        return Narrowed(admitted, token, expires_at)

    async def complete(
        self, _command: object, admission: dict[str, Any], origin: Origin
    ) -> dict[str, Any]:
        """Turn an admission into a session: the same, and a token that starts now."""
        roles: list[str] = admission["roles"]
        is_member = roles == [UserRole.MEMBER]
        settings = self._settings
        token, expires_at = self._signer.sign(
            admission["user_id"],
            roles,
            admission["kind"],
            at=origin.at,
            ttl_seconds=(
                settings.session_ttl_seconds
                if is_member
                else settings.privileged_session_ttl_seconds
            ),
        )
        return {**admission, "token": token, "expires_at": expires_at}

    async def get_jwks(self, _query: GetJwks, _caller: Caller, _after: int | None) -> Answer:
        """The public keys. They stand in no log: any position will do."""
        return Answer(position=0, epoch="keys", result=self._signer.jwks())
