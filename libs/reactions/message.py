"""A message that may ask for something: a commit of a log, or a schedule that became due."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Message:
    """A stored message. `position` is its place in its JetStream stream."""

    subject: str
    position: int
    payload: bytes
    headers: Mapping[str, str]
