"""A real OpenID provider for the tests of this room, one a session."""

from collections.abc import Iterator

import pytest

from tests.peers.openid_provider import NotInstalled, OpenIdProvider, running_provider

REDIRECT_URI = "http://127.0.0.1:9/sign-in/peer"


@pytest.fixture(scope="session")
def peer() -> Iterator[OpenIdProvider]:
    """The `oidc-provider` of npm, certified by the OpenID Foundation."""
    try:
        with running_provider(REDIRECT_URI) as provider:
            yield provider
    except NotInstalled as error:
        pytest.skip(f"npm cannot install the OpenID provider: {error}")
