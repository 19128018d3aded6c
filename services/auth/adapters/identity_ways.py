"""Ways in beside an e-mail address: what is checked before anything is decided.

Each method is the resolver of one command.
"""

import asyncio
from datetime import timedelta
from typing import Any, Final
from weakref import WeakValueDictionary

from contracts.auth import UserKind
from contracts.auth_accounts import NoAccount
from contracts.auth_challenges import (
    BeginPasskey,
    BeginPasskeySignIn,
    BeginProvider,
    BeginWallet,
    PasskeyRequest,
    ProviderRequest,
    WalletRequest,
)
from contracts.auth_identities import (
    AddPasskey,
    AddressHasAccount,
    IdentityKind,
    IdentityNotFound,
    LendProviderToken,
    LentToken,
    LinkProvider,
    LinkToken,
    LinkWallet,
    ProviderTokenOver,
    SignInWithPasskey,
    SignInWithProvider,
    SignInWithToken,
    SignInWithWallet,
    UnlinkIdentity,
)
from contracts.auth_identities_private import (
    FoundEmail,
    KeepProviderTokens,
    LinkIdentity,
    UsePasskey,
)
from contracts.auth_mail import ProofRefused
from contracts.auth_private import OpenSession
from contracts.auth_sessions import SignInMethod
from libs.kernel.errors import RemoteProblem
from libs.kernel.messages import Command, Origin
from libs.owner import Answered, Completer, Resolver
from services.auth.adapters.entry import Entry, derived
from services.auth.adapters.outside import Outside, Shown
from services.auth.adapters.passkeys import Passkeys, credential_id_of
from services.auth.adapters.tickets import Step, Ticket
from services.auth.adapters.wallets import checksummed, signer_of, text_to_sign
from services.auth.domain.state import ProviderTokens, User

LENT_FOR: Final = timedelta(minutes=1)
_METHODS: Final = {
    IdentityKind.PROVIDER: SignInMethod.PROVIDER,
    IdentityKind.ISSUER: SignInMethod.ISSUER,
    IdentityKind.WALLET: SignInMethod.WALLET,
}


