"""What is the caller's own: their ways in, their sessions, and all that auth holds of them."""

from collections.abc import Sequence
from typing import Final

from sqlalchemy import RowMapping, select
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.auth_accounts import Export, ExportMe, ListEmails, OwnEmail, OwnEmails
from contracts.auth_identities import IdentityKind, ListIdentities, OwnIdentities, OwnIdentity
from contracts.auth_sessions import ListSessions, OwnSession, OwnSessions, SignInMethod
from contracts.auth_wallets import ListWallets, OwnWallet, OwnWallets, WalletKind
from libs.kernel.messages import Caller
from services.auth.queries.keys import keys_of
from services.auth.queries.users import as_user, the_user
from services.auth.tables import app_wallets, emails, identities, sessions, users

SESSIONS_MAX: Final = 200


async def list_emails(_query: ListEmails, caller: Caller, connection: AsyncConnection) -> OwnEmails:
    """The caller's addresses, the oldest first."""
    mine = (
        select(emails, (emails.c.email_name == users.c.email_name).label("primary"))
        .join(users, users.c.user_id == emails.c.user_id)
        .where(emails.c.user_id == caller.user_id)
        .order_by(emails.c.position, emails.c.email_name)
    )
    rows = (await connection.execute(mine)).mappings()
    return OwnEmails(
        emails=[
            OwnEmail(
                email_id=row["email_name"],
                email=row["email"],
                verified=row["verified"],
                primary=bool(row["primary"]),
            )
            for row in rows
        ]
    )


async def list_identities(
    _query: ListIdentities, caller: Caller, connection: AsyncConnection
) -> OwnIdentities:
    """The caller's ways in beside addresses, the oldest first."""
    mine = select(identities).where(identities.c.user_id == caller.user_id)
    oldest = mine.order_by(identities.c.linked_at, identities.c.identity_id)
    rows = (await connection.execute(oldest)).mappings()
    return OwnIdentities(
        identities=[
            OwnIdentity(
                identity_id=row["identity_id"],
                kind=IdentityKind(row["kind"]),
                issuer=row["issuer"],
                label=row["label"],
                linked_at=row["linked_at"],
            )
            for row in rows
        ]
    )


async def list_wallets(
    _query: ListWallets, caller: Caller, connection: AsyncConnection
) -> OwnWallets:
    """The caller's wallets: those that are ways in, and those that apps keep."""
    found = [
        OwnWallet(address=each.label, kind=WalletKind.EXTERNAL, app="")
        for each in (await list_identities(ListIdentities(), caller, connection)).identities
        if each.kind is IdentityKind.WALLET
    ]
    kept = select(app_wallets).where(app_wallets.c.user_id == caller.user_id)
    rows = (await connection.execute(kept.order_by(app_wallets.c.app))).mappings()
    found += [
        OwnWallet(address=row["address"], kind=WalletKind.APP, app=row["app"]) for row in rows
    ]
    return OwnWallets(wallets=found)


async def list_sessions(
    _query: ListSessions, caller: Caller, connection: AsyncConnection
) -> OwnSessions:
    """The caller's own, the newest first."""
    return OwnSessions(sessions=[_session(row) for row in await _sessions_of(caller, connection)])


async def _sessions_of(caller: Caller, connection: AsyncConnection) -> Sequence[RowMapping]:
    mine = select(sessions).where(sessions.c.user_id == caller.user_id)
    newest = mine.order_by(sessions.c.opened_at.desc()).limit(SESSIONS_MAX)
    return (await connection.execute(newest)).mappings().all()


def _session(row: RowMapping) -> OwnSession:
    return OwnSession(
        session_id=row["session_id"],
        method=SignInMethod(row["method"]),
        device=row["device"],
        opened_at=row["opened_at"],
        renewed_at=row["renewed_at"],
    )


async def export_me(_query: ExportMe, caller: Caller, connection: AsyncConnection) -> Export:
    """All that auth holds of the caller. raises   UserNotFound"""
    row = await the_user(connection, users.c.user_id == caller.user_id)
    user = as_user(row)
    return Export(
        user_id=user.user_id,
        status=user.status,
        emails=(await list_emails(ListEmails(), caller, connection)).emails,
        identities=[
            {
                "kind": each.kind,
                "issuer": each.issuer,
                "label": each.label,
                "linked_at": each.linked_at.isoformat(),
            }
            for each in (await list_identities(ListIdentities(), caller, connection)).identities
        ],
        username=user.username,
        display_name=user.display_name,
        bio=row["bio"],
        avatar=row["avatar"],
        links=row["links"],
        metadata=row["metadata"],
        role=user.role,
        registered_at=user.registered_at,
        sessions=[
            {
                "session_id": row["session_id"],
                "method": row["method"],
                "device": row["device"],
                "opened_at": row["opened_at"].isoformat(),
                "renewed_at": row["renewed_at"].isoformat(),
            }
            for row in await _sessions_of(caller, connection)
        ],
        wallets=[
            {"address": each.address, "kind": each.kind, "app": each.app}
            for each in (await list_wallets(ListWallets(), caller, connection)).wallets
        ],
        api_keys=[
            {
                "key_id": key.key_id,
                "name": key.name,
                "scopes": " ".join(key.scopes),
                "created_at": key.created_at.isoformat(),
                "expires_at": key.expires_at.isoformat(),
            }
            for key in (await keys_of(caller.user_id, connection)).keys
        ],
    )
