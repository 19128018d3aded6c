"""What administrators see of a payload."""

import json

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ingress.conftest import DATA, needs_data
from services.ingress.queries.deliveries import MASK, UNSHOWABLE, masked

SECRET_NAMES = [
    *("token", "access_token", "guild_token", "password", "client_secret", "otp_code", "code"),
    *("api_key", "apiKey", "authorization", "check_in_qr_code", "signature", "jwt", "Secret"),
]


@pytest.mark.parametrize("name", SECRET_NAMES)
def test_masks_what_lets_somebody_in(name: str) -> None:
    shown = masked(json.dumps({"data": [{name: "hunter2"}]}))
    assert "hunter2" not in shown
    assert MASK in shown


@pytest.mark.parametrize("name", ["id", "status", "encoded", "barcode", "amount"])
def test_shows_what_helps(name: str) -> None:
    assert "hunter2" in masked(json.dumps({"data": [{name: "hunter2"}]}))


@needs_data
def test_shows_no_code_of_a_mail() -> None:
    shown = masked((DATA / "clerk/open/email.created.json").read_text())
    assert "123456" not in shown
    assert "ema_abcd" in shown


@given(st.text(max_size=30).map(json.dumps) | st.just('"\\ud83d"') | st.just('{"\\udc00": 1}'))
def test_shows_any_text_as_something_that_can_be_sent(body: str) -> None:
    orjson.dumps(masked(body))


def test_shows_nothing_of_what_is_nested_too_deeply() -> None:
    assert masked("[" * 3_000 + "]" * 3_000) == UNSHOWABLE
