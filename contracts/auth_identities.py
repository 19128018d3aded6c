"""Ways in beside an e-mail address: passkeys, providers, wallets, tokens of other issuers.

Each is an *identity*: something outside that shows who somebody is, and that belongs to one user.
Whoever comes with an identity nobody has becomes a user with it; a guest stays the same user.
Whoever is signed in links identities to themselves. The last way in cannot be taken off.
Those that need two steps begin with a challenge (`contracts.auth_challenges`).
"""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any

from pydantic import Field, StringConstraints

from contracts.auth import ActorSuspended, Banned, Session, UserId
from contracts.auth_accounts import AccountReceipt, LastWayIn, TooManyAttempts
from contracts.auth_mail import ProofRefused
from contracts.auth_sessions import (
    Confirmation,
    ConfirmationNeeded,
    Device,
    SecondFactorNeeded,
    Ticket,
)
from libs.kernel.errors import NotFound, Rejected, Unavailable
from libs.kernel.ids import Id
from libs.kernel.messages import (
    Access,
    Command,
    Event,
    Key,
    Query,
    View,
    command,
    event,
    query,
    view,
)
from libs.kernel.personal import Personal

IdentityId = Id
"""The name under which an identity is claimed: a keyed digest of what it is."""

ProviderName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,31}$")]
ForeignToken = Annotated[str, StringConstraints(min_length=1, max_length=8192)]
PasskeyName = Annotated[
    str,
    StringConstraints(strip_whitespace=True, max_length=40, pattern=r"^[^\x00-\x1f\x7f]*$"),
]
WalletAddress = Annotated[str, StringConstraints(pattern=r"^0x[0-9a-fA-F]{40}$")]
Signature = Annotated[str, StringConstraints(pattern=r"^0x[0-9a-fA-F]{130}$")]
Answered = Annotated[dict[str, Any], Field(max_length=20)]
"""What an authenticator answered, as WebAuthn's `toJSON()` writes it."""

Parameters = Annotated[
    dict[str, Annotated[str, StringConstraints(max_length=4096)]], Field(max_length=20)
]
"""What a provider sent the browser back with."""


class IdentityKind(StrEnum):
    PASSKEY = "passkey"
    PROVIDER = "provider"
    WALLET = "wallet"
    ISSUER = "issuer"


# ---------------------------------------------------------------------------------- rejections


class ProviderUnknown(NotFound):
    code = "auth.provider-unknown"
    title = "This installation does not know this provider."


class ProviderFailed(Unavailable):
    code = "auth.provider-failed"
    title = "The provider does not answer as it should; try again, or sign in another way."


class ProviderTokenOver(Rejected):
    code = "auth.provider-token-over"
    title = "The provider wants this person to sign in there again."


class IdentityTaken(Rejected):
    code = "auth.identity-taken"
    title = "This belongs to another account; sign in to that one, and take it off there."


class AddressHasAccount(Rejected):
    code = "auth.address-has-account"
    title = "Your address has an account here: sign in as you did before, and link this one there."


class TooManyIdentities(Rejected):
    code = "auth.too-many-identities"
    title = "You have as many ways in as one can have; take one off first."


class IdentityNotFound(NotFound):
    code = "auth.identity-not-found"
    title = "You have no such way in."


# ---------------------------------------------------------------------------------- signing in


@command(
    "auth.sign-in-with-provider",
    key="challenge_id",
    access=Access.PUBLIC,
    rejections=(ProofRefused, ProviderFailed, AddressHasAccount, SecondFactorNeeded, Banned),
    is_limited=True,
)
class SignInWithProvider(Command[Session]):
    """Sign in with what a provider sent the browser back with."""

    challenge_id: Id
    ticket: Ticket
    parameters: Parameters
    device: Device = ""


@command(
    "auth.sign-in-with-passkey",
    key="challenge_id",
    access=Access.PUBLIC,
    rejections=(ProofRefused, Banned),
    is_limited=True,
)
class SignInWithPasskey(Command[Session]):
    """Sign in with a passkey. It counts as both factors: a device, and who unlocked it."""

    challenge_id: Id
    ticket: Ticket
    credential: Answered
    device: Device = ""


@command(
    "auth.sign-in-with-wallet",
    key="challenge_id",
    access=Access.PUBLIC,
    rejections=(ProofRefused, SecondFactorNeeded, Banned),
    is_limited=True,
)
class SignInWithWallet(Command[Session]):
    """Sign in with a wallet's signature of the text that was given to it."""

    challenge_id: Id
    ticket: Ticket
    signature: Signature
    device: Device = ""


@command(
    "auth.sign-in-with-token",
    key=Key.NEW,
    access=Access.PUBLIC,
    rejections=(ProofRefused, ProviderFailed, AddressHasAccount, SecondFactorNeeded, Banned),
    is_limited=True,
)
class SignInWithToken(Command[Session]):
    """Exchange a token of another issuer (Clerk, Privy, Auth0, any OIDC issuer that the
    installation trusts) for a session of ours.
    """

    token: ForeignToken
    device: Device = ""


# ---------------------------------------------------------------------------------- linking


