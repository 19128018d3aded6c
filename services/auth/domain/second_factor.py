"""The second factor: which codes are good.

Invariants  a code is good once: of a moment, neither it nor one before it afterwards; a backup code
            until others are made. Nobody takes off their own without showing who they are.
"""

from collections.abc import Sequence

from contracts.auth import ActorSuspended, UserKind, UserUnknown
from contracts.auth_accounts import NoAccount
from contracts.auth_confirmation import (
    BackupCodesMade,
    OwnSecondFactor,
    ResetSecondFactor,
    SecondFactorAlready,
    SecondFactorFailed,
    SecondFactorOff,
    SecondFactorReset,
    SecondFactorShown,
    SecondFactorTurnedOff,
    SecondFactorTurnedOn,
    TurnOffSecondFactor,
)
from contracts.auth_identities_private import (
    ReplaceBackupCodes,
    SetSecondFactor,
    ShowSecondFactor,
)
from contracts.auth_mail import MailKind, ProofRefused
from libs.kernel.ids import derive_id
from libs.kernel.messages import Event, Origin
from services.auth.domain.accounts import wanted
from services.auth.domain.state import SecondFactor, User

type FactorCommand = (
    SetSecondFactor
    | TurnOffSecondFactor
    | ResetSecondFactor
    | ReplaceBackupCodes
    | ShowSecondFactor
)
type FactorEvent = (
    SecondFactorTurnedOn
    | SecondFactorTurnedOff
    | SecondFactorReset
    | BackupCodesMade
    | SecondFactorShown
    | SecondFactorFailed
)


def decide_factor(command: FactorCommand, user: User, origin: Origin) -> Sequence[Event]:
    """The rules. raises   the rejections of `contracts.auth_confirmation`"""
    match command:
        case SetSecondFactor():
            return _set(command, user, origin)
        case ResetSecondFactor(reason=reason):
            return _reset(reason, user, origin)
        case TurnOffSecondFactor() | ReplaceBackupCodes() | ShowSecondFactor():
            return _decide_on(command, user)


def _decide_on(
    command: TurnOffSecondFactor | ReplaceBackupCodes | ShowSecondFactor, user: User
) -> Sequence[Event]:
    """For who has one."""
    if user.second_factor is None or user.is_erased:
        raise SecondFactorOff
    match command:
        case TurnOffSecondFactor():
            return [SecondFactorTurnedOff(user_id=user.user_id)]
        case ReplaceBackupCodes(backup_id=backup_id):
            if backup_id == user.second_factor.backup_id:
                return []
            return [BackupCodesMade(user_id=user.user_id, backup_id=backup_id)]
        case ShowSecondFactor():
            return _show(command, user, user.second_factor)


def _set(command: SetSecondFactor, user: User, origin: Origin) -> Sequence[Event]:
    if origin.is_suspended:
        raise ActorSuspended
    if user.kind is not UserKind.NAMED or user.is_erased:
        raise NoAccount
    if user.second_factor is not None:
        raise SecondFactorAlready
    return [
        SecondFactorTurnedOn(
            user_id=user.user_id, factor_id=command.factor_id, backup_id=command.backup_id
        ),
        SecondFactorShown(user_id=user.user_id, step=command.step, backup=None),
    ]


def _reset(reason: str, user: User, origin: Origin) -> Sequence[Event]:
    """By an administrator; whoever it was taken off is told."""
    if user.kind is None:
        raise UserUnknown
    if origin.is_suspended:
        raise ActorSuspended
    if origin.actor == user.user_id:
        raise OwnSecondFactor
    if user.second_factor is None:
        return []
    mail_id, name = derive_id(origin.command_id, "mail"), user.email_name
    kind = MailKind.SECOND_FACTOR_RESET
    return [
        SecondFactorReset(user_id=user.user_id, actor=origin.actor, reason=reason),
        *([wanted(user.user_id, mail_id, kind, name, origin.at)] if name else []),
    ]


def _show(command: ShowSecondFactor, user: User, factor: SecondFactor) -> Sequence[Event]:
    step, backup = command.step, command.backup
    if step is None and backup is None:
        return [SecondFactorFailed(user_id=user.user_id)]
    if (step is not None and step <= factor.step) or backup in factor.backups:
        raise ProofRefused
    return [SecondFactorShown(user_id=user.user_id, step=step, backup=backup)]


def evolve_factor(user: User, event: FactorEvent) -> User:
    """What a fact does to a user."""
    factor = user.second_factor
    match event:
        case SecondFactorTurnedOn():
            user.second_factor = SecondFactor(event.factor_id, event.backup_id)
        case SecondFactorTurnedOff() | SecondFactorReset():
            user.second_factor = None
        case BackupCodesMade(backup_id=backup_id) if factor is not None:
            factor.backup_id, factor.backups = backup_id, set()
        case SecondFactorShown(step=step, backup=backup) if factor is not None:
            factor.step = factor.step if step is None else step
            if backup is not None:
                factor.backups.add(backup)
        case _:
            pass
    return user
