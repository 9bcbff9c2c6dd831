"""The measuring loop: records in their places, missing copies as None, and a journal to go on from."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

import numpy as np
import pytest
from skimage.io import imsave

from tcdcn_init.datasets.base import Face
from tcdcn_init.eval.measuring.copies import OWN_BOX, Condition
from tcdcn_init.eval.measuring.engine import Shown, measure

ROLL = Condition("roll", 30.0)


class Names:
    """Keeps what it was shown."""

    def __call__(self, copies):
        return [{"name": copy.name, "kind": copy.condition.kind, "mean": float(copy.image.mean())} for copy in copies]


@pytest.fixture(scope="module")
def faces(tmp_path_factory) -> list[Face]:
    """70 faces of 35 images, the last of which cannot be read."""
    folder = tmp_path_factory.mktemp("faces")
    points, box = np.full((5, 2), 20, dtype=np.float32), np.array([10.0, 10.0, 30.0, 30.0])
    for k in range(34):
        imsave(folder / f"{k}.png", np.full((40, 40), k, dtype=np.uint8), check_contrast=False)
    (folder / "34.png").write_bytes(b"no image")
    return [Face(f"{k // 2}.png#{k % 2}", folder / f"{k // 2}.png", points, box) for k in range(70)]


def test_records_lie_where_their_copies_do(faces):
    shown = [Shown(face, (OWN_BOX, ROLL) if k % 3 == 0 else (OWN_BOX,)) for k, face in enumerate(faces)]
    found = measure(shown, Names)
    for k, (face, records) in enumerate(zip(faces, found.records, strict=True)):
        if k >= 68:
            assert records == [None] * len(records)
            continue
        assert [record["name"] for record in records] == [face.name] * len(records)
        assert [record["kind"] for record in records] == ["noise", "roll"][: len(records)]
        assert [record["mean"] for record in records] == pytest.approx([k // 2] * len(records))
    assert list(found.unreadable) == ["34.png#0", "34.png#1"]
    assert measure(shown, Names, jobs=2).records == found.records


def test_nobody_is_refused():
    with pytest.raises(ValueError, match="no face"):
        measure([], Names)


class Interrupted(Names):
    """Is interrupted at the third image of the second group."""

    def __call__(self, copies):
        if copies[0].name.startswith("32"):
            raise KeyboardInterrupt
        return super().__call__(copies)


def test_an_interrupted_measurement_goes_on_from_its_journal(faces, tmp_path: Path):
    journal, shown = tmp_path / "journal", [Shown(face, (OWN_BOX,)) for face in faces]
    with pytest.raises(KeyboardInterrupt):
        measure(shown, Interrupted, journal=journal)
    assert measure(shown, Names, journal=journal).records == measure(shown, Names).records


@pytest.mark.parametrize("change", ["box", "name", "image", "condition", "seed", "identity"])
def test_a_journal_of_anything_else_is_refused(faces, tmp_path: Path, change):
    face = dataclasses.replace(faces[0], image=tmp_path / "a.png")
    face.image.write_bytes(faces[0].image.read_bytes())
    measure([Shown(face, (OWN_BOX,))], Names, journal=tmp_path / "journal")
    if change == "box":
        face = dataclasses.replace(face, box=face.box + 1)
    if change == "name":
        face = dataclasses.replace(face, name="another")
    if change == "image":
        os.utime(face.image, (0, 0))
    shown = [Shown(face, (ROLL if change == "condition" else OWN_BOX,))]
    with pytest.raises(ValueError, match="other settings"):
        measure(
            shown,
            Names,
            journal=tmp_path / "journal",
            seed=int(change == "seed"),
            identity="x" if change == "identity" else "",
        )
