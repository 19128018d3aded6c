"""Wallets that apps keep for users. Those that users linked themselves are identities.

Invariants  an app keeps one wallet for a user at most; the erased have none.
"""

from collections.abc import Sequence

from contracts.auth import UserKind
from contracts.auth_accounts import NoAccount
from contracts.auth_wallets import (
    AssignWallet,
    TooManyWallets,
    WalletAssigned,
    WalletWithdrawn,
    WithdrawWallet,
)
from libs.kernel.messages import Event, Origin
from services.auth.domain.state import User

type WalletCommand = AssignWallet | WithdrawWallet
type WalletEvent = WalletAssigned | WalletWithdrawn


def decide_wallet(command: WalletCommand, user: User, _origin: Origin) -> Sequence[Event]:
    """The rules. raises   NoAccount, TooManyWallets"""
    if user.kind is not UserKind.NAMED or user.is_erased:
        raise NoAccount
    present = user.app_wallets.get(command.app)
    match command:
        case WithdrawWallet(app=app):
            return [] if present is None else [WalletWithdrawn(user_id=user.user_id, app=app)]
        case AssignWallet(app=app, address=address):
            if present is None:
                return [WalletAssigned(user_id=user.user_id, app=app, address=address.lower())]
            if present != address.lower():
                raise TooManyWallets
            return []


def evolve_wallet(user: User, event: WalletEvent) -> User:
    """What a fact does to a user."""
    match event:
        case WalletAssigned(app=app):
            user.app_wallets[app] = event.address or ""
        case WalletWithdrawn(app=app):
            user.app_wallets.pop(app, None)
    return user
