"""Endpoints for development, for `backline deliver`: their secrets are those of nobody else.

`sandbox/main` stands for any partner. The others stand for those whose webhooks the catalog heeds.
"""

from typing import Final

from contracts.ingress import Profile
from services.ingress.adapters.endpoints import Endpoint, Endpoints, Secret, keys_of
from services.ingress.adapters.signing import derived_secret

MAIN: Final = "sandbox/main"
PROFILES: Final = {
    MAIN: Profile.STANDARD,
    "luma/sandbox": Profile.LUMA,
    "ics/harbour": Profile.STANDARD,
}
"""How each of them signs, by `<partner>/<endpoint>`."""


def sandbox_secret(master: str | None, path: str) -> str:
    """What deliveries to one of them are signed with."""
    return derived_secret(master, "sandbox", path)


def sandbox_endpoints(master: str | None) -> Endpoints:
    """The endpoints themselves."""
    return {
        (partner, name): Endpoint(
            partner, name, profile, (Secret(keys_of(profile, sandbox_secret(master, path))),)
        )
        for path, profile in PROFILES.items()
        for partner, _, name in [path.partition("/")]
    }
