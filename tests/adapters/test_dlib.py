"""The drop-in for dlib, on real runs of dlib."""

from __future__ import annotations

import copy
import pickle
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from skimage.data import astronaut

from builders import FIVE, draw, face, random_arrays
from tcdcn_init.adapters.base import load_regressor
from tcdcn_init.adapters.dlib import SeededShapePredictor
from tcdcn_init.adapters.ert import ERT
from tcdcn_init.adapters.ert.dat import DatError
from tcdcn_init.confidence import MIN_CONFIDENCE
from tcdcn_init.geometry import interocular

dlib = pytest.importorskip("dlib")
MODES = ("chip", "box", "exact")
PORTRAIT = astronaut()


class Oracle:
    """Knows the five points of each image by its size and sum; NaN for one that it does not know."""

    def __init__(self, pairs, confidence=np.nan):
        self.known = {self.key(image): points for image, points in pairs}
        self.confidence = confidence
        self.calls = self.images = 0

    @staticmethod
    def key(image):
        return image.shape, float(image.sum())

    def points_and_confidence(self, images, boxes, *, on_bad="raise"):
        self.calls, self.images = self.calls + 1, self.images + len(images)
        unknown = np.full((5, 2), np.nan)
        owners = [image for image, own in zip(images, boxes, strict=True) for _ in own]
        found = np.reshape([self.known.get(self.key(image), unknown) for image in owners], (-1, 5, 2))
        return found, np.resize(self.confidence, len(owners))


def parts(detection):
    return np.array([(part.x, part.y) for part in detection.parts()])


def error(shape, points):
    return float((np.linalg.norm(shape - points, axis=-1).mean(axis=-1) / interocular(points)).mean())


def rolled(roll, count=8, seed=0):
    rng = np.random.default_rng(seed)
    return [face(rng, roll) for _ in range(count)]


@pytest.mark.parametrize("mode", MODES)
def test_one_line_of_a_dlib_program_is_replaced(stock_file, mode):
    [(picture, points)] = rolled(0, 1)
    image = np.stack([picture] * 3, axis=-1)
    predictor = SeededShapePredictor(str(stock_file), mode, initializer=Oracle([(image, points)]))
    box = dlib.rectangle(20, 10, 120, 110)
    detection = predictor(image, box)
    assert isinstance(detection, dlib.full_object_detection)
    assert (detection.rect, detection.num_parts) == (box, 5)
    assert error(parts(detection), points) < 0.06
    # A small upright face is cut out where floats are asked for, not where whole pixels are.
    np.testing.assert_allclose(
        parts(detection), predictor.fit_from_box(image, box), atol=1.5 if mode == "chip" else 0.5
    )
    np.testing.assert_array_equal(predictor.fit_from_box(image, box), predictor.fit_from_points(image, points))


@settings(deadline=None, max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(MODES), st.tuples(*[st.integers(-100, 400)] * 2, *[st.integers(5, 400)] * 2))
def test_unseeded_it_is_stock_dlib(stock, mode, place):
    left, top, width, height = place
    box = dlib.rectangle(left, top, left + width, top + height)
    predictor = SeededShapePredictor(stock, mode, start="mean")
    np.testing.assert_array_equal(parts(predictor(PORTRAIT, box)), parts(stock(PORTRAIT, box)))
    np.testing.assert_allclose(predictor.fit_from_box(PORTRAIT, box), parts(stock(PORTRAIT, box)), atol=0.5)


def test_roll_does_not_matter_to_chip_and_exact(stock):
    found = {}
    for roll in (0, 30, 60, 90, 180):
        pairs = rolled(roll)
        for mode in MODES:
            predictor = SeededShapePredictor(stock, mode)
            found[mode, roll] = np.mean([error(predictor.fit_from_points(p, q), q) for p, q in pairs])
    for mode in ("chip", "exact"):
        assert all(found[mode, roll] < 0.05 for roll in (0, 30, 60, 90, 180))
    assert found["box", 0] < 0.05
    assert found["box", 180] > 0.5


