"""Wallets that apps keep for users."""

from collections.abc import Sequence

from sqlalchemy import bindparam, delete
from sqlalchemy.dialects.postgresql import insert as upsert

from contracts.auth_wallets import WalletAssigned, WalletWithdrawn
from libs.eventlog import Recorded
from libs.readmodel import Write
from services.auth.tables import app_wallets

type WalletEvent = WalletAssigned | WalletWithdrawn

_ASSIGN = upsert(app_wallets).on_conflict_do_nothing()
_WITHDRAW = delete(app_wallets).where(
    app_wallets.c.user_id == bindparam("of"), app_wallets.c.app == bindparam("named")
)


def of_wallet(event: WalletEvent, _recorded: Recorded) -> Sequence[Write]:
    """Which an app keeps for whom."""
    user_id, app = event.user_id, event.app
    match event:
        case WalletAssigned(address=address):
            return [Write(_ASSIGN, [{"user_id": user_id, "app": app, "address": address}])]
        case WalletWithdrawn():
            return [Write(_WITHDRAW, [{"of": user_id, "named": app}])]
