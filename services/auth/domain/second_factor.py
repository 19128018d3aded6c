"""The second factor: which codes are good.

Invariants  a code is good once: of a moment, neither it nor one before it afterwards; a backup code
            until others are made.
"""

from collections.abc import Sequence

from contracts.auth import ActorSuspended, UserKind
from contracts.auth_accounts import NoAccount, ProofRefused
from contracts.auth_confirmation import (
    BackupCodesMade,
    SecondFactorAlready,
    SecondFactorFailed,
    SecondFactorOff,
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
from libs.kernel.messages import Event, Origin
from services.auth.domain.state import SecondFactor, User

type FactorCommand = SetSecondFactor | TurnOffSecondFactor | ReplaceBackupCodes | ShowSecondFactor
type FactorEvent = (
    SecondFactorTurnedOn
    | SecondFactorTurnedOff
    | BackupCodesMade
    | SecondFactorShown
    | SecondFactorFailed
)


def decide_factor(command: FactorCommand, user: User, origin: Origin) -> Sequence[Event]:
    """The rules. raises   the rejections of `contracts.auth_confirmation`"""
    if isinstance(command, SetSecondFactor):
        return _set(command, user, origin)
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
        case SecondFactorTurnedOff():
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
