"""Ways in and the second factor, by their rules."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from contracts.auth import ActorSuspended, Banned, UserKind, UserRegistered, UserRole, UserUnknown
from contracts.auth_accounts import (
    AccountOpened,
    EmailAdded,
    EmailNotFound,
    EmailRemoved,
    EmailTaken,
    EmailVerified,
    LastWayIn,
    NameClaimed,
    NameReleased,
    PasswordDropped,
    PasswordSet,
    PrimaryEmailSet,
    RemoveEmail,
    SetPrimaryEmail,
    TooManyEmails,
)
from contracts.auth_confirmation import (
    BackupCodesMade,
    OwnSecondFactor,
    ResetSecondFactor,
    SecondFactorAlready,
    SecondFactorFailed,
    SecondFactorOff,
    SecondFactorReset,
    SecondFactorShown,
    SecondFactorTurnedOn,
    TurnOffSecondFactor,
)
from contracts.auth_identities import (
    IdentityKind,
    IdentityLinked,
    IdentityNotFound,
    IdentityTaken,
    IdentityUnlinked,
    PasskeyKept,
    PasskeyUsed,
    PrimaryWayInSet,
    ProviderTokensKept,
    SetPrimaryWayIn,
    TooManyIdentities,
    UnlinkIdentity,
)
from contracts.auth_identities_private import (
    BeginEmail,
    FoundEmail,
    GivenTokens,
    KeepProviderTokens,
    LinkIdentity,
    ReplaceBackupCodes,
    SetSecondFactor,
    ShowSecondFactor,
    UsePasskey,
)
from contracts.auth_mail import MailKind, MailWanted, ProofRefused, ProofUsed
from contracts.auth_private import UseProof
from contracts.auth_sessions import SessionsEnded
from contracts.auth_standing import UserBanned
from contracts.auth_wallets import (
    AssignWallet,
    TooManyWallets,
    WalletAssigned,
    WalletWithdrawn,
    WithdrawWallet,
)
from libs.kernel.ids import derive_id
from libs.kernel.messages import Event
from libs.testkit.spec import NOW, ORIGIN, DeciderSpec, Situation
from services.auth.domain import user_decider
from services.auth.domain.state import EMAILS_MAX, IDENTITIES_MAX, User

spec: DeciderSpec[Any, Any, User] = DeciderSpec(
    user_decider(None), replace(ORIGIN, actor="svc_auth")
)
REGISTERED = UserRegistered(
    user_id="ann",
    kind=UserKind.NAMED,
    display_name="Ann",
    role=UserRole.MEMBER,
    registered_at=NOW,
)
OPENED = AccountOpened(
    user_id="ann", email="ann@example.org", email_name="email-1", display_name="Ann"
)
VERIFIED = EmailVerified(user_id="ann", email_name="email-1")
TOKENS = GivenTokens(access_token="at", refresh_token="rt", expires_at=NOW)


def linked(identity_id: str = "identity-1", kind: IdentityKind = IdentityKind.WALLET) -> Event:
    return IdentityLinked(
        user_id="ann", identity_id=identity_id, kind=kind, issuer="", label="0x1", linked_at=NOW
    )


def linking(**more: Any) -> LinkIdentity:
    shown: dict[str, Any] = {"kind": IdentityKind.WALLET, "issuer": "", "label": "0x1", **more}
    return LinkIdentity(user_id="ann", identity_id="identity-1", **shown)


def unlinking(identity_id: str = "identity-1") -> UnlinkIdentity:
    return UnlinkIdentity(identity_id=identity_id)


def account(*events: Event) -> Situation[Any, Any, User]:
    return spec.given(REGISTERED, OPENED, VERIFIED, *events)


FREE = {"identity-1": None, "email-1": None, "email-2": None}

# ---------------------------------------------------------------------------------- identities


def test_makes_a_user_of_a_newcomer_with_the_address_a_provider_vouches_for() -> None:
    email = FoundEmail(email="ann@example.org", email_name="email-1")
    coming = linking(email=email, tokens=TOKENS, display_name="Ann")
    spec.given().when(coming, holders=FREE).then(
        REGISTERED,
        linked(),
        ProviderTokensKept(
            user_id="ann",
            identity_id="identity-1",
            access_token="at",
            refresh_token="rt",
            expires_at=NOW,
        ),
        EmailAdded(user_id="ann", email="ann@example.org", email_name="email-1"),
        VERIFIED,
        PrimaryEmailSet(user_id="ann", email_name="email-1"),
        NameClaimed(name="identity-1", holder="ann"),
        NameClaimed(name="email-1", holder="ann"),
    )


def test_leaves_an_address_to_whoever_has_it() -> None:
    email = FoundEmail(email="ben@example.org", email_name="email-2")
    held = {**FREE, "email-2": "ben"}
    account().when(linking(email=email), holders=held).then(
        linked(), NameClaimed(name="identity-1", holder="ann")
    )


def test_links_an_identity_once_and_to_one_user() -> None:
    account(linked()).when(linking(), holders={"identity-1": "ann"}).then_nothing()
    taken = account().when(linking(), holders={"identity-1": "ben"})
    taken.then_rejected(IdentityTaken)


def test_links_so_many_and_no_more() -> None:
    many = [linked(f"identity-{number + 2}") for number in range(IDENTITIES_MAX)]
    account(*many).when(linking(), holders=FREE).then_rejected(TooManyIdentities)


def test_links_nothing_for_a_suspended_or_banned_user() -> None:
    account().when(linking(), holders=FREE, is_suspended=True).then_rejected(ActorSuspended)
    banned = account(UserBanned(user_id="ann", actor="usr_admin", reason="spam"))
    banned.when(linking(), holders=FREE).then_rejected(Banned)


def test_takes_a_way_in_off_but_not_the_last_one() -> None:
    account(linked()).when(unlinking()).then(
        IdentityUnlinked(user_id="ann", identity_id="identity-1"),
        NameReleased(name="identity-1", holder="ann"),
    )
    spec.given(REGISTERED, linked()).when(unlinking()).then_rejected(LastWayIn)
    account().when(unlinking()).then_rejected(IdentityNotFound)


def test_does_not_count_an_address_that_nobody_has_confirmed_as_a_way_in() -> None:
    spec.given(REGISTERED, OPENED, linked()).when(unlinking()).then_rejected(LastWayIn)


@pytest.mark.parametrize(("known", "shown"), [(5, 5), (5, 4), (5, 0)])
def test_refuses_a_passkey_that_was_copied(known: int, shown: int) -> None:
    kept = passkey(known)
    using = UsePasskey(user_id="ann", identity_id="identity-1", sign_count=shown)
    account(linked(), kept).when(using).then_rejected(ProofRefused)


def test_counts_the_uses_of_a_passkey_that_counts() -> None:
    def using(count: int) -> UsePasskey:
        return UsePasskey(user_id="ann", identity_id="identity-1", sign_count=count)

    used = PasskeyUsed(user_id="ann", identity_id="identity-1", sign_count=6)
    account(linked(), passkey(5)).when(using(6)).then(used)
    account(linked(), passkey(0)).when(using(0)).then_nothing()


def passkey(count: int) -> PasskeyKept:
    return PasskeyKept(
        user_id="ann", identity_id="identity-1", credential_id="c", public_key="k", sign_count=count
    )


def test_keeps_no_tokens_of_what_is_not_linked() -> None:
    keeping = KeepProviderTokens(user_id="ann", identity_id="identity-1", tokens=TOKENS)
    account().when(keeping).then_nothing()


# ---------------------------------------------------------------------------------- addresses


def added(number: int) -> EmailAdded:
    return EmailAdded(user_id="ann", email=f"{number}@example.org", email_name=f"email-{number}")


def wanted(mail_id: str, kind: MailKind, name: str) -> MailWanted:
    return MailWanted(
        user_id="ann",
        mail_id=mail_id,
        kind=kind,
        email_name=name,
        wanted_at=NOW,
        expires_at=NOW + timedelta(hours=24),
    )


ADDING = BeginEmail(user_id="ann", email="2@example.org", email_name="email-2", mail_id="mail_2")


def test_adds_an_address_that_counts_once_its_mail_was_read() -> None:
    mail = wanted("mail_2", MailKind.VERIFY_EMAIL, "email-2")
    account().when(ADDING).then(added(2), mail)
    reading = UseProof(user_id="ann", mail_id="mail_2", kind=MailKind.VERIFY_EMAIL, is_right=True)
    begun = account(added(2), mail)
    begun.when(reading, holders=FREE).then(
        ProofUsed(user_id="ann", mail_id="mail_2"),
        EmailVerified(user_id="ann", email_name="email-2"),
        NameClaimed(name="email-2", holder="ann"),
    )
    begun.when(reading, holders={"email-2": "ben"}).then_rejected(EmailTaken)


def test_has_so_many_addresses_and_no_more() -> None:
    many = [added(number + 3) for number in range(EMAILS_MAX - 1)]
    account(*many).when(ADDING).then_rejected(TooManyEmails)


def test_gives_the_place_of_the_first_address_to_the_next_confirmed_one() -> None:
    second = EmailVerified(user_id="ann", email_name="email-2")
    both = account(added(2), second)
    both.when(RemoveEmail(email_id="email-1")).then(
        EmailRemoved(user_id="ann", email_name="email-1"),
        PrimaryEmailSet(user_id="ann", email_name="email-2"),
        NameReleased(name="email-1", holder="ann"),
    )
    account(added(2)).when(RemoveEmail(email_id="email-1")).then_rejected(LastWayIn)


def test_sends_mails_to_confirmed_addresses_only() -> None:
    account(added(2)).when(SetPrimaryEmail(email_id="email-2")).then_rejected(EmailNotFound)
    account().when(SetPrimaryEmail(email_id="email-9")).then_rejected(EmailNotFound)


def test_takes_back_what_was_set_up_before_anybody_read_the_mail() -> None:
    mail = wanted("mail_2", MailKind.SIGN_IN, "email-1")
    strange = spec.given(
        REGISTERED, OPENED, PasswordSet(user_id="ann", hash="theirs"), linked(), mail
    )
    reading = UseProof(
        user_id="ann", mail_id="mail_2", kind=MailKind.SIGN_IN, is_right=True, keep="ses_1"
    )
    held = {"email-1": "ann"}
    strange.when(reading, holders=held).then(
        ProofUsed(user_id="ann", mail_id="mail_2"),
        PasswordDropped(user_id="ann"),
        IdentityUnlinked(user_id="ann", identity_id="identity-1"),
        SessionsEnded(user_id="ann", kept_session_id="ses_1", before=NOW),
        NameReleased(name="identity-1", holder="ann"),
        VERIFIED,
    )


# ---------------------------------------------------------------------------------- second factor

ON = SecondFactorTurnedOn(user_id="ann", factor_id="f1", backup_id="b1")


def shown(step: int | None = None, backup: int | None = None) -> SecondFactorShown:
    return SecondFactorShown(user_id="ann", step=step, backup=backup)


def showing(step: int | None = None, backup: int | None = None) -> ShowSecondFactor:
    return ShowSecondFactor(user_id="ann", step=step, backup=backup)


SETTING = SetSecondFactor(user_id="ann", factor_id="f1", backup_id="b1", step=7)


def test_turns_the_second_factor_on_once() -> None:
    account().when(SETTING).then(ON, shown(step=7))
    account(ON).when(SETTING).then_rejected(SecondFactorAlready)


def test_takes_a_code_once_and_none_of_before() -> None:
    on = account(ON, shown(step=7))
    on.when(showing(step=8)).then(shown(step=8))
    on.when(showing(step=7)).then_rejected(ProofRefused)
    on.when(showing(step=6)).then_rejected(ProofRefused)
    on.when(showing(backup=3)).then(shown(backup=3))
    account(ON, shown(backup=3)).when(showing(backup=3)).then_rejected(ProofRefused)


def test_makes_all_backup_codes_good_again_with_others() -> None:
    replacing = ReplaceBackupCodes(user_id="ann", backup_id="b2")
    made = BackupCodesMade(user_id="ann", backup_id="b2")
    account(ON, shown(backup=3)).when(replacing).then(made)
    account(ON, shown(backup=3), made).when(showing(backup=3)).then(shown(backup=3))


def test_asks_nothing_of_somebody_without_a_second_factor() -> None:
    account().when(showing(step=8)).then_rejected(SecondFactorOff)
    account().when(TurnOffSecondFactor()).then_rejected(SecondFactorOff)


def test_records_a_wrong_code() -> None:
    state = account(ON).state
    failed = user_decider(None).decide(showing(), state, spec.origin)
    assert list(failed) == [SecondFactorFailed(user_id="ann")]


RESETTING = ResetSecondFactor(user_id="ann", reason="lost device and backup codes")
RESET = SecondFactorReset(user_id="ann", actor="adm", reason=RESETTING.reason)


def test_takes_the_second_factor_off_and_nothing_else_and_tells_the_user() -> None:
    told = replace(
        wanted(derive_id(ORIGIN.command_id, "mail"), MailKind.SECOND_FACTOR_RESET, "email-1"),
        expires_at=NOW,
    )
    whole = account(PasswordSet(user_id="ann", hash="hers"), linked(), ON)
    whole.when(RESETTING, by="adm").then(RESET, told)
    account(ON, RESET).when(SETTING).then(ON, shown(step=7))


def test_tells_nobody_by_mail_who_has_no_address() -> None:
    spec.given(REGISTERED, linked(), ON).when(RESETTING, by="adm").then(RESET)


def test_takes_no_second_factor_off_that_is_off_or_is_ones_own() -> None:
    account().when(RESETTING, by="adm").then_nothing()
    account(ON, RESET).when(RESETTING, by="adm").then_nothing()
    account(ON).when(RESETTING, by="ann").then_rejected(OwnSecondFactor)
    account(ON).when(RESETTING, by="adm", is_suspended=True).then_rejected(ActorSuspended)
    spec.given().when(RESETTING, by="adm").then_rejected(UserUnknown)


# ---------------------------------------------------------------------------------- wallets


def assigning(address: str) -> AssignWallet:
    return AssignWallet(user_id="ann", app="privy", address=address)


ASSIGNED = WalletAssigned(user_id="ann", app="privy", address="0xab")


def test_keeps_one_wallet_of_an_app_however_it_is_written() -> None:
    account().when(assigning("0xAB")).then(ASSIGNED)
    account(ASSIGNED).when(assigning("0xaB")).then_nothing()
    account(ASSIGNED).when(assigning("0xcd")).then_rejected(TooManyWallets)
    withdrawing = WithdrawWallet(user_id="ann", app="privy")
    withdrawn = WalletWithdrawn(user_id="ann", app="privy")
    account(ASSIGNED).when(withdrawing).then(withdrawn)
    account().when(withdrawing).then_nothing()


def test_does_not_take_an_apps_wallet_for_a_way_in() -> None:
    spec.given(REGISTERED, linked(), ASSIGNED).when(unlinking()).then_rejected(LastWayIn)


def test_is_asked_first_by_a_way_in_that_is_ones_own() -> None:
    def asking(way_id: str) -> SetPrimaryWayIn:
        return SetPrimaryWayIn(way_id=way_id)

    said = PrimaryWayInSet(user_id="ann", way_id="identity-1")
    account(linked()).when(asking("identity-1")).then(said)
    account(linked(), said).when(asking("identity-1")).then_nothing()
    account().when(asking("identity-9")).then_rejected(IdentityNotFound)
    account(added(2)).when(asking("email-2")).then_rejected(IdentityNotFound)
    gone = IdentityUnlinked(user_id="ann", identity_id="identity-1")
    assert account(linked(), said, gone).state.primary_way_in is None
