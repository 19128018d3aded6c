"""Slots: 64 equal shares of a service's streams, by hash of the aggregate id, and who owns which.

source    docs/adr/0003-one-writer-per-slot.md
"""

import hashlib
from collections.abc import Iterable

SLOT_COUNT = 64

_FNV_OFFSET = 0x811C9DC5
_FNV_PRIME = 0x01000193
_UINT32 = 0xFFFFFFFF


def fnv1a_32(data: bytes) -> int:
    """FNV-1a, 32 bits: the hash nats-server uses for its own `partition()` subject mapping."""
    value = _FNV_OFFSET
    for byte in data:
        value = ((value ^ byte) * _FNV_PRIME) & _UINT32
    return value


def slot_of(aggregate_id: str) -> int:
    """The slot, 0 to 63, in which an aggregate lives for ever."""
    return fnv1a_32(aggregate_id.encode()) % SLOT_COUNT


def slots_of(member: str, members: Iterable[str]) -> frozenset[int]:
    """The slots a member owns among the live members, by rendezvous hashing.

    Everyone who sees the same members computes the same owner, and a member that comes or goes
    moves only its own share.
    """
    alive = sorted(set(members))
    return frozenset(slot for slot in range(SLOT_COUNT) if owner_of(slot, alive) == member)


def owner_of(slot: int, members: Iterable[str]) -> str | None:
    """The member with the highest weight for this slot; None when nobody is alive."""
    return max(members, key=lambda member: (_weight(slot, member), member), default=None)


def _weight(slot: int, member: str) -> bytes:
    return hashlib.blake2b(f"{slot}:{member}".encode(), digest_size=8).digest()
