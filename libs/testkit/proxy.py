"""A network that misbehaves: a TCP proxy before a server, in the hands of a test."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from urllib.parse import urlsplit, urlunsplit


class Proxy:
    """Passes bytes on between clients and a server, as long as it is let.

    url   where clients connect, in place of the server
    """

    def __init__(self, server_url: str) -> None:
        self._server = urlsplit(server_url)
        self.url = ""
        self._requests_pass = asyncio.Event()
        self._replies_pass = asyncio.Event()
        self._pipes: set[asyncio.Task[None]] = set()
        self._writers: set[asyncio.StreamWriter] = set()
        self._is_refusing = False
        self.mend()

    def hold_replies(self) -> None:
        """What the server says is kept back; what it is asked still arrives."""
        self._replies_pass.clear()

    def hold(self) -> None:
        """Nothing passes in either direction, and no connection breaks."""
        self._requests_pass.clear()
        self._replies_pass.clear()

    def mend(self) -> None:
        """Everything passes, also what was kept back."""
        self._is_refusing = False
        self._requests_pass.set()
        self._replies_pass.set()

    def cut(self) -> None:
        """Break every connection, and lose what was kept back; new ones are refused."""
        self._is_refusing = True
        for writer in self._writers:
            writer.transport.abort()

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Proxy"]:
        """Listen during the block."""
        listener = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        host, port = listener.sockets[0].getsockname()
        self.url = urlunsplit(self._server._replace(netloc=f"{host}:{port}"))
        try:
            yield self
        finally:
            self.cut()
            listener.close()
            for pipe in self._pipes:
                pipe.cancel()
            await asyncio.gather(*self._pipes, return_exceptions=True)

    async def _connected(
        self, from_client: asyncio.StreamReader, to_client: asyncio.StreamWriter
    ) -> None:
        if self._is_refusing:
            to_client.transport.abort()
            return
        from_server, to_server = await asyncio.open_connection(
            self._server.hostname, self._server.port
        )
        self._writers |= {to_client, to_server}
        for reader, writer, passing in (
            (from_client, to_server, self._requests_pass),
            (from_server, to_client, self._replies_pass),
        ):
            pipe = asyncio.create_task(self._pass_on(reader, writer, passing))
            self._pipes.add(pipe)
            pipe.add_done_callback(self._pipes.discard)

    async def _pass_on(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, passing: asyncio.Event
    ) -> None:
        with suppress(OSError):
            while data := await reader.read(64 * 1024):
                await passing.wait()
                writer.write(data)
                await writer.drain()
        writer.close()
        self._writers.discard(writer)
