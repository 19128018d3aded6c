"""The secrets of the services: one file each, in the directory that `BACKLINE_SECRETS` names.

    <service>.nats       nkey seed of the service's NATS user
    <service>.database   password of the PostgreSQL role backline_<service>
    auth.signing         the Ed25519 private key that tokens are signed with (a JWK)
    auth.secret          what addresses, mails, refresh tokens and API keys are digested with
    auth.providers       whom people sign in with elsewhere, and how we show them who we are (JSON)
    persons.key          what the keys of persons are encrypted with
    gateway.cursor       the key that all gateways sign cursors with

Without the directory there are no secrets, for servers that ask for none.
"""

from pathlib import Path


class SecretMissing(Exception):
    """A directory of secrets was given, and one that is needed is not in it."""


class Secrets:
    def __init__(self, directory: Path | None) -> None:
        self._directory = directory

    def read(self, name: str) -> str | None:
        """A secret, without the white space around it; None when no directory was given.

        raises   SecretMissing when the directory has no such file
        """
        if self._directory is None:
            return None
        path = self._directory / name
        try:
            return path.read_text().strip()
        except OSError as error:
            raise SecretMissing(
                f"BACKLINE_SECRETS: cannot read {path}: {error.strerror}"
                " (a new service needs an entry in libs/stack/permissions.py)"
            ) from None