class IdentityWays:
    """The resolvers of passkeys, providers, wallets and tokens of others."""

    def __init__(
        self, *, entry: Entry, passkeys: Passkeys, outside: Outside, base_url: str
    ) -> None:
        self._entry = entry
        self._passkeys = passkeys
        self._outside = outside
        self._base_url = base_url
        self._renewing: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    def resolvers(self) -> dict[type, Resolver]:
        """Each by the command it is for."""
        return {
            BeginProvider: self.begin_provider,
            BeginPasskey: self.begin_passkey,
            BeginPasskeySignIn: self.begin_passkey_sign_in,
            BeginWallet: self.begin_wallet,
            SignInWithProvider: self.sign_in_with_provider,
            SignInWithPasskey: self.sign_in_with_passkey,
            SignInWithWallet: self.sign_in_with_wallet,
            SignInWithToken: self.sign_in_with_token,
            LinkProvider: self.link_provider,
            AddPasskey: self.add_passkey,
            LinkWallet: self.link_wallet,
            LinkToken: self.link_token,
            UnlinkIdentity: self.unlink,
            LendProviderToken: self.lend_provider_token,
        }

    def completers(self) -> dict[type, Completer]:
        """What answers to give more: nothing."""
        return {}

    # ------------------------------------------------------------------------------ challenges

    async def begin_provider(self, command: BeginProvider, origin: Origin) -> Answered:
        url, held = await self._outside.begin(command.provider)
        challenge_id, ticket = self._sealed(Step.PROVIDER, origin, held)
        return Answered(ProviderRequest(challenge_id=challenge_id, ticket=ticket, url=url))

    async def begin_passkey(self, _command: BeginPasskey, origin: Origin) -> Answered:
        user = await self._entry.users.get(origin.actor)
        if user.kind not in {UserKind.GUEST, UserKind.NAMED} or user.is_erased:
            raise NoAccount
        challenge_id, ticket = self._sealed(Step.PASSKEY, origin, {})
        known = [
            each.passkey.credential_id
            for each in user.identities.values()
            if each.passkey is not None and each.passkey.credential_id is not None
        ]
        name = user.email or user.display_name or "Backline"
        challenge = self._challenge(challenge_id)
        options = self._passkeys.creation(user.user_id, name, challenge, known)
        return Answered(PasskeyRequest(challenge_id=challenge_id, ticket=ticket, options=options))

    async def begin_passkey_sign_in(self, _command: BeginPasskeySignIn, origin: Origin) -> Answered:
        challenge_id, ticket = self._sealed(Step.PASSKEY_SIGN_IN, origin, {})
        options = self._passkeys.request(self._challenge(challenge_id))
        return Answered(PasskeyRequest(challenge_id=challenge_id, ticket=ticket, options=options))

    async def begin_wallet(self, command: BeginWallet, origin: Origin) -> Answered:
        challenge_id = derived(origin, "challenge")
        text = text_to_sign(
            self._base_url,
            command.address,
            command.chain_id,
            self._challenge(challenge_id).hex(),
            origin.at,
            self._entry.tickets.until(),
        )
        held = {"address": checksummed(command.address), "text": text}
        _, ticket = self._sealed(Step.WALLET, origin, held)
        return Answered(WalletRequest(challenge_id=challenge_id, ticket=ticket, text=text))

    def _sealed(self, step: Step, origin: Origin, held: dict[str, Any]) -> tuple[str, str]:
        """A challenge's id, and its ticket."""
        challenge_id = derived(origin, "challenge")
        ticket = Ticket(challenge_id, origin.actor, held)
        return challenge_id, self._entry.tickets.seal(step, ticket)

    def _challenge(self, challenge_id: str) -> bytes:
        """What is to be signed: nobody knows it before."""
        return self._entry.digests.raw("challenge", challenge_id)

    # ------------------------------------------------------------------------------ signing in

    async def sign_in_with_provider(
        self, command: SignInWithProvider, origin: Origin
    ) -> OpenSession:
        ticket = self._ticket_of(Step.PROVIDER, command.ticket, command.challenge_id)
        shown = await self._outside.finish(ticket.held, command.parameters)
        return await self._enter(command, origin, shown, ticket.user_id)

    async def sign_in_with_wallet(self, command: SignInWithWallet, origin: Origin) -> OpenSession:
        ticket = self._ticket_of(Step.WALLET, command.ticket, command.challenge_id)
        shown = _signed(ticket, command.signature)
        return await self._enter(command, origin, shown, ticket.user_id)

    async def sign_in_with_token(self, command: SignInWithToken, origin: Origin) -> OpenSession:
        shown = await self._outside.foreign(command.token)
        return await self._enter(command, origin, shown, origin.actor)

    async def sign_in_with_passkey(self, command: SignInWithPasskey, origin: Origin) -> OpenSession:
        self._ticket_of(Step.PASSKEY_SIGN_IN, command.ticket, command.challenge_id)
        user, used = await self.shown_passkey(command.ticket, command.credential)
        await self._entry.say(used, origin)
        return self._entry.open(command, origin, user, SignInMethod.PASSKEY)

    async def shown_passkey(
        self, sealed: str, credential: dict[str, Any]
    ) -> tuple[User, UsePasskey]:
        """Whose passkey has signed a challenge, and what to record of it. raises   ProofRefused"""
        ticket = self._entry.tickets.open(Step.PASSKEY_SIGN_IN, sealed)
        identity_id = self._passkey_id(credential_id_of(credential))
        user = await self._entry.users.of_name(identity_id)
        identity = None if user is None else user.identities.get(identity_id)
        if user is None or identity is None or identity.passkey is None:
            raise ProofRefused
        challenge = self._challenge(ticket.challenge_id)
        count = self._passkeys.shown(credential, challenge, identity.passkey)
        return user, UsePasskey(user_id=user.user_id, identity_id=identity_id, sign_count=count)

    async def _enter(
        self, command: Command[Any], origin: Origin, shown: Shown, begun_by: str
    ) -> OpenSession:
        """Sign somebody in who has shown who they are outside; at first sight, as a new user.

        begun_by   who asked for the challenge: a guest stays the same user
        """
        identity_id = self._identity_id(shown)
        user = await self._entry.users.of_name(identity_id)
        if user is None:
            user_id = await self._newcomer(shown, origin, begun_by)
            user = await self._linked(user_id, identity_id, shown, origin)
        elif shown.tokens is not None:
            kept = KeepProviderTokens(
                user_id=user.user_id, identity_id=identity_id, tokens=shown.tokens
            )
            await self._entry.say(kept, origin)
        return self._entry.open(command, origin, user, _METHODS[shown.kind])

    async def _newcomer(self, shown: Shown, origin: Origin, begun_by: str) -> str:
        """Who somebody with a new identity becomes: the guest they are, or a new user.

        raises   AddressHasAccount when a provider says that they are somebody we know
        """
        if shown.email is not None:
            holder = await self._entry.users.of_name(self._entry.digests.email_name(shown.email))
            if holder is not None and holder.email_verified:
                raise AddressHasAccount
        if begun_by:
            present = await self._entry.users.get(begun_by)
            if present.kind is UserKind.GUEST and not present.is_erased:
                return begun_by
        return derived(origin, "user")

    async def _linked(self, user_id: str, identity_id: str, shown: Shown, origin: Origin) -> User:
        """Who has an identity, once it is linked: of many at once, one links it."""
        try:
            await self._entry.say(self._link(user_id, shown), origin)
        except RemoteProblem as refused:
            if refused.document["code"] != "auth.identity-taken":
                raise
        user = await self._entry.users.of_name(identity_id)
        if user is None:
            raise ProofRefused
        return user

    # ------------------------------------------------------------------------------ linking

    async def link_provider(self, command: LinkProvider, origin: Origin) -> LinkIdentity:
        await self._may_link(origin, command.confirmation)
        ticket = self._own_ticket(Step.PROVIDER, command.ticket, origin)
        shown = await self._outside.finish(ticket.held, command.parameters)
        return self._link(origin.actor, shown)

    async def link_wallet(self, command: LinkWallet, origin: Origin) -> LinkIdentity:
        await self._may_link(origin, command.confirmation)
        ticket = self._own_ticket(Step.WALLET, command.ticket, origin)
        return self._link(origin.actor, _signed(ticket, command.signature))

    async def link_token(self, command: LinkToken, origin: Origin) -> LinkIdentity:
        await self._may_link(origin, command.confirmation)
        return self._link(origin.actor, await self._outside.foreign(command.token))

    async def add_passkey(self, command: AddPasskey, origin: Origin) -> LinkIdentity:
        await self._may_link(origin, command.confirmation)
        ticket = self._own_ticket(Step.PASSKEY, command.ticket, origin)
        made = self._passkeys.made(command.credential, self._challenge(ticket.challenge_id))
        return LinkIdentity(
            user_id=origin.actor,
            identity_id=self._passkey_id(made.credential_id),
            kind=IdentityKind.PASSKEY,
            issuer="",
            label=command.name or "A passkey",
            passkey=made,
        )

    async def unlink(self, command: UnlinkIdentity, origin: Origin) -> UnlinkIdentity:
        self._entry.confirmed(origin, command.confirmation)
        return command

    async def _may_link(self, origin: Origin, confirmation: str) -> None:
        """Let somebody link who has shown who they are; guests, who cannot, need not."""
        user = await self._entry.users.get(origin.actor)
        if user.kind is not UserKind.GUEST:
            self._entry.confirmed(origin, confirmation)

    def _link(self, user_id: str, shown: Shown) -> LinkIdentity:
        email = shown.email
        return LinkIdentity(
            user_id=user_id,
            identity_id=self._identity_id(shown),
            kind=shown.kind,
            issuer=shown.issuer,
            label=shown.label,
            display_name=shown.display_name,
            email=None
            if email is None
            else FoundEmail(email=email, email_name=self._entry.digests.email_name(email)),
            tokens=shown.tokens,
        )

    # ------------------------------------------------------------------------------ provider tokens

    async def lend_provider_token(self, command: LendProviderToken, origin: Origin) -> Answered:
        """One renewal at a time: a refresh token may be good once."""
        async with self._renewing.setdefault(command.user_id, asyncio.Lock()):
            user = await self._entry.users.get(command.user_id)
            identity_id, tokens = _tokens_at(command.provider, user)
            if tokens.expires_at is None or tokens.expires_at > origin.at + LENT_FOR:
                assert tokens.access_token is not None
                lent = LentToken(access_token=tokens.access_token, expires_at=tokens.expires_at)
                return Answered(lent)
            fresh = None
            if tokens.refresh_token is not None:
                fresh = await self._outside.renew(command.provider, tokens.refresh_token)
            if fresh is None:
                raise ProviderTokenOver
            kept = KeepProviderTokens(
                user_id=command.user_id, identity_id=identity_id, tokens=fresh
            )
            await self._entry.say(kept, origin)
        return Answered(LentToken(access_token=fresh.access_token, expires_at=fresh.expires_at))

    # ------------------------------------------------------------------------------ what is shown

    def _identity_id(self, shown: Shown) -> str:
        return self._entry.digests.identity_id(shown.kind, shown.realm, shown.subject)

    def _passkey_id(self, credential_id: str) -> str:
        return self._entry.digests.identity_id(IdentityKind.PASSKEY, "", credential_id)

    def _ticket_of(self, step: Step, sealed: str, challenge_id: str) -> Ticket:
        """The ticket of a challenge. raises   ProofRefused"""
        ticket = self._entry.tickets.open(step, sealed)
        if ticket.challenge_id != challenge_id:
            raise ProofRefused
        return ticket

    def _own_ticket(self, step: Step, sealed: str, origin: Origin) -> Ticket:
        """A ticket that the caller has begun with. raises   ProofRefused"""
        ticket = self._entry.tickets.open(step, sealed)
        if ticket.user_id != origin.actor:
            raise ProofRefused
        return ticket


def _tokens_at(provider: str, user: User) -> tuple[str, ProviderTokens]:
    """A user's tokens at a provider, and the identity they came with. raises   IdentityNotFound"""
    for identity_id, identity in user.identities.items():
        is_there = identity.kind is IdentityKind.PROVIDER and identity.issuer == provider
        if is_there and identity.tokens is not None and identity.tokens.access_token:
            return identity_id, identity.tokens
    raise IdentityNotFound


def _signed(ticket: Ticket, signature: str) -> Shown:
    """The wallet that has signed. raises   ProofRefused when it is another one"""
    address = signer_of(ticket.held["text"], signature)
    if address != ticket.held["address"]:
        raise ProofRefused
    return Shown(IdentityKind.WALLET, "", "eip155", address.lower(), address)
