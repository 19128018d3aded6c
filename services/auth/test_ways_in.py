"""Ways in beside a password, on the real servers: wallets, several addresses, a second factor."""

import asyncio
import time
from typing import Any

import pyotp
import pytest

from libs.bus import Bus
from libs.kernel.errors import RemoteProblem
from libs.kernel.messages import NOBODY, Caller, service_caller
from services.auth.conftest import Mailbox
from services.auth.test_accounts import (
    ADMIN,
    PASSWORD,
    an_address,
    code_of,
    owner,
    renewed,
    say,
    signed_up,
)
from services.auth.test_narrowed import MODERATOR, acts_on
from tests.peers.wallet import Wallet

pytestmark = pytest.mark.connected


async def with_wallet(bus: Bus, wallet: Wallet, caller: Caller = NOBODY) -> dict[str, Any]:
    """A session, by the signature of a wallet."""
    begun = await say(bus, "begin-wallet", caller, address=wallet.address)
    return await say(
        bus,
        "sign-in-with-wallet",
        caller,
        challenge_id=begun["challenge_id"],
        ticket=begun["ticket"],
        signature=wallet.sign(begun["text"]),
    )


# ---------------------------------------------------------------------------------- wallets


async def test_makes_a_user_of_a_wallet_at_first_sight_and_knows_it_again(bus: Bus) -> None:
    wallet = Wallet()
    first, again = await with_wallet(bus, wallet), await with_wallet(bus, wallet)
    assert first["user_id"] == again["user_id"]
    assert first["kind"] == "named"
    listed = await bus.ask_raw(
        "auth.list-identities", {}, caller=owner(again), after=again["position"]
    )
    (identity,) = listed.result["identities"]
    ours = service_caller("catalog")
    address = "0x" + "Ab" * 20
    kept = await say(
        bus, "assign-wallet", ours, user_id=first["user_id"], app="privy", address=address
    )
    me, after = owner(again), kept["position"]
    wallets = await bus.ask_raw("auth.list-wallets", {}, caller=me, after=after)
    assert [each["kind"] for each in wallets.result["wallets"]] == ["external", "app"]
    assert wallets.result["wallets"][1]["address"] == address.lower()
    way = {"way_id": identity["identity_id"]}
    said = await say(bus, "set-primary-way-in", me, **way)
    who = await bus.ask_raw("auth.get-me", {}, caller=me, after=said["position"])
    assert who.result["primary_way_in"] == identity["identity_id"]
    assert (identity["kind"], identity["label"].lower()) == ("wallet", wallet.address)


async def test_makes_one_user_of_a_wallet_that_comes_many_times_at_once(bus: Bus) -> None:
    wallet = Wallet()
    sessions = await asyncio.gather(*(with_wallet(bus, wallet) for _ in range(20)))
    assert len({each["user_id"] for each in sessions}) == 1


async def test_keeps_a_guest_who_comes_back_with_a_wallet(bus: Bus) -> None:
    guest = await say(bus, "start-guest-session")
    session = await with_wallet(bus, Wallet(), owner(guest))
    assert (session["user_id"], session["kind"]) == (guest["user_id"], "named")


async def test_takes_a_challenge_once(bus: Bus) -> None:
    wallet = Wallet()
    begun = await say(bus, "begin-wallet", address=wallet.address)
    text = begun.pop("text")
    shown = {name: begun[name] for name in ("challenge_id", "ticket")}
    shown["signature"] = wallet.sign(text)
    assert (await say(bus, "sign-in-with-wallet", **shown))["token"]
    assert await code_of(say(bus, "sign-in-with-wallet", **shown)) == "auth.proof-refused"


@pytest.mark.parametrize("wrong", ["other wallet", "other text", "torn", "not ours", "mixed up"])
async def test_takes_no_wallet_that_has_not_signed(bus: Bus, wrong: str) -> None:
    wallet = Wallet()
    begun = await say(bus, "begin-wallet", address=wallet.address)
    other = await say(bus, "begin-wallet", address=wallet.address)
    signature = wallet.sign(begun["text"])
    shown = {"challenge_id": begun["challenge_id"], "ticket": begun["ticket"]}
    match wrong:
        case "other wallet":
            signature = Wallet().sign(begun["text"])
        case "other text":
            signature = wallet.sign(other["text"])
        case "torn":
            signature = "0x" + "ff" * 65
        case "not ours":
            shown["ticket"] = begun["ticket"][:-4] + "AAAA"
        case _:
            shown["challenge_id"] = other["challenge_id"]
    refused = say(bus, "sign-in-with-wallet", **shown, signature=signature)
    assert await code_of(refused) == "auth.proof-refused"


