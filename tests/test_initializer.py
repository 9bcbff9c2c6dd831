"""Boxes in, points out: right, the same whichever way, and plain about what it cannot do."""

from __future__ import annotations

import pickle
from typing import Any

import dlib
import numpy as np
import pytest
import torch
from skimage.color import rgb2gray
from skimage.transform import rescale, warp
from skimage.util import img_as_float, img_as_ubyte, img_as_uint

import tcdcn_init
from tcdcn_init.detection import detect_boxes
from tcdcn_init.geometry import MIRROR, interocular, invert, rotation, transform_points
from tcdcn_init.initializer import Initialization, Initializer, initialize
from tcdcn_init.network.model_file import save_network
from tcdcn_init.network.tcdcn import TCDCN
from tcdcn_init.tasks import TASKS

BOTH = pytest.mark.parametrize("backend", ["torch", "onnx"])


@pytest.fixture(scope="module")
def initializers() -> dict[str, Initializer]:
    return {backend: Initializer(backend=backend) for backend in ("torch", "onnx")}


@pytest.fixture(scope="module")
def twice() -> Initializer:
    return Initializer(passes=2)


@pytest.fixture(scope="module")
def boxes(portrait_box) -> np.ndarray:
    """Forty boxes about the portrait's face, none like another, some beyond the border."""
    rng = np.random.default_rng(0)
    centre = (np.array(portrait_box[:2]) + portrait_box[2:]) / 2
    result = []
    for _ in range(40):
        half = rng.uniform(20, 120, size=2)
        middle = centre + rng.normal(scale=30, size=2)
        result.append(np.concatenate([middle - half, middle + half]))
    return np.array(result)


def error(points: np.ndarray, expected: np.ndarray) -> float:
    """Mean distance in inter-ocular distances."""
    return float(np.linalg.norm(points - expected, axis=1).mean() / interocular(expected))


# --- right


@BOTH
def test_the_points_of_the_portrait_are_found(initializers, backend, portrait, portrait_box, portrait_points):
    [face] = initializers[backend](portrait, [portrait_box])
    assert error(face.points, portrait_points) < 0.06
    assert face.points.dtype == np.float32
    assert face.box.tolist() == list(portrait_box)
    assert abs(face.roll - 3.0) < 6.0
    assert set(face.attributes) == set(TASKS)
    for task, classes in face.attributes.items():
        assert tuple(classes) == TASKS[task]
        assert sum(classes.values()) == pytest.approx(1.0, abs=1e-5)
    assert face.attributes["smile"]["yes"] > 0.5
    assert face.attributes["glasses"]["no"] > 0.5
    assert max(face.attributes["pose"], key=face.attributes["pose"].get) == "frontal"


def test_two_passes_find_the_points_of_a_rolled_portrait(twice, portrait, portrait_box, portrait_points):
    centre = (np.array(portrait_box[:2]) + portrait_box[2:]) / 2
    for degrees in (-30.0, 30.0):
        turn = rotation(degrees, centre)
        rolled = warp(portrait, np.vstack([invert(turn), [0, 0, 1]]), mode="edge")
        [face] = twice(rolled, [portrait_box])
        assert error(face.points, transform_points(turn, portrait_points)) < 0.08
        assert abs(face.roll - degrees - 3.0) < 8.0


def test_a_second_pass_recovers_from_a_box_that_is_off(twice, portrait, portrait_box, portrait_points):
    shift = 0.3 * (portrait_box[2] - portrait_box[0])
    boxes = [
        np.array(portrait_box) + shift * np.array([dx, dy, dx, dy]) for dx, dy in ((1, 0), (-1, 0), (0, 1), (0, -1))
    ]
    once, again = (initializer.points(portrait, np.stack(boxes)) for initializer in (Initializer(passes=1), twice))
    for points in again:
        assert error(points, portrait_points) < 0.06
    # What is left of the boxes in the answer is less than after one pass.
    assert again.std(axis=0).mean() < 0.7 * once.std(axis=0).mean()


def test_what_downstream_needs_follows_from_the_points(portrait, portrait_box):
    [face] = initialize(portrait, [portrait_box])
    template = np.array([[30, 40], [70, 40], [50, 60], [35, 80], [65, 80]])
    there = transform_points(face.similarity_to(template), face.points)
    assert np.abs(there - template).max() < 8.0
    assert abs(float(Initialization(there, face.box).roll)) < 3.0


