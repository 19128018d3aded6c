"""Signatures: what partners have published, and what their own libraries say, is what we say."""

import json
from base64 import b64encode
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import standardwebhooks
import svix
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st
from polar import webhooks as polar

from contracts.ingress import Profile, SignatureRefused
from libs.kernel.clock import system_clock
from services.ingress.adapters.endpoints import Endpoint, keys_of, read_endpoints
from services.ingress.adapters.signatures import Verified, verify
from services.ingress.conftest import (
    DATA,
    OLD_SECRET,
    SECRET,
    needs_data,
    signed,
    signed_by_luma,
)

VECTORS = {
    "standard": "standardwebhooks/open/vectors.json",
    "polar": "polar/open/signature_vectors.json",
    "luma": "luma/open/webhook_signature_vectors.json",
    "meta": "instagram/open/signature_vectors.json",
}
POLAR_DELIVERIES = ("seq_renewal", "seq_subscription_created_out_of_order", "singles")


def endpoint(profile: str, *secrets: Any, **options: Any) -> Endpoint:
    document = {"partner/main": {"profile": profile, "secrets": list(secrets), **options}}
    return read_endpoints(json.dumps(document))["partner", "main"]


def check(
    known: Endpoint,
    headers: Mapping[str, str],
    body: bytes,
    now: datetime | None = None,
) -> Verified:
    raw = {name.lower().encode(): value.encode("latin-1") for name, value in headers.items()}
    return verify(known, raw, body, now=now or system_clock(), tolerance_seconds=300)


def published() -> list[tuple[str, dict[str, Any]]]:
    if not DATA.exists():
        return []
    return [
        (profile, vector)
        for profile, path in VECTORS.items()
        for vector in json.loads((DATA / path).read_text())
    ]


@needs_data
@pytest.mark.parametrize(
    ("profile", "vector"),
    published(),
    ids=lambda each: each.get("name") if isinstance(each, dict) else each,
)
def test_says_of_a_published_vector_what_was_published(
    profile: str, vector: dict[str, Any]
) -> None:
    if vector["expect"] == "config-error":
        with pytest.raises(ValueError, match="no secret"):
            endpoint(profile, vector["secret"])
        return
    known = endpoint(profile, vector["secret"])
    now = datetime.fromtimestamp(vector.get("now", 0), UTC)
    if vector["expect"] == "accept":
        assert check(known, vector["headers"], vector["body"].encode(), now).secret_number == 1
    else:
        with pytest.raises(SignatureRefused):
            check(known, vector["headers"], vector["body"].encode(), now)


@needs_data
def test_has_vectors_of_every_partner() -> None:
    seen = {(profile, vector["expect"]) for profile, vector in published()}
    assert len(published()) == 24
    assert {(profile, "accept") for profile in VECTORS} <= seen


@needs_data
@pytest.mark.parametrize("name", POLAR_DELIVERIES)
def test_takes_what_polar_signs(name: str) -> None:
    for delivery in json.loads((DATA / f"polar/open/{name}.json").read_text())["deliveries"]:
        now = datetime.fromtimestamp(delivery["now"], UTC)
        known = endpoint("polar", delivery["secret"])
        verified = check(known, delivery["headers"], delivery["body"].encode(), now)
        assert verified.provider_id == delivery["headers"]["webhook-id"]


# ---------------------------------------------------------------------------------- public keys

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PUBLIC = "whpk_" + b64encode(KEY.public_key().public_bytes_raw()).decode()


def made_by(key: Ed25519PrivateKey, body: bytes, at: datetime) -> dict[str, str]:
    """The headers of a partner that keeps its key to itself."""
    headers = signed(body, delivery="msg_1", timestamp=int(at.timestamp()))
    content = b".".join((b"msg_1", headers["webhook-timestamp"].encode(), body))
    return {**headers, "webhook-signature": f"v1a,{b64encode(key.sign(content)).decode()}"}


def test_takes_what_a_partner_has_signed_with_a_key_of_its_own() -> None:
    now = system_clock()
    headers = made_by(KEY, b"{}", now)
    assert check(endpoint("standard", PUBLIC), headers, b"{}", now).provider_id == "msg_1"
    # As it is while a partner goes from one to the other.
    both = endpoint("standard", PUBLIC, SECRET)
    assert check(both, headers, b"{}", now).secret_number == 1
    assert check(both, signed(b"{}"), b"{}", now).secret_number == 2
    several = f"v1,{b64encode(bytes(32)).decode()} v1a,AAAA {headers['webhook-signature']}"
    assert check(both, {**headers, "webhook-signature": several}, b"{}", now).secret_number == 1