async def test_links_a_wallet_and_takes_it_off_but_never_the_last_way_in(
    bus: Bus, mailbox: Mailbox
) -> None:
    email, wallet = an_address(), Wallet()
    session = await signed_up(bus, mailbox, email)
    me, sure = owner(session), session["confirmation"]
    begun = await say(bus, "begin-wallet", me, address=wallet.address)
    link = {"ticket": begun["ticket"], "signature": wallet.sign(begun["text"])}
    assert await code_of(say(bus, "link-wallet", me, **link)) == "auth.confirmation-needed"
    linked = await say(bus, "link-wallet", me, **link, confirmation=sure)
    assert (await with_wallet(bus, wallet))["user_id"] == session["user_id"]

    listed = await bus.ask_raw("auth.list-emails", {}, caller=me, after=linked["position"])
    (address,) = listed.result["emails"]
    gone = {"email_id": address["email_id"], "confirmation": sure}
    await say(bus, "remove-email", me, **gone)
    identities = await bus.ask_raw("auth.list-identities", {}, caller=me, after=linked["position"])
    (identity,) = identities.result["identities"]
    last = say(bus, "unlink-identity", me, identity_id=identity["identity_id"], confirmation=sure)
    assert await code_of(last) == "auth.last-way-in"
    assert await code_of(say(bus, "sign-in", email=email, password=PASSWORD)) == (
        "auth.credentials-wrong"
    )


async def test_gives_a_wallet_to_one_user_only(bus: Bus, mailbox: Mailbox) -> None:
    wallet = Wallet()
    await with_wallet(bus, wallet)
    session = await signed_up(bus, mailbox, an_address())
    begun = await say(bus, "begin-wallet", owner(session), address=wallet.address)
    taken = say(
        bus,
        "link-wallet",
        owner(session),
        ticket=begun["ticket"],
        signature=wallet.sign(begun["text"]),
        confirmation=session["confirmation"],
    )
    assert await code_of(taken) == "auth.identity-taken"


async def test_makes_a_new_user_of_a_wallet_that_was_taken_off(bus: Bus, mailbox: Mailbox) -> None:
    """Whoever has it now need not be whoever had it then."""
    wallet = Wallet()
    session = await with_wallet(bus, wallet)
    me, sure = owner(session), session["confirmation"]
    email = an_address()
    await say(bus, "add-email", me, email=email, confirmation=sure)
    await say(bus, "sign-in-with-proof", proof=await mailbox.proof(email))
    listed = await bus.ask_raw("auth.list-identities", {}, caller=me, after=session["position"])
    identity_id = listed.result["identities"][0]["identity_id"]
    await say(bus, "unlink-identity", me, identity_id=identity_id, confirmation=sure)
    assert (await with_wallet(bus, wallet))["user_id"] != session["user_id"]


# ---------------------------------------------------------------------------------- passkeys

NO_CREDENTIALS: list[dict[str, Any]] = [
    {},
    {"id": "AAAA"},
    {"id": 7, "rawId": None},
    {"id": "AAAA", "rawId": "AAAA", "type": "public-key", "response": {}},
    {
        "id": "AAAA",
        "rawId": "AAAA",
        "type": "public-key",
        "response": {"clientDataJSON": "e30", "attestationObject": "oA", "signature": "AA"},
    },
]


@pytest.mark.parametrize("credential", NO_CREDENTIALS)
async def test_takes_no_passkey_that_no_authenticator_has_made(
    bus: Bus, mailbox: Mailbox, credential: dict[str, Any]
) -> None:
    begun = await say(bus, "begin-passkey-sign-in")
    shown = {"challenge_id": begun["challenge_id"], "ticket": begun["ticket"]}
    refused = say(bus, "sign-in-with-passkey", **shown, credential=credential)
    assert await code_of(refused) == "auth.proof-refused"
    session = await signed_up(bus, mailbox, an_address())
    me, sure = owner(session), session["confirmation"]
    ticket = (await say(bus, "begin-passkey", me))["ticket"]
    made = say(bus, "add-passkey", me, ticket=ticket, credential=credential, confirmation=sure)
    assert await code_of(made) == "auth.proof-refused"
    unsure = say(bus, "confirm-with-passkey", me, ticket=begun["ticket"], credential=credential)
    assert await code_of(unsure) == "auth.proof-refused"


# ---------------------------------------------------------------------------------- addresses