def test_a_scaled_image_has_scaled_points(initializers, portrait, portrait_box):
    initializer = initializers["torch"]
    expected = initializer.points(portrait, [portrait_box])[0]
    for factor in (0.5, 3.0):
        scaled = rescale(portrait, factor, channel_axis=2, anti_aliasing=True)
        box = (np.array(portrait_box) + 0.5) * factor - 0.5
        points = (initializer.points(scaled, [box])[0] + 0.5) / factor - 0.5
        assert error(points, expected) < 0.02


# --- the same whichever way


@BOTH
def test_one_face_many_faces_and_many_images_give_the_same_numbers(initializers, backend, portrait, boxes):
    initializer = initializers[backend]
    alone = np.stack([initializer(portrait, [box])[0].points for box in boxes])
    together = np.stack([face.points for face in initializer(portrait, boxes)])
    other = np.random.default_rng(1).integers(0, 255, size=(300, 200), dtype=np.uint8)
    spread = initializer.batch(
        [portrait, other, portrait[..., 0], portrait],
        [boxes[:25], [(10, 10, 90, 90)], [], boxes[25:]],
    )
    assert [len(faces) for faces in spread] == [25, 1, 0, 15]
    batch = np.stack([face.points for face in spread[0] + spread[3]])
    array = initializer.points([portrait, portrait], [boxes[:10], boxes[10:]])
    for points in (together, batch, array, initializer.points(portrait, boxes)):
        np.testing.assert_allclose(points, alone, atol=1e-4)
    for k, face in enumerate(initializer(portrait, boxes)):
        assert face.box.tolist() == boxes[k].tolist()


def test_quick_points_are_near_and_bear_no_confidence(portrait, portrait_box, portrait_points):
    quick = Initializer(quick=True)
    [face] = quick(portrait, [portrait_box])
    eyes = np.hypot(*(portrait_points[1] - portrait_points[0]))
    assert np.hypot(*(face.points - portrait_points).T).mean() < 0.1 * eyes
    assert np.isnan(face.confidence)
    assert np.isnan(face.expected_error).all()
    [found] = quick(portrait)  # the default one, which has confidence, looks for faces
    assert np.hypot(*(found.points - face.points).T).mean() < 0.1 * eyes
    again = pickle.loads(pickle.dumps(quick))
    np.testing.assert_array_equal(again.points(portrait, [portrait_box])[0], face.points)
    with pytest.raises(ValueError, match="quick=True takes a model of two stages, such as tcdcn-two-stage; tcdcn-mtfl"):
        Initializer("tcdcn-mtfl", quick=True)


@pytest.mark.parametrize("backend", ["torch", "onnx"])
def test_with_mirror_images_left_and_right_are_alike(portrait, portrait_box, backend):
    def both(mirror: bool) -> tuple[Any, Any]:
        initializer = Initializer(mirror=mirror, backend=backend)
        width = portrait.shape[1] - 1
        turned = np.array([width - portrait_box[2], portrait_box[1], width - portrait_box[0], portrait_box[3]])
        [[face], [other]] = initializer.batch([portrait, portrait[:, ::-1]], [[portrait_box], [turned]])
        return face, other

    face, other = both(mirror=True)
    back = other.points[list(MIRROR)] * [-1, 1] + [portrait.shape[1] - 1, 0]
    np.testing.assert_allclose(face.points, back, atol=0.02)
    np.testing.assert_allclose(face.expected_error, other.expected_error[list(MIRROR)], rtol=0.02)
    assert face.attributes["pose"]["left"] == pytest.approx(other.attributes["pose"]["right"], abs=0.01)
    assert face.attributes["smile"]["yes"] == pytest.approx(other.attributes["smile"]["yes"], abs=0.01)
    # One view by itself is not so even-handed.
    face, other = both(mirror=False)
    assert np.abs(face.points - (other.points[list(MIRROR)] * [-1, 1] + [portrait.shape[1] - 1, 0])).max() > 0.1


def test_two_passes_give_the_same_numbers_in_any_batch(twice, portrait, boxes):
    alone = np.stack([twice(portrait, [box])[0].points for box in boxes[:12]])
    np.testing.assert_allclose(twice.points(portrait, boxes[:12]), alone, atol=1e-3)


