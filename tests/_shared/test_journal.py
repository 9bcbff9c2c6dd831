"""The journal of interrupted runs."""

from __future__ import annotations

import errno
import json
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tcdcn_init._shared.files.journal import Journal


def pieces_of(path: Path, settings: str = "s") -> list[dict[str, object]]:
    with Journal(path, settings) as journal:
        return journal.pieces


def written(path: Path, *pieces: dict[str, object], settings: str = "s") -> Path:
    with Journal(path, settings) as journal:
        for piece in pieces:
            journal.append(piece)
    return path


def test_finished_pieces_come_back_in_order(tmp_path: Path) -> None:
    pieces = [{"group": k, "errors": [k / 3, float("inf")], "name": "caf\udce9"} for k in range(3)]
    path = written(tmp_path / "folder" / "run.journal", *pieces)
    assert pieces_of(path) == pieces
    written(path, {"group": 3})
    assert pieces_of(path) == [*pieces, {"group": 3}]


def test_a_file_cut_anywhere_keeps_the_whole_pieces_before(tmp_path: Path) -> None:
    whole = written(tmp_path / "whole", {"group": 0}, {"group": 1}).read_bytes()
    path = tmp_path / "cut"
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        kept = pieces_of(path)
        assert kept == [{"group": k} for k in range(whole[:length].count(b'group": ') and len(kept))]
        written(path, {"group": 2})
        assert pieces_of(path) == [*kept, {"group": 2}]


@pytest.mark.parametrize("rubbish", [b"\0\0\0\0", b'{"piece": {"gro', b"\0\0\n\0", b"[" * 100_000 + b"\n", b"\xff\n"])
def test_what_a_crash_leaves_at_the_end_costs_nothing_else(tmp_path: Path, rubbish: bytes) -> None:
    path = written(tmp_path / "run.journal", {"group": 0})
    with path.open("ab") as file:
        file.write(rubbish)
    assert pieces_of(path) == [{"group": 0}]
    written(path, {"group": 1})
    assert pieces_of(path) == [{"group": 0}, {"group": 1}]


@pytest.mark.parametrize("text", ['{"settings": "seed 1"}\n', "rubbish", "rubbish\n", "[]\n", "[" * 100_000 + "\n"])
def test_a_journal_of_other_settings_is_refused_and_left_as_it_is(tmp_path: Path, text: str) -> None:
    path = tmp_path / "run.journal"
    path.write_text(text)
    with pytest.raises(ValueError, match=r"now seed 0\).*delete the journal"):
        Journal(path, "seed 0")
    assert path.read_text() == text


@pytest.mark.parametrize("text", ["", '{"se', '{"settings": "seed'])
def test_all_that_a_full_disk_left_of_a_new_journal_is_none(tmp_path: Path, text: str) -> None:
    path = tmp_path / "run.journal"
    path.write_text(text)
    assert pieces_of(path) == []
    assert json.loads(path.read_text().splitlines()[0]) == {"settings": "s"}


def limited(size: int, code: str, path: Path) -> subprocess.CompletedProcess[str]:
    """Code in a process whose files may not grow beyond a size, as on a full disk."""

    def limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

    head = (
        "import sys, pathlib\nfrom tcdcn_init._shared.files.journal import Journal\npath = pathlib.Path(sys.argv[1])\n"
    )
    return subprocess.run(
        [sys.executable, "-B", "-c", head + code, str(path)], capture_output=True, text=True, preexec_fn=limit
    )


def test_a_full_disk_loses_nothing_and_names_the_file(tmp_path: Path) -> None:
    pieces = [{"group": k, "rows": "x" * 300} for k in range(50)]
    path = written(tmp_path / "run.journal", *pieces)
    code = "try: Journal(path, 's')\nexcept OSError as error: print(error.errno, error.filename)"
    assert limited(2000, code, path).stdout == f"{errno.EFBIG} {path}\n"
    assert pieces_of(path) == pieces


def test_where_there_is_no_room_at_all_nothing_is_left(tmp_path: Path) -> None:
    code = "try: Journal(path, 's')\nexcept OSError as error: print(error.errno, error.filename)"
    path = tmp_path / "run.journal"
    assert limited(0, code, path).stdout == f"{errno.EFBIG} {path}\n"
    assert not path.exists()


def test_a_piece_without_room_leaves_no_half_line(tmp_path: Path) -> None:
    path = tmp_path / "run.journal"
    code = (
        "journal = Journal(path, 's')\n"
        "for k in range(9):\n"
        "    try: journal.append({'group': k, 'rows': 'x' * 300})\n"
        "    except OSError as error: print(k, error.filename)\n"
        "journal.append({'group': 9})\n"
    )
    lost = limited(1000, code, path).stdout.splitlines()
    assert lost == [f"{k} {path}" for k in range(2, 9)]
    assert [piece["group"] for piece in pieces_of(path)] == [0, 1, 9]


HOLDER = """
import sys
from pathlib import Path
from tcdcn_init._shared.files.journal import Journal
with Journal(Path(sys.argv[1]), "s") as journal:
    print("open", flush=True)
    sys.stdin.read()
    if sys.argv[2:]:
        journal.remove()
"""


@pytest.mark.parametrize("removed", [True, False])
def test_a_second_process_is_kept_out_until_the_first_is_done(tmp_path: Path, removed: bool) -> None:
    path = tmp_path / "run.journal"
    command = [sys.executable, "-c", HOLDER, str(path), *["remove"] * removed]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "open\n"
        before = path.read_bytes()
        with pytest.raises(BlockingIOError, match=rf"process {holder.pid} is writing .*run\.journal"):
            Journal(path, "s")
        assert path.read_bytes() == before
        holder.communicate("")
    assert path.exists() != removed
    assert pieces_of(path) == []


def test_a_killed_process_keeps_nobody_out(tmp_path: Path) -> None:
    path = tmp_path / "run.journal"
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        holder.kill()
    assert pieces_of(path) == []
