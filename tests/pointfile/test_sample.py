"""The review page of a random sample."""

from __future__ import annotations

import json

import numpy as np
import pytest

from tcdcn_init.pointfile import find_images, write_points
from tcdcn_init.pointfile.sample import drawn_numbers


def page_of(path):
    text = path.read_text(encoding="utf-8")
    return text, json.loads(text.split('id="data"')[1].split(">", 1)[1].split("</script>")[0])


def test_a_sample_is_some_of_the_faces_of_the_whole_page(gallery, boxes, initializer, tmp_path):
    images = find_images([str(gallery)])
    write_points(images, tmp_path / "all.csv", initializer, boxes=boxes, review=tmp_path / "all.html")
    write_points(images, tmp_path / "p.csv", initializer, boxes=boxes, review=tmp_path / "some.html", sample=7)
    assert (tmp_path / "p.csv").read_text() == (tmp_path / "all.csv").read_text()
    whole = {tuple(face[:2]): face for face in page_of(tmp_path / "all.html")[1]["faces"]}
    text, some = page_of(tmp_path / "some.html")
    assert "7 of 20 faces of p.csv, drawn at random" in text
    assert len({tuple(face[:2]) for face in some["faces"]}) == 7
    assert some["others"] == []
    for face in some["faces"]:
        image, number, confidence, points, box, hidden, _jpeg = whole[tuple(face[:2])]
        assert (face[0], face[1], face[2]) == (image, number, confidence)
        np.testing.assert_allclose(face[3], points, atol=0.11)
        np.testing.assert_allclose(face[4], box, atol=0.11)
        assert face[5] == hidden


def test_every_face_is_as_likely():
    counts = np.bincount(np.concatenate([drawn_numbers(20, 5, seed) for seed in range(2000)]), minlength=20)
    assert counts.sum() == 10_000
    assert np.abs(counts - 500).max() < 5 * np.sqrt(500)


def test_what_is_no_sample_is_refused_before_any_work(gallery, initializer, tmp_path):
    images = find_images([str(gallery)])
    with pytest.raises(ValueError, match=r"a sample of 7 faces is for a page.*--review"):
        write_points(images, tmp_path / "p.csv", initializer, sample=7)
    with pytest.raises(ValueError, match="sample is 0; expected"):
        write_points(images, tmp_path / "p.csv", initializer, review=tmp_path / "r.html", sample=0)
    assert not list(tmp_path.iterdir())