def test_a_bad_box_does_not_matter(stock):
    rng = np.random.default_rng(3)
    pairs = rolled(0, 12)
    oracle = Oracle(pairs)
    boxes = np.array([30, 15, 130, 115]) + rng.normal(0, 25, (12, 4))
    images = [picture for picture, _ in pairs]
    truth = np.array([points for _, points in pairs])
    unseeded = SeededShapePredictor(stock, start="mean").fit_from_boxes(images, boxes)
    assert error(unseeded, truth) > 0.15
    for mode in MODES:
        seeded = SeededShapePredictor(stock, mode, initializer=oracle).fit_from_boxes(images, boxes)
        assert error(seeded, truth) < 0.05


@pytest.mark.parametrize("mode", MODES)
def test_points_are_better_than_whole_pixels(stock, mode):
    """On a face of 13 pixels between the eyes a pixel is much: chip and exact answer between pixels."""
    rng = np.random.default_rng(0)
    predictor = SeededShapePredictor(stock, mode)
    fits = [predictor.fit_from_points(p, q) for p, q in (face(rng, 20, scale=0.33, jitter=0.5) for _ in range(5))]
    whole = np.mean(np.array(fits) == np.rint(fits))
    assert whole == 1 if mode == "box" else whole < 0.1


@pytest.mark.parametrize("mode", MODES)
def test_the_initializer_is_asked_once_with_each_image_once(stock, mode):
    pairs = rolled(20, 3)
    oracle = Oracle(pairs)
    predictor = SeededShapePredictor(stock, mode, initializer=oracle)
    images = [picture for picture, _ in pairs]
    box = dlib.rectangle(20, 10, 120, 110)
    assert predictor.fit_from_boxes([*images, images[0]], [box] * 4).shape == (4, 5, 2)
    assert (oracle.calls, oracle.images) == (1, 3)


@pytest.mark.parametrize("mode", MODES)
def test_a_face_without_points_does_not_spoil_the_batch(stock, mode):
    [(picture, points), (other, _)] = rolled(0, 2)
    third = draw(FIVE)
    predictor = SeededShapePredictor(stock, mode, initializer=Oracle([(picture, points), (third, np.ones((5, 2)))]))
    images, box = [other, picture, third, picture], (20, 10, 120, 110)
    found = predictor.fit_from_boxes(images, [box, box, box, (9, 9, 9, 9)], on_bad="nan")
    assert np.isnan(found[[0, 2, 3]]).all()
    assert error(found[1], points) < 0.06
    with pytest.raises(ValueError, match=r"face 1 of 2: .* no five points in box \(20.0, 10.0"):
        predictor.fit_from_boxes([picture, other], [box] * 2)
    with pytest.raises(ValueError, match=r"face 1 of 2: .* no area"):
        predictor.fit_from_boxes(picture, [box, (9, 9, 9, 9)])
    with pytest.raises(ValueError, match="on_bad is 'skip'"):
        predictor.fit_from_boxes(picture, [box], on_bad="skip")


def test_the_bundled_initializer_is_the_default(stock):
    from tcdcn_init import Initializer

    seeds = Initializer(passes=2, quick=True).points(PORTRAIT, [(172, 68, 280, 204)])
    predictor = SeededShapePredictor(stock)
    boxes = [(172, 68, 280, 204), (900, 900, 950, 950)]
    found = predictor.fit_from_boxes(PORTRAIT, boxes, on_bad="nan")
    np.testing.assert_array_equal(found[0], predictor.fit_from_points(PORTRAIT, seeds[0]))
    assert np.isnan(found[1]).all()
    with pytest.raises(ValueError, match="face 1 of 2: the initializer found no five points"):
        predictor.fit_from_boxes(PORTRAIT, boxes)
    # Where a confidence is asked for, seeds come from the initializer that has one.
    seeds = Initializer().points(PORTRAIT, [(172, 68, 280, 204)])
    found = SeededShapePredictor(stock, min_confidence=0.1).fit_from_box(PORTRAIT, boxes[0])
    np.testing.assert_array_equal(found, predictor.fit_from_points(PORTRAIT, seeds[0]))


@pytest.mark.parametrize("mode", MODES)
def test_starts_from_shapes(stock, mode):
    [(picture, points)] = rolled(45, 1)
    predictor = SeededShapePredictor(stock, mode)
    shape = predictor.fit_from_shape(picture, points)
    assert shape.shape == (5, 2)
    assert mode == "box" or error(shape, points) < 0.06


