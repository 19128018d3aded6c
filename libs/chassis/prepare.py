"""Makes what the services need on NATS: logs, snapshots, schedules, what is parked, and the
membership bucket.

Done by the `deployer`, before services of this version start, and as often as one likes: what is
there stays, and only what its configuration says differently is changed. A new service is one entry
in `libs.stack.permissions.SERVICES`.
"""

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

import stamina
import structlog
from nats.aio.client import Client

from libs.chassis.connections import connect_nats
from libs.chassis.secrets import Secrets
from libs.chassis.settings import ProcessSettings
from libs.eventlog.protocol import STREAM_NOT_FOUND, call, log_name, raise_error
from libs.kernel.errors import Unavailable
from libs.kernel.ids import new_id
from libs.stack.permissions import DEPLOYER, SERVICES, Access

REACH_SECONDS: Final = 30.0
CALL_SECONDS: Final = 10.0
EPOCH: Final = "backline_epoch"

_MEGABYTE: Final = 1024 * 1024
_SECOND: Final = 1_000_000_000  # JetStream counts nanoseconds.
_NAME_IN_USE: Final = 10058

COMMIT_BYTES_MAX: Final = 8 * _MEGABYTE
DUE_MESSAGES_MAX: Final = 1_000_000
MEMBER_MARKER_SECONDS: Final = 2

Config = dict[str, Any]
"""The configuration of a JetStream stream, as its API has it."""

logger = structlog.get_logger(__name__)


class Outcome(StrEnum):
    CREATED = "created"
    CHANGED = "changed"
    UNCHANGED = "unchanged"


@dataclass(frozen=True, slots=True)
class Prepared:
    """A JetStream stream and what was done about it."""

    name: str
    outcome: Outcome


async def prepare(
    nats_url: str,
    secrets: Path | None,
    *,
    services: Mapping[str, Access] = SERVICES,
    replicas: int = 1,
) -> list[Prepared]:
    """Make what the services need on NATS, or bring it up to date.

    replicas  copies of each stream: 1 for a single server, 3 for a cluster
    raises    Unavailable when NATS cannot be reached, or JetStream does not serve, within
              REACH_SECONDS; JetStreamRefused
    """
    settings = ProcessSettings(nats_url=nats_url, secrets=secrets)
    try:
        async with asyncio.timeout(REACH_SECONDS):
            client = await connect_nats(DEPLOYER, settings, Secrets(secrets), _on_broken)
    except TimeoutError:
        raise Unavailable(f"NATS is not there: {nats_url}") from None
    try:
        return [
            Prepared(config["name"], await _ensure(client, config))
            for config in wanted(services, replicas)
        ]
    finally:
        await client.close()


def wanted(services: Mapping[str, Access], replicas: int) -> Iterator[Config]:
    """The configuration of every stream there must be."""
    for service, access in services.items():
        if access.owns_log:
            yield {**_log(service), "num_replicas": replicas}
            yield {**_snapshots(service), "num_replicas": replicas}
            yield {**_schedules(service, access), "num_replicas": replicas}
            yield {**_parked(service), "num_replicas": replicas}
        if access.keys:
            yield {**_keys(f"KEYS_{service.upper()}"), "num_replicas": replicas}
    yield {**_members(), "num_replicas": replicas}
    yield {**_keys("PERSONS"), "num_replicas": replicas}


def _log(service: str) -> Config:
    """The truth. Nothing ever leaves it by itself; a full one refuses rather than forgets.

    Deleting is not denied here, since that could never be undone: a leaked secret, or a person's
    data that a law wants gone, must stay removable by the deployer. Services may not.
    """
    return {
        **_on_disk(log_name(service), [f"evt.{service}.>"]),
        "discard": "new",
        "max_msg_size": COMMIT_BYTES_MAX,
        "metadata": {EPOCH: new_id()},
    }


def _snapshots(service: str) -> Config:
    """The newest of each chunk of each snapshot."""
    name, subjects = f"SNAP_{service.upper()}", [f"snap.{service}.>"]
    return {**_on_disk(name, subjects), "max_msgs_per_subject": 1}


