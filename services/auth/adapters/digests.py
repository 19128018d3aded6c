"""What can be made again from the installation's secret and is therefore kept nowhere: the names of
addresses, usernames and other ways in, the proofs in mails, refresh tokens, API keys, codes.
"""

import hmac
from base64 import b32encode, urlsafe_b64encode
from dataclasses import dataclass
from hashlib import sha256
from typing import Final
from unicodedata import normalize

from contracts.auth_identities import IdentityKind
from contracts.auth_keys import KeyRefused
from contracts.auth_mail import MailKind, ProofRefused
from contracts.auth_sessions import RefreshRefused
from libs.chassis.keys import KEY_PREFIX

_WITHOUT_SECRETS: Final = "an installation without secrets"
_CODES: Final = 1_000_000
_PROOF_KINDS: Final = {
    "v": MailKind.VERIFY_EMAIL,
    "s": MailKind.SIGN_IN,
    "r": MailKind.RESET_PASSWORD,
}
_LETTERS: Final = {kind: letter for letter, kind in _PROOF_KINDS.items()}


@dataclass(frozen=True, slots=True)
class Shown:
    """What a link said, checked to be of our making."""

    kind: MailKind
    user_id: str
    mail_id: str


class Digests:
    """Keyed digests of one installation."""

    def __init__(self, secret: str | None) -> None:
        """`secret` is `auth.secret`; None in an installation without secrets."""
        self._secret = (secret or _WITHOUT_SECRETS).encode()

    def email_name(self, email: str) -> str:
        """What an address is claimed under: the same however it is written, and no way back."""
        address = normalize("NFKC", email.strip()).casefold()
        return self._name("email", address)

    def identity_id(self, kind: IdentityKind, issuer: str, subject: str) -> str:
        """What an identity is claimed under: who it is, according to whom."""
        return self._name("identity", kind, issuer, subject)

    def username_name(self, skeleton: str) -> str:
        """What a username is claimed under, and all others that look like it."""
        return self._name("username", skeleton)

    # ------------------------------------------------------------------------------ mails

    def proof(self, kind: MailKind, user_id: str, mail_id: str) -> str:
        """What the link in a mail ends with."""
        return f"{_LETTERS[kind]}.{user_id}.{mail_id}.{self._text('proof', kind, user_id, mail_id)}"

    def read_proof(self, proof: str) -> Shown:
        """What a link says. raises   ProofRefused when we have not made it"""
        letter, _, rest = proof.partition(".")
        user_id, _, rest = rest.partition(".")
        mail_id, _, _ = rest.partition(".")
        kind = _PROOF_KINDS.get(letter)
        if kind is None or not _same(proof, self.proof(kind, user_id, mail_id)):
            raise ProofRefused
        return Shown(kind, user_id, mail_id)

    def code(self, user_id: str, mail_id: str) -> str:
        """The six digits in a mail."""
        number = int.from_bytes(self._mac("code", user_id, mail_id)[:8]) % _CODES
        return f"{number:06}"

    def is_code(self, code: str, user_id: str, mail_id: str) -> bool:
        return _same(code, self.code(user_id, mail_id))

    # ------------------------------------------------------------------------------ sessions

    def refresh_token(self, session_id: str, generation: int) -> str:
        """The refresh token of a session that is the `generation`-th it was given."""
        return f"{generation}.{self._text('refresh', session_id, str(generation))}"

    def read_refresh_token(self, session_id: str, token: str) -> int:
        """Its generation. raises   RefreshRefused when we have not made it"""
        number = token.partition(".")[0]
        if not number.isascii() or not number.isdigit() or len(number) > 9:
            raise RefreshRefused
        if not _same(token, self.refresh_token(session_id, int(number))):
            raise RefreshRefused
        return int(number)

    # ------------------------------------------------------------------------------ keys

    def api_key(self, key_id: str) -> str:
        """The API key of an id: the same whenever it is made."""
        return f"{KEY_PREFIX}{key_id}.{self._text('api-key', key_id)}"

    def read_api_key(self, key: str) -> str:
        """Its id. raises   KeyRefused when we have not made it"""
        key_id = key.removeprefix(KEY_PREFIX).partition(".")[0]
        if not _same(key, self.api_key(key_id)):
            raise KeyRefused
        return key_id

    # ------------------------------------------------------------------------------ digests

    def raw(self, *parts: str) -> bytes:
        """32 bytes that follow from the secret and these parts, for a purpose named first."""
        return self._mac(*parts)

    def _name(self, *parts: str) -> str:
        """Made of the characters of ids; the first part says what it names."""
        return f"{parts[0]}-{b32encode(self._mac(*parts)[:20]).decode().lower()}"

    def _text(self, *parts: str) -> str:
        return urlsafe_b64encode(self._mac(*parts)[:24]).decode()

    def _mac(self, *parts: str) -> bytes:
        return hmac.digest(self._secret, "\x1f".join(parts).encode(), sha256)


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode(), other.encode())
