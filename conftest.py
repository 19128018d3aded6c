"""What every test run has: shared fixtures, and no test that is skipped in silence.

With `CI=true` a test that was skipped because a part is missing (no Chromium, no Docker) fails the
run: nobody reads the skips of a green build.

Property tests look as long as the profile says: `quick` by default and in `make check`, `thorough`
in `make test`. A test that sets `max_examples` for itself gives up this choice.
"""

import os
from collections.abc import Generator

import pytest
from hypothesis import settings

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