@pytest.mark.parametrize("mode", MODES)
def test_boxes_and_pictures_of_every_kind_are_taken(stock, mode):
    picture, points = face(np.random.default_rng(0))
    image = np.stack([picture] * 3, axis=-1)
    opaque = np.concatenate([image, np.full_like(image[..., :1], 255)], axis=2)
    expected = parts(
        SeededShapePredictor(stock, mode, initializer=Oracle([(image, points)]))(image, (20, 10, 120, 110))
    )
    for same in (picture, picture / 255.0, opaque, image[::-1][::-1], np.asfortranarray(image)):
        predictor = SeededShapePredictor(stock, mode, initializer=Oracle([(same, points)]))
        named = SimpleNamespace(left=20, top=10, right=120, bottom=110)
        for box in (
            (20, 10, 120, 110),
            named,
            np.array([20.2, 10.4, 119.6, 110]),
            dlib.drectangle(20.2, 10.1, 120, 110.3),
        ):
            detection = predictor(same, box)
            assert detection.rect == dlib.rectangle(20, 10, 120, 110)
            np.testing.assert_array_equal(parts(detection), expected)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    "rectangle",
    [
        dlib.rectangle(600, 100, 700, 200),
        dlib.rectangle(10, 10, 10, 10),
        dlib.rectangle(),
        dlib.rectangle(50, 50, 20, 20),
    ],
    ids=["outside of the image", "of one pixel", "empty", "of negative size"],
)
def test_where_dlib_answers_it_answers(stock, mode, rectangle):
    """What a tracker gives when it has lost the face."""
    seeded = SeededShapePredictor(stock, mode)(PORTRAIT, rectangle)
    assert seeded.rect == rectangle
    np.testing.assert_array_equal(parts(seeded), parts(stock(PORTRAIT, rectangle)))
    with pytest.raises(ValueError, match=r"no area|no five points in box \(600") as refusal:
        SeededShapePredictor(stock, mode).fit_from_box(PORTRAIT, rectangle)
    assert "on_bad" not in str(refusal.value)  # which the call has not


@pytest.mark.parametrize("mode", MODES)
def test_pixels_that_are_no_numbers_matter_only_under_the_face(stock, mode):
    picture = face(np.random.default_rng(0))[0]
    box, image = (20, 10, 120, 110), np.pad(picture, ((0, 0), (0, 300))) / 255
    predictor = SeededShapePredictor(stock, mode, start="mean")
    wanted = predictor.fit_from_box(image, box)
    image[5, 400] = np.nan
    np.testing.assert_array_equal(predictor.fit_from_box(image, box), wanted)
    image[60, 70] = np.inf
    with pytest.raises(ValueError, match="NaN or infinity there"):
        predictor.fit_from_box(image, box)
    with pytest.raises(ValueError, match="NaN or infinity there"):
        predictor(image, box)
    found = predictor.fit_from_boxes(image, [box, (300, 20, 370, 90)], on_bad="nan")
    assert np.isfinite(found).all(axis=(1, 2)).tolist() == [False, True]


def test_models_that_begin_with_the_68_points_are_taken(tmp_path):
    """The 81 points of a popular file: the 68 and thirteen on the forehead."""
    known = load_regressor("ert68-300w").mean_shape
    mean = np.concatenate([known, np.stack([np.linspace(0.2, 0.8, 13), np.full(13, -0.1)], axis=1)])
    arrays = replace(random_arrays(np.random.default_rng(0), points=81), mean_shape=mean)
    ERT(arrays).save_dat(tmp_path / "81.dat")
    for mode in MODES:
        assert SeededShapePredictor(tmp_path / "81.dat", mode)(PORTRAIT, (170, 70, 275, 205)).num_parts == 81


def test_other_layouts_are_stated(tmp_path):
    regressor = ERT(random_arrays(np.random.default_rng(0), points=9))
    regressor.save_dat(tmp_path / "nine.dat")
    for mode in MODES:
        with pytest.raises(ValueError, match="no known layout of 9 points"):
            SeededShapePredictor(tmp_path / "nine.dat", mode)
    stated = {"left eye": 0, "right eye": [1, 2], "nose": 3}
    for mode in MODES:
        predictor = SeededShapePredictor(tmp_path / "nine.dat", mode, layout=stated)
        assert predictor.fit_from_points(draw(FIVE), FIVE).shape == (9, 2)
    # A model that starts from boxes needs no five points.
    box = dlib.rectangle(20, 10, 120, 110)
    found = SeededShapePredictor(tmp_path / "nine.dat", start="mean")(draw(FIVE), box)
    np.testing.assert_array_equal(parts(found), parts(regressor.to_dlib()(draw(FIVE), box)))


