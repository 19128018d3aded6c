"""Wallets of a user: those they linked to sign in with, and those an app keeps for them.

A wallet that an app has made (an embedded wallet, a custodial account) is no way in: the app is
trusted to say whose it is, by a service of ours.
"""

from enum import StrEnum
from typing import Annotated

from pydantic import StringConstraints

from contracts.auth import UserId
from contracts.auth_accounts import AccountReceipt, NoAccount
from contracts.auth_identities import WalletAddress
from libs.kernel.errors import Rejected
from libs.kernel.messages import Access, Command, Event, Query, View, command, event, query, view
from libs.kernel.personal import Personal

AppName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,31}$")]


class WalletKind(StrEnum):
    """external: linked by its owner, a way in; app: kept by an app."""

    EXTERNAL = "external"
    APP = "app"


class TooManyWallets(Rejected):
    code = "auth.too-many-wallets"
    title = "An app keeps one wallet for a user; take the other one back first."


@command(
    "auth.assign-wallet",
    key="user_id",
    access=Access.SERVICE,
    rejections=(NoAccount, TooManyWallets),
)
class AssignWallet(Command[AccountReceipt]):
    """An app keeps this wallet for a user."""

    user_id: UserId
    app: AppName
    address: WalletAddress


@command("auth.withdraw-wallet", key="user_id", access=Access.SERVICE, rejections=(NoAccount,))
class WithdrawWallet(Command[AccountReceipt]):
    """An app keeps no wallet for a user any more."""

    user_id: UserId
    app: AppName


@event("auth.wallet_assigned", person="user_id")
class WalletAssigned(Event):
    """An app keeps a wallet for a user."""

    user_id: UserId
    app: str
    address: Personal[str]


@event("auth.wallet_withdrawn")
class WalletWithdrawn(Event):
    """An app keeps no wallet for a user any more."""

    user_id: UserId
    app: str


@view
class OwnWallet(View):
    """One of the caller's wallets. `app` is empty for an external one."""

    address: str | None
    kind: WalletKind
    app: str


@view
class OwnWallets(View):
    """The caller's wallets: external ones first, the oldest first."""

    wallets: list[OwnWallet]


@query("auth.list-wallets", access=Access.SIGNED_IN, watches=("user.{caller}",), private=True)
class ListWallets(Query[OwnWallets]):
    """Which wallets the caller has."""