def test_takes_nothing_else_for_a_signature_by_that_key() -> None:
    now, known = system_clock(), endpoint("standard", PUBLIC)
    good = made_by(KEY, b"{}", now)
    with_public_text = b64encode(PUBLIC.removeprefix("whpk_").encode()).decode()
    for headers, body in (
        (good, b"{ }"),
        ({**good, "webhook-id": "msg_2"}, b"{}"),
        ({**good, "webhook-signature": good["webhook-signature"].replace("v1a", "v1")}, b"{}"),
        ({**good, "webhook-signature": " ".join([good["webhook-signature"]] * 17)}, b"{}"),
        (made_by(Ed25519PrivateKey.generate(), b"{}", now), b"{}"),
        (made_by(KEY, b"{}", now - timedelta(minutes=6)), b"{}"),
        (signed(b"{}", secret=PUBLIC.replace("whpk_", "whsec_")), b"{}"),  # It is no secret.
        (signed(b"{}", secret=f"whsec_{with_public_text}"), b"{}"),
    ):
        with pytest.raises(SignatureRefused):
            check(known, headers, body, now)


def test_refuses_what_is_no_public_key() -> None:
    for wrong in ("whpk_", "whpk_AAAA", PUBLIC[:-4], PUBLIC + "AAAA", "whpk_!"):
        with pytest.raises(ValueError, match="no public key"):
            endpoint("standard", wrong)


# ---------------------------------------------------------------------------------- oracles

BODIES = st.one_of(
    st.binary(max_size=200), st.text(max_size=100).map(str.encode), st.just(b'{"type":"a.b"}')
)
HEADER_TEXTS = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=80)


@given(
    body=st.text(st.characters(exclude_categories=["Cs"]), max_size=200),
    key=st.binary(min_size=8, max_size=64),
    delivery=st.text("abcXYZ019_-", min_size=1, max_size=40),
)
def test_takes_what_the_official_libraries_sign(body: str, key: bytes, delivery: str) -> None:
    now = system_clock()
    for library in (standardwebhooks.Webhook(key), svix.Webhook(key)):
        signature = library.sign(delivery, now, body)
        for family in ("webhook", "svix"):
            headers = {
                f"{family}-id": delivery,
                f"{family}-timestamp": str(int(now.timestamp())),
                f"{family}-signature": signature,
            }
            known = endpoint("standard", _text_of(key))
            assert check(known, headers, body.encode()).provider_id == delivery


@given(
    body=BODIES,
    changes=st.dictionaries(
        st.sampled_from(["webhook-id", "webhook-timestamp", "webhook-signature"]),
        st.one_of(
            HEADER_TEXTS,
            HEADER_TEXTS.map(lambda text: f"v1,{text}"),
            st.just(str(int(system_clock().timestamp()))),
        ),
        max_size=2,
    ),
)
def test_refuses_what_the_official_library_refuses(body: bytes, changes: dict[str, str]) -> None:
    headers = {**signed(body), **changes}
    try:
        ours = bool(check(endpoint("standard", SECRET), headers, body))
    except SignatureRefused:
        ours = False
    theirs = False
    # It raises whatever comes to its mind: binascii.Error, ValueError, UnicodeDecodeError, …
    with suppress(Exception):
        standardwebhooks.Webhook(SECRET).verify(body, headers, json_parse=False)
        theirs = True
    if theirs != ours:
        # Bytes that are no text they cannot sign; we can, and refuse them later, as no JSON.
        assert ours
        with pytest.raises(UnicodeDecodeError):
            body.decode()


@given(
    secret=st.one_of(
        st.text("abcXYZ0189+/", min_size=12, max_size=40).map("whsec_{}".format),
        st.text("abcXYZ0189_-", min_size=12, max_size=40).map("polar_whs_{}".format),
    ),
    reading=st.integers(0, 1),
    body=st.sampled_from(
        [b'{"type":"customer.created"}', b'{"type":"customer.created","a":"\xc3\xa9"}']
    ),
)
def test_reads_a_secret_as_polars_own_library_does(secret: str, reading: int, body: bytes) -> None:
    keys = keys_of(Profile.POLAR, secret)
    key = keys[min(reading, len(keys) - 1)]
    headers = signed(body, secret=_text_of(key))
    assert check(endpoint("polar", secret), headers, body).secret_number == 1
    theirs = polar.validate_event(body, headers, secret, frozenset({"customer.created"}), dict)
    assert theirs == json.loads(body)
    other = signed(body, secret=_text_of(key + b"!"))
    with pytest.raises(SignatureRefused):
        check(endpoint("polar", secret), other, body)
    with pytest.raises(polar.PolarWebhookVerificationError):
        polar.validate_event(body, other, secret, frozenset({"customer.created"}), dict)


# ---------------------------------------------------------------------------------- our own rules

