"""Who may say what on NATS: one entry per service, least privilege for all of it.

A new service is one entry in `SERVICES`. It may then speak under its own name, keep its own log,
snapshots, schedules and membership, and beyond that only do what its entry says. Streams and
buckets are made by the `deployer`, who may do everything to JetStream and say nothing in a
service's name.

What this does not stop: a service that was taken over. Whoever may ask JetStream for anything can
have the answer sent to any subject of the account, another service's log included: nats-server
does not check where a reply or a push consumer delivers to (nats-server issue 8274). Permissions
keep honest services from mistakes; to contain a hostile one takes an account per service.
"""

from collections.abc import Mapping
from dataclasses import dataclass

DEPLOYER = "deployer"
SCHEDULER = "scheduler"
EVERYONE = ("*",)


@dataclass(frozen=True, slots=True)
class Access:
    """What a service may do beside what is its own.

    calls     services whose commands and queries it may request
    hears     services whose change notices and pushed results it may receive
    reads     services whose log it may follow; `ingress.object` is no more than the streams of
              that aggregate
    owns_log  whether it has aggregates, and with them a log, snapshots, schedules, members and a
              role in PostgreSQL for its read models
    jobs      whether it runs jobs (`libs.jobs`): calls the scheduler, and takes what is due for it
    hands_out whether it hands out jobs: the scheduler alone
    persons   whether it reads and records what is personal: makes, uses and destroys keys of
              persons (`libs.eventlog.vault`)
    keys      whether it has a bucket of keys of its own instead, for what it records and must be
              able to forget: `KV_KEYS_<SERVICE>`, which nobody else gets at
    """

    calls: tuple[str, ...] = ()
    hears: tuple[str, ...] = ()
    reads: tuple[str, ...] = ()
    owns_log: bool = True
    jobs: bool = False
    hands_out: bool = False
    persons: bool = False
    keys: bool = False


SERVICES: Mapping[str, Access] = {
    "auth": Access(persons=True),
    "catalog": Access(reads=("auth.user", "ingress.object"), jobs=True),
    "voting": Access(calls=("catalog",), hears=("catalog",), reads=("auth.user", "catalog")),
    "scheduler": Access(reads=("auth.user",), jobs=True, hands_out=True),
    "ingress": Access(reads=("catalog", "voting"), keys=True),
    "gateway": Access(calls=EVERYONE, hears=EVERYONE, owns_log=False),
    "web": Access(calls=EVERYONE, hears=EVERYONE, owns_log=False),
}


def databases(services: Mapping[str, Access]) -> tuple[str, ...]:
    """The services that keep read models, each with the PostgreSQL role `backline_<service>`."""
    return tuple(name for name, access in services.items() if access.owns_log)


def keys_bucket(service: str, access: Access) -> str | None:
    """The bucket of the keys that a service encrypts with; None when it has none."""
    if access.persons:
        return "PERSONS"
    return f"KEYS_{service.upper()}" if access.keys else None


@dataclass(frozen=True, slots=True)
class Permissions:
    """Subjects that one NATS user may publish and subscribe to; everything else is refused."""

    publish: tuple[str, ...]
    subscribe: tuple[str, ...]


def users(services: Mapping[str, Access]) -> tuple[str, ...]:
    """The NATS users there must be: one per service, and the deployer."""
    return (*services, DEPLOYER)


def permissions_of(user: str, services: Mapping[str, Access]) -> Permissions:
    """The permissions of one of `users(services)`."""
    if user == DEPLOYER:
        return Permissions(publish=("$JS.API.>",), subscribe=(_inbox(user),))
    access = services[user]
    called = _names(user, _called(user, access))
    publish = [
        *(f"{kind}.{user}.>" for kind in ("chg", "hot")),
        *(f"{kind}.{name}.>" for kind in ("cmd", "qry") for name in called),
        "$JS.API.INFO",
    ]
    subscribe = [
        _inbox(user),
        *(f"{kind}.{user}.>" for kind in ("cmd", "qry")),
        *(f"{kind}.{name}.>" for kind in ("chg", "hot") for name in _names(user, access.hears)),
    ]
    if access.owns_log:
        publish += _own_storage(user)
        subscribe.append(f"$KV.MEMBERS.{user}.>")
    bucket = keys_bucket(user, access)
    if bucket is not None:
        publish += _vault(bucket)
        subscribe.append(f"$KV.{bucket}.*")
    if access.hands_out:
        publish.append(f"job.{user}.>")
    if access.jobs:
        publish += _following(f"SCHED_{SCHEDULER.upper()}", f"job.{SCHEDULER}.{user}.>")
    for name in access.reads:
        publish += _following(f"EVT_{name.partition('.')[0].upper()}", f"evt.{name}.>")
    return Permissions(tuple(publish), tuple(subscribe))


