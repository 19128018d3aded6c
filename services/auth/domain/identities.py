"""Ways in beside an e-mail address: which identities show who a user is.

Invariants  an identity belongs to one user; the last way in is not taken off; a passkey that counts
            its uses never counts backwards.
"""

from collections.abc import Sequence

from contracts.auth import ActorSuspended, Banned, UserKind
from contracts.auth_accounts import (
    EmailAdded,
    EmailVerified,
    LastWayIn,
    NameClaimed,
    NameReleased,
    NoAccount,
    PrimaryEmailSet,
)
from contracts.auth_identities import (
    IdentityLinked,
    IdentityNotFound,
    IdentityTaken,
    IdentityUnlinked,
    PasskeyKept,
    PasskeyUsed,
    PrimaryWayInSet,
    ProviderTokensKept,
    SetPrimaryWayIn,
    TooManyIdentities,
    UnlinkIdentity,
)
from contracts.auth_identities_private import (
    GivenTokens,
    KeepProviderTokens,
    LinkIdentity,
    MadePasskey,
    UsePasskey,
)
from contracts.auth_mail import ProofRefused
from libs.kernel.messages import Event, Origin
from services.auth.domain.accounts import registered
from services.auth.domain.state import IDENTITIES_MAX, Identity, Passkey, ProviderTokens, User

type IdentityCommand = (
    LinkIdentity | UnlinkIdentity | SetPrimaryWayIn | UsePasskey | KeepProviderTokens
)
type IdentityEvent = (
    IdentityLinked
    | PasskeyKept
    | PasskeyUsed
    | ProviderTokensKept
    | PrimaryWayInSet
    | IdentityUnlinked
)


def identity_names(command: object, _user: User) -> Sequence[str]:
    """The names a command is about."""
    match command:
        case LinkIdentity(identity_id=name, email=None) | UnlinkIdentity(identity_id=name):
            return [name]
        case LinkIdentity(identity_id=name, email=email) if email is not None:
            return [name, email.email_name]
        case _:
            return []


# ---------------------------------------------------------------------------------- deciding


def decide_identity(command: IdentityCommand, user: User, origin: Origin) -> Sequence[Event]:
    """The rules. raises   the rejections of `contracts.auth_identities`"""
    match command:
        case LinkIdentity():
            return _link(command, user, origin)
        case UnlinkIdentity(identity_id=identity_id):
            return _unlink(identity_id, user)
        case SetPrimaryWayIn(way_id=way_id):
            address = user.emails.get(way_id)
            if way_id not in user.identities and (address is None or not address.is_verified):
                raise IdentityNotFound
            is_so = way_id == user.primary_way_in
            return [] if is_so else [PrimaryWayInSet(user_id=user.user_id, way_id=way_id)]
        case UsePasskey():
            return _use_passkey(command, user)
        case KeepProviderTokens(identity_id=identity_id, tokens=tokens):
            return _keep(identity_id, tokens, user)


def _link(command: LinkIdentity, user: User, origin: Origin) -> Sequence[Event]:
    if origin.is_suspended:
        raise ActorSuspended
    if user.is_banned:
        raise Banned
    if user.is_erased or user.kind is UserKind.DEVELOPMENT:
        raise NoAccount
    user_id, identity_id = command.user_id, command.identity_id
    holder = origin.holders[identity_id]
    if holder not in {None, user_id}:
        raise IdentityTaken
    if identity_id in user.identities:
        return _keep(identity_id, command.tokens, user)
    if len(user.identities) >= IDENTITIES_MAX:
        raise TooManyIdentities
    linked = IdentityLinked(
        user_id=user_id,
        identity_id=identity_id,
        kind=command.kind,
        issuer=command.issuer,
        label=command.label,
        linked_at=origin.at,
    )
    email, claims = _email(command, user, origin)
    return [
        *registered(command, user, origin.at),
        linked,
        *_passkey_kept(user_id, identity_id, command.passkey),
        *_tokens_kept(user_id, identity_id, command.tokens),
        *email,
        NameClaimed(name=identity_id, holder=user_id),
        *claims,
    ]


