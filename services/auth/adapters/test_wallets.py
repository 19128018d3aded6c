"""Wallets: how addresses are written, and whose signature one is."""

from contextlib import suppress
from datetime import UTC, datetime

import pytest

from contracts.auth_mail import ProofRefused
from services.auth.adapters.wallets import checksummed, signer_of, text_to_sign

ADDRESSES = [
    "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
    "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359",
    "0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB",
    "0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb",
]
"""The examples of EIP-55."""

SIGNATURE = (
    "0xb91467e570a6466aa9e9876cbcd013baba02900b8979d43fe208a4a4f339f5fd"
    "6007e74cd82e037b800186422fc2da167c747ef045e5d18a5f5d4300f8e1a0291c"
)
"""Of "Some data", by the account in the documentation of web3.js."""
SIGNER = "0x2c7536E3605D9C16a7a3D7b1898e529396a65c23"


@pytest.mark.parametrize("address", ADDRESSES)
def test_writes_addresses_as_eip_55_does(address: str) -> None:
    assert checksummed(address.lower()) == address
    assert checksummed("0x" + address[2:].upper()) == address


def test_knows_whose_signature_it_is() -> None:
    assert signer_of("Some data", SIGNATURE) == SIGNER
    assert signer_of("Other data", SIGNATURE) != SIGNER


@pytest.mark.parametrize("torn", ["0x" + "ff" * 65, "0x" + "00" * 65, SIGNATURE[:-2] + "1d"])
def test_takes_no_signature_for_another(torn: str) -> None:
    with suppress(ProofRefused):
        assert signer_of("Some data", torn) != SIGNER


def test_asks_as_eip_4361_does() -> None:
    at = datetime(2026, 11, 21, 20, 15, tzinfo=UTC)
    until = datetime(2026, 11, 21, 20, 25, tzinfo=UTC)
    text = text_to_sign("https://example.org", SIGNER.lower(), 1, "32891756", at, until)
    assert text == (
        "example.org wants you to sign in with your Ethereum account:\n"
        f"{SIGNER}\n"
        "\n"
        "Show that this wallet is yours. This costs nothing.\n"
        "\n"
        "URI: https://example.org\n"
        "Version: 1\n"
        "Chain ID: 1\n"
        "Nonce: 32891756\n"
        "Issued At: 2026-11-21T20:15:00Z\n"
        "Expiration Time: 2026-11-21T20:25:00Z"
    )
