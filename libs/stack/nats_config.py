"""The configuration of nats-server, as text.

`backline up` and the tests run a server with it, and `backline nats-config` prints it for an
installation. The settings that keep promises are not up for choice: `sync_interval: always`,
because an acknowledged command has been fsynced; pings that notice a dead peer in half a minute.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from libs.stack.credentials import Credentials
from libs.stack.permissions import Access, permissions_of, users

type Value = str | int | bool | Mapping[str, Value] | Sequence[Value]

PAYLOAD_SIZE_MAX_BYTES = 8 * 1024 * 1024
BATCH_MESSAGES_MAX = 2_000
REPLIES_MAX = 16
"""How many messages may answer one request."""


def render_nats_config(
    credentials: Credentials,
    services: Mapping[str, Access],
    *,
    listen: str,
    monitor: str,
    store: Path,
) -> str:
    """The text of a configuration file.

    listen    host:port for clients
    monitor   host:port for /healthz, /varz and /jsz
    store     directory of JetStream
    """
    return _render(
        {
            "server_name": "backline",
            "listen": listen,
            "http": monitor,
            "max_payload": PAYLOAD_SIZE_MAX_BYTES,
            "ping_interval": "10s",
            "ping_max": 2,
            "write_deadline": "5s",
            "jetstream": {
                "store_dir": str(store),
                "sync_interval": "always",
                "max_memory_store": 268_435_456,
                "limits": {
                    "batch": {
                        "max_msgs": BATCH_MESSAGES_MAX,
                        "timeout": "5s",
                        "max_inflight_per_stream": 50,
                        "max_inflight_total": 1_000,
                    }
                },
            },
            "system_account": "SYSTEM",
            "accounts": {
                "SYSTEM": {},
                "BACKLINE": {
                    "jetstream": "enabled",
                    "users": [_user(user, credentials, services) for user in users(services)],
                },
            },
        }
    )


def _user(
    user: str, credentials: Credentials, services: Mapping[str, Access]
) -> Mapping[str, Value]:
    permissions = permissions_of(user, services)
    return {
        "nkey": credentials.nats_public_key(user),
        "permissions": {
            "publish": {"allow": permissions.publish},
            "subscribe": {"allow": permissions.subscribe},
            "allow_responses": {"max": REPLIES_MAX, "expires": "1m"},
        },
    }


def _render(tree: Mapping[str, Value]) -> str:
    return "".join(f"{key}: {_value(value, '')}\n" for key, value in tree.items())


def _value(value: Value, indent: str) -> str:
    deeper = indent + "  "
    match value:
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case str():
            return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
        case Mapping():
            lines = [f"{deeper}{key}: {_value(each, deeper)}\n" for key, each in value.items()]
            return "{\n" + "".join(lines) + indent + "}"
        case Sequence():
            lines = [f"{deeper}{_value(each, deeper)}\n" for each in value]
            return "[\n" + "".join(lines) + indent + "]"
