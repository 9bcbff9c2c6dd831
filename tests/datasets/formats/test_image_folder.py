"""Names of images that lead out of a data set's folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from tcdcn_init.datasets.formats.image_folder import ImageFolder


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "set" / "sub").mkdir(parents=True)
    (tmp_path / "outside").mkdir()
    for file in ("set/a.jpg", "set/sub/b.jpg", "outside/c.jpg"):
        (tmp_path / file).touch()
    return tmp_path / "set"


def test_what_lies_below_is_found(root: Path) -> None:
    (root / "inside.jpg").symlink_to(root / "sub" / "b.jpg")
    images = ImageFolder(root)
    for name in ("a.jpg", "sub/b.jpg", "./sub/b.jpg", "inside.jpg"):
        assert images.existing(name).is_file()
    assert images.path("later.jpg") == root / "later.jpg"
    with pytest.raises(ValueError, match=r"not there: .*later\.jpg"):
        images.existing("later.jpg")


def test_a_root_that_is_a_link_is_where_it_leads(root: Path) -> None:
    (root.parent / "link").symlink_to(root)
    assert ImageFolder(root.parent / "link").existing("sub/b.jpg").is_file()


@pytest.mark.parametrize(
    "name", ["", ".", "..", "../outside/c.jpg", "sub/../../outside/c.jpg", "/etc/hosts", "a\0.jpg"]
)
def test_names_that_lead_out_are_refused(root: Path, name: str) -> None:
    for find in (ImageFolder(root).path, ImageFolder(root).existing):
        with pytest.raises(ValueError, match="expected a file below"):
            find(name)


def test_links_that_lead_out_are_refused(root: Path) -> None:
    (root / "file.jpg").symlink_to(root.parent / "outside" / "c.jpg")
    (root / "folder").symlink_to(root.parent / "outside")
    (root / "loop.jpg").symlink_to(root / "loop.jpg")
    for name in ("file.jpg", "folder/c.jpg", "folder/other.jpg"):
        with pytest.raises(ValueError, match="expected a file below"):
            ImageFolder(root).existing(name)
