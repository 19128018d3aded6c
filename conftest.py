"""What every test run has: shared fixtures, and no test that is skipped in silence.

With `CI=true` a test that was skipped because a part is missing (no Chromium, no Docker) fails the
run: nobody reads the skips of a green build.

Property tests look as long as the profile says: `quick` by default and in `make check`, `thorough`
in `make test`. A test that sets `max_examples` for itself gives up this choice.

`make check` and `make test` run in several workers (pytest-xdist). Each has servers of its own, and
takes whole files, so that what a file sets up is set up once; all that visit the house in a browser
are one worker's.
"""

import os
from collections.abc import Generator
from typing import Any

import pytest
from hypothesis import settings
from xdist.scheduler import LoadFileScheduling

pytest_plugins = ["libs.testkit.stack"]

# No deadline: how long an example may take says more about the machine than about the code.
settings.register_profile("quick", max_examples=25, deadline=None)
settings.register_profile("thorough", max_examples=200, deadline=None)
settings.load_profile("quick")

_MARKS_OF_PARTS = frozenset({"connected", "browser", "docker", "chaos", "powerloss"})


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    skipped = report.skipped and not hasattr(report, "wasxfail")
    if skipped and os.environ.get("CI") == "true" and _needs_a_part(item):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome = "failed"
        report.longrepr = f"should have run here, since CI=true, but: {reason}"
    return report


def _needs_a_part(item: pytest.Item) -> bool:
    return any(mark.name in _MARKS_OF_PARTS for mark in item.iter_markers())


class OneHouse(LoadFileScheduling):  # type: ignore[misc]  # It comes without types.
    """Deals files to workers, and all that need the house of `tests/browser` as if they were one:
    to open it takes a dozen processes and most of the machine.
    """

    def _split_scope(self, nodeid: str) -> str:
        return _HOUSE if nodeid.startswith(_HOUSE) else str(super()._split_scope(nodeid))


_HOUSE = "tests/browser/"


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadFileScheduling | None:
    return OneHouse(config, log) if config.getoption("dist") == "loadfile" else None