BODY = b'{"type":"invoice.paid","data":{"id":"inv_1"}}'


def test_takes_either_secret_while_one_is_changed_for_another() -> None:
    known = endpoint("standard", SECRET, OLD_SECRET)
    assert check(known, signed(BODY), BODY).secret_number == 1
    assert check(known, signed(BODY, secret=OLD_SECRET), BODY).secret_number == 2


def test_refuses_a_secret_whose_time_is_over() -> None:
    now = system_clock()
    ends = (now + timedelta(seconds=60)).isoformat()
    known = endpoint("standard", SECRET, {"secret": OLD_SECRET, "until": ends})
    headers = signed(BODY, secret=OLD_SECRET)
    assert check(known, headers, BODY, now).secret_number == 2
    with pytest.raises(SignatureRefused):
        check(known, headers, BODY, now + timedelta(seconds=61))


@pytest.mark.parametrize("seconds", [-299, 299])
def test_takes_a_clock_that_is_a_little_off(seconds: int) -> None:
    headers = signed(BODY)
    at = datetime.fromtimestamp(int(headers["webhook-timestamp"]) + seconds, UTC)
    assert check(endpoint("standard", SECRET), headers, BODY, at).secret_number == 1


@pytest.mark.parametrize("seconds", [-301, 301])
def test_refuses_a_clock_that_is_far_off(seconds: int) -> None:
    headers = signed(BODY)
    at = datetime.fromtimestamp(int(headers["webhook-timestamp"]) + seconds, UTC)
    with pytest.raises(SignatureRefused):
        check(endpoint("standard", SECRET), headers, BODY, at)


def test_refuses_one_partners_scheme_at_anothers_endpoint() -> None:
    secret = "whsec_luma_example_secret_0001"
    with pytest.raises(SignatureRefused):
        check(endpoint("luma", secret), signed(BODY), BODY)
    with pytest.raises(SignatureRefused):
        check(endpoint("standard", SECRET), signed_by_luma(BODY), BODY)
    assert check(endpoint("luma", secret), signed_by_luma(BODY), BODY).secret_number == 1


def test_knows_what_was_signed_when_the_id_beside_it_is_another() -> None:
    known = endpoint("luma", "whsec_luma_example_secret_0001")
    headers = signed_by_luma(BODY)
    first = check(known, headers, BODY)
    copy = check(known, {**headers, "webhook-id": "wh_another"}, BODY)
    assert first.provider_id != copy.provider_id
    assert first.digest == copy.digest


def test_signs_the_timestamp_of_a_generic_endpoint_when_it_has_one() -> None:
    import hmac
    from hashlib import sha256

    known = endpoint(
        "hmac",
        "box-secret-0001",
        signature_header="x-box-signature",
        signature_prefix="sha256=",
        timestamp_header="x-box-time",
        id_header="x-box-id",
    )
    time = str(int(system_clock().timestamp()))
    mac = hmac.digest(b"box-secret-0001", time.encode() + b"." + BODY, sha256).hex()
    headers = {"x-box-signature": f"sha256={mac}", "x-box-time": time, "x-box-id": "7"}
    assert check(known, headers, BODY).provider_id == "7"
    with pytest.raises(SignatureRefused):
        check(known, {**headers, "x-box-time": str(int(time) + 1)}, BODY)
    with pytest.raises(SignatureRefused):
        check(known, {**headers, "x-box-id": ""}, BODY)


@pytest.mark.parametrize(
    "document",
    [
        "",
        "[]",
        '{"partner": {}}',
        '{"Partner/main": {"profile": "standard", "secrets": ["x"]}}',
        '{"partner/main": {"profile": "stripe", "secrets": ["whsec_AAAAAAAAAAAAAAAA"]}}',
        '{"partner/main": {"profile": "standard", "secrets": []}}',
        '{"partner/main": {"profile": "standard", "secrets": ["whsec_"]}}',
        '{"partner/main": {"profile": "standard", "secrets": ["c2hvcnQ="]}}',
        '{"partner/main": {"profile": "hmac", "secrets": ["long enough"]}}',
        '{"partner/main": {"profile": "hmac", "secrets": ["long enough"], "header": "x"}}',
        '{"p/main": {"profile": "polar", "secrets": [{"secret": "s3cr3t-text", "until": "x"}]}}',
    ],
)
def test_refuses_endpoints_that_are_none_without_telling_a_secret(document: str) -> None:
    with pytest.raises(ValueError, match=r".") as refusal:
        read_endpoints(document)
    assert "s3cr3t" not in str(refusal.value)
    assert "long enough" not in str(refusal.value)


def _text_of(key: bytes) -> str:
    from base64 import b64encode

    return "whsec_" + b64encode(key).decode()
