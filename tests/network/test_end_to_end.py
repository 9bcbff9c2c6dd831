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


def test_it_agrees_with_the_package_on_200_boxes(files, run, portrait, portrait_box):
    rng = np.random.default_rng(5)
    package = Initializer(files[0], backend="torch")
    box = np.asarray(portrait_box, dtype=float)
    large = np.ascontiguousarray(np.kron(portrait, np.ones((5, 5, 1), np.uint8)))
    thinned = np.ascontiguousarray(portrait[::2, ::2])
    cut = np.ascontiguousarray(portrait[60:170, 150:260])  # the face leaves the picture
    cases = [
        (portrait, boxes_around(box, 90, 0.1, rng)),
        (large, boxes_around(5 * box + 2, 50, 0.1, rng)),
        (thinned, boxes_around(box / 2, 30, 0.1, rng)),
        (cut, boxes_around(box - [150, 60, 150, 60], 30, 0.05, rng)),
    ]
    for image, boxes in cases:
        ours, theirs = run(image, boxes), package(image, boxes)
        np.testing.assert_allclose(ours["points"], [face.points for face in theirs], atol=0.05)
        np.testing.assert_allclose(ours["confidence"], [face.confidence for face in theirs], atol=1e-3)
        np.testing.assert_allclose(ours["visible"], [face.visible for face in theirs], atol=1e-2)
        np.testing.assert_allclose(ours["expected_error"], [face.expected_error for face in theirs], rtol=0.05)


def test_turned_heads_and_the_shapes_of_answers(files, run, portrait, portrait_box):
    package = Initializer(files[0], backend="torch")
    width = portrait.shape[0]
    left, top, right, bottom = portrait_box
    for image, box in (
        (np.ascontiguousarray(portrait[::-1, ::-1]), (511 - right, 511 - bottom, 511 - left, 511 - top)),
        (np.ascontiguousarray(np.rot90(portrait)), (top, width - 1 - right, bottom, width - 1 - left)),
    ):
        found = run(image, [box])
        assert {name: value.shape for name, value in found.items()} == {k: (1, *v) for k, v in OUTPUTS.items()}
        np.testing.assert_allclose(found["points"][0], package.points(image, [box])[0], atol=0.05)


def test_no_boxes_no_answers(run, portrait):
    assert len(run(portrait, np.empty((0, 4)))["points"]) == 0


def test_a_model_of_one_network_is_refused():
    with pytest.raises(ValueError, match="no model of two stages"):
        export_end_to_end(find_model("tcdcn-robust", ".safetensors"))


def test_it_names_no_machine(files):
    content = files[1].read_bytes()
    assert b"/work" not in content
    assert str(Path(torch.__file__).parent).encode() not in content