async def test_has_several_addresses_and_signs_in_by_each(bus: Bus, mailbox: Mailbox) -> None:
    first, second = an_address(), an_address()
    session = await signed_up(bus, mailbox, first)
    me, sure = owner(session), session["confirmation"]
    await say(bus, "add-email", me, email=second, confirmation=sure)
    not_yet = say(bus, "sign-in", email=second, password=PASSWORD)
    assert await code_of(not_yet) == "auth.credentials-wrong"
    shown = await say(bus, "sign-in-with-proof", proof=await mailbox.proof(second))
    assert shown["user_id"] == session["user_id"]
    assert (await say(bus, "sign-in", email=second, password=PASSWORD))["user_id"] == me.user_id

    listed = await bus.ask_raw("auth.list-emails", {}, caller=me, after=shown["position"])
    ids = {each["email"]: each["email_id"] for each in listed.result["emails"]}
    await say(bus, "set-primary-email", me, email_id=ids[second], confirmation=sure)
    gone = await say(bus, "remove-email", me, email_id=ids[first], confirmation=sure)
    listed = await bus.ask_raw("auth.list-emails", {}, caller=me, after=gone["position"])
    assert [(each["email"], each["primary"]) for each in listed.result["emails"]] == [
        (second, True)
    ]
    assert await code_of(say(bus, "sign-in", email=first, password=PASSWORD)) == (
        "auth.credentials-wrong"
    )


async def test_does_not_give_an_address_away_that_another_has_confirmed(
    bus: Bus, mailbox: Mailbox
) -> None:
    email = an_address()
    await signed_up(bus, mailbox, email)
    session = await signed_up(bus, mailbox, an_address())
    await say(bus, "add-email", owner(session), email=email, confirmation=session["confirmation"])
    taken = say(bus, "sign-in-with-proof", proof=await mailbox.proof(email, 2))
    assert await code_of(taken) == "auth.email-taken"


async def test_links_nothing_before_anybody_has_read_the_mail(bus: Bus, mailbox: Mailbox) -> None:
    """Somebody signs up with another's address: nothing of theirs is to be left for its owner."""
    email, wallet = an_address(), Wallet()
    guest = await say(bus, "start-guest-session")
    await say(bus, "sign-up", owner(guest), email=email, password=PASSWORD)
    begun = await say(bus, "begin-wallet", owner(guest), address=wallet.address)
    link = {"ticket": begun["ticket"], "signature": wallet.sign(begun["text"])}
    unsure = say(bus, "link-wallet", owner(guest), **link)
    assert await code_of(unsure) == "auth.confirmation-needed"
    other = await say(bus, "start-guest-session")
    await with_wallet(bus, wallet, owner(other))
    late = say(bus, "sign-up", owner(other), email=an_address(), password=PASSWORD)
    assert await code_of(late) == "auth.account-already"


# ---------------------------------------------------------------------------------- second factor


class App:
    """An authenticator app that was set up with what a person was shown."""

    def __init__(self, setup: dict[str, Any]) -> None:
        self._totp = pyotp.parse_uri(setup["uri"])
        assert self._totp.secret == setup["secret"]

    def code(self, ahead: int = 0) -> str:
        """The code of this half minute, or of one ahead."""
        assert isinstance(self._totp, pyotp.TOTP)
        return self._totp.at(int(time.time()) + 30 * ahead)


async def with_second_factor(bus: Bus, session: dict[str, Any]) -> tuple[App, list[str]]:
    """Turn it on. returns   the app, and the backup codes"""
    setup = await say(bus, "begin-second-factor", owner(session))
    app = App(setup)
    on = await say(
        bus,
        "turn-on-second-factor",
        owner(session),
        ticket=setup["ticket"],
        code=app.code(),
        confirmation=session["confirmation"],
    )
    return app, on["codes"]


async def half_in(bus: Bus, email: str) -> dict[str, Any]:
    """A sign-in by password that asks for more."""
    with pytest.raises(RemoteProblem) as refused:
        await say(bus, "sign-in", email=email, password=PASSWORD, device="a telephone")
    document = refused.value.document
    assert document["code"] == "auth.second-factor-needed"
    return {name: document[name] for name in ("challenge_id", "ticket")}


async def test_asks_for_a_code_of_each_moment_once(bus: Bus, mailbox: Mailbox) -> None:
    email = an_address()
    session = await signed_up(bus, mailbox, email)
    app, _ = await with_second_factor(bus, session)
    half = await half_in(bus, email)
    wrong = say(bus, "sign-in-with-second-factor", **half, code="000000")
    assert await code_of(wrong) == "auth.proof-refused"
    used = say(bus, "sign-in-with-second-factor", **half, code=app.code())
    assert await code_of(used) == "auth.proof-refused"
    code = app.code(ahead=1)
    whole = await say(bus, "sign-in-with-second-factor", **half, code=code)
    assert whole["user_id"] == session["user_id"]
    again = await half_in(bus, email)
    replayed = say(bus, "sign-in-with-second-factor", **again, code=code)
    assert await code_of(replayed) == "auth.proof-refused"


