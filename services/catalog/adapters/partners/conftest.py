"""What partners really sent, recorded beside the project."""

import os
from pathlib import Path

import pytest

RECORDED = Path(__file__).parents[4].parent / "shared" / "data"


@pytest.fixture
def recorded() -> Path:
    """The folder of recorded traffic. Where it must be, to be without it fails."""
    if not RECORDED.is_dir():
        missing = f"the recorded traffic is not at {RECORDED}"
        if os.environ.get("CI") == "true":
            pytest.fail(missing)
        pytest.skip(missing)
    return RECORDED
