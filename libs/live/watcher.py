"""One who watches a live query: a subscription of a connection, reduced to what sending takes."""

from collections.abc import Callable

from libs.live.frames import Encoding, Frame


class Watcher:
    """A place to write frames to.

    encoding         how its transport writes a frame; watchers with the same encoding and id
                     are sent the very same bytes
    subscription_id  in JSON
    write            takes bytes at once, without waiting
    on_end           told when the live query ends by itself; the last frame has then been written
    is_paused        whether the transport asks us to hold back: frames are then left out, and
                     made up for by one `result`
    version          the frame of the live query that it has seen last
    """

    __slots__ = ("encoding", "is_paused", "on_end", "subscription_id", "version", "write")

    def __init__(
        self,
        encoding: Encoding,
        subscription_id: bytes,
        write: Callable[[bytes], None],
        on_end: Callable[["Watcher"], None],
    ) -> None:
        self.encoding = encoding
        self.subscription_id = subscription_id
        self.write = write
        self.on_end = on_end
        self.is_paused = False
        self.version = 0

    def send(self, frame: Frame) -> None:
        self.write(self.encoding(frame, self.subscription_id))
