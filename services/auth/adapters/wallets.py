"""Ethereum wallets: the text they are given to sign, and whose signature it is.

A wallet that is a contract (EIP-1271) cannot be checked without a node of its chain: it is refused.
source    EIP-4361 (the text), EIP-191 (how it is signed), EIP-55 (how addresses are written)
"""

from datetime import datetime
from urllib.parse import urlsplit

from coincurve import PublicKey
from Crypto.Hash import keccak

from contracts.auth_mail import ProofRefused


def checksummed(address: str) -> str:
    """An address as EIP-55 writes it, from one in any capitals."""
    digits = address[2:].lower()
    heights = _keccak(digits.encode()).hex()
    return "0x" + "".join(
        digit.upper() if int(height, 16) >= 8 else digit
        for digit, height in zip(digits, heights, strict=False)
    )


def text_to_sign(
    base_url: str, address: str, chain_id: int, nonce: str, at: datetime, until: datetime
) -> str:
    """The EIP-4361 message of a sign-in to the pages at `base_url`."""
    return (
        f"{urlsplit(base_url).netloc} wants you to sign in with your Ethereum account:\n"
        f"{checksummed(address)}\n\n"
        "Show that this wallet is yours. This costs nothing.\n\n"
        f"URI: {base_url}\n"
        "Version: 1\n"
        f"Chain ID: {chain_id}\n"
        f"Nonce: {nonce}\n"
        f"Issued At: {_iso(at)}\n"
        f"Expiration Time: {_iso(until)}"
    )


def signer_of(text: str, signature: str) -> str:
    """Whose signature it is (`personal_sign`), checksummed. raises   ProofRefused"""
    raw = bytes.fromhex(signature[2:])
    recovery = raw[64] - 27 if raw[64] >= 27 else raw[64]
    said = text.encode()
    digest = _keccak(b"\x19Ethereum Signed Message:\n" + str(len(said)).encode() + said)
    try:
        key = PublicKey.from_signature_and_message(
            raw[:64] + bytes([recovery]), digest, hasher=None
        )
    except ValueError:
        raise ProofRefused from None
    return checksummed("0x" + _keccak(key.format(compressed=False)[1:])[-20:].hex())


def _keccak(content: bytes) -> bytes:
    return keccak.new(digest_bits=256, data=content).digest()


def _iso(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")
