"""The JSON of Label Studio: tasks with predictions, which its users correct, or with annotations, which they made."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlsplit

import numpy as np

from tcdcn_init.labelling.json_text import finite_numbers, read_json
from tcdcn_init.labelling.records import LabelledFace, LabelledImage, point_names

__all__ = ["label_config", "parse_label_studio", "write_label_studio"]

_CENTRE = 0.5
"""Percentages count from the image's corner: the first pixel's centre is this far from it."""

_FROM_POINTS, _FROM_BOX, _TO = "points", "box", "image"
_LOCAL = "/data/local-files/?d="


def label_config(points: int = 5) -> str:
    """The interface that a project needs for `write_label_studio`'s tasks: Settings, Labeling Interface, Code.

    Parameters
    ----------
    points : int
        Points of a face.

    Examples
    --------
    >>> label_config().count("<Label value=")
    6
    """
    labels = "".join(f'<Label value="{name}"/>' for name in point_names(points))
    return (
        f'<View><Image name="{_TO}" value="$image"/>'
        f'<RectangleLabels name="{_FROM_BOX}" toName="{_TO}"><Label value="face"/></RectangleLabels>'
        f'<KeyPointLabels name="{_FROM_POINTS}" toName="{_TO}">{labels}</KeyPointLabels></View>'
    )


def write_label_studio(path: Path, images: Sequence[LabelledImage]) -> None:
    """Write images as tasks of Label Studio, their faces as predictions.

    A face is a rectangle labelled "face" and, each with that rectangle as its parent, its points labelled by name;
    a hidden one has the note "hidden". Images are named as local files (``/data/local-files/?d=``), below the folder
    that LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT names. The project's interface is `label_config`.

    Parameters
    ----------
    path : pathlib.Path
    images : sequence of LabelledImage
        Each with its size, every face with a box.
    """
    tasks = []
    for image in images:
        if image.width is None or image.height is None:
            raise ValueError(f"{image.name} has no size; Label Studio needs each image's width and height")
        regions: list[dict[str, Any]] = []
        for number, face in enumerate(image.faces):
            regions += _regions(face, number, image.width, image.height, image.name)
        known = [face.confidence for face in image.faces if np.isfinite(face.confidence)]
        prediction: dict[str, Any] = {"model_version": "tcdcn-init", "result": regions}
        if known:
            prediction["score"] = round(min(known), 4)
        tasks.append({"data": {"image": _LOCAL + quote(image.name)}, "predictions": [prediction]})
    path.write_text(json.dumps(tasks) + "\n", encoding="utf-8")


def _regions(face: LabelledFace, number: int, width: int, height: int, name: str) -> Iterable[dict[str, Any]]:
    if face.box is None:
        raise ValueError(f"a face of {name} lacks its box, which holds its points together in Label Studio")
    scale = 100 / np.array([width, height])
    shared = {"to_name": _TO, "original_width": width, "original_height": height, "image_rotation": 0}
    corners = (face.box.reshape(2, 2) + _CENTRE) * scale
    (left, top), (wide, high) = corners[0].tolist(), (corners[1] - corners[0]).tolist()
    box: dict[str, Any] = {"x": left, "y": top, "width": wide, "height": high, "rotation": 0}
    box["rectanglelabels"] = ["face"]
    yield {"id": f"face{number}", "type": "rectanglelabels", "from_name": _FROM_BOX, "value": box, **shared} | (
        {"score": round(face.confidence, 4)} if np.isfinite(face.confidence) else {}
    )
    for k, (point, label) in enumerate(zip(face.points, point_names(len(face.points)), strict=True)):
        if not np.isfinite(point).all():
            continue
        x, y = ((point + _CENTRE) * scale).tolist()
        region: dict[str, Any] = {"id": f"face{number}-{k}", "type": "keypointlabels", "from_name": _FROM_POINTS}
        region["parentID"] = f"face{number}"
        region["value"] = {"x": x, "y": y, "width": 0.5, "keypointlabels": [label]}
        if not face.visible[k]:
            region["meta"] = {"text": ["hidden"]}
        yield region | shared


def parse_label_studio(path: Path) -> tuple[list[LabelledImage], list[str]]:
    """Read tasks of Label Studio: of each the last annotation, or where there is none the last prediction.

    Points with the same parent are a face, the points without a parent another. Their order is that of
    `records.point_names`: of the five, or of as many numbers as the file's largest label says.

    Parameters
    ----------
    path : pathlib.Path

    Returns
    -------
    images : list of LabelledImage
    bad : list of str
        What is wrong with tasks and faces that were left out, with file and place.

    Raises
    ------
    ValueError
        If it is no such file.
    """
    tasks = read_json(path)
    if not isinstance(tasks, list):
        raise ValueError(f"{path} is no list of tasks; expected Label Studio's JSON export")
    images, bad = [], []
    for k, task in enumerate(tasks):
        place = f"{path.name}: task {k}"
        data = task.get("data") if isinstance(task, dict) else None
        url = data.get("image") if isinstance(data, dict) else None
        if not isinstance(url, str):
            bad.append(f"{place} has no data.image; expected the image's path")
            continue
        image = LabelledImage(_name(url), None, None, place=place)
        images.append(image)
        faces: dict[Any, list[dict[str, Any]]] = {}
        regions: dict[Any, dict[str, Any]] = {}
        try:
            for region in _result(task, place):
                regions[region.get("id")] = region
                if region.get("type") == "keypointlabels":
                    faces.setdefault(region.get("parentID"), []).append(region)
        except ValueError as error:
            bad.append(str(error))
            continue
        for parent, points in faces.items():
            try:
                image.faces.append(_face(points, regions.get(parent), f"{place}, face {parent}"))
            except ValueError as error:
                bad.append(str(error))
    return [_as_long(image, images) for image in images], bad


def _as_long(image: LabelledImage, images: Sequence[LabelledImage]) -> LabelledImage:
    """An image whose faces have as many points as the file's longest: a face's last points may be unlabelled."""
    most = max((len(face.points) for each in images for face in each.faces), default=0)

    def padded(face: LabelledFace) -> LabelledFace:
        more = most - len(face.points)
        points = np.concatenate([face.points, np.full((more, 2), np.nan)])
        return replace(face, points=points, visible=np.concatenate([face.visible, np.ones(more, dtype=bool)]))

    return replace(image, faces=[padded(face) for face in image.faces])


def _name(url: str) -> str:
    """An image's path below the folder of images, of what Label Studio calls it."""
    parts = urlsplit(url)
    if "d" in parse_qs(parts.query):
        return parse_qs(parts.query)["d"][0]
    if parts.path.startswith("/data/upload/"):  # an upload has a prefix of its own
        return re.sub(r"^[0-9a-f]{8}-", "", unquote(parts.path).rpartition("/")[2])
    return unquote(parts.path) if parts.scheme else url


