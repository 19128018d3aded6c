"""The log: streams of events in NATS JetStream, and the only room that speaks JetStream.

`JetStreamLog` appends, loads and follows; `MemoryLog` is its twin for unit tests and passes the
same suite (`test_logs.py`). Beside them: snapshots, schedules and membership, which live on the
same server.
"""

from libs.eventlog.codec import cloud_event, decode, encode
from libs.eventlog.jetstream import JetStreamLog
from libs.eventlog.memory import MemoryLog
from libs.eventlog.model import (
    CloudEvent,
    Commit,
    EventLog,
    RecordedCommit,
    Revision,
    StreamHistory,
    UnknownEvent,
)
from libs.kernel.recorded import Recorded

__all__ = [
    "CloudEvent",
    "Commit",
    "EventLog",
    "JetStreamLog",
    "MemoryLog",
    "Recorded",
    "RecordedCommit",
    "Revision",
    "StreamHistory",
    "UnknownEvent",
    "cloud_event",
    "decode",
    "encode",
]
