"""Passkeys (WebAuthn): made by authenticators, checked here.

source    https://www.w3.org/TR/webauthn-3/, by the library `webauthn`
"""

import hashlib
from typing import Any, Final
from urllib.parse import urlsplit

import orjson
import webauthn
from webauthn.helpers import base64url_to_bytes, bytes_to_base64url, options_to_json
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialCreationOptions,
    PublicKeyCredentialDescriptor,
    PublicKeyCredentialRequestOptions,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from contracts.auth_identities_private import MadePasskey
from contracts.auth_mail import ProofRefused
from services.auth.domain.state import Passkey

RP_NAME: Final = "Backline"
_MALFORMED: Final = (WebAuthnException, ValueError, KeyError, TypeError, AttributeError)
"""What the library raises for answers that no authenticator has given."""


class Passkeys:
    """Makes options for authenticators, and checks what they answer, for pages at one address."""

    def __init__(self, base_url: str) -> None:
        """`base_url` is where the pages are: passkeys are good for its host alone."""
        url = urlsplit(base_url)
        self._rp_id = url.hostname or "localhost"
        self._origin = f"{url.scheme}://{url.netloc}"

    def creation(
        self, user_id: str, name: str, challenge: bytes, known: list[str]
    ) -> dict[str, Any]:
        """Options to make a passkey with: discoverable, unlocked by its owner.

        name   what the authenticator shows
        known  the credential ids that this user has, none of which is made again
        """
        options = webauthn.generate_registration_options(
            rp_id=self._rp_id,
            rp_name=RP_NAME,
            user_id=hashlib.sha256(user_id.encode()).digest(),
            user_name=name,
            user_display_name=name,
            challenge=challenge,
            authenticator_selection=AuthenticatorSelectionCriteria(
                resident_key=ResidentKeyRequirement.REQUIRED,
                user_verification=UserVerificationRequirement.REQUIRED,
            ),
            exclude_credentials=[
                PublicKeyCredentialDescriptor(id=base64url_to_bytes(each)) for each in known
            ],
        )
        return _json(options)

    def request(self, challenge: bytes) -> dict[str, Any]:
        """Options to show any passkey with."""
        options = webauthn.generate_authentication_options(
            rp_id=self._rp_id,
            challenge=challenge,
            user_verification=UserVerificationRequirement.REQUIRED,
        )
        return _json(options)

    def made(self, credential: dict[str, Any], challenge: bytes) -> MadePasskey:
        """What an authenticator has made. raises   ProofRefused"""
        try:
            verified = webauthn.verify_registration_response(
                credential=credential,
                expected_challenge=challenge,
                expected_rp_id=self._rp_id,
                expected_origin=self._origin,
                require_user_verification=True,
            )
        except _MALFORMED:
            raise ProofRefused from None
        return MadePasskey(
            credential_id=bytes_to_base64url(verified.credential_id),
            public_key=bytes_to_base64url(verified.credential_public_key),
            sign_count=verified.sign_count,
        )

    def shown(self, credential: dict[str, Any], challenge: bytes, passkey: Passkey) -> int:
        """Check that a passkey has signed. returns   its count of uses. raises   ProofRefused"""
        if passkey.public_key is None:
            raise ProofRefused
        try:
            verified = webauthn.verify_authentication_response(
                credential=credential,
                expected_challenge=challenge,
                expected_rp_id=self._rp_id,
                expected_origin=self._origin,
                credential_public_key=base64url_to_bytes(passkey.public_key),
                credential_current_sign_count=0,  # The rules compare: a retry says the same again.
                require_user_verification=True,
            )
        except _MALFORMED:
            raise ProofRefused from None
        return verified.new_sign_count


def credential_id_of(credential: dict[str, Any]) -> str:
    """Which passkey an answer says it is by, in the one way it is written. raises   ProofRefused"""
    try:
        return bytes_to_base64url(base64url_to_bytes(credential["id"]))
    except _MALFORMED:
        raise ProofRefused from None


def _json(
    options: PublicKeyCredentialCreationOptions | PublicKeyCredentialRequestOptions,
) -> dict[str, Any]:
    found: dict[str, Any] = orjson.loads(options_to_json(options))
    return found