def _passkey_kept(
    user_id: str, identity_id: str, passkey: MadePasskey | None
) -> Sequence[PasskeyKept]:
    if passkey is None:
        return []
    return [
        PasskeyKept(
            user_id=user_id,
            identity_id=identity_id,
            credential_id=passkey.credential_id,
            public_key=passkey.public_key,
            sign_count=passkey.sign_count,
        )
    ]


def _tokens_kept(
    user_id: str, identity_id: str, tokens: GivenTokens | None
) -> Sequence[ProviderTokensKept]:
    if tokens is None:
        return []
    return [
        ProviderTokensKept(
            user_id=user_id,
            identity_id=identity_id,
            access_token=tokens.access_token,
            refresh_token=tokens.refresh_token,
            expires_at=tokens.expires_at,
        )
    ]


def _keep(identity_id: str, tokens: GivenTokens | None, user: User) -> Sequence[Event]:
    """Tokens for what is linked, if they are others than those at hand."""
    identity = user.identities.get(identity_id)
    if identity is None or tokens is None or identity.tokens == _held(tokens):
        return []
    return _tokens_kept(user.user_id, identity_id, tokens)


def _held(tokens: GivenTokens) -> ProviderTokens:
    return ProviderTokens(tokens.access_token, tokens.refresh_token, tokens.expires_at)


def _email(
    command: LinkIdentity, user: User, origin: Origin
) -> tuple[Sequence[Event], Sequence[Event]]:
    """An address that a provider vouches for, if it is nobody's yet: the facts, and the claims."""
    email = command.email
    if email is None or email.email_name in user.emails or origin.holders[email.email_name]:
        return [], []
    user_id, name = command.user_id, email.email_name
    is_only = user.email_name is None
    return [
        EmailAdded(user_id=user_id, email=email.email, email_name=name),
        EmailVerified(user_id=user_id, email_name=name),
        *([PrimaryEmailSet(user_id=user_id, email_name=name)] if is_only else []),
    ], [NameClaimed(name=name, holder=user_id)]


def _unlink(identity_id: str, user: User) -> Sequence[Event]:
    if identity_id not in user.identities:
        raise IdentityNotFound
    if user.ways_in() < 2:
        raise LastWayIn
    return [
        IdentityUnlinked(user_id=user.user_id, identity_id=identity_id),
        NameReleased(name=identity_id, holder=user.user_id),
    ]


def _use_passkey(command: UsePasskey, user: User) -> Sequence[Event]:
    identity = user.identities.get(command.identity_id)
    if identity is None or identity.passkey is None or user.is_erased:
        raise ProofRefused
    if user.is_banned:
        raise Banned
    known, count = identity.passkey.sign_count, command.sign_count
    if count == known == 0:
        return []  # This one does not count, as most do not.
    if count <= known:
        raise ProofRefused  # Somebody has a copy of it.
    used = PasskeyUsed(user_id=user.user_id, identity_id=command.identity_id, sign_count=count)
    return [used]


# ---------------------------------------------------------------------------------- evolving


def evolve_identity(user: User, event: IdentityEvent) -> User:
    """What a fact does to a user."""
    if isinstance(event, PrimaryWayInSet):
        user.primary_way_in = event.way_id
        return user
    identity_id = event.identity_id
    match event:
        case IdentityLinked():
            user.user_id, user.kind = event.user_id, UserKind.NAMED
            user.identities[identity_id] = Identity(event.kind, event.issuer)
        case PasskeyKept():
            user.identities[identity_id].passkey = Passkey(
                event.credential_id, event.public_key, event.sign_count
            )
        case PasskeyUsed(sign_count=sign_count):
            passkey = user.identities[identity_id].passkey
            assert passkey is not None
            passkey.sign_count = sign_count
        case ProviderTokensKept():
            user.identities[identity_id].tokens = ProviderTokens(
                event.access_token, event.refresh_token, event.expires_at
            )
        case IdentityUnlinked():
            del user.identities[identity_id]
            if user.primary_way_in == identity_id:
                user.primary_way_in = None
    return user