def test_both_backends_agree(portrait, boxes):
    ours, theirs = (Initializer("tcdcn-mtfl", backend=backend)(portrait, boxes) for backend in ("torch", "onnx"))
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(a.points, b.points, atol=1e-4 * 1.4 * 240)  # 1e-4 of the largest crop
        for task, classes in a.attributes.items():
            assert classes == pytest.approx(b.attributes[task], abs=1e-4)


def test_a_call_repeated_gives_the_same_bits(initializers, portrait, boxes):
    for initializer in (*initializers.values(), Initializer()):
        first, second = initializer.points(portrait, boxes), initializer.points(portrait.copy(), boxes.copy())
        np.testing.assert_array_equal(first, second)


def test_the_functions_are_the_class(initializers, portrait, portrait_box):
    expected = initializers["onnx"].points(portrait, [portrait_box])[0]
    np.testing.assert_array_equal(tcdcn_init.initialize(portrait, [portrait_box])[0].points, expected)
    [face] = initialize(portrait, np.array([portrait_box]), model="tcdcn-two-stage", backend="onnx")
    np.testing.assert_array_equal(face.points, expected)


def test_a_model_file_that_changes_is_read_anew(portrait, portrait_box, small_network, tmp_path, monkeypatch):
    found = []
    monkeypatch.chdir(tmp_path)
    for seed in (0, 1):
        torch.manual_seed(seed)
        save_network(tmp_path / "mine.safetensors", TCDCN(small_network), {})
        found.append(initialize(portrait, [portrait_box], model="mine.safetensors", passes=1)[0].points)
    assert np.abs(found[1] - found[0]).max() > 1.0


def test_kinds_of_images_give_the_same_points(initializers, portrait, portrait_box):
    initializer = initializers["torch"]
    expected = initializer.points(portrait, [portrait_box])
    opaque = np.dstack([portrait, np.full(portrait.shape[:2], 255, dtype=np.uint8)])
    for image in (
        opaque,
        img_as_uint(portrait),
        img_as_float(portrait),
        img_as_float(portrait).astype(np.float32),
        rgb2gray(portrait),
        rgb2gray(portrait)[..., None],
        np.asfortranarray(portrait),
    ):
        np.testing.assert_allclose(initializer.points(image, [portrait_box]), expected, atol=0.02)
    np.testing.assert_allclose(initializer.points(img_as_ubyte(rgb2gray(portrait)), [portrait_box]), expected, atol=0.3)


def test_boxes_may_be_dlibs(initializers, portrait):
    initializer = initializers["torch"]
    expected = initializer.points(portrait, [(170, 70, 275, 205), (150, 60, 290, 200)])
    rectangles = [dlib.rectangle(170, 70, 275, 205), dlib.rectangle(150, 60, 290, 200)]
    every = dlib.rectangles()
    every.extend(rectangles)
    for given in (rectangles, every, tuple(rectangles), [dlib.drectangle(r) for r in rectangles]):
        np.testing.assert_array_equal(initializer.points(portrait, given), expected)
    # Four of them are four boxes, not the four sides of one.
    assert len(initializer(portrait, rectangles * 2)) == 4


def test_boxes_of_several_kinds_may_be_mixed(initializers, portrait):
    initializer = initializers["torch"]
    expected = initializer.points(portrait, [(170, 70, 275, 205)] * 2)
    mixed = [dlib.rectangle(170, 70, 275, 205), (170, 70, 275, 205)]
    np.testing.assert_array_equal(initializer.points(portrait, mixed), expected)


def test_nothing_but_the_faces_region_is_touched(initializers, twice):
    image = np.broadcast_to(np.uint8(120), (10**5, 10**5, 3))
    for initializer in (*initializers.values(), twice):
        [face] = initializer(image, [(70_000, 30_000, 70_500, 30_600)])
        assert (np.abs(face.points - [70_250, 30_300]) < 600).all()


def test_no_boxes_give_no_faces(initializers, portrait):
    for none in ([], (), np.empty((0, 4))):
        assert initializers["torch"](portrait, none) == []
        assert initializers["torch"].points(portrait, none).shape == (0, 5, 2)
    assert initializers["torch"].batch([], []) == []


# --- without boxes


def test_without_boxes_faces_are_detected(portrait, portrait_points):
    faces = initialize(portrait)
    assert [face.box.tolist() for face in faces] == detect_boxes(portrait).tolist()
    assert error(faces[0].points, portrait_points) < 0.1


