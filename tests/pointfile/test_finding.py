"""Which images are found, and whose boxes are whose."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tcdcn_init.pointfile import find_images
from tcdcn_init.pointfile.finding import boxes_by_image


def test_folders_patterns_and_files_are_found_once_and_in_order(gallery):
    every = find_images([str(gallery)])
    assert len(every) == 20
    assert every == sorted(every)
    (gallery / "notes.txt").write_text("no image")
    try:
        assert find_images([str(gallery)]) == every
        assert find_images([str(gallery / "sub" / "*.jpg")]) == [
            p for p in every if p.parts[-2] == "sub" and p.suffix == ".jpg"
        ]
        assert set(find_images([str(gallery / "**" / "*.png")])) == {p for p in every if p.suffix == ".png"}
        assert find_images([str(every[3]), str(gallery)]) == [every[3], *(p for p in every if p != every[3])]
    finally:
        (gallery / "notes.txt").unlink()


def test_a_name_with_brackets_is_a_file_before_it_is_a_pattern(tmp_path):
    path = tmp_path / "face[1].png"
    path.touch()
    assert find_images([str(path)]) == [path]


def test_a_pattern_without_an_image_is_named(tmp_path):
    for pattern in (str(tmp_path), str(tmp_path / "gone.png"), str(tmp_path / "*.jpg")):
        with pytest.raises(FileNotFoundError, match="matches no image"):
            find_images([pattern])


def test_links_to_nowhere_are_listed_and_pipes_are_not(tmp_path):
    (tmp_path / "gone.png").symlink_to(tmp_path / "nowhere.png")
    (tmp_path / "loop.png").symlink_to(tmp_path / "loop.png")
    os.mkfifo(tmp_path / "pipe.png")
    assert [path.name for path in find_images([str(tmp_path)])] == ["gone.png", "loop.png"]


@pytest.mark.skipif(os.name == "nt" or os.geteuid() != 0, reason="needs the right to become another user")
def test_a_folder_that_may_not_be_read_is_listed_itself(tmp_path):
    for name in ("open", "closed"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.png").touch()
    (tmp_path / "closed").chmod(0)
    for folder in (tmp_path, *tmp_path.parents):
        if folder.name.startswith(("test_", "popen-", "pytest-")):  # pytest's own, closed to others
            folder.chmod(0o755)
    code = (
        "import os, sys\nfrom tcdcn_init.pointfile import find_images\nos.setuid(65534)\n"
        "print(*find_images(sys.argv[1:]), sep='\\n')"
    )
    for pattern in (tmp_path, tmp_path / "closed"):
        found = subprocess.run([sys.executable, "-c", code, str(pattern)], capture_output=True, text=True, check=True)
        expected = [tmp_path / "closed", *([tmp_path / "open" / "a.png"] if pattern == tmp_path else [])]
        assert found.stdout.splitlines() == list(map(str, expected))


@pytest.mark.parametrize("end", ["\n", "\r\n", "\0"])
def test_a_list_names_images_one_a_line(gallery, tmp_path, monkeypatch, end):
    names = [*find_images([str(gallery)])[:2], Path("gone.png"), Path("caf\udce9.png")]
    (tmp_path / "list.txt").write_bytes(os.fsencode(end.join([*map(str, names), ""])))
    assert find_images([str(tmp_path / "list.txt"), str(names[0])]) == names
    with (tmp_path / "list.txt").open() as file:
        monkeypatch.setattr(sys, "stdin", file)
        assert find_images(["-"]) == names
    (tmp_path / "list.txt").write_text("\n\n")
    with pytest.raises(FileNotFoundError, match="matches no image"):
        find_images([str(tmp_path / "list.txt")])


def test_images_of_all_kinds_are_found_and_a_macs_notes_are_not(tmp_path):
    for name in ("a.HEIC", "b.gif", "c.JFIF", "d.avif", "._a.HEIC", "notes.txt"):
        (tmp_path / name).touch()
    assert [path.name for path in find_images([str(tmp_path)])] == ["a.HEIC", "b.gif", "c.JFIF", "d.avif"]


A, B = Path("in/a/1.jpg"), Path("in/b/1.jpg")


def test_the_longest_name_that_fits_is_an_images_own():
    found = boxes_by_image([A, B], {"1.jpg": ["end"], "a/1.jpg": ["folder"]})
    assert found == {A: ["folder"], B: ["end"]}
    assert boxes_by_image([A], {"in/a/1.jpg": ["path"], "1.jpg": ["end"]}) == {A: ["path"]}
    assert boxes_by_image([A], {"./in/a/1.jpg": ["path"]}) == {A: ["path"]}
    assert "no row" in boxes_by_image([A], {"in/a/11.jpg": [], "/1.jpg": []})[A]


def test_a_name_of_two_images_is_neithers(tmp_path):
    found = boxes_by_image([A, B], {"1.jpg": ["end"]})
    assert "may be in/a/1.jpg or in/b/1.jpg" in found[A]
    assert "may be in/b/1.jpg or in/a/1.jpg" in found[B]
    same = tmp_path / "a" / ".." / "1.jpg"
    assert boxes_by_image([same, tmp_path / "1.jpg"], {"1.jpg": ["end"]})[same] == ["end"]


def test_names_that_are_not_utf8_are_found_as_they_are_and_as_outputs_write_them():
    path = Path("in/caf\udce9.jpg")
    for name in ("caf\udce9.jpg", "in/caf\udce9.jpg", "in/caf/xe9.jpg"):  # the last as read from caf\\xe9.jpg
        assert boxes_by_image([path], {name: ["box"]}) == {path: ["box"]}
