"""API keys at the edge: exchanged once, and again when their tokens are not good any more."""

import asyncio
from datetime import timedelta

import pytest

from libs.chassis.keys import KEY_LENGTH_MAX, KeyTokens, is_key
from libs.chassis.revocations import Revocations, TokenRevoked
from libs.chassis.tokens import Jwks, Signer, TokenInvalid, Verifier
from libs.kernel.errors import Unauthenticated
from libs.testkit.clock import FakeClock

TTL_SECONDS = 60


class Exchange:
    """Exchanges keys as auth does, and counts. A key is `bk_` and the id of its user."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.signer = Signer.of_this_process()
        self.revocations = Revocations(self.clock)
        self.revocations.learn([])
        self.asked: list[tuple[str, str]] = []
        self.refused: set[str] = set()
        self.gate = asyncio.Event()
        self.gate.set()
        self.verifier = Verifier(self._keys, self.clock)

    async def __call__(self, key: str, address: str) -> str:
        self.asked.append((key, address))
        await self.gate.wait()
        if key in self.refused:
            raise Unauthenticated("no such key")
        user_id = key.removeprefix("bk_")
        token, _ = self.signer.sign(
            user_id,
            ["member"],
            "named",
            at=self.clock(),
            ttl_seconds=TTL_SECONDS,
            session_id=key,
            scope=["voting.*"],
        )
        return token

    async def _keys(self) -> Jwks:
        return self.signer.jwks()

    def revoke(self, **what: object) -> None:
        base = {"session_id": None, "kept_session_id": None, "renewable": False}
        before = self.clock() + timedelta(milliseconds=1)
        self.revocations.learn([{**base, "before": before, **what}])


@pytest.fixture
def exchange() -> Exchange:
    return Exchange()


def tokens_of(exchange: Exchange, keys_max: int = 3) -> KeyTokens:
    return KeyTokens(exchange, exchange.verifier, exchange.revocations, keys_max=keys_max)


def test_tells_keys_from_tokens(exchange: Exchange) -> None:
    token, _ = exchange.signer.sign("ann", [], "named", at=exchange.clock(), ttl_seconds=1)
    assert not is_key(token)
    assert is_key("bk_ann")


async def test_exchanges_a_key_once_for_all_who_show_it(exchange: Exchange) -> None:
    tokens = tokens_of(exchange)
    exchange.gate.clear()
    showing = [asyncio.create_task(tokens.identify("bk_ann", "10.0.0.1")) for _ in range(20)]
    await asyncio.sleep(0)
    showing[0].cancel()  # The one that began the exchange goes away.
    exchange.gate.set()
    identities = await asyncio.gather(*showing[1:])
    assert {identity.user_id for identity in identities} == {"ann"}
    assert identities[0].caller.scope == ("voting.*",)
    assert (await tokens.identify("bk_ann", "10.0.0.2")).session_id == "bk_ann"
    assert exchange.asked == [("bk_ann", "10.0.0.1")]


async def test_exchanges_it_again_when_its_token_has_ended(exchange: Exchange) -> None:
    tokens = tokens_of(exchange)
    first = await tokens.identify("bk_ann", "")
    exchange.clock.advance(seconds=TTL_SECONDS)
    second = await tokens.identify("bk_ann", "")
    assert second.expires_at > first.expires_at
    assert len(exchange.asked) == 2


async def test_exchanges_it_again_when_its_users_role_has_changed(exchange: Exchange) -> None:
    tokens = tokens_of(exchange)
    await tokens.identify("bk_ann", "")
    exchange.revoke(user_id="ann", renewable=True)
    exchange.clock.advance(seconds=1)
    assert (await tokens.identify("bk_ann", "")).user_id == "ann"
    assert len(exchange.asked) == 2


async def test_refuses_a_key_that_was_revoked(exchange: Exchange) -> None:
    tokens = tokens_of(exchange)
    await tokens.identify("bk_ann", "")
    exchange.revoke(user_id="ann", session_id="bk_ann")
    with pytest.raises(TokenRevoked):  # Auth has not heard of it yet, or says so a moment too late.
        await tokens.identify("bk_ann", "")
    exchange.refused.add("bk_ann")
    with pytest.raises(Unauthenticated):
        await tokens.identify("bk_ann", "")


async def test_asks_anew_about_a_key_that_was_refused(exchange: Exchange) -> None:
    tokens = tokens_of(exchange)
    exchange.refused.add("bk_ann")
    for _ in range(2):
        with pytest.raises(Unauthenticated):
            await tokens.identify("bk_ann", "")
    assert len(exchange.asked) == 2


async def test_asks_nobody_about_what_is_too_long_for_a_key(exchange: Exchange) -> None:
    with pytest.raises(TokenInvalid):
        await tokens_of(exchange).identify("bk_" + "x" * KEY_LENGTH_MAX, "")
    assert exchange.asked == []


async def test_forgets_the_oldest_when_there_are_too_many(exchange: Exchange) -> None:
    tokens = tokens_of(exchange, keys_max=2)
    for key in ("bk_1", "bk_2", "bk_3", "bk_3", "bk_2", "bk_1"):
        await tokens.identify(key, "")
    assert [key for key, _ in exchange.asked] == ["bk_1", "bk_2", "bk_3", "bk_1"]
