import codecs
from pathlib import Path

from contracts.catalog_shows import ScheduleShow
from contracts.catalog_songs import RegisterSong
from services.catalog.adapters.collection import Shape, find_sources, read
from services.catalog.adapters.findings import Fact, Refusal
from services.catalog.adapters.test_gdshowsdb import SHOW
from services.catalog.adapters.test_pearljam import SETLISTS, SHOWS, SONGS

SONG_REFERENCES = "- Dark Star: 00000000-1111-4222-8333-444444444444\n"


def test_finds_the_shapes_in_folders_and_reads_tables_together(tmp_path: Path) -> None:
    dead, jam = tmp_path / "dead", tmp_path / "jam"
    for folder in (dead, jam, tmp_path / ".hidden"):
        folder.mkdir()
    (dead / "1972.yaml").write_text(SHOW)
    (dead / "README.md").write_text("Read me.")
    (tmp_path / ".hidden" / "1973.yaml").write_text(SHOW)
    for name, text in {"a.csv": SHOWS, "b.csv": SONGS, "c.csv": SETLISTS}.items():
        (jam / name).write_text(text)
    found = find_sources([tmp_path, dead / "1972.yaml"])
    assert [(source.shape, len(source.files)) for source in found.sources] == [
        (Shape.YAML, 1),
        (Shape.TABLES, 3),
    ]
    assert found.passed_over == [dead / "README.md"]
    assert found.refusals == []


def test_refuses_a_path_when_it_is_not_there_or_of_no_shape_we_know(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("Notes.")
    found = find_sources([tmp_path / "nowhere", tmp_path / "notes.txt"])
    assert [refusal.reason for refusal in found.refusals if isinstance(refusal, Refusal)] == [
        "there is no such file",
        "files are told apart by .yaml .yml .json .jsonl .ndjson .csv .tsv",
    ]


def test_reads_the_same_when_line_ends_and_encoding_differ(tmp_path: Path) -> None:
    text = SHOW.replace("Lyceum", "Zénith")
    ways = {
        "plain": text.encode(),
        "windows": text.replace("\n", "\r\n").encode(),
        "marked": codecs.BOM_UTF8 + text.encode(),
        "wide": text.encode("utf-16"),
    }
    seen = []
    for name, raw in ways.items():
        path = tmp_path / f"{name}.yaml"
        path.write_bytes(raw)
        (source,) = find_sources([path]).sources
        seen.append(
            [
                (finding.telling, finding.where.line)
                for finding in read(source)
                if isinstance(finding, Fact)
            ]
        )
    assert all(facts == seen[0] for facts in seen)
    assert any(isinstance(telling, ScheduleShow) for telling, _ in seen[0])


def test_refuses_only_what_is_damaged_when_bytes_are_no_text(tmp_path: Path) -> None:
    path = tmp_path / "1972.yaml"
    path.write_bytes(SHOW.replace("Lyceum", "Zénith").encode("latin-1"))
    (source,) = find_sources([path]).sources
    findings = list(read(source))
    assert [str(finding.part) for finding in findings if isinstance(finding, Refusal)] == ["venue"]
    assert any(
        isinstance(finding, Fact) and isinstance(finding.telling, ScheduleShow)
        for finding in findings
    )


def test_reads_the_list_of_songs_when_it_lies_beside_the_shows(tmp_path: Path) -> None:
    (tmp_path / "song_refs.yaml").write_text(SONG_REFERENCES)
    (source,) = find_sources([tmp_path]).sources
    titles = [
        finding.telling.title
        for finding in read(source)
        if isinstance(finding, Fact) and isinstance(finding.telling, RegisterSong)
    ]
    assert titles == ["Dark Star"]
