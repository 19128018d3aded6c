"""What of a log is shown to people."""

from pathlib import Path

from libs.stack.log_tail import LogTail


def test_shows_warnings_and_whatever_is_no_log_line(tmp_path: Path) -> None:
    log = tmp_path / "voting.log"
    log.write_text('{"level": "error", "event": "From an earlier run."}\n')
    tail = LogTail(log)
    with log.open("a") as file:
        file.write('{"level": "info", "event": "A commit was written."}\n')
        file.write(
            '{"level": "warning", "event": "NATS is away.", "seconds": 3, "trace_id": "a"}\n'
        )
        file.write("Traceback (most recent call last):\n")
        file.write('{"level": "error", "event": "Half a li')
    assert tail.news() == [
        "warning: NATS is away. seconds=3",
        "Traceback (most recent call last):",
    ]
    with log.open("a") as file:
        file.write('ne."}\n')
    assert tail.news() == ["error: Half a line."]
    assert tail.news() == []


def test_goes_on_when_the_log_was_begun_anew(tmp_path: Path) -> None:
    log = tmp_path / "voting.log"
    log.write_text("a long line from before\n")
    tail = LogTail(log)
    log.write_text("new\n")
    assert tail.news() == ["new"]
