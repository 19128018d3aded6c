"""Reads the tables of Better Auth, and tells auth of each user.

source   the schema that `npx @better-auth/cli generate` writes (1.6)
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import asyncpg

from contracts.auth_private import ImportOutcome, ImportUser
from libs.bus import Bus
from libs.chassis.command_line import running_bus
from libs.chassis.secrets import Secrets
from libs.chassis.settings import ProcessSettings
from libs.kernel.errors import RemoteProblem
from libs.kernel.ids import derive_id
from libs.kernel.messages import service_caller
from services.auth.adapters.digests import Digests
from services.auth.adapters.passwords import BETTER_AUTH

IN_FLIGHT_MAX: Final = 32

_USERS: Final = """
    select u.id, u.name, u.email, u."emailVerified" as verified, u."createdAt" as registered_at,
        (select a.password from account a
         where a."userId" = u.id and a."providerId" = 'credential' limit 1) as password
    from "user" u order by u."createdAt", u.id
"""
_LEFT_BEHIND: Final = {
    "other_ways": """select count(*) from account where "providerId" <> 'credential'""",
    "sessions": "select count(*) from session",
    "verifications": "select count(*) from verification",
}
_SECOND_FACTORS: Final = 'select count(*) from "twoFactor"'


@dataclass(frozen=True, slots=True)
class Refusal:
    """A user who was not taken over. `user` is their id there: nothing personal is printed."""

    user: str
    reason: str


@dataclass(slots=True)
class Report:
    """What became of the users of another system, and what of theirs was left behind."""

    read: int = 0
    new: int = 0
    unchanged: int = 0
    with_password: int = 0
    other_ways: int = 0
    second_factors: int = 0
    sessions: int = 0
    verifications: int = 0
    refused: list[Refusal] = field(default_factory=list)


async def take_over(url: str) -> Report:
    """Take everybody over. raises   asyncpg's errors; Unavailable"""
    report = Report()
    rows = await _read(url, report)
    digests = Digests(Secrets(ProcessSettings.load().secrets).read("auth.secret"))
    async with running_bus("auth") as bus:
        waiting = iter(rows)

        async def some() -> None:
            for row in waiting:
                await _tell(bus, row, digests, report)

        await asyncio.gather(*(some() for _ in range(IN_FLIGHT_MAX)))
    return report


async def _read(url: str, report: Report) -> Sequence[asyncpg.Record]:
    connection = await asyncpg.connect(url)
    try:
        async with connection.transaction(readonly=True, isolation="repeatable_read"):
            rows: list[asyncpg.Record] = await connection.fetch(_USERS)
            for name, count in _LEFT_BEHIND.items():
                setattr(report, name, await connection.fetchval(count))
            if await connection.fetchval("""select to_regclass('"twoFactor"') is not null"""):
                report.second_factors = await connection.fetchval(_SECOND_FACTORS)
    finally:
        await connection.close()
    report.read = len(rows)
    report.with_password = sum(row["password"] is not None for row in rows)
    return rows


async def _tell(bus: Bus, row: asyncpg.Record, digests: Digests, report: Report) -> None:
    password = row["password"]
    command = ImportUser(
        user_id=derive_id("better-auth", row["id"], prefix="usr_"),
        email=row["email"],
        email_name=digests.email_name(row["email"]),
        email_verified=row["verified"],
        password_hash=None if password is None else BETTER_AUTH + password,
        display_name=row["name"].strip()[:40] or None,
        registered_at=row["registered_at"],
    )
    try:
        answer = await bus.send(command, caller=service_caller("auth"))
    except RemoteProblem as problem:
        if problem.document.get("kind") not in {"invalid", "rejected"}:
            raise
        report.refused.append(Refusal(row["id"], str(problem.document["title"])))
    else:
        is_new = answer["outcome"] == ImportOutcome.NEW
        report.new += is_new
        report.unchanged += not is_new