def _result(task: dict[str, Any], place: str) -> list[dict[str, Any]]:
    for key in ("annotations", "predictions"):
        made = task.get(key)
        if isinstance(made, list) and made:
            result = made[-1].get("result") if isinstance(made[-1], dict) else None
            if not isinstance(result, list) or not all(isinstance(region, dict) for region in result):
                raise ValueError(f"{place} has {key} without a result; expected a list of regions")
            return result
    return []


def _face(points: list[dict[str, Any]], parent: dict[str, Any] | None, place: str) -> LabelledFace:
    by_label, hidden = {}, set()
    for region in points:
        value, size = _value(region, place)
        labels = value.get("keypointlabels")
        if not isinstance(labels, list) or len(labels) != 1 or labels[0] in by_label:
            raise ValueError(f"{place} has a point labelled {labels!r}; expected one label, each once")
        x, y = finite_numbers([value.get("x"), value.get("y")], f"{place}, point {labels[0]}")
        by_label[labels[0]] = np.array([x, y]) * size / 100 - _CENTRE
        meta = region.get("meta")
        if isinstance(meta, dict) and "hidden" in (meta.get("text") or ()):
            hidden.add(labels[0])
    numbered = all(isinstance(label, str) and label.isdecimal() and len(label) < 5 for label in by_label)
    known = [f"{k:02d}" for k in range(max(map(int, by_label)) + 1)] if numbered else point_names(5)
    if not set(by_label) <= set(known):
        raise ValueError(f"{place} has points labelled {', '.join(map(str, by_label))}; expected {', '.join(known)}")
    box, confidence = None, float("nan")
    if parent is not None and parent.get("type") == "rectanglelabels":
        value, size = _value(parent, place)
        sides = finite_numbers([value.get(name) for name in ("x", "y", "width", "height")], f"{place}, its rectangle")
        edges = np.concatenate([sides[:2], sides[:2] + sides[2:]])
        box = edges * np.tile(size, 2) / 100 - _CENTRE
        score = parent.get("score")
        confidence = float(score) if isinstance(score, int | float) else confidence
    nothing = np.full(2, np.nan)
    return LabelledFace(
        box,
        np.array([by_label.get(name, nothing) for name in known]),
        np.array([name not in hidden for name in known]),
        confidence,
        place,
    )


def _value(region: dict[str, Any], place: str) -> tuple[dict[str, Any], Any]:
    size = finite_numbers([region.get("original_width"), region.get("original_height")], f"{place}, original_width")
    value = region.get("value")
    if not isinstance(value, dict):
        raise ValueError(f"{place} has a region without a value")
    return value, size
