"""What one can sign in with, and how that begins: with a challenge.

A *challenge* is what the browser or wallet is to answer, and a `ticket` that holds our side of it,
sealed, for the client to bring back. It is good once, for some minutes.
"""

from typing import Annotated, Any

from pydantic import Field

from contracts.auth_accounts import NoAccount
from contracts.auth_identities import ProviderFailed, ProviderName, ProviderUnknown, WalletAddress
from libs.kernel.ids import Id
from libs.kernel.messages import Access, Command, Key, Query, View, command, message, query, view


@view
class ProviderRequest(View):
    """Where to send the browser, which comes back to `/callback/<provider>` of the pages."""

    challenge_id: Id
    ticket: str
    url: str
    position: int = 0


@view
class PasskeyRequest(View):
    """What to hand to `navigator.credentials`: `PublicKeyCredential.parse…OptionsFromJSON`."""

    challenge_id: Id
    ticket: str
    options: dict[str, Any]
    position: int = 0


@view
class WalletRequest(View):
    """The text for the wallet to sign (`personal_sign`), as EIP-4361 has it."""

    challenge_id: Id
    ticket: str
    text: str
    position: int = 0


@command(
    "auth.begin-provider",
    key=Key.ACTOR_OR_NEW,
    access=Access.PUBLIC,
    rejections=(ProviderUnknown, ProviderFailed),
    is_limited=True,
)
class BeginProvider(Command[ProviderRequest]):
    """Begin to sign in with, or to link, an account at a provider."""

    provider: ProviderName


@command(
    "auth.begin-passkey",
    key=Key.ACTOR,
    access=Access.SIGNED_IN,
    rejections=(NoAccount,),
)
class BeginPasskey(Command[PasskeyRequest]):
    """Begin to make a passkey for the caller."""


@command("auth.begin-passkey-sign-in", key=Key.ACTOR_OR_NEW, access=Access.PUBLIC, is_limited=True)
class BeginPasskeySignIn(Command[PasskeyRequest]):
    """Begin to sign in, or to confirm that it is oneself, with a passkey."""


@command("auth.begin-wallet", key=Key.ACTOR_OR_NEW, access=Access.PUBLIC, is_limited=True)
class BeginWallet(Command[WalletRequest]):
    """Begin to sign in with, or to link, an Ethereum wallet."""

    address: WalletAddress
    chain_id: Annotated[int, Field(ge=1, le=2**53)] = 1


@message
class OfferedProvider:
    """A provider one can sign in with."""

    name: ProviderName
    title: str


@view
class SignInOptions(View):
    """How one can sign in to this installation, beside an e-mail address, passkeys and wallets.

    issuers  whose tokens are taken
    """

    providers: list[OfferedProvider]
    issuers: list[str]


@query("auth.get-sign-in-options", access=Access.PUBLIC)
class GetSignInOptions(Query[SignInOptions]):
    """What to offer on a page where one signs in."""
