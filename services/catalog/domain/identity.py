"""Identity: which record a record is part of, as administrators say.

Stream      evt.catalog.identity.{record_id}
Invariants  a record is part of at most one other; none is part of itself.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import assert_never

from contracts.catalog import EditorSuspended
from contracts.catalog_identity import (
    IdentityReceipt,
    IntoItself,
    MergeRecords,
    RecordsMerged,
    RecordsSplit,
    SplitRecords,
)
from libs.kernel.decider import Decider, members
from libs.kernel.messages import Origin

type IdentityCommand = MergeRecords | SplitRecords
type IdentityEvent = RecordsMerged | RecordsSplit


@dataclass(slots=True)
class Identity:
    """The state.

    into_id  what it is part of; None: it stands alone
    not_id   what it was last said not to be
    """

    into_id: str | None = None
    not_id: str | None = None


def decide(command: IdentityCommand, identity: Identity, origin: Origin) -> Sequence[IdentityEvent]:
    """The rules. raises IntoItself, EditorSuspended"""
    if origin.is_suspended:
        raise EditorSuspended
    match command:
        case MergeRecords(kind=kind, record_id=record_id, into_id=into_id):
            if record_id == into_id:
                raise IntoItself
            if identity.into_id == into_id:
                return []
            return [RecordsMerged(kind=kind, record_id=record_id, into_id=into_id)]
        case SplitRecords(kind=kind, record_id=record_id, from_id=from_id, source=source):
            if record_id == from_id:
                raise IntoItself(
                    "the record has its id from this source; merge the other part elsewhere"
                )
            if identity.into_id is None and identity.not_id == from_id:
                return []
            return [RecordsSplit(kind=kind, record_id=record_id, from_id=from_id, source=source)]
        case _:
            assert_never(command)


def evolve(identity: Identity, event: IdentityEvent) -> Identity:
    """What a fact does to an identity."""
    match event:
        case RecordsMerged(into_id=into_id):
            identity.into_id, identity.not_id = into_id, None
        case RecordsSplit(from_id=from_id):
            identity.into_id, identity.not_id = None, from_id
        case _:
            assert_never(event)
    return identity


def answer(
    command: IdentityCommand,
    _events: Sequence[IdentityEvent],
    _identity: Identity,
    _origin: Origin,
) -> IdentityReceipt:
    """What the caller is told."""
    into_id = command.into_id if isinstance(command, MergeRecords) else command.record_id
    return IdentityReceipt(record_id=command.record_id, into_id=into_id)


IDENTITY = Decider(
    aggregate="identity",
    commands=members(IdentityCommand),
    events=members(IdentityEvent),
    state=Identity,
    decide=decide,
    evolve=evolve,
    answer=answer,
)
