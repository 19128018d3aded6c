"""What one gateway takes on, and from one connection.

docs/live-protocol.md says what lies beyond.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Counts, bytes and seconds.

    connections_max         open at once
    queries_max             different questions watched at once
    subscriptions_max       live queries of one connection
    frame_bytes_max         one frame of a client
    commands_max            commands under way on one connection
    buffer_bytes_max        not yet sent to one connection; beyond it changes are left out
    slow_seconds_max        with more than that not sent
    ping_seconds            between looks at each connection; a silent one gets a ping
    silence_seconds_max     without a sign of life
    goodbye_seconds         that a client may take to answer a close frame
    spacing_seconds         between two changes of one live query
    linger_seconds          that a live query is kept true after its last watcher has left
    """

    connections_max: int = 20_000
    queries_max: int = 50_000
    subscriptions_max: int = 64
    frame_bytes_max: int = 64 * 1024
    commands_max: int = 1024
    buffer_bytes_max: int = 128 * 1024
    slow_seconds_max: float = 30.0
    ping_seconds: float = 20.0
    silence_seconds_max: float = 40.0
    goodbye_seconds: float = 2.0
    spacing_seconds: float = 0.1
    linger_seconds: float = 10.0
