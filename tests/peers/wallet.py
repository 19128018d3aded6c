"""An Ethereum wallet."""

from coincurve import PrivateKey
from Crypto.Hash import keccak


class Wallet:
    """A wallet with a key of its own, which signs as `personal_sign` does."""

    def __init__(self) -> None:
        self._key = PrivateKey()
        public = self._key.public_key.format(compressed=False)[1:]
        self.address = "0x" + _keccak(public)[-20:].hex()

    def sign(self, text: str) -> str:
        said = text.encode()
        prefix = b"\x19Ethereum Signed Message:\n" + str(len(said)).encode()
        raw = self._key.sign_recoverable(_keccak(prefix + said), hasher=None)
        return "0x" + (raw[:64] + bytes([raw[64] + 27])).hex()


def _keccak(content: bytes) -> bytes:
    return keccak.new(digest_bits=256, data=content).digest()
