"""Partners' bodies: everything that was published or recorded is read; anything else breaks
nothing.
"""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.ingress import Profile
from libs.kernel.messages import registry
from services.ingress.conftest import DATA, needs_data
from services.ingress.domain import partners

SENT_AT = datetime(2026, 11, 20, 20, 0, tzinfo=UTC)
SHAPES = list(Profile)


def files(pattern: str) -> list[Path]:
    return sorted(DATA.glob(pattern))


def read(profile: Profile, path: Path) -> list[Any]:
    return partners.changes(profile, path.read_text(), SENT_AT)


# ---------------------------------------------------------------------------------- Clerk


@needs_data
@pytest.mark.parametrize("path", files("clerk/open/*.*.json"), ids=lambda path: path.name)
def test_reads_what_clerk_sends(path: Path) -> None:
    document = json.loads(path.read_text())
    (change,) = read(Profile.CLERK, path)
    kind, _, verb = document["type"].rpartition(".")
    assert (change.kind, change.partner_id) == (kind, document["data"]["id"])
    assert change.is_deleted == (verb == "deleted")
    assert change.version.year in {2022, 2024}  # Seconds here, milliseconds there.
    assert partners.about(Profile.CLERK, document).key == document["data"]["id"]


@needs_data
def test_has_seen_what_clerk_has_published() -> None:
    assert len(files("clerk/open/*.*.json")) == 16


@needs_data
@pytest.mark.parametrize("path", files("clerk/open/*.*.json"), ids=lambda path: path.name)
def test_takes_nothing_personal_from_clerk(path: Path) -> None:
    (change,) = read(Profile.CLERK, path)
    words = [change.partner_id, change.status, *change.facts.values()]
    assert not any("@" in word or "Doe" in word for word in words)


# ---------------------------------------------------------------------------------- Polar


@needs_data
@pytest.mark.parametrize("path", files("polar/open/s*s*.json"), ids=lambda path: path.name)
def test_reads_what_polar_sends(path: Path) -> None:
    if path.name.startswith("signature"):
        return
    for delivery in json.loads(path.read_text())["deliveries"]:
        document = json.loads(delivery["body"])
        (change,) = partners.changes(Profile.POLAR, delivery["body"], SENT_AT)
        assert change.kind == document["type"].partition(".")[0]
        assert change.partner_id == document["data"]["id"]
        assert change.status == document["data"].get("status", "")
        assert "customer@example.com" not in change.facts.values()


@needs_data
def test_has_an_order_stand_in_line_with_its_subscription() -> None:
    sequence = json.loads((DATA / "polar/open/seq_renewal.json").read_text())["deliveries"]
    keys = {partners.about(Profile.POLAR, json.loads(each["body"])).key for each in sequence}
    assert len(keys) == 1


# ---------------------------------------------------------------------------------- Luma


@needs_data
@pytest.mark.parametrize(
    "path", files("luma/open/webhook_*.synth.json"), ids=lambda path: path.name
)
def test_reads_what_luma_sends(path: Path) -> None:
    document = json.loads(path.read_text())
    (change,) = read(Profile.LUMA, path)
    assert change.partner_id == document["data"]["id"]
    assert change.version == SENT_AT
    assert not any("guest@" in word or "Ñáñez" in word for word in change.facts.values())


def test_knows_an_update_from_what_it_updates_when_both_came_within_a_second() -> None:
    event = {"id": "evt-1"}
    ranks = {
        name: partners.changes(
            Profile.LUMA, json.dumps({"type": f"event.{name}", "data": event}), SENT_AT
        )[0].rank
        for name in ("created", "updated", "canceled")
    }
    assert ranks["created"] < ranks["updated"] < ranks["canceled"]


# ---------------------------------------------------------------------------------- Instagram

INSTAGRAM = {
    "comment_changes_envelope.json": [("comment", "18056672741419154", False)],
    "comment_flat_entry_business_login.json": [("comment", "18056672741419154", False)],
    "message_attachment_share.json": [("message", "message-id-1", False)],
    "message_dashboard_test_event.json": [],
    "message_echo.json": [],
    "message_text.json": [("message", "message-id-1", False)],
    "message_unsend.json": [("message", "message-id-to-delete", True)],
}


