"""However a file is damaged, reading it ends in findings, never in an error."""

from collections.abc import Callable, Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.catalog.adapters import gdshowsdb, pearljam, setlistfm
from services.catalog.adapters.csv_table import Table
from services.catalog.adapters.findings import Finding, Refusal
from services.catalog.adapters.test_gdshowsdb import SHOW
from services.catalog.adapters.test_pearljam import SETLISTS, SHOWS, SONGS
from services.catalog.adapters.test_setlistfm import line, song

EXPORT = f"{line(songs=[song('Courage'), song('Poets', 'Encore 1')])}\n{line(id='1b511139')}\n"

Read = Callable[[str], Iterable[Finding]]


def read_tables(text: str) -> Iterable[Finding]:
    """All three tables in one text, so that damage can strike anywhere."""
    return pearljam.read(Table(part, f"{at}.csv") for at, part in enumerate(text.split("\f")))


READERS: list[tuple[Read, str]] = [
    (lambda text: gdshowsdb.read(text, "a.yaml"), SHOW),
    (lambda text: setlistfm.read(text, "a.jsonl"), EXPORT),
    (lambda text: setlistfm.read(text, "a.json"), f"[{EXPORT.replace('}\n{', '},\n{')}]"),
    (read_tables, "\f".join([SHOWS, SONGS, SETLISTS])),
]

edits = st.lists(
    st.tuples(
        st.floats(0, 1, exclude_max=True),
        st.integers(0, 40),
        st.text(alphabet=st.sampled_from("\n\t\"'[]{}:-,;#&*!|> \x00\ufffd0a"), max_size=4),
    ),
    min_size=1,
    max_size=4,
)


@pytest.mark.parametrize(("read", "text"), READERS, ids=["yaml", "lines", "array", "tables"])
@given(edits=edits)
def test_reads_to_the_end_however_a_file_is_damaged(
    read: Read, text: str, edits: list[tuple[float, int, str]]
) -> None:
    for share, length, put in edits:
        at = int(share * len(text))
        text = text[:at] + put + text[at + length :]
    for finding in read(text):
        if isinstance(finding, Refusal):
            assert finding.reason
            assert 1 <= finding.where.line <= text.count("\n") + 2


@pytest.mark.parametrize(
    "text",
    ["[" * 100_000, '{"a":' * 100_000, '{"id": ' + "1" * 5000 + "}", '{"id": NaN}', "[NaN, 1]"],
    ids=["arrays", "objects", "number", "constant", "constant-in-array"],
)
def test_refuses_json_when_it_is_beyond_all_measure(text: str) -> None:
    findings = list(setlistfm.read(text, "a.json"))
    assert findings
    assert all(isinstance(finding, Refusal) for finding in findings)


@pytest.mark.parametrize("text", ["[" * 20_000, "1972/01/01: " + "[" * 5000 + "]" * 5000])
def test_refuses_yaml_when_it_is_nested_too_deeply(text: str) -> None:
    findings = list(gdshowsdb.read(text, "a.yaml"))
    assert findings
    assert all(isinstance(finding, Refusal) for finding in findings)


def test_refuses_text_that_no_one_could_store() -> None:
    (refusal,) = setlistfm.read(line(tour="\ud800"), "a.jsonl")
    assert isinstance(refusal, Refusal)
    assert "U+D800" in refusal.reason
