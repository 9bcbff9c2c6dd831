"""What lax detectors hint at, and what of it an initializer confirms."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from builders import install
from tcdcn_init import Initializer, initialize
from tcdcn_init.datasets.published.afw import read_afw_boxes
from tcdcn_init.detection import available_detectors, detect_boxes
from tcdcn_init.detection.detectors import LAX
from tcdcn_init.detection.hits import Hits, kept_apart
from tcdcn_init.detection.search import all_lie, quarters_to_search, sifted
from tcdcn_init.detection.turned import turned_back
from tcdcn_init.eval.detection.figures import faces_found
from tcdcn_init.images import read_image

FACE = (66.0, 56.0, 162.0, 176.0)
WALL = [(300.0, 300.0, 400.0, 400.0)]


def centres(boxes: np.ndarray) -> np.ndarray:
    return (boxes[:, :2] + boxes[:, 2:]) / 2


@pytest.fixture(scope="module")
def small(portrait) -> np.ndarray:
    return np.ascontiguousarray(portrait[:220, 110:330])


@pytest.fixture
def asked(monkeypatch, small) -> list[np.ndarray]:
    """Images that the detector "upright" was asked about, which sees the portrait's face when its head is up."""
    images = []

    def search(image):
        images.append(image)
        boxes = [FACE, (140, 140, 200, 200)] if (image == small).all() else []
        return Hits.of(boxes, np.zeros(len(boxes)))

    monkeypatch.setitem(LAX, "upright", search)
    return images


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_a_turned_photograph_shows_the_same_face(small, quarters):
    [box] = detect_boxes(np.rot90(small, quarters), "skimage")
    found = turned_back(box[None], quarters, small.shape[:2])
    assert np.hypot(*(centres(found) - centres(np.array([FACE])))[0]) < 25


def test_turned_copies_are_searched_where_nothing_stands_upright(asked, small):
    assert detect_boxes(small, "upright").tolist() == [list(FACE)]  # and of two hints one is a face
    assert len(asked) == 1
    turned = np.rot90(small, 2)
    [box] = detect_boxes(turned, "upright")
    assert len(asked) == 5
    assert turned_back(box[None], 2, small.shape[:2]).tolist() == [list(FACE)]


def test_whether_turned_copies_are_searched_can_be_said(asked, small):
    assert len(detect_boxes(np.rot90(small, 1), "upright", turned=False)) == 0
    assert len(asked) == 1
    assert len(detect_boxes(small, "upright", turned=True)) == 1
    assert len(asked) == 5


def test_the_networks_own_search_turns_up_the_surest_head_where_all_lie(monkeypatch, small):
    searched = []
    hints = Initializer.hints

    def counted(self, image):
        searched.append(image)
        return hints(self, image)

    monkeypatch.setattr(Initializer, "hints", counted)
    for image, count in ((small, 1), (np.rot90(small, 1), 2), (np.full((60, 60), 128, np.uint8), 1)):
        searched.clear()
        detect_boxes(image)
        assert len(searched) == count
    searched.clear()
    detect_boxes(np.rot90(small, 1))
    np.testing.assert_array_equal(searched[1], small)
    assert quarters_to_search("tcdcn", False, np.array([90.0])) == ()
    assert len(quarters_to_search("tcdcn", True, np.array([0.0]))) == 3


def test_no_head_that_stands_upright_makes_an_image_one_that_lies():
    assert all_lie(np.array([]))
    assert all_lie(np.array([91.0, -180.0]))
    assert not all_lie(np.array([91.0, -12.0]))


@pytest.mark.parametrize("quarters", [-1, 0, 1, 2, 3])
def test_boxes_turn_back_with_their_pixels(quarters):
    image = np.zeros((30, 50), dtype=int)
    image[4:9, 20:32] = 1
    rows, columns = np.nonzero(np.rot90(image, quarters))
    box = np.array([[columns.min(), rows.min(), columns.max(), rows.max()]], dtype=float)
    assert turned_back(box, quarters, image.shape).tolist() == [[20.0, 4.0, 31.0, 8.0]]


def test_of_boxes_that_overlap_the_best_stays():
    assert kept_apart(np.empty((0, 4)), [], 0.3).tolist() == []
    boxes = [(0, 0, 10, 10), (2, 0, 12, 10), (4, 0, 14, 10), (9, 9, 19, 19)]
    assert kept_apart(boxes, [0.1, 0.3, 0.2, 0.4], 0.3).tolist() == [3, 1]


def test_a_part_of_a_surer_face_is_no_face():
    face, nose, beside, around = (0, 0, 100, 100), (30, 40, 60, 70), (80, 0, 120, 40), (-40, -40, 160, 160)
    squares = np.array([nose, face, beside, around], dtype=float)
    assert sifted(np.array([0.5, 0.9, 0.6, 0.4]), squares, 0.3).tolist() == [1, 2, 3]
    assert sifted(np.array([0.9, 0.5, 0.6, 0.4]), squares, 0.3).tolist() == [0, 2, 1, 3]
    assert sifted(np.array([0.1, np.nan, 0.2, 0.1]), squares, 0.3).tolist() == []


