"""The secrets of an installation."""

import json
import stat
from pathlib import Path

import nkeys
from joserfc import jwt
from joserfc.jwk import OKPKey

from libs.stack.credentials import Credentials


def test_makes_every_secret_readable_by_its_owner_alone(tmp_path: Path) -> None:
    credentials = Credentials(tmp_path / "secrets")
    credentials.ensure(["voting", "deployer"], ["voting"])
    made = {
        each.name: stat.S_IMODE(each.stat().st_mode) for each in credentials.directory.iterdir()
    }
    assert made == dict.fromkeys(
        (
            "voting.nats",
            "deployer.nats",
            "voting.database",
            "postgres.superuser",
            "gateway.cursor",
            "persons.key",
            "ingress.keys",
            "ingress.secret",
            "auth.secret",
            "auth.signing",
            "auth.providers",
        ),
        0o600,
    )
    assert stat.S_IMODE(credentials.directory.stat().st_mode) == 0o700


def test_keeps_what_exists_when_asked_again(tmp_path: Path) -> None:
    credentials = Credentials(tmp_path)
    (tmp_path / "voting.database").write_text("chosen by the operator\n")
    credentials.ensure(["voting"], ["voting"])
    seed = credentials.nats_seed("voting")
    credentials.ensure(["voting", "catalog"], ["voting"])
    assert credentials.nats_seed("voting") == seed
    assert credentials.database_password("voting") == "chosen by the operator"


def test_makes_keys_that_sign(tmp_path: Path) -> None:
    credentials = Credentials(tmp_path)
    credentials.ensure(["voting"], [])
    pair = nkeys.from_seed(bytearray(credentials.nats_seed("voting").encode()))
    assert pair.public_key.decode() == credentials.nats_public_key("voting")
    assert credentials.nats_public_key("voting").startswith("U")

    key = OKPKey.import_key(json.loads((tmp_path / "auth.signing").read_text()))
    token = jwt.encode(
        {"alg": "Ed25519", "kid": key.kid}, {"sub": "x"}, key, algorithms=["Ed25519"]
    )
    assert jwt.decode(token, key, algorithms=["Ed25519"]).claims == {"sub": "x"}