def test_no_face_found_gives_an_empty_list():
    assert initialize(np.full((120, 160), 90, dtype=np.uint8)) == []


# --- what it cannot do


@pytest.mark.parametrize(
    ("image", "kind", "message"),
    [
        (np.zeros((0, 100, 3), dtype=np.uint8), ValueError, r"shape \(0, 100, 3\) is empty"),
        (np.zeros(100), ValueError, r"shape \(100,\); expected \(H, W\)"),
        (np.zeros((2, 100, 100, 3)), ValueError, r"shape \(2, 100, 100, 3\).*one image"),
        (np.zeros((3, 100, 100)), ValueError, "channels last"),
        (np.full((200, 200), np.nan), ValueError, r"NaN or infinity under box \(10\.0, 10\.0, 90\.0, 90\.0\)"),
        (np.full((200, 200), np.inf), ValueError, "NaN or infinity under box"),
        (np.zeros((200, 200), dtype=complex), TypeError, "dtype complex128"),
        (np.zeros((200, 200), dtype="M8[s]"), TypeError, r"dtype datetime64\[s\]"),
        (None, TypeError, "dtype object"),
        ("portrait.jpg", TypeError, r"the path 'portrait\.jpg'.*tcdcn_init\.images\.read_image"),
    ],
)
@pytest.mark.filterwarnings("ignore:invalid value encountered:RuntimeWarning")
def test_a_bad_image_says_what_is_wrong_with_it(initializers, image, kind, message):
    for call in (initializers["torch"], initializers["torch"].points, initialize):
        with pytest.raises(kind, match=message):
            call(image, [(10, 10, 90, 90)])


@pytest.mark.parametrize(
    ("box", "message"),
    [
        ((170, 70, 170, 205), "has no area"),
        ((275, 70, 170, 205), "has no area"),
        ((170, 70, 105, 60), "left, top, width, height"),
        ((170, 70, np.nan, 205), "is not finite"),
        ((170, 70, np.inf, 205), "is not finite"),
        ((600, 70, 700, 205), "wholly outside of the image of width 512 and height 512"),
        ((10, -200, 100, -50), "wholly outside"),
        ("face", "is not four numbers"),
    ],
)
def test_a_bad_box_says_which_and_what_is_wrong_with_it(initializers, portrait, portrait_box, box, message):
    with pytest.raises(ValueError, match=rf"box number 0: .*{message}.*on_bad='nan'"):
        initializers["torch"](portrait, [box])
    if not isinstance(box, str):
        with pytest.raises(ValueError, match=rf"box number 1: .*{message}"):
            initializers["torch"](portrait, [portrait_box, box])


@pytest.mark.parametrize("box", [(170, 70, 275), None, "face"])
def test_a_box_of_another_shape_is_named_too(initializers, portrait, portrait_box, box):
    with pytest.raises(ValueError, match=r"box number 1: .*is not four numbers"):
        initializers["torch"](portrait, [portrait_box, box])
    good, bad = initializers["torch"](portrait, [portrait_box, box], on_bad="nan")
    assert np.isfinite(good.points).all()
    assert np.isnan(bad.points).all()


@pytest.mark.parametrize("box", [(170, 70, 275, 205), [170.0, 70.0, 275.0, 205.0], np.array([170, 70, 275, 205])])
def test_a_single_box_instead_of_a_list_is_told_so(initializers, portrait, box):
    with pytest.raises(ValueError, match=r"is a single box.*wrap it, \[box\]"):
        initializers["torch"](portrait, box)


def test_a_single_rectangle_instead_of_a_list_is_told_so(initializers, portrait):
    with pytest.raises(ValueError, match=r"is a single box.*wrap it, \[box\]"):
        initializers["torch"](portrait, dlib.rectangle(170, 70, 275, 205))


def test_a_box_that_overlaps_the_border_is_no_bad_box(initializers, portrait):
    for box in ((-50, -50, 20, 20), (490, 490, 600, 600), (-400, -400, 900, 900)):
        assert np.isfinite(initializers["torch"](portrait, [box])[0].points).all()