@needs_data
@pytest.mark.parametrize("name", INSTAGRAM)
def test_reads_what_meta_sends(name: str) -> None:
    found = read(Profile.META, DATA / "instagram/open" / name)
    assert [(each.kind, each.partner_id, each.is_deleted) for each in found] == INSTAGRAM[name]
    assert not any(
        "Wow" in word or "fan_one" in word for each in found for word in each.facts.values()
    )


@needs_data
def test_reads_both_envelopes_of_a_comment_alike() -> None:
    names = ("comment_changes_envelope.json", "comment_flat_entry_business_login.json")
    one, other = (read(Profile.META, DATA / "instagram/open" / name) for name in names)
    assert one == other


@needs_data
def test_reads_the_times_of_meta_in_every_form() -> None:
    text = (DATA / "instagram/open/message_text.json").read_text()
    for written in ("1772084650123", '"1772084650123"', '"2026-02-26T05:44:10.123+0000"'):
        (change,) = partners.changes(Profile.META, text.replace("1772084650123", written), SENT_AT)
        assert change.version == datetime(2026, 2, 26, 5, 44, 10, 123000, tzinfo=UTC)


def test_names_the_account_when_a_delivery_holds_several_things() -> None:
    items = [{"message": {"mid": f"m{n}"}, "timestamp": 1772084650123 + n} for n in range(3)]
    document = {"object": "instagram", "entry": [{"id": "17", "time": 1, "messaging": items}]}
    assert partners.about(Profile.META, document).key == "17"
    found = partners.changes(Profile.META, json.dumps(document), SENT_AT)
    assert [each.partner_id for each in found] == ["m0", "m1", "m2"]


# ---------------------------------------------------------------------------------- anybody


def test_says_where_it_could_not_read() -> None:
    body = '{"type": "subscription.active", "timestamp": "yesterday", "data": {"id": "s"}}'
    with pytest.raises(partners.Unreadable, match="no moment at timestamp"):
        partners.changes(Profile.POLAR, body, SENT_AT)
    with pytest.raises(partners.Unreadable, match=r"no id at data\.id"):
        partners.changes(Profile.POLAR, '{"type": "order.paid", "data": []}', SENT_AT)


def test_takes_no_address_for_an_id() -> None:
    body = json.dumps({"type": "person.added", "data": {"id": "ann@example.org"}})
    assert partners.changes(Profile.STANDARD, body, SENT_AT) == []


def test_says_nothing_of_what_it_does_not_know() -> None:
    for profile in SHAPES:
        assert partners.changes(profile, '{"type": "weather"}', SENT_AT) == []


NAMES = (
    *("type", "data", "id", "timestamp", "entry", "messaging", "changes", "value", "field"),
    *("message", "mid", "time", "updated_at", "modified_at", "from", "is_deleted", "status"),
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(NAMES),
            inner,
            max_size=5,
        )
    ),
    max_leaves=14,
)
TYPED = st.builds(
    lambda kind, more: {**more, "type": kind},
    st.sampled_from(["user.updated", "subscription.active", "event.updated", "guest.registered"]),
    st.dictionaries(st.sampled_from(["data", "timestamp", "object"]), JSON, max_size=3),
)


@given(profile=st.sampled_from(SHAPES), document=JSON | TYPED)
def test_reads_any_document_or_says_that_it_cannot(profile: Profile, document: Any) -> None:
    partners.about(profile, document)
    try:
        found = partners.changes(profile, json.dumps(document), SENT_AT)
    except partners.Unreadable:
        return
    check = registry.events["ingress.delivery_processed.v1"].validate
    check(
        {
            "delivery_id": "dlv_1",
            "partner": "partner",
            "endpoint": "main",
            "attempt": 1,
            "changes": [vars(each) for each in found],
        }
    )


@pytest.mark.parametrize("text", ["", "{", "[1,", "nul", "[" * 100_000, '{"a":1}}', "9" * 5000])
def test_parses_no_text_that_is_no_json(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        partners.parse(text)
