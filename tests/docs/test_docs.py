"""What the pages say exists, exists; what exists, the pages say."""

import re
import subprocess
from pathlib import Path

import pytest

from libs.chassis.cli.errors import page, problems
from libs.kernel.messages import registry

ROOT = Path(__file__).parents[2]
HEADINGS = ["Purpose", "Streams", "Accepts", "Emits", "Reads", "When it fails"]
SERVICES = sorted(path.parent.name for path in (ROOT / "services").glob("*/app.py"))
LINK = re.compile(r"(?<!\!)\[[^\]]*\]\(([^)#\s]+)(?:#[^)]*)?\)")
NAMED = re.compile(r"`((?:libs|services|contracts|tests|deploy|docs)/[\w./-]+)`")


def _pages() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return [ROOT / name for name in listed.stdout.split() if (ROOT / name).exists()]


@pytest.mark.parametrize("service", SERVICES)
def test_has_the_six_headings_when_it_is_the_readme_of_a_service(service: str) -> None:
    text = (ROOT / "services" / service / "README.md").read_text()
    assert re.findall(r"^## (.+)$", text, flags=re.MULTILINE) == HEADINGS


@pytest.mark.parametrize("service", SERVICES)
def test_lists_every_message_when_it_is_the_readme_of_a_service(service: str) -> None:
    problems()  # Imports all there is.
    text = (ROOT / "services" / service / "README.md").read_text()
    specs = [
        *registry.command_of.values(),
        *registry.event_of.values(),
        *registry.query_of.values(),
    ]
    names = {spec.name for spec in specs if spec.service == service}
    assert {name for name in names if f"`{name}`" not in text} == set()


def test_lists_every_problem_when_it_is_the_page_of_them() -> None:
    written = (ROOT / "docs/errors.md").read_text()
    assert written == page(), "run: backline errors --markdown > docs/errors.md"


def test_finds_what_a_link_points_to() -> None:
    broken = [
        f"{page.relative_to(ROOT)}: {target}"
        for page in _pages()
        for target in LINK.findall(page.read_text())
        if not target.startswith(("http://", "https://", "mailto:"))
        and not (page.parent / target).exists()
    ]
    assert broken == []


def test_finds_the_files_that_pages_name() -> None:
    missing = [
        f"{page.relative_to(ROOT)}: {name}"
        for page in _pages()
        for name in NAMED.findall(page.read_text())
        if "applause" not in name and not list(ROOT.glob(f"{name}*"))
    ]
    assert missing == []


def test_lists_every_decision_in_their_index() -> None:
    index = (ROOT / "docs/adr/README.md").read_text()
    pages = {path.name for path in (ROOT / "docs/adr").glob("[0-9]*.md")}
    assert pages == set(re.findall(r"\((\d{4}-[\w-]+\.md)\)", index))