@pytest.mark.parametrize("mode", MODES)
def test_files_that_are_no_predictors(tmp_path, stock_file, mode):
    with pytest.raises(FileNotFoundError, match="no predictor at"):
        SeededShapePredictor(tmp_path / "absent.dat", mode)
    for name, content in (("text", b"hello"), ("short", stock_file.read_bytes()[:-100])):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(DatError):
            SeededShapePredictor(tmp_path / name, mode)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"mode": "seeded"}, "mode is 'seeded'; expected one of chip, box, exact"),
        ({"start": "random"}, "start is 'random'; expected one of tcdcn, mean"),
        ({"aspect": 0}, "aspect is 0"),
    ],
)
def test_wrong_arguments_are_named(stock, arguments, message):
    with pytest.raises(ValueError, match=message):
        SeededShapePredictor(stock, **arguments)


def test_without_dlib_the_extra_is_named(monkeypatch, stock, faces):
    import sys

    regressor = ERT.from_dlib(stock)
    monkeypatch.setitem(sys.modules, "dlib", None)
    for call in (lambda: SeededShapePredictor("any.dat"), regressor.to_dlib):
        with pytest.raises(ImportError, match=r'pip install "tcdcn-init\[dlib\]"'):
            call()
    assert regressor.fit_from_points(faces[0][0], faces[0][1]).shape == (5, 2)  # the cascade itself needs no dlib


@pytest.mark.parametrize("mode", MODES)
def test_an_unsure_face_starts_from_its_box(stock, mode):
    [(picture, points)] = rolled(40, 1)
    boxes = [(20, 10, 120, 110)] * 2
    doubtful = Oracle([(picture, points)], confidence=[0.0, 1.0])
    seeded = SeededShapePredictor(stock, mode, initializer=doubtful, min_confidence=0.5)
    unsure, sure = seeded.fit_from_boxes(picture, boxes)
    own = SeededShapePredictor(stock, mode, start="mean").fit_from_box(picture, boxes[0])
    np.testing.assert_array_equal(unsure, own)
    np.testing.assert_array_equal(sure, seeded.fit_from_points(picture, points))
    trusting = SeededShapePredictor(stock, mode, initializer=doubtful)
    np.testing.assert_array_equal(trusting.fit_from_boxes(picture, boxes)[0], sure)


def test_the_bundled_model_doubts_a_box_without_a_face(stock):
    face_box, wall = (170, 70, 275, 205), (10, 10, 90, 90)
    predictor = SeededShapePredictor(stock, "exact", min_confidence=MIN_CONFIDENCE)
    on_face, on_wall = predictor.fit_from_boxes(PORTRAIT, [face_box, wall])
    unseeded = SeededShapePredictor(stock, "exact", start="mean")
    np.testing.assert_array_equal(on_wall, unseeded.fit_from_box(PORTRAIT, wall))
    assert np.abs(on_face - unseeded.fit_from_box(PORTRAIT, face_box)).max() > 1


@pytest.mark.parametrize("mode", MODES)
def test_it_may_be_pickled_before_its_first_face(stock, mode):
    boxes = [(172, 68, 280, 204)]
    predictor = SeededShapePredictor(stock, mode)
    same = [pickle.loads(pickle.dumps(predictor)), copy.deepcopy(predictor)]
    wanted = predictor.fit_from_boxes(PORTRAIT, boxes)
    for other in same:
        np.testing.assert_array_equal(other.fit_from_boxes(PORTRAIT, boxes), wanted)


def test_threads_may_share_it_from_the_first_face_on(stock):
    predictor, boxes = SeededShapePredictor(stock), [(172, 68, 280, 204)]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: predictor.fit_from_boxes(PORTRAIT, boxes), range(8)))
    np.testing.assert_array_equal(found, [found[0]] * 8)


def test_a_least_confidence_that_is_no_probability_is_refused(stock):
    with pytest.raises(ValueError, match="min_confidence is 2; expected a probability"):
        SeededShapePredictor(stock, min_confidence=2)