async def test_takes_each_backup_code_once_until_there_are_others(
    bus: Bus, mailbox: Mailbox
) -> None:
    email = an_address()
    session = await signed_up(bus, mailbox, email)
    _, backups = await with_second_factor(bus, session)
    assert len(set(backups)) == 10
    whole = await say(
        bus, "sign-in-with-second-factor", **await half_in(bus, email), code=backups[3]
    )
    again = say(bus, "sign-in-with-second-factor", **await half_in(bus, email), code=backups[3])
    assert await code_of(again) == "auth.proof-refused"
    fresh = await say(bus, "make-backup-codes", owner(whole), confirmation=whole["confirmation"])
    void = say(bus, "sign-in-with-second-factor", **await half_in(bus, email), code=backups[4])
    assert await code_of(void) == "auth.proof-refused"
    code = fresh["codes"][0]
    assert (await say(bus, "sign-in-with-second-factor", **await half_in(bus, email), code=code))[
        "token"
    ]


async def test_asks_for_the_second_factor_after_a_mail_too(bus: Bus, mailbox: Mailbox) -> None:
    email = an_address()
    session = await signed_up(bus, mailbox, email)
    _, backups = await with_second_factor(bus, session)
    await say(bus, "send-sign-in-mail", email=email)
    half = say(bus, "sign-in-with-proof", proof=await mailbox.proof(email, 2))
    assert await code_of(half) == "auth.second-factor-needed"
    off = {"confirmation": session["confirmation"]}
    await say(bus, "turn-off-second-factor", owner(session), **off)
    assert (await say(bus, "sign-in", email=email, password=PASSWORD))["token"]
    assert backups


async def test_takes_the_second_factor_off_whoever_has_lost_it(
    bus: Bus, mailbox: Mailbox, certain: str
) -> None:
    email = an_address()
    session = await signed_up(bus, mailbox, email)
    await with_second_factor(bus, session)
    half = await half_in(bus, email)
    wanted = {"user_id": session["user_id"], "reason": "lost device and backup codes"}
    for caller in (owner(session), MODERATOR):
        assert await code_of(say(bus, "reset-second-factor", caller, **wanted)) == "forbidden"
    for wrong in ({}, {"reason": " "}):
        unsaid = say(bus, "reset-second-factor", ADMIN, user_id=session["user_id"], **wrong)
        assert await code_of(unsaid) == "invalid"
    unsure = say(bus, "reset-second-factor", ADMIN, **wanted)
    assert await code_of(unsure) == "auth.confirmation-needed"
    done = await say(bus, "reset-second-factor", ADMIN, **wanted, confirmation=certain)
    assert "An administrator has taken the second factor off" in await mailbox.read(email, 2)
    whole = await say(bus, "sign-in-with-second-factor", **half, code="000000")
    assert whole["token"]  # One factor was shown, and is enough.
    assert (await say(bus, "sign-in", email=email, password=PASSWORD))["token"]
    assert (await renewed(bus, session))["token"]  # What was open stays so.
    after = done["position"]
    (act,) = await acts_on(bus, session["user_id"], after)
    told = act["kind"], act["actor"], act["reason"]
    assert told == ("reset-second-factor", ADMIN.user_id, wanted["reason"])
    me = await bus.ask_raw("auth.get-me", {}, caller=owner(session), after=after)
    assert me.result["second_factor"] is False


async def test_lets_an_administrator_take_off_none_of_their_own(bus: Bus, mailbox: Mailbox) -> None:
    session = await signed_up(bus, mailbox, an_address())
    await with_second_factor(bus, session)
    chief = Caller(session["user_id"], ("admin",))
    sure = {"confirmation": session["confirmation"]}
    wanted = {"user_id": chief.user_id, "reason": "in a hurry", **sure}
    own = say(bus, "reset-second-factor", chief, **wanted)
    assert await code_of(own) == "auth.own-second-factor"


async def test_confirms_with_both_factors(bus: Bus, mailbox: Mailbox) -> None:
    session = await signed_up(bus, mailbox, an_address())
    _, backups = await with_second_factor(bus, session)
    me = owner(session)
    half = say(bus, "confirm-with-password", me, password=PASSWORD)
    assert await code_of(half) == "auth.second-factor-needed"
    sure = await say(bus, "confirm-with-password", me, password=PASSWORD, code=backups[0])
    await say(bus, "erase-me", me, confirmation=sure["confirmation"])
    assert await code_of(renewed(bus, session)) == "auth.refresh-refused"


async def test_takes_no_confirmation_of_somebody_else(bus: Bus, mailbox: Mailbox) -> None:
    mine = await signed_up(bus, mailbox, an_address())
    theirs = await signed_up(bus, mailbox, an_address())
    for confirmation in (theirs["confirmation"], "", "nonsense", mine["token"][:200]):
        unsure = say(bus, "erase-me", owner(mine), confirmation=confirmation)
        assert await code_of(unsure) == "auth.confirmation-needed"
