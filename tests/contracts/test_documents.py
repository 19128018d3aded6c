"""The documents made from the contracts: whole, committed, and guarded."""

import importlib
from pathlib import Path
from typing import Any

import jsonschema_rs
import orjson
import pytest

from contracts import __main__ as cli
from contracts.all import load, modules
from contracts.documents.schemas import DIALECT

REGISTRY = load(private=True)
DOCUMENTS = {path: orjson.loads(text) for path, text in cli.documents().items()}
SCHEMAS = {path: document for path, document in DOCUMENTS.items() if "/" in path}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    assert cli.main(["write"], folder=tmp_path) == 0
    return tmp_path


def change(folder: Path, path: str, old: str, new: str) -> None:
    """Make a committed document say something else than the contracts do."""
    text = (folder / path).read_text()
    assert old in text
    (folder / path).write_text(text.replace(old, new, 1))


# ---------------------------------------------------------------------------------- what is in them


def test_holds_every_message_of_the_contracts_and_no_other() -> None:
    assert len(SCHEMAS) == sum(
        len(messages) for messages in (REGISTRY.commands, REGISTRY.events, REGISTRY.queries)
    )
    assert {document["$id"].split(":", 3)[3] for document in SCHEMAS.values()} == {
        *REGISTRY.commands,
        *REGISTRY.events,
        *REGISTRY.queries,
    }


def test_finds_contract_modules_and_no_tests() -> None:
    assert "contracts.voting" in modules()
    assert not [name for name in modules() if "test" in name or "__" in name]
    for name in modules():
        importlib.import_module(name)


@pytest.mark.parametrize("path", sorted(SCHEMAS))
def test_is_a_json_schema(path: str) -> None:
    assert SCHEMAS[path]["$schema"] == DIALECT
    jsonschema_rs.meta.validate(SCHEMAS[path])


def test_refuses_and_takes_what_the_contract_does() -> None:
    validator = jsonschema_rs.Draft202012Validator(DOCUMENTS["voting/commands/cast-vote.json"])
    assert validator.is_valid({"show_id": "shw_1", "song_id": "sng_1"})
    for wrong in (
        {"show_id": "shw_1"},
        {"show_id": "shw 1", "song_id": "sng_1"},
        {"show_id": "shw_1", "song_id": "sng_1", "weight": 2},
    ):
        assert not validator.is_valid(wrong)


def references(document: Any) -> set[str]:
    if isinstance(document, dict):
        mine = {document["$ref"]} if isinstance(document.get("$ref"), str) else set()
        return mine.union(*(references(value) for value in document.values()))
    if isinstance(document, list):
        return set().union(*(references(value) for value in document))
    return set()


@pytest.mark.parametrize("path", sorted(DOCUMENTS))
def test_refers_to_nothing_that_is_not_there(path: str) -> None:
    for reference in references(DOCUMENTS[path]):
        found = DOCUMENTS[path]
        for step in reference.removeprefix("#/").split("/"):
            found = found[step]


def test_describes_each_subject_of_the_bus() -> None:
    document = DOCUMENTS["asyncapi.json"]
    addresses = {channel["address"] for channel in document["channels"].values()}
    assert {
        "cmd.voting.{slot}",
        "qry.voting.get-tally",
        "hot.voting.get-tally.{key}",
        "evt.voting.{aggregate}.{id}",
    } <= addresses
    for operation in document["operations"].values():
        assert operation["action"] in {"send", "receive"}
    payload = document["components"]["messages"]["voting.vote_cast.v1"]["payload"]
    assert payload["items"]["properties"]["type"] == {"const": "voting.vote_cast.v1"}


def test_leaves_out_what_only_our_own_services_may_send() -> None:
    assert "/v1/voting/cast-vote" in DOCUMENTS["openapi.json"]["paths"]
    assert "/v1/voting/set-up-ballot" not in DOCUMENTS["openapi.json"]["paths"]


# ---------------------------------------------------------------------------------- guarding them


def test_is_committed_as_it_is_today() -> None:
    assert cli.main(["check"]) == 0


def test_passes_when_nothing_has_changed(folder: Path) -> None:
    assert cli.main(["check"], folder=folder) == 0
    assert cli.main(["write"], folder=folder) == 0


def test_fails_when_it_is_stale(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    change(folder, "voting/commands/cast-vote.json", "Vote for a song", "Vote for songs")
    (folder / "voting/events/vote_cast.v1.json").unlink()
    assert cli.main(["check"], folder=folder) == 1
    said = capsys.readouterr().err
    assert "stale" in said
    assert "voting/commands/cast-vote.json" in said
    assert "voting/events/vote_cast.v1.json" in said
    assert cli.main(["write"], folder=folder) == 0
    assert cli.main(["check"], folder=folder) == 0


def test_removes_what_is_no_more_when_it_writes(folder: Path) -> None:
    (folder / "left.json").write_text("{}")
    assert cli.main(["check"], folder=folder) == 1
    assert cli.main(["write"], folder=folder) == 0
    assert not (folder / "left.json").exists()


def test_refuses_to_write_what_would_break_somebody_unless_it_is_accepted(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = "voting/commands/cast-vote.json"
    change(folder, path, '"maxLength": 64', '"maxLength": 80')
    assert cli.main(["check"], folder=folder) == 1
    reason = "command voting.cast-vote: show_id maxLength was 80, and is now 64"
    assert reason in capsys.readouterr().err
    assert cli.main(["write"], folder=folder) == 1
    assert reason in capsys.readouterr().err
    assert cli.main(["write", "--accept-breaking"], folder=folder) == 0
    assert cli.main(["check"], folder=folder) == 0
