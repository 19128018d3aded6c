"""The endpoint `sandbox/main`, for development: its secret is that of nobody else."""

from typing import Final

from contracts.ingress import Profile
from services.ingress.adapters.endpoints import Endpoint, Secret, keys_of
from services.ingress.adapters.signing import derived_secret

PARTNER: Final = "sandbox"
NAME: Final = "main"
PATH: Final = f"/hooks/{PARTNER}/{NAME}"


def sandbox_secret(master: str | None) -> str:
    """What deliveries to the sandbox are signed with."""
    return derived_secret(master, "sandbox")


def sandbox_endpoint(master: str | None) -> Endpoint:
    """The endpoint itself."""
    keys = keys_of(Profile.STANDARD, sandbox_secret(master))
    return Endpoint(PARTNER, NAME, Profile.STANDARD, (Secret(keys),))
