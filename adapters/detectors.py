"""Other libraries' face detectors as ``detector=``: each a callable from an image to boxes.

What a library returns, in its own colour order and units, becomes (left, top, right, bottom) in pixels. Its models stay
its own affair: none is downloaded here.

>>> from tcdcn_init import initialize
>>> from tcdcn_init.adapters.detectors import yunet
>>> faces = initialize(image, detector=yunet("face_detection_yunet_2023mar.onnx"))  # doctest: +SKIP
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tcdcn_init.images import as_bytes

__all__ = ["BoxDetector", "insightface", "mediapipe", "mtcnn", "ultralytics", "yunet"]

BoxDetector: TypeAlias = Callable[[Any], NDArray[np.float64]]
"""An image as `images.as_image` takes it, to (N, 4) boxes."""


def yunet(model: str | Path | Any, min_score: float = 0.6) -> BoxDetector:
    """OpenCV's YuNet.

    Parameters
    ----------
    model : path, or cv2.FaceDetectorYN
        Its .onnx file, ``face_detection_yunet_*.onnx`` of OpenCV's model zoo.
    min_score : float
        Least score of a face, 0 to 1; with a path.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ImportError
        If OpenCV is not installed.
    """
    if isinstance(model, str | Path):
        _check_file(model, "YuNet's model", "OpenCV's model zoo")
        cv2 = _library("cv2", "YuNet needs OpenCV: pip install opencv-python")
        model = cv2.FaceDetectorYN.create(str(model), "", (320, 320), min_score)

    def detect(image: Any) -> NDArray[np.float64]:
        pixels = _bgr(image)
        model.setInputSize((pixels.shape[1], pixels.shape[0]))
        _, faces = model.detect(pixels)  # left, top, width, height, five points, score; None without a face
        return _boxes([] if faces is None else [[x, y, x + w, y + h] for x, y, w, h in faces[:, :4]])

    return detect


def mediapipe(model: str | Path | Any, min_score: float = 0.5) -> BoxDetector:
    """MediaPipe's face detector.

    Parameters
    ----------
    model : path, or mediapipe.tasks.vision.FaceDetector
        Its .tflite file, such as ``blaze_face_short_range.tflite``.
    min_score : float
        Least score of a face, 0 to 1; with a path.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ImportError
        If MediaPipe is not installed.
    """
    if isinstance(model, str | Path):
        _check_file(model, "MediaPipe's model", "MediaPipe's pages")
    library = _library("mediapipe", "this detector needs MediaPipe: pip install mediapipe")
    if isinstance(model, str | Path):
        vision = library.tasks.vision
        options = vision.FaceDetectorOptions(
            base_options=library.tasks.BaseOptions(model_asset_path=str(model)), min_detection_confidence=min_score
        )
        model = vision.FaceDetector.create_from_options(options)

    def detect(image: Any) -> NDArray[np.float64]:
        picture = library.Image(image_format=library.ImageFormat.SRGB, data=_rgb(image))
        found = [detection.bounding_box for detection in model.detect(picture).detections]
        return _boxes([[b.origin_x, b.origin_y, b.origin_x + b.width, b.origin_y + b.height] for b in found])

    return detect


def mtcnn(model: Any = None) -> BoxDetector:
    """The MTCNN of facenet-pytorch, whose weights come with that package.

    Parameters
    ----------
    model : facenet_pytorch.MTCNN, optional
        Made where it is not given: all faces, on the processor.

    Raises
    ------
    ImportError
        If facenet-pytorch is not installed.
    """
    if model is None:
        library = _library("facenet_pytorch", "this detector needs facenet-pytorch: pip install facenet-pytorch")
        model = library.MTCNN(keep_all=True)

    def detect(image: Any) -> NDArray[np.float64]:
        boxes, _ = model.detect(_rgb(image))
        return _boxes([] if boxes is None else boxes)

    return detect


def insightface(app: Any) -> BoxDetector:
    """insightface's detectors.

    Parameters
    ----------
    app : insightface.app.FaceAnalysis
        Prepared; ``allowed_modules=["detection"]`` is all that is needed.
    """

    def detect(image: Any) -> NDArray[np.float64]:
        return _boxes([face.bbox for face in app.get(_bgr(image))])

    return detect


def ultralytics(model: Any) -> BoxDetector:
    """A YOLO model of ultralytics that was trained on faces, or another whose results are alike.

    Parameters
    ----------
    model : ultralytics.YOLO
        Called with an image, it gives a list of results, of which the first has ``boxes.xyxy``.
    """

    def detect(image: Any) -> NDArray[np.float64]:
        found = model(_bgr(image), verbose=False)[0].boxes
        xyxy = [] if found is None else found.xyxy
        return _boxes(xyxy.cpu().numpy() if hasattr(xyxy, "cpu") else xyxy)

    return detect


def _check_file(model: str | Path, what: str, where: str) -> None:
    if not Path(model).is_file():
        raise FileNotFoundError(f"{what} {model} does not exist; get it from {where}")


def _library(name: str, how: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise ImportError(f"{how} ({error})") from error


def _rgb(image: Any) -> NDArray[np.uint8]:
    pixels = as_bytes(image)
    return np.ascontiguousarray(np.stack([pixels] * 3, axis=2) if pixels.ndim == 2 else pixels)


def _bgr(image: Any) -> NDArray[np.uint8]:
    return np.ascontiguousarray(_rgb(image)[..., ::-1])


def _boxes(boxes: Any) -> NDArray[np.float64]:
    return np.asarray(boxes, dtype=np.float64).reshape(-1, 4)
