"""The closing report: counts that add up, and refusals that a person can act on."""

from rich.console import Console

from contracts.catalog import Outcome
from services.catalog.adapters.findings import Part, Refusal, Where
from services.catalog.cli.report import REFUSALS_SHOWN_MAX, Report


def refusal(line: int, reason: str = "it has no name", part: Part = Part.PERFORMANCE) -> Refusal:
    return Refusal(part, Where("a.csv", line), reason)


def shown(report: Report) -> str:
    console = Console(width=100)
    with console.capture() as captured:
        console.print(report.render())
    return captured.get()


def test_adds_up_when_things_were_read() -> None:
    report = Report()
    report.counts[Part.SHOW].add(Outcome.NEW, 3)
    report.counts[Part.SHOW].add(Outcome.UNCHANGED)
    report.counts[Part.SONG].add(Outcome.CHANGED, 2)
    report.refuse(refusal(7, part=Part.SHOW))
    document = report.as_json()
    assert document["by_kind"]["shows"] == {
        "read": 5,
        "new": 3,
        "changed": 0,
        "unchanged": 1,
        "refused": 1,
    }
    assert (document["read"], document["new"], document["changed"]) == (7, 3, 2)
    assert document["refusals"] == [
        {"what": "show", "file": "a.csv", "line": 7, "reason": "it has no name"}
    ]


def test_shows_refusals_of_one_reason_together_when_they_follow_each_other() -> None:
    report = Report()
    for line in (3, 4, 5):
        report.refuse(refusal(line))
    report.refuse(refusal(6, "the rank is not a number"))
    text = shown(report)
    assert "refused performance  a.csv:3-5  it has no name (3 of them)" in text
    assert "refused performance  a.csv:6  the rank is not a number" in text


def test_shows_some_and_counts_the_rest_when_there_are_many() -> None:
    report = Report()
    for line in range(1, REFUSALS_SHOWN_MAX + 11):
        report.refuse(refusal(line, f"reason {line}"))
    text = shown(report)
    assert f"reason {REFUSALS_SHOWN_MAX}\n" in text.replace(" \n", "\n")
    assert "… and 10 more; --json lists them all" in text
    assert len(report.as_json()["refusals"]) == REFUSALS_SHOWN_MAX + 10
