"""The secrets of one installation: made once, each in a file of its own, then only read.

    <user>.nats          seed of the service's NATS user key
    <service>.database   password of the PostgreSQL role `backline_<service>`
    postgres.superuser   password of the PostgreSQL superuser, for the stack itself
    gateway.cursor       what all gateways sign cursors with
    persons.key          what the keys of persons are encrypted with
    ingress.keys         what the keys of partners' payloads are encrypted with
    ingress.secret       what the secrets of outgoing webhooks are derived from
    auth.secret          what addresses, mails and refresh tokens are digested with
    auth.signing         the Ed25519 key that signs tokens, a private JWK in JSON
    auth.providers       whom people sign in with elsewhere (JSON); nobody until an operator says so

The directory is readable by its owner alone. A file that exists is never written again, so an
operator may put their own there first.
"""

import json
import os
import secrets
from collections.abc import Callable, Iterable
from pathlib import Path

import nkeys

_PASSWORD_BYTES = 24
_CURSOR_SECRET_BYTES = 32
_PERSONS_KEY_BYTES = 32
_DIGEST_SECRET_BYTES = 32
_NKEY_SEED_BYTES = 32


class Credentials:
    """The secrets in one directory."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def ensure(self, users: Iterable[str], databases: Iterable[str]) -> None:
        """Make every secret that is missing.

        users       names of NATS users
        databases   services with a PostgreSQL role
        """
        self.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        for user in users:
            self._ensure(f"{user}.nats", _new_nats_seed)
        for service in databases:
            self._ensure(f"{service}.database", _new_password)
        self._ensure("postgres.superuser", _new_password)
        self._ensure("gateway.cursor", lambda: secrets.token_urlsafe(_CURSOR_SECRET_BYTES))
        self._ensure("persons.key", lambda: secrets.token_urlsafe(_PERSONS_KEY_BYTES))
        self._ensure("ingress.keys", lambda: secrets.token_urlsafe(_PERSONS_KEY_BYTES))
        self._ensure("ingress.secret", lambda: secrets.token_urlsafe(_DIGEST_SECRET_BYTES))
        self._ensure("auth.secret", lambda: secrets.token_urlsafe(_DIGEST_SECRET_BYTES))
        self._ensure("auth.signing", _new_signing_key)
        self._ensure("auth.providers", lambda: "{}")

    def nats_public_key(self, user: str) -> str:
        """The public half of a NATS user's key, as it stands in the server's configuration."""
        seed = bytearray(self._read(f"{user}.nats").encode())
        public_key: bytes = nkeys.from_seed(seed).public_key
        return public_key.decode()

    def nats_seed(self, user: str) -> str:
        """The private half of a NATS user's key."""
        return self._read(f"{user}.nats")

    def database_password(self, service: str) -> str:
        """The password of the role `backline_<service>`."""
        return self._read(f"{service}.database")

    @property
    def superuser_password_path(self) -> Path:
        return self.directory / "postgres.superuser"

    @property
    def superuser_password(self) -> str:
        return self._read("postgres.superuser")

    def _read(self, name: str) -> str:
        return (self.directory / name).read_text().strip()

    def _ensure(self, name: str, make: Callable[[], str]) -> None:
        """Write a secret that does not exist: whole or not at all, even if power fails."""
        path = self.directory / name
        if path.exists():
            return
        unfinished = path.with_name(f".{name}.{os.getpid()}")
        descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(make() + "\n")
            file.flush()
            os.fsync(descriptor)
        unfinished.replace(path)


def _new_nats_seed() -> str:
    seed: bytes = nkeys.encode_seed(secrets.token_bytes(_NKEY_SEED_BYTES), nkeys.PREFIX_BYTE_USER)
    return seed.decode()


def _new_password() -> str:
    return secrets.token_urlsafe(_PASSWORD_BYTES)


def _new_signing_key() -> str:
    # Half a second to import, and needed once in the life of an installation.
    from joserfc.jwk import OKPKey  # noqa: PLC0415

    return json.dumps(OKPKey.generate_key("Ed25519", auto_kid=True).as_dict(private=True))