def test_unknown_settings_are_named(portrait, portrait_box):
    with pytest.raises(ValueError, match="unknown model 'tcdcn-mtf'; did you mean tcdcn-mtfl"):
        initialize(portrait, [portrait_box], model="tcdcn-mtf")
    with pytest.raises(FileNotFoundError, match=r"mine\.safetensors does not exist"):
        initialize(portrait, [portrait_box], model="mine.safetensors")
    with pytest.raises(ValueError, match="unknown backend 'jax'"):
        initialize(portrait, [portrait_box], backend="jax")
    with pytest.raises(ValueError, match="passes is 0"):
        initialize(portrait, [portrait_box], passes=0)
    with pytest.raises(ValueError, match="on_bad is 'skip'; expected 'raise' or 'nan'"):
        initialize(portrait, [portrait_box], on_bad="skip")
    with pytest.raises(AttributeError, match="no attribute 'initialise'"):
        _ = tcdcn_init.initialise


def test_images_and_boxes_must_pair_up(initializers, portrait, portrait_box):
    with pytest.raises(ValueError, match="2 images but 1 entries of boxes"):
        initializers["torch"].batch([portrait, portrait], [[portrait_box]])
    with pytest.raises(ValueError, match="2 images but 1 arrays of boxes"):
        initializers["torch"].points([portrait, portrait], [[portrait_box]])


# --- a bad face beside good ones


@pytest.mark.parametrize("passes", [1, 2])
@pytest.mark.filterwarnings("ignore:invalid value encountered:RuntimeWarning")
def test_a_face_that_cannot_be_processed_leaves_its_neighbours_alone(portrait, portrait_box, passes):
    initializer = Initializer(passes=passes)
    image = img_as_float(portrait)
    expected = initializer.points(image, [portrait_box])[0]
    image[400:420, 400:420] = np.nan
    given = [
        portrait_box,
        (380, 380, 440, 440),  # sees the NaN
        portrait_box,
        (50, 50, 50, 90),  # no area
        (900, 900, 950, 950),  # outside
        (np.nan, 0, 10, 10),
        portrait_box,
    ]
    faces = initializer(image, given, on_bad="nan")
    assert [bool(np.isfinite(face.points).all()) for face in faces] == [True, False, True, False, False, False, True]
    for face in (faces[0], faces[2], faces[6]):
        np.testing.assert_allclose(face.points, expected, atol=1e-3)
    for face in (faces[1], faces[3]):
        assert np.isnan(face.points).all()
        assert all(np.isnan(value) for classes in face.attributes.values() for value in classes.values())
        assert np.isnan(face.roll)

    elsewhere = initializer.batch([image, portrait], [[(380, 380, 440, 440)], [portrait_box]], on_bad="nan")
    assert np.isnan(elsewhere[0][0].points).all()
    np.testing.assert_allclose(elsewhere[1][0].points, expected, atol=1e-3)


def test_all_faces_may_be_bad(initializers, portrait):
    faces = initializers["torch"](portrait, [(900, 900, 950, 950), (5, 5, 5, 5)], on_bad="nan")
    assert np.isnan([face.points for face in faces]).all()
    assert len(faces) == 2


@pytest.mark.filterwarnings("ignore:overflow encountered:RuntimeWarning")
def test_a_box_too_large_to_be_one_is_a_bad_box(initializers, portrait, portrait_box):
    absurd = (-1e300, -1e300, 1e300, 1e300)
    good, _ = initializers["torch"](portrait, [portrait_box, absurd], on_bad="nan")
    assert np.isfinite(good.points).all()


@pytest.mark.parametrize("passes", [0, -1, 2.5, "3", True, None])
def test_passes_are_a_whole_number(passes):
    with pytest.raises(ValueError, match=r"passes is .*; expected a whole number, 1 or more"):
        Initializer(passes=passes)
    assert Initializer(passes=np.int64(2)).passes == 2


def test_what_batch_takes_for_many_images_is_said(initializers, portrait, portrait_box):
    batch = initializers["torch"].batch
    with pytest.raises(ValueError, match=r"images is one array of shape \(512, 512, 3\); expected a list: \[image\]"):
        batch(portrait, [[portrait_box]])
    with pytest.raises(ValueError, match="boxes is None; expected an entry per image, None where faces"):
        batch([portrait], None)


def test_text_in_the_place_of_boxes_is_named(initializers, portrait):
    with pytest.raises(ValueError, match="boxes is the text 'auto'; expected boxes, or None and detector='auto'"):
        initializers["torch"](portrait, "auto")


def test_a_detector_that_cannot_be_called_is_named(initializers, portrait):
    with pytest.raises(TypeError, match="detector is 5; expected a name or a callable"):
        initializers["torch"](portrait, detector=5)
