"""Progress away from a terminal."""

from __future__ import annotations

import io
import logging
import re
import sys

import pytest

from tcdcn_init._shared.progress import duration, progress, track


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (59.4, "59 s"),
        (59.6, "1 min 00 s"),
        (3599.4, "59 min 59 s"),
        (3600, "1 h 00 min"),
        (90_000, "25 h 00 min"),
    ],
)
def test_durations_are_read_aloud(seconds, text):
    assert duration(seconds) == text


def test_all_items_come_in_order_and_the_log_says_how_many(caplog, monkeypatch):
    monkeypatch.setattr("tcdcn_init._shared.progress.INTERVAL", 0.0)
    with caplog.at_level(logging.INFO, logger="tcdcn_init"):
        assert list(track(iter("abc"), "Counting", total=3)) == ["a", "b", "c"]
    assert [record.getMessage()[:18] for record in caplog.records] == ["Counting: 1 of 3, ", "Counting: 2 of 3, "]


def test_work_says_itself_how_much_is_done_and_what_was_found(caplog, monkeypatch):
    monkeypatch.setattr("tcdcn_init._shared.progress.INTERVAL", 0.0)
    with caplog.at_level(logging.INFO, logger="tcdcn_init"), progress("Looking", 10, "images") as advance:
        advance(4, note="7 faces")
    assert caplog.records[0].getMessage().startswith("Looking: 4 of 10 images, 7 faces, 0 s left")


def test_a_terminal_has_a_bar(monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr("sys.stderr", Terminal())
    with progress("Looking", 4, "images") as advance:
        advance(4, note="7 faces")
    shown = re.sub(r"\x1b\[[\d;?]*[A-Za-z]", "", sys.stderr.getvalue())  # type: ignore[attr-defined]
    assert "4/4 images, 7 faces" in shown


def test_short_work_logs_nothing(caplog):
    with caplog.at_level(logging.INFO, logger="tcdcn_init"):
        assert list(track([1, 2], "Counting")) == [1, 2]
    assert caplog.records == []


def test_an_error_in_the_work_passes_through():
    with pytest.raises(ZeroDivisionError):
        for item in track([1, 0], "Dividing"):
            1 / item
