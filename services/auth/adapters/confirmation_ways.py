"""Being sure that it is still them: what is checked before anything is decided.

Each method is the resolver of one command.
"""

from typing import Any

from contracts.auth_accounts import CredentialsWrong, NoAccount
from contracts.auth_confirmation import (
    BeginSecondFactor,
    Confirmed,
    ConfirmWithPasskey,
    ConfirmWithPassword,
    MakeBackupCodes,
    ResetSecondFactor,
    SecondFactorSetup,
    SignInWithSecondFactor,
    TurnOffSecondFactor,
    TurnOnSecondFactor,
)
from contracts.auth_identities_private import ReplaceBackupCodes, SetSecondFactor, ShowSecondFactor
from contracts.auth_mail import ProofRefused
from contracts.auth_private import OpenSession
from contracts.auth_sessions import SecondFactorNeeded, SignInMethod
from contracts.auth_standing import SetRole
from libs.kernel.clock import Clock
from libs.kernel.messages import Origin, Role
from libs.owner import Answered, Completer, Resolver
from services.auth.adapters.codes import Codes
from services.auth.adapters.entry import Entry, derived
from services.auth.adapters.identity_ways import IdentityWays
from services.auth.adapters.passwords import Passwords
from services.auth.adapters.tickets import Step, Ticket
from services.auth.domain.state import SecondFactor, User


class ConfirmationWays:
    """The resolvers of confirmations and of the second factor."""

    def __init__(
        self, *, entry: Entry, passwords: Passwords, identities: IdentityWays, clock: Clock
    ) -> None:
        self._entry = entry
        self._passwords = passwords
        self._identities = identities
        self._codes = Codes(entry.digests)
        self._clock = clock

    def resolvers(self) -> dict[type, Resolver]:
        """Each by the command it is for."""
        return {
            ConfirmWithPassword: self.confirm_with_password,
            ConfirmWithPasskey: self.confirm_with_passkey,
            BeginSecondFactor: self.begin_second_factor,
            TurnOnSecondFactor: self.turn_on,
            TurnOffSecondFactor: self.turn_off,
            MakeBackupCodes: self.make_backup_codes,
            SignInWithSecondFactor: self.sign_in,
            SetRole: self.pass_administrator,
            ResetSecondFactor: self.pass_administrator,
        }

    def completers(self) -> dict[type, Completer]:
        """What answers to give more, by the command they are for."""
        return {
            SetSecondFactor: self.complete_backup_codes,
            ReplaceBackupCodes: self.complete_backup_codes,
        }

    # ------------------------------------------------------------------------------ confirmations

    async def confirm_with_password(self, command: ConfirmWithPassword, origin: Origin) -> Answered:
        self._entry.tried.take(origin.actor)
        user = await self._entry.users.get(origin.actor)
        if user.password_hash is None:
            raise NoAccount
        if not await self._passwords.is_right(user.password_hash, command.password):
            raise CredentialsWrong
        if user.second_factor is not None:
            if command.code is None:
                raise SecondFactorNeeded
            await self._show(user, user.second_factor, command.code, origin)
        return self._confirmed(origin)

    async def confirm_with_passkey(self, command: ConfirmWithPasskey, origin: Origin) -> Answered:
        self._entry.tried.take(origin.actor)
        user, _ = await self._identities.shown_passkey(command.ticket, command.credential)
        if user.user_id != origin.actor:
            raise ProofRefused
        return self._confirmed(origin)

    def _confirmed(self, origin: Origin) -> Answered:
        self._entry.tried.forget(origin.actor)
        tickets = self._entry.tickets
        sealed = tickets.confirmation(origin.actor)
        return Answered(Confirmed(confirmation=sealed, expires_at=tickets.until()))

    async def pass_administrator[C: SetRole | ResetSecondFactor](
        self, command: C, origin: Origin
    ) -> C:
        """The same command. A service of ours is always itself. raises   ConfirmationNeeded"""
        if Role.SERVICE not in origin.roles:
            self._entry.confirmed(origin, command.confirmation)
        return command

    # ------------------------------------------------------------------------------ second factor

    async def begin_second_factor(self, _command: BeginSecondFactor, origin: Origin) -> Answered:
        user = await self._entry.users.get(origin.actor)
        factor_id = derived(origin, "factor")
        label = user.email or user.display_name or user.user_id
        ticket = Ticket(factor_id, origin.actor, {})
        uri = self._codes.uri(origin.actor, factor_id, label)
        return Answered(
            SecondFactorSetup(
                ticket=self._entry.tickets.seal(Step.SECOND_FACTOR_SETUP, ticket),
                uri=uri,
                qr=self._codes.qr(uri),
                secret=self._codes.secret(origin.actor, factor_id),
            )
        )

    async def turn_on(self, command: TurnOnSecondFactor, origin: Origin) -> SetSecondFactor:
        self._entry.confirmed(origin, command.confirmation)
        self._entry.tried.take(origin.actor)
        ticket = self._entry.tickets.open(Step.SECOND_FACTOR_SETUP, command.ticket)
        if ticket.user_id != origin.actor:
            raise ProofRefused
        factor_id = ticket.challenge_id
        step = self._codes.step_of(origin.actor, factor_id, command.code, self._clock())
        if step is None:
            raise ProofRefused
        self._entry.tried.forget(origin.actor)
        backup_id = derived(origin, "backup")
        return SetSecondFactor(
            user_id=origin.actor, factor_id=factor_id, backup_id=backup_id, step=step
        )

    async def turn_off(self, command: TurnOffSecondFactor, origin: Origin) -> TurnOffSecondFactor:
        self._entry.confirmed(origin, command.confirmation)
        return command

    async def make_backup_codes(
        self, command: MakeBackupCodes, origin: Origin
    ) -> ReplaceBackupCodes:
        self._entry.confirmed(origin, command.confirmation)
        return ReplaceBackupCodes(user_id=origin.actor, backup_id=derived(origin, "backup"))

    async def complete_backup_codes(
        self,
        command: SetSecondFactor | ReplaceBackupCodes,
        answer: dict[str, Any],
        _origin: Origin,
    ) -> dict[str, Any]:
        """The codes themselves, which stand nowhere else."""
        return {**answer, "codes": self._codes.backups(command.user_id, command.backup_id)}

    async def sign_in(self, command: SignInWithSecondFactor, origin: Origin) -> OpenSession:
        ticket = self._entry.tickets.open(Step.SECOND_FACTOR, command.ticket)
        if ticket.challenge_id != command.challenge_id:
            raise ProofRefused
        user = await self._entry.users.get(ticket.user_id)
        if user.second_factor is not None:
            self._entry.tried.take(user.user_id)
            await self._show(user, user.second_factor, command.code, origin)
            self._entry.tried.forget(user.user_id)
        return OpenSession(
            session_id=command.challenge_id,
            user_id=user.user_id,
            method=SignInMethod(ticket.held["method"]),
            device=command.device or ticket.held["device"],
        )

    async def _show(self, user: User, factor: SecondFactor, code: str, origin: Origin) -> None:
        """Use a code up. raises   ProofRefused when it is wrong, or was used"""
        step = self._codes.step_of(user.user_id, factor.factor_id, code, self._clock())
        backup = None if step is not None else self._codes.backup_of(user.user_id, factor, code)
        shown = ShowSecondFactor(user_id=user.user_id, step=step, backup=backup)
        await self._entry.say(shown, origin)
        if step is None and backup is None:
            raise ProofRefused