# --- detectors of a caller's own


def test_a_callables_boxes_are_believed_and_stay_in_order(portrait, portrait_box):
    detector = {"small first": [WALL[0], portrait_box]}.__getitem__
    boxes = detect_boxes(portrait, lambda image: detector("small first"))
    assert boxes.tolist() == [list(WALL[0]), list(portrait_box)]
    faces = initialize(portrait, detector=lambda image: detector("small first"))
    assert [face.confidence > 0.7 for face in faces] == [False, True]


def test_on_turned_copies_a_callable_is_asked_for_hints(portrait, portrait_box):
    asked = []

    def detector(image):
        asked.append(image.shape)
        return [portrait_box, WALL[0]] if len(asked) == 1 else []

    boxes = detect_boxes(portrait, detector, turned=True)
    assert boxes.tolist() == [list(portrait_box)]
    assert len(asked) == 4


def test_what_is_no_boxes_is_refused(portrait):
    with pytest.raises(ValueError, match=r"returned None; expected boxes, none of them where there is no face: \[\]"):
        detect_boxes(portrait, lambda image: None)
    with pytest.raises(ValueError, match=r"box number 0: .* no area"):
        initialize(portrait, detector=lambda image: [(50, 50, 20, 20)])
    [face] = initialize(portrait, detector=lambda image: [(50, 50, 20, 20)], on_bad="nan")
    assert np.isnan(face.points).all()


def test_an_installed_package_offers_a_detector_by_name(tmp_path):
    (tmp_path / "corner.py").write_text("def detect(image):\n    return [(0, 0, 50, 60)]\n")
    entries = {"corner": "corner:detect", "gone": "corner:nothing", "number": "corner:__name__"}
    install(tmp_path, "corner", "tcdcn_init.detectors", entries)
    code = f"""
import sys
sys.path.insert(0, {str(tmp_path)!r})
from skimage.data import astronaut
from tcdcn_init.detection import available_detectors, detect_boxes
print(available_detectors())
print(detect_boxes(astronaut(), "corner").tolist(), detect_boxes(astronaut(), "corner:detect").tolist())
for name in ("gone", "number", "cornr"):
    try:
        detect_boxes(astronaut(), name)
    except (ImportError, ValueError) as error:
        print(error)
"""
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert found.splitlines() == [
        "['auto', 'corner', 'dlib', 'gone', 'number', 'skimage', 'tcdcn']",
        "[[0.0, 0.0, 50.0, 60.0]] [[0.0, 0.0, 50.0, 60.0]]",
        "detector 'gone' cannot be imported from corner:nothing (corner): module 'corner' has no attribute 'nothing'",
        "detector 'number' from corner:__name__ (corner) is a str; expected a callable",
        "unknown detector 'cornr'; did you mean corner?",
    ]
    assert "corner" not in available_detectors()


# --- with the initializer


def test_initialize_keeps_the_answers_that_finding_took(portrait):
    [face] = initialize(portrait, detector="skimage")
    [again] = initialize(portrait, detect_boxes(portrait, "skimage"))
    np.testing.assert_array_equal(face.box, again.box)
    np.testing.assert_allclose(face.points, again.points, atol=1e-3)
    assert face.confidence == pytest.approx(again.confidence, abs=1e-4)
    assert face.attributes.keys() == again.attributes.keys() != set()


def test_images_with_and_without_boxes_share_a_call(portrait, portrait_box):
    initializer = Initializer()
    found, given, none = initializer.batch(
        [portrait, portrait, portrait], [None, [portrait_box], []], detector=lambda image: WALL
    )
    assert [face.box.tolist() for face in found] == [list(WALL[0])]
    assert [face.box.tolist() for face in given] == [list(portrait_box)]
    assert none == []


def test_a_model_that_knows_no_faces_has_them_found_by_the_default_one(portrait, portrait_points):
    [face] = initialize(portrait, detector="skimage", model="tcdcn-mtfl")
    assert np.isnan(face.confidence)
    assert np.hypot(*(face.points - portrait_points).T).mean() < 6


def test_no_fewer_faces_than_dlib_finds_by_itself(data_root):
    import dlib

    stock = ours = 0
    for path, faces in list(read_afw_boxes(data_root / "afw").items())[3:120:40]:
        image = np.ascontiguousarray(read_image(path, apply_orientation=False)[::2, ::2])
        found = dlib.get_frontal_face_detector()(image, 1)
        boxes = np.array([[box.left(), box.top(), box.right(), box.bottom()] for box in found])
        stock += (faces_found(boxes.reshape(-1, 4), faces / 2) >= 0).sum()
        ours += (faces_found(detect_boxes(image, "dlib"), faces / 2) >= 0).sum()
    assert ours >= stock >= 2
