"""Accounts with an e-mail address: what is looked up, checked and shown before anything is decided.

Each method is the resolver of one command. Where an address is asked about, what is answered, and
how long it takes, is the same whether it has an account or not.
"""

import asyncio
from typing import Any, Final

import structlog

from contracts.auth_accounts import (
    AccountReceipt,
    AddEmail,
    ChangePassword,
    CredentialsWrong,
    EmailUnverified,
    EraseMe,
    MailReceipt,
    RemoveEmail,
    SetPrimaryEmail,
    SignIn,
    SignUp,
    TooManyAttempts,
)
from contracts.auth_identities_private import BeginEmail
from contracts.auth_mail import (
    MailKind,
    ProofRefused,
    ResetPassword,
    SendPasswordReset,
    SendSignInMail,
    SignInWithCode,
    SignInWithProof,
)
from contracts.auth_private import (
    DeliverMail,
    DestroyKey,
    EraseUser,
    OpenAccount,
    OpenSession,
    RecordMail,
    RehashPassword,
    RotateSession,
    SetPassword,
    UseProof,
    WantMail,
)
from contracts.auth_profile import ChangeProfile, Leave, SignInWithUsername
from contracts.auth_sessions import RenewSession, SignInMethod
from libs.eventlog.vault import Vault
from libs.kernel.attempts import Attempts
from libs.kernel.clock import Clock
from libs.kernel.messages import Origin
from libs.owner import Answered, Completer, Resolver
from services.auth.adapters.digests import Shown
from services.auth.adapters.entry import Entry, aggregate_id, derived
from services.auth.adapters.mailer import Mailer, Undeliverable
from services.auth.adapters.passwords import Passwords, words_about
from services.auth.adapters.usernames import Usernames
from services.auth.domain.state import User

EVEN_SECONDS: Final = 0.15

logger = structlog.get_logger(__name__)


