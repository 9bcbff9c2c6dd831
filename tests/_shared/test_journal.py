"""The journal of interrupted runs."""

from __future__ import annotations

import doctest
from pathlib import Path

import pytest

import tcdcn_init._shared.journal as module
from tcdcn_init._shared.journal import append, open_journal


def test_examples_in_the_docstrings_run() -> None:
    result = doctest.testmod(module)
    assert result.attempted > 3
    assert result.failed == 0


def test_finished_pieces_come_back_in_order(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "run.journal"
    assert open_journal(path, "seed 0") == []
    pieces = [{"group": k, "errors": [k / 3, float("inf")]} for k in range(3)]
    for piece in pieces:
        append(path, piece)
    assert open_journal(path, "seed 0") == pieces


@pytest.mark.parametrize("cut", [1, 5, 12])
def test_a_line_that_was_cut_short_is_dropped(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "run.journal"
    open_journal(path, "s")
    append(path, {"group": 0})
    append(path, {"group": 1})
    path.write_bytes(path.read_bytes()[:-cut])
    kept = open_journal(path, "s")
    assert kept in ([{"group": 0}], [{"group": 0}, {"group": 1}])
    append(path, {"group": 2})
    assert open_journal(path, "s") == [*kept, {"group": 2}]


@pytest.mark.parametrize("text", ['{"settings": "seed 1"}\n', "", "rubbish\n", "[]\n"])
def test_a_journal_of_other_settings_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "run.journal"
    path.write_text(text)
    with pytest.raises(ValueError, match=r"now seed 0\).*delete the journal"):
        open_journal(path, "seed 0")
    assert path.read_text() == text
