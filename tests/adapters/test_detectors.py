"""Other libraries' detectors, by what they really return: recorded answers in their own types."""

from __future__ import annotations

import numpy as np
import pytest

from tcdcn_init import initialize
from tcdcn_init.adapters.detectors import insightface, mediapipe, mtcnn, ultralytics, yunet

BOX = (176.0, 56.0, 272.0, 176.0)


class Recorded:
    """Stands where a library's model stands, and gives a recorded answer; keeps what it was asked about."""

    def __init__(self, answer):
        self.answer, self.asked = answer, []

    def __call__(self, image, **options):
        self.asked.append(image)
        return self.answer

    detect = get = __call__


def check(detector, model, portrait, *, bgr):
    [box] = detector(portrait)
    np.testing.assert_allclose(box, BOX)
    pixels = model.asked[0]
    pixels = pixels.numpy_view() if hasattr(pixels, "numpy_view") else pixels
    np.testing.assert_array_equal(pixels, portrait[..., ::-1] if bgr else portrait)
    assert detector(portrait[..., 0]).shape == (1, 4)  # grey images become three channels
    [face] = initialize(portrait, detector=detector)
    assert face.confidence > 0.9


def test_yunet(portrait, tmp_path):
    pytest.importorskip("cv2", reason="OpenCV is not installed")
    row = np.array([[176, 56, 96, 120, *range(10), 0.93]], dtype=np.float32)  # left, top, width, height, points, score
    model = Recorded((1, row))
    model.setInputSize = lambda size: model.asked.clear() or setattr(model, "size", size)
    detector = yunet(model)
    check(detector, model, portrait, bgr=True)
    assert model.size == (512, 512)
    model.answer = (1, None)
    assert detector(portrait).shape == (0, 4)
    with pytest.raises(FileNotFoundError, match=r"none\.onnx does not exist; get it from OpenCV's model zoo"):
        yunet(tmp_path / "none.onnx")


def test_mediapipe(portrait, tmp_path):
    library = pytest.importorskip("mediapipe", reason="MediaPipe is not installed", exc_type=ImportError)
    containers = library.tasks.components.containers
    found = containers.Detection(containers.BoundingBox(176, 56, 96, 120), [containers.Category(score=0.9)], [])
    model = Recorded(containers.DetectionResult([found]))
    check(mediapipe(model), model, portrait, bgr=False)
    model.answer = containers.DetectionResult([])
    assert mediapipe(model)(portrait).shape == (0, 4)
    with pytest.raises(FileNotFoundError, match=r"none\.tflite does not exist"):
        mediapipe(tmp_path / "none.tflite")


def test_mtcnn_of_recorded_boxes(portrait):
    model = Recorded((np.array([BOX], dtype=np.float32), np.array([0.99])))
    check(mtcnn(model), model, portrait, bgr=False)
    model.answer = (None, [None])  # what it gives where there is no face
    assert mtcnn(model)(portrait).shape == (0, 4)


def test_mtcnn_itself(portrait, portrait_points):
    try:
        import facenet_pytorch  # noqa: F401
    except (ImportError, RuntimeError) as error:  # RuntimeError: a torchvision that was built for another torch
        pytest.skip(f"facenet-pytorch cannot be imported: {error}")
    [face] = initialize(portrait, detector=mtcnn())
    assert np.hypot(*(face.points - portrait_points).T).mean() < 5


def test_insightface(portrait):
    common = pytest.importorskip("insightface.app.common", reason="insightface is not installed", exc_type=ImportError)
    model = Recorded([common.Face(bbox=np.array(BOX, dtype=np.float32), det_score=0.9)])
    check(insightface(model), model, portrait, bgr=True)
    model.answer = []
    assert insightface(model)(portrait).shape == (0, 4)


def test_ultralytics(portrait):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    results = pytest.importorskip(
        "ultralytics.engine.results", reason="ultralytics is not installed", exc_type=ImportError
    )
    rows = torch.tensor([[*BOX, 0.9, 0.0]])
    model = Recorded([results.Results(portrait, "portrait", {0: "face"}, boxes=rows)])
    check(ultralytics(model), model, portrait, bgr=True)
    model.answer = [results.Results(portrait, "portrait", {0: "face"}, boxes=rows[:0])]
    assert ultralytics(model)(portrait).shape == (0, 4)


def test_what_is_missing_is_named(monkeypatch, tmp_path):
    import sys

    (tmp_path / "model").touch()
    for module, make in (("cv2", yunet), ("mediapipe", mediapipe)):
        monkeypatch.setitem(sys.modules, module, None)
        with pytest.raises(ImportError, match="pip install"):
            make(tmp_path / "model")
    monkeypatch.setitem(sys.modules, "facenet_pytorch", None)
    with pytest.raises(ImportError, match="pip install facenet-pytorch"):
        mtcnn()