class AccountWays:
    """The resolvers of accounts."""

    def __init__(
        self,
        *,
        entry: Entry,
        vault: Vault,
        passwords: Passwords,
        mailer: Mailer,
        clock: Clock,
    ) -> None:
        self._entry = entry
        self._users = entry.users
        self._digests = entry.digests
        self._vault = vault
        self._usernames = Usernames(entry.digests)
        self._passwords = passwords
        self._mailer = mailer
        self._clock = clock
        self._mails_asked_for = Attempts(TooManyAttempts, burst=5, seconds_each=120)

    def completers(self) -> dict[type, Completer]:
        """What answers to give more, by the command they are for."""
        return {
            OpenAccount: self.complete_sign_up,
            OpenSession: self._entry.complete,
            RotateSession: self._entry.complete,
        }

    def resolvers(self) -> dict[type, Resolver]:
        """Each by the command it is for."""
        return {
            SignUp: self.sign_up,
            SignIn: self.sign_in,
            SignInWithUsername: self.sign_in_with_username,
            SendSignInMail: self.send_sign_in_mail,
            SendPasswordReset: self.send_password_reset,
            SignInWithProof: self.sign_in_with_proof,
            SignInWithCode: self.sign_in_with_code,
            ResetPassword: self.reset_password,
            ChangePassword: self.change_password,
            ChangeProfile: self._usernames.change_profile,
            EraseMe: self.erase_me,
            Leave: self.leave,
            AddEmail: self.add_email,
            RemoveEmail: self.change_emails,
            SetPrimaryEmail: self.change_emails,
            RenewSession: self.renew_session,
            DeliverMail: self.deliver_mail,
            DestroyKey: self.destroy_key,
        }

    # ------------------------------------------------------------------------------ accounts

    async def sign_up(self, command: SignUp, origin: Origin) -> OpenAccount:
        name = self._digests.email_name(command.email)
        self._mails_asked_for.take(name)
        return OpenAccount(
            user_id=aggregate_id(command, origin),
            email=command.email,
            email_name=name,
            password_hash=await self._passwords.hash(
                command.password, words_about(command.email, command.display_name)
            ),
            display_name=command.display_name,
            mail_id=derived(origin, "mail"),
        )

    async def send_sign_in_mail(self, command: SendSignInMail, origin: Origin) -> Answered:
        return await self._send_to(command.email, MailKind.SIGN_IN, origin)

    async def send_password_reset(self, command: SendPasswordReset, origin: Origin) -> Answered:
        return await self._send_to(command.email, MailKind.RESET_PASSWORD, origin)

    async def _send_to(self, email: str, kind: MailKind, origin: Origin) -> Answered:
        name = self._digests.email_name(email)
        self._mails_asked_for.take(name)
        user = await self._users.of_name(name)
        if user is not None:
            mail_id = derived(origin, "mail")
            await self._entry.say(
                WantMail(user_id=user.user_id, mail_id=mail_id, kind=kind), origin
            )
        await self.even_out(origin)
        return Answered(MailReceipt())

    async def even_out(self, origin: Origin) -> None:
        """Wait until nobody can tell by the time it took whether an address has an account."""
        taken = (self._clock() - origin.at).total_seconds()
        await asyncio.sleep(max(0.0, EVEN_SECONDS - taken))

    async def complete_sign_up(
        self, _command: object, receipt: dict[str, Any], origin: Origin
    ) -> dict[str, Any]:
        """Says the same as late, whatever was recorded: its position would tell."""
        await self.even_out(origin)
        return {**receipt, "position": 0}

    async def change_password(self, command: ChangePassword, origin: Origin) -> SetPassword:
        self._entry.confirmed(origin, command.confirmation)
        user = await self._users.get(origin.actor)
        return SetPassword(
            user_id=origin.actor,
            password_hash=await self._passwords.hash(command.password, _words_of(user)),
            mail_id=derived(origin, "mail"),
            keep=command.keep,
        )

    async def erase_me(self, command: EraseMe, origin: Origin) -> EraseUser:
        self._entry.confirmed(origin, command.confirmation)
        return EraseUser(user_id=origin.actor)

    async def leave(self, command: Leave, origin: Origin) -> Leave:
        self._entry.confirmed(origin, command.confirmation)
        return command

    # ------------------------------------------------------------------------------ addresses

    async def add_email(self, command: AddEmail, origin: Origin) -> BeginEmail:
        self._entry.confirmed(origin, command.confirmation)
        name = self._digests.email_name(command.email)
        self._mails_asked_for.take(name)
        return BeginEmail(
            user_id=origin.actor,
            email=command.email,
            email_name=name,
            mail_id=derived(origin, "mail"),
        )

    async def change_emails(
        self, command: RemoveEmail | SetPrimaryEmail, origin: Origin
    ) -> RemoveEmail | SetPrimaryEmail:
        self._entry.confirmed(origin, command.confirmation)
        return command

    # ------------------------------------------------------------------------------ signing in

    async def sign_in(self, command: SignIn, origin: Origin) -> OpenSession:
        name = self._digests.email_name(command.email)
        self._entry.tried.take(name)
        return await self._sign_in(command, name, await self._users.of_name(name), origin)

    async def sign_in_with_username(
        self, command: SignInWithUsername, origin: Origin
    ) -> OpenSession:
        name = self._usernames.name(command.username)
        self._entry.tried.take(name)
        return await self._sign_in(command, name, await self._users.of_username(name), origin)

    async def _sign_in(
        self, command: SignIn | SignInWithUsername, name: str, user: User | None, origin: Origin
    ) -> OpenSession:
        """Whoever a name belongs to, if it is their password; as late when it is nobody's."""
        known = None if user is None else user.password_hash
        if not await self._passwords.is_right(known, command.password) or user is None:
            raise CredentialsWrong
        self._entry.tried.forget(name)
        await self._rehash(user, command.password, origin)
        if not user.email_verified:
            mail_id = derived(origin, "mail")
            again = WantMail(user_id=user.user_id, mail_id=mail_id, kind=MailKind.VERIFY_EMAIL)
            await self._entry.say(again, origin)
            raise EmailUnverified
        return self._entry.open(command, origin, user, SignInMethod.PASSWORD)

    async def _rehash(self, user: User, password: str, origin: Origin) -> None:
        """Hash a password as we do, now that we know it, if another system hashed it."""
        known = user.password_hash
        if known is None or not self._passwords.is_of_another_system(known):
            return
        fresh = await self._passwords.rehash(password)
        command = RehashPassword(user_id=user.user_id, checked_hash=known, password_hash=fresh)
        await self._entry.say(command, origin)

    async def sign_in_with_proof(self, command: SignInWithProof, origin: Origin) -> OpenSession:
        shown = self._digests.read_proof(command.proof)
        if shown.kind is MailKind.RESET_PASSWORD:
            raise ProofRefused
        await self._use(shown, origin, keep=aggregate_id(command, origin))
        return await self._opened(command, origin, shown.user_id)

    async def reset_password(self, command: ResetPassword, origin: Origin) -> OpenSession:
        shown = self._digests.read_proof(command.proof)
        if shown.kind is not MailKind.RESET_PASSWORD:
            raise ProofRefused
        words = _words_of(await self._users.get(shown.user_id))
        password_hash = await self._passwords.hash(command.password, words)
        session_id = aggregate_id(command, origin)
        await self._use(shown, origin, password_hash=password_hash, keep=session_id)
        return await self._opened(command, origin, shown.user_id)

    async def sign_in_with_code(self, command: SignInWithCode, origin: Origin) -> OpenSession:
        name = self._digests.email_name(command.email)
        self._entry.tried.take(name)
        user = await self._users.of_name(name)
        mail_id = None if user is None else _newest_sign_in(user, origin)
        if user is None or mail_id is None:
            raise ProofRefused
        is_right = self._digests.is_code(command.code, user.user_id, mail_id)
        shown = Shown(MailKind.SIGN_IN, user.user_id, mail_id)
        session_id = aggregate_id(command, origin)
        await self._use(shown, origin, is_right=is_right, keep=session_id)
        if not is_right:
            raise ProofRefused
        self._entry.tried.forget(name)
        return await self._opened(command, origin, user.user_id)

    async def _opened(
        self,
        command: SignInWithProof | ResetPassword | SignInWithCode,
        origin: Origin,
        user_id: str,
    ) -> OpenSession:
        user = await self._users.get(user_id)
        return self._entry.open(command, origin, user, SignInMethod.EMAIL)

    async def _use(
        self,
        shown: Shown,
        origin: Origin,
        *,
        keep: str,
        is_right: bool = True,
        password_hash: str | None = None,
    ) -> None:
        """Make use of what a mail proves, for the session `keep` that is about to be opened."""
        await self._entry.say(
            UseProof(
                user_id=shown.user_id,
                mail_id=shown.mail_id,
                kind=shown.kind,
                is_right=is_right,
                password_hash=password_hash,
                keep=keep,
            ),
            origin,
        )

    async def renew_session(self, command: RenewSession, _origin: Origin) -> RotateSession:
        generation = self._digests.read_refresh_token(command.session_id, command.refresh_token)
        return RotateSession(session_id=command.session_id, generation=generation)

    # ------------------------------------------------------------------------------ what follows

    async def deliver_mail(self, command: DeliverMail, _origin: Origin) -> Answered | RecordMail:
        """Send it. A crash between sending and recording sends it twice; it is never left out."""
        user = await self._users.get(command.user_id)
        address = user.address_of(command.mail_id)
        is_back = command.kind is MailKind.LEFT and user.erased_at is None
        if address is None or is_back or await self._users.is_mail_done(command.mail_id):
            return Answered(MailReceipt())
        mail_id, user_id = command.mail_id, command.user_id
        mail = self._mailer.write(
            command.kind, address, self._digests, user_id, mail_id, user.erased_at
        )
        try:
            await self._mailer.send(mail)
        except Undeliverable:
            return RecordMail(mail_id=mail_id, user_id=user_id, is_refused=True)
        return RecordMail(mail_id=mail_id, user_id=user_id)

    async def destroy_key(self, command: DestroyKey, _origin: Origin) -> Answered:
        user = await self._users.get(command.user_id)
        if user.is_erased:
            await self._vault.destroy(command.user_id)
            logger.info("The key of an erased person is destroyed.", user_id=command.user_id)
        return Answered(AccountReceipt(user_id=command.user_id))


def _words_of(user: User) -> list[str]:
    return words_about(user.email, user.username, user.display_name)


def _newest_sign_in(user: User, origin: Origin) -> str | None:
    """The mail whose code somebody may be typing now."""
    good = [
        (mail.wanted_at, mail_id)
        for mail_id, mail in user.mails.items()
        if mail.proves(MailKind.SIGN_IN, origin.at)
    ]
    return max(good)[1] if good else None
