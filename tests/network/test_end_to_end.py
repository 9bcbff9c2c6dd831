"""One ONNX file from image and boxes to points: it says what the package says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch

from tcdcn_init import Initializer
from tcdcn_init.network.end_to_end import INPUTS, OUTPUTS
from tcdcn_init.network.exporting import export_end_to_end
from tcdcn_init.network.model_file import load_model
from tcdcn_init.passes.looks import DOUBTFUL, LOST, UNSURE
from tcdcn_init.weights import find_model


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The bundled model's copy and its end-to-end file."""
    source = tmp_path_factory.mktemp("model") / "two.safetensors"
    source.write_bytes(find_model("tcdcn-two-stage", ".safetensors").read_bytes())
    return source, export_end_to_end(source)


@pytest.fixture(scope="module")
def run(files: tuple[Path, Path]):
    session = onnxruntime.InferenceSession(files[1], providers=["CPUExecutionProvider"])

    def ask(image: np.ndarray, boxes: np.ndarray) -> dict[str, np.ndarray]:
        given = dict(zip(INPUTS, (image, np.asarray(boxes, np.float32)), strict=True))
        return dict(zip(OUTPUTS, session.run(list(OUTPUTS), given), strict=True))

    return ask


def boxes_around(box: np.ndarray, count: int, spread: float, rng: np.random.Generator) -> np.ndarray:
    side = box[2] - box[0]
    moved = box + rng.normal(0, spread * side, (count, 1, 2)).repeat(2, axis=1).reshape(count, 4)
    return (moved + rng.normal(0, 0.05 * side, (count, 4))).astype(np.float32)


@pytest.fixture(scope="module")
def compare(files, run):
    """``compare(image, boxes)`` holds the file's answers against the package's, and returns the confidences."""
    package = Initializer(files[0], backend="torch")

    def both(image: np.ndarray, boxes: np.ndarray) -> np.ndarray:
        ours, theirs = run(image, boxes), package(image, boxes)
        np.testing.assert_allclose(ours["points"], [face.points for face in theirs], atol=0.05)
        np.testing.assert_allclose(ours["confidence"], [face.confidence for face in theirs], atol=1e-3)
        np.testing.assert_allclose(ours["visible"], [face.visible for face in theirs], atol=1e-3)
        np.testing.assert_allclose(ours["expected_error"], [face.expected_error for face in theirs], rtol=0.01)
        return ours["confidence"]

    return both


def test_it_agrees_with_the_package_on_200_boxes(compare, portrait, portrait_box):
    rng = np.random.default_rng(5)
    box = np.asarray(portrait_box, dtype=float)
    large = np.ascontiguousarray(np.kron(portrait, np.ones((5, 5, 1), np.uint8)))
    thinned = np.ascontiguousarray(portrait[::2, ::2])
    cut = np.ascontiguousarray(portrait[60:170, 150:260])  # the face leaves the picture
    compare(portrait, boxes_around(box, 90, 0.1, rng))
    compare(large, boxes_around(5 * box + 2, 50, 0.1, rng))
    compare(thinned, boxes_around(box / 2, 30, 0.1, rng))
    compare(cut, boxes_around(box - [150, 60, 150, 60], 30, 0.05, rng))


def test_it_looks_again_where_the_package_does(compare, portrait, portrait_box):
    """Faces hidden in part, in boxes far off, upside down and lying, and no faces."""
    rng = np.random.default_rng(6)
    box, confidence = np.asarray(portrait_box, dtype=float), []
    for quarters in range(4):
        image, turned = np.array(np.rot90(portrait, quarters)), box
        for _ in range(quarters):
            turned = np.array([turned[1], 511 - turned[2], turned[3], 511 - turned[0]])
        left, top, right, bottom = (int(number) for number in turned)
        image[top : (top + bottom) // 2, left:right] = 90
        confidence.append(compare(image, boxes_around(turned, 10, 0.2, rng)))
    corners = rng.uniform(0, 380, (20, 2))
    elsewhere = np.hstack([corners, corners + rng.uniform(40, 130, (20, 1))])
    confidence.append(compare(portrait, elsewhere.astype(np.float32)))
    unsure = np.concatenate(confidence)
    assert (unsure < LOST).sum() > 15
    assert ((unsure > LOST) & (unsure < UNSURE)).any()
    assert ((unsure > UNSURE) & (unsure < DOUBTFUL)).any()
    assert (unsure > DOUBTFUL).any()


def test_turned_heads_and_the_shapes_of_answers(compare, run, portrait, portrait_box):
    width = portrait.shape[0]
    left, top, right, bottom = portrait_box
    for image, box in (
        (np.ascontiguousarray(portrait[::-1, ::-1]), (511 - right, 511 - bottom, 511 - left, 511 - top)),
        (np.ascontiguousarray(np.rot90(portrait)), (top, width - 1 - right, bottom, width - 1 - left)),
    ):
        found = run(image, [box])
        assert {name: value.shape for name, value in found.items()} == {k: (1, *v) for k, v in OUTPUTS.items()}
        compare(image, [box])


def test_every_network_is_in_the_file_once(files):
    network, _ = load_model(files[0])
    weights = 4 * sum(parameter.numel() for parameter in network.parameters())
    assert weights < files[1].stat().st_size < 1.2 * weights


def test_no_boxes_no_answers(run, portrait):
    assert len(run(portrait, np.empty((0, 4)))["points"]) == 0


def test_a_model_of_one_network_is_refused():
    with pytest.raises(ValueError, match="no model of two stages"):
        export_end_to_end(find_model("tcdcn-robust", ".safetensors"))


def test_it_names_no_machine(files):
    content = files[1].read_bytes()
    assert b"/work" not in content
    assert str(Path(torch.__file__).parent).encode() not in content
