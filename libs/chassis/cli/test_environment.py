"""How commands find the stack of this machine."""

import os
from pathlib import Path

import pytest

from libs.chassis.cli.environment import adopt_running_stack


@pytest.fixture(autouse=True)
def restored_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Whatever a test takes over is gone afterwards."""
    for name in ("BACKLINE_NATS_URL", "BACKLINE_PORT"):
        monkeypatch.setenv(name, "")  # So that the end of the test puts back what was there.
        monkeypatch.delenv(name)
    monkeypatch.setenv("BACKLINE_DATA", str(tmp_path))


def test_takes_the_settings_of_a_running_stack(tmp_path: Path) -> None:
    text = "BACKLINE_NATS_URL=nats://127.0.0.1:1\nBACKLINE_PORT=9000\n"
    (tmp_path / "environment").write_text(text)
    os.environ["BACKLINE_PORT"] = "7000"
    adopt_running_stack()
    assert os.environ["BACKLINE_NATS_URL"] == "nats://127.0.0.1:1"
    assert os.environ["BACKLINE_PORT"] == "7000"


def test_takes_nothing_when_told_where_nats_is(tmp_path: Path) -> None:
    (tmp_path / "environment").write_text("BACKLINE_NATS_URL=nats://127.0.0.1:1\nBACKLINE_PORT=1\n")
    os.environ["BACKLINE_NATS_URL"] = "nats://elsewhere:4222"
    adopt_running_stack()
    assert os.environ["BACKLINE_NATS_URL"] == "nats://elsewhere:4222"
    assert "BACKLINE_PORT" not in os.environ


def test_takes_nothing_when_no_stack_runs() -> None:
    adopt_running_stack()
    assert "BACKLINE_NATS_URL" not in os.environ
