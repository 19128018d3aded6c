"""TCP ports that are free now.

They are taken from below those that the system gives to clients. Otherwise a client that knocks at
a server which is down for a moment may be given the very port it knocks at: it is then connected
to itself, and the server cannot come back.
"""

import secrets
import socket

_FIRST, _LAST = 15_000, 32_000
_TRIES_MAX = 1_000


def free_ports(count: int) -> list[int]:
    """Choose `count` different ports of 127.0.0.1 that nothing listens on at the moment."""
    chosen: list[int] = []
    for _ in range(_TRIES_MAX):
        if len(chosen) == count:
            return chosen
        port = _FIRST + secrets.randbelow(_LAST - _FIRST)
        if port not in chosen and is_free(port):
            chosen.append(port)
    raise OSError(f"found no {count} free ports between {_FIRST} and {_LAST}")


def is_free(port: int) -> bool:
    """Say whether something could listen on this port of 127.0.0.1."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