def _schedules(service: str, access: Access) -> Config:
    """Timers, and the messages they became: our own, and work for others.

    A fired message lives as long as its schedule says (`Nats-Schedule-TTL`); the limit per subject
    only keeps a service that is away for ever from filling the disk.
    """
    name, subjects = f"SCHED_{service.upper()}", [f"sched.{service}.>", f"due.{service}.>"]
    if access.hands_out:
        subjects.append(f"job.{service}.>")
    return {
        **_on_disk(name, subjects),
        "max_msgs_per_subject": DUE_MESSAGES_MAX,
        "allow_msg_schedules": True,
        "allow_msg_ttl": True,
        "allow_rollup_hdrs": True,  # Schedules imply it.
    }


def _parked(service: str) -> Config:
    """What process managers put aside because it keeps failing, until somebody replays it."""
    name, subjects = f"PARKED_{service.upper()}", [f"parked.{service}.>", f"replay.{service}.>"]
    return {**_on_disk(name, subjects), "discard": "new"}


def _on_disk(name: str, subjects: list[str]) -> Config:
    return {
        "name": name,
        "subjects": subjects,
        "retention": "limits",
        "storage": "file",
        "compression": "s2",
        "discard": "old",
        "allow_direct": True,
        "allow_atomic": True,
    }


def _keys(bucket: str) -> Config:
    """Keys of persons, or of what else must be forgotten (`libs.eventlog.vault`). Uncompressed, so
    that one that is deleted is overwritten where it stood; and kept out of the backups of logs
    (docs/adr/0012).
    """
    return {
        "name": f"KV_{bucket}",
        "subjects": [f"$KV.{bucket}.*"],
        "retention": "limits",
        "storage": "file",
        "discard": "new",
        "max_msgs_per_subject": 1,
        "deny_purge": True,
    }


def _members() -> Config:
    """The membership bucket: one key per live worker, gone when it is not renewed.

    On disk, although nothing in it outlives two seconds: a single server that is started again has
    forgotten every stream it kept in memory, and without its bucket no service has an owner.
    """
    return {
        "name": "KV_MEMBERS",
        "subjects": ["$KV.MEMBERS.>"],
        "retention": "limits",
        "storage": "file",
        "discard": "new",
        "max_msgs_per_subject": 1,
        "allow_direct": True,
        "allow_msg_ttl": True,
        "allow_rollup_hdrs": True,
        "deny_delete": True,
        "subject_delete_marker_ttl": MEMBER_MARKER_SECONDS * _SECOND,
    }


def _on_broken(error: Exception) -> None:
    logger.error("NATS ended the connection.", detail=str(error))


@stamina.retry(on=Unavailable, attempts=None, timeout=REACH_SECONDS, wait_max=1.0)
async def _ensure(client: Client, config: Config) -> Outcome:
    """Create a stream or bring it up to date. Another deployer may do the same at this moment."""
    existing = await _find(client, config["name"])
    if existing is None:
        answer = await _call(client, "CREATE", config)
        if answer.get("error", {}).get("err_code") != _NAME_IN_USE:
            raise_error(answer)
            return Outcome.CREATED
        existing = await _find(client, config["name"]) or {}
    # What the stream was born with stays: its epoch must not change while its events do not.
    metadata = {**config.get("metadata", {}), **existing.get("metadata", {})}
    merged = {**existing, **config, "metadata": metadata}
    if merged == existing:
        return Outcome.UNCHANGED
    raise_error(await _call(client, "UPDATE", merged))
    return Outcome.CHANGED


async def _find(client: Client, name: str) -> Config | None:
    answer = await call(client, f"STREAM.INFO.{name}", b"", timeout_seconds=CALL_SECONDS)
    if answer.get("error", {}).get("err_code") == STREAM_NOT_FOUND:
        return None
    raise_error(answer)
    config: Config = answer["config"]
    return config


async def _call(client: Client, verb: str, config: Config) -> dict[str, Any]:
    subject = f"STREAM.{verb}.{config['name']}"
    return await call(client, subject, config, timeout_seconds=CALL_SECONDS)
