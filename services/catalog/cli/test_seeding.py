"""The shows that the project brings along."""

from contracts.catalog_setlists import RecordSetlist
from contracts.catalog_shows import ScheduleShow
from services.catalog.adapters.findings import Fact
from services.catalog.adapters.gdshowsdb import read
from services.catalog.cli.seeding import FIRST_SHOW, SEED


def test_brings_a_whole_tour_along_and_nothing_of_it_is_refused() -> None:
    findings = list(read(SEED.read_text(), SEED.name))
    tellings = [finding.telling for finding in findings if isinstance(finding, Fact)]
    shows = [telling for telling in tellings if isinstance(telling, ScheduleShow)]
    setlists = [telling for telling in tellings if isinstance(telling, RecordSetlist)]
    assert len(tellings) == len(findings)
    assert len(shows) == len(setlists) == 22
    assert max(shows, key=lambda show: show.local_date).show_id == FIRST_SHOW


def test_names_its_source_and_its_licence() -> None:
    assert "https://github.com/jefmsmit/gdshowsdb" in SEED.read_text()
    assert "MIT License" in (SEED.parent / "LICENSE").read_text()