@command(
    "auth.link-provider",
    key=Key.ACTOR,
    access=Access.SIGNED_IN,
    rejections=(
        ProofRefused,
        ProviderFailed,
        IdentityTaken,
        TooManyIdentities,
        ConfirmationNeeded,
        ActorSuspended,
    ),
)
class LinkProvider(Command[AccountReceipt]):
    """Link the account at a provider that the browser came back from."""

    ticket: Ticket
    parameters: Parameters
    confirmation: Confirmation = ""


@command(
    "auth.add-passkey",
    key=Key.ACTOR,
    access=Access.SIGNED_IN,
    rejections=(ProofRefused, IdentityTaken, TooManyIdentities, ConfirmationNeeded, ActorSuspended),
)
class AddPasskey(Command[AccountReceipt]):
    """Keep the passkey that an authenticator has made."""

    ticket: Ticket
    credential: Answered
    name: PasskeyName = ""
    confirmation: Confirmation = ""


@command(
    "auth.link-wallet",
    key=Key.ACTOR,
    access=Access.SIGNED_IN,
    rejections=(ProofRefused, IdentityTaken, TooManyIdentities, ConfirmationNeeded, ActorSuspended),
)
class LinkWallet(Command[AccountReceipt]):
    """Link a wallet that has signed the text that was given to it."""

    ticket: Ticket
    signature: Signature
    confirmation: Confirmation = ""


@command(
    "auth.link-token",
    key=Key.ACTOR,
    access=Access.SIGNED_IN,
    rejections=(
        ProofRefused,
        ProviderFailed,
        IdentityTaken,
        TooManyIdentities,
        ConfirmationNeeded,
        ActorSuspended,
    ),
)
class LinkToken(Command[AccountReceipt]):
    """Link the identity that a token of another issuer names."""

    token: ForeignToken
    confirmation: Confirmation = ""


@command(
    "auth.unlink-identity",
    key=Key.ACTOR,
    access=Access.SIGNED_IN,
    rejections=(IdentityNotFound, LastWayIn, ConfirmationNeeded, TooManyAttempts),
)
class UnlinkIdentity(Command[AccountReceipt]):
    """Take a way in off. Sessions that were opened with it go on."""

    identity_id: IdentityId
    confirmation: Confirmation = ""


@command(
    "auth.set-primary-way-in",
    key=Key.ACTOR,
    access=Access.SIGNED_IN,
    rejections=(IdentityNotFound,),
)
class SetPrimaryWayIn(Command[AccountReceipt]):
    """Say by which of one's ways in one wants to be asked first.

    way_id   of an identity, or of a confirmed address
    """

    way_id: Id


# ---------------------------------------------------------------------------------- tokens


@view
class LentToken(View):
    """What lets us do something for a user at a provider. A secret.

    expires_at   None: it does not tell, or never
    """

    access_token: str
    expires_at: datetime | None
    position: int = 0


@command(
    "auth.lend-provider-token",
    key="user_id",
    access=Access.SERVICE,
    rejections=(IdentityNotFound, ProviderTokenOver, ProviderFailed),
)
class LendProviderToken(Command[LentToken]):
    """A user's access token at a provider, good for a minute at least: it is renewed if need be."""

    user_id: UserId
    provider: ProviderName


# ---------------------------------------------------------------------------------- events


@event("auth.identity_linked", person="user_id")
class IdentityLinked(Event):
    """An identity shows who a user is.

    issuer  the name of a provider, the address of an issuer; empty for passkeys and wallets
    label   by which its owner recognises it: an address, a wallet, the name of a passkey
    """

    user_id: UserId
    identity_id: IdentityId
    kind: IdentityKind
    issuer: str
    label: Personal[str]
    linked_at: datetime


@event("auth.passkey_kept", person="user_id")
class PasskeyKept(Event):
    """The public half of a passkey; binary values as base64url."""

    user_id: UserId
    identity_id: IdentityId
    credential_id: Personal[str]
    public_key: Personal[str]
    sign_count: int


@event("auth.passkey_used")
class PasskeyUsed(Event):
    """A passkey was used, and says how often by now; zero: it does not count."""

    user_id: UserId
    identity_id: IdentityId
    sign_count: int


@event("auth.provider_tokens_kept", person="user_id")
class ProviderTokensKept(Event):
    """What a provider lets us do for a user there, until `expires_at` and then by renewing it."""

    user_id: UserId
    identity_id: IdentityId
    access_token: Personal[str]
    refresh_token: Personal[str]
    expires_at: datetime | None


@event("auth.identity_unlinked")
class IdentityUnlinked(Event):
    """An identity shows nothing any more."""

    user_id: UserId
    identity_id: IdentityId


@event("auth.primary_way_in_set")
class PrimaryWayInSet(Event):
    """By this way in a user wants to be asked first."""

    user_id: UserId
    way_id: Id


# ---------------------------------------------------------------------------------- queries


@view
class OwnIdentity(View):
    """One of the caller's ways in."""

    identity_id: IdentityId
    kind: IdentityKind
    issuer: str
    label: str | None
    linked_at: datetime


@view
class OwnIdentities(View):
    """The caller's ways in, the oldest first."""

    identities: list[OwnIdentity]


@query("auth.list-identities", access=Access.SIGNED_IN, watches=("user.{caller}",), private=True)
class ListIdentities(Query[OwnIdentities]):
    """What shows who the caller is."""