def _called(user: str, access: Access) -> tuple[str, ...]:
    is_more = access.jobs and user != SCHEDULER and access.calls != EVERYONE
    return (*access.calls, SCHEDULER) if is_more else access.calls


def _inbox(user: str) -> str:
    return f"_INBOX_{user}.>"


def _names(user: str, others: tuple[str, ...]) -> tuple[str, ...]:
    return EVERYONE if others == EVERYONE else (user, *others)


def _own_storage(service: str) -> list[str]:
    """What its own log, snapshots, schedules, parked messages and place among the members take.

    A log can be added to and read; only what has its time can be deleted: all the others.
    """
    log, snapshots, schedules, parked = (
        f"{kind}_{service.upper()}" for kind in ("EVT", "SNAP", "SCHED", "PARKED")
    )
    return [
        *(f"{kind}.{service}.>" for kind in ("evt", "snap", "sched", "due", "parked", "replay")),
        f"$KV.MEMBERS.{service}.>",
        *_reading(log),
        *_reading(snapshots),
        f"$JS.API.STREAM.PURGE.{snapshots}",
        *_reading(schedules),
        f"$JS.API.STREAM.PURGE.{schedules}",
        f"$JS.API.STREAM.MSG.DELETE.{schedules}",
        *_reading(parked),
        f"$JS.API.STREAM.PURGE.{parked}",
        f"$JS.API.STREAM.MSG.DELETE.{parked}",
        *_following("KV_MEMBERS", f"$KV.MEMBERS.{service}.>"),
        "$JS.API.STREAM.MSG.GET.KV_MEMBERS",
        "$JS.API.DIRECT.GET.KV_MEMBERS",
        f"$JS.API.DIRECT.GET.KV_MEMBERS.$KV.MEMBERS.{service}.>",
    ]


def _vault(bucket: str) -> list[str]:
    """Get a key, make one, destroy one."""
    return [
        f"$KV.{bucket}.*",
        f"$JS.API.STREAM.MSG.GET.KV_{bucket}",
        f"$JS.API.STREAM.MSG.DELETE.KV_{bucket}",
    ]


def _reading(stream: str) -> list[str]:
    """Read a stream of one's own in every way there is."""
    return [
        f"$JS.API.STREAM.INFO.{stream}",
        f"$JS.API.STREAM.MSG.GET.{stream}",
        f"$JS.API.DIRECT.GET.{stream}",
        f"$JS.API.DIRECT.GET.{stream}.>",
        f"$JS.API.CONSUMER.CREATE.{stream}",
        f"$JS.API.CONSUMER.CREATE.{stream}.>",
        f"$JS.API.CONSUMER.INFO.{stream}.*",
        f"$JS.API.CONSUMER.RESET.{stream}.*",
        f"$JS.API.CONSUMER.MSG.NEXT.{stream}.*",
        f"$JS.API.CONSUMER.DELETE.{stream}.*",
        f"$JS.ACK.{stream}.>",
        f"$JS.FC.{stream}.>",
    ]


def _following(stream: str, subjects: str) -> list[str]:
    """Follow some subjects of a stream: its consumers must be named and filtered to these.

    A consumer without a filter in its subject would read the whole stream, so it is not allowed;
    nor are several filters in one consumer, which cannot be seen in its subject.
    """
    return [
        f"$JS.API.STREAM.INFO.{stream}",
        f"$JS.API.CONSUMER.CREATE.{stream}.*.{subjects}",
        f"$JS.API.CONSUMER.INFO.{stream}.*",
        f"$JS.API.CONSUMER.RESET.{stream}.*",
        f"$JS.API.CONSUMER.MSG.NEXT.{stream}.*",
        f"$JS.ACK.{stream}.>",
        f"$JS.FC.{stream}.>",
    ]
