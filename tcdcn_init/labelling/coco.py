"""The JSON of COCO's keypoints, which pycocotools and most labelling tools read."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tcdcn_init.labelling.json_text import finite_numbers, read_json
from tcdcn_init.labelling.records import LabelledFace, LabelledImage, point_names

__all__ = ["parse_coco", "write_coco"]

_CATEGORY = 1


def write_coco(path: Path, images: Sequence[LabelledImage]) -> None:
    """Write images as COCO's keypoints.

    A face is an annotation of the category "face": its box as (left, top, width, height), its points as x, y, v, where
    v is 2 of a visible point, 1 of a hidden one, 0 of one that is not labelled, and its confidence as "score".

    Parameters
    ----------
    path : pathlib.Path
    images : sequence of LabelledImage
        Each with its size, every face with a box.
    """
    counts = {len(face.points) for image in images for face in image.faces}
    if len(counts) > 1:
        raise ValueError(f"faces have {sorted(counts)} points; expected one number for a category of COCO")
    names = point_names(counts.pop() if counts else 5)
    entries: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for number, image in enumerate(images, start=1):
        if image.width is None or image.height is None:
            raise ValueError(f"{image.name} has no size; COCO needs each image's width and height")
        entries.append({"id": number, "file_name": image.name, "width": image.width, "height": image.height})
        for face in image.faces:
            if face.box is None:
                raise ValueError(f"a face of {image.name} lacks its box, which COCO needs")
            labelled = np.isfinite(face.points).all(axis=1)
            flags = np.where(labelled, 1 + face.visible.astype(int), 0)
            left, top, right, bottom = (round(float(value), 3) for value in face.box)
            annotation: dict[str, Any] = {
                "id": len(annotations) + 1,
                "image_id": number,
                "category_id": _CATEGORY,
                "bbox": [left, top, round(right - left, 3), round(bottom - top, 3)],
                "area": round((right - left) * (bottom - top), 3),
                "iscrowd": 0,
                "num_keypoints": int(labelled.sum()),
                "keypoints": [
                    value
                    for (x, y), flag in zip(np.nan_to_num(face.points).tolist(), flags.tolist(), strict=True)
                    for value in (round(x, 3), round(y, 3), flag)
                ],
            }
            if np.isfinite(face.confidence):
                annotation["score"] = round(face.confidence, 4)
            annotations.append(annotation)
    category = {"id": _CATEGORY, "name": "face", "supercategory": "person", "keypoints": names, "skeleton": []}
    document = {
        "info": {"description": "points by tcdcn-init"},
        "licenses": [],
        "images": entries,
        "annotations": annotations,
        "categories": [category],
    }
    path.write_text(json.dumps(document) + "\n", encoding="utf-8")


def parse_coco(path: Path) -> tuple[list[LabelledImage], list[str]]:
    """Read a file of COCO; annotations without keypoints are no faces.

    Parameters
    ----------
    path : pathlib.Path

    Returns
    -------
    images : list of LabelledImage
        Points with v of 0 are NaN.
    bad : list of str
        What is wrong with entries that were left out, with file and place.

    Raises
    ------
    ValueError
        If it is no such file.
    """
    document = read_json(path)
    lists = [document.get(key) if isinstance(document, dict) else None for key in ("images", "annotations")]
    if not all(isinstance(each, list) for each in lists):
        raise ValueError(f"{path} has no lists of images and annotations; expected a file of COCO's keypoints")
    images: dict[Any, LabelledImage] = {}
    bad: list[str] = []
    for k, entry in enumerate(lists[0] or ()):
        place = f"{path.name}: images[{k}]"
        if not isinstance(entry, dict) or not isinstance(entry.get("file_name"), str) or _key(entry.get("id")) is None:
            bad.append(f"{place} has no id or file_name; expected both")
            continue
        images[_key(entry["id"])] = LabelledImage(entry["file_name"], None, None, place=place)
    for k, entry in enumerate(lists[1] or ()):
        place = f"{path.name}: annotations[{k}]"
        if isinstance(entry, dict) and not entry.get("keypoints"):
            continue
        try:
            image = images.get(_key(entry.get("image_id"))) if isinstance(entry, dict) else None
            if image is None:
                raise ValueError(f"{place} is of no image of the file")
            image.faces.append(_face(entry, place))
        except ValueError as error:
            bad.append(str(error))
    return list(images.values()), bad


def _key(value: Any) -> str | None:
    return f"{type(value).__name__} {value}" if isinstance(value, int | str) else None


def _face(entry: dict[str, Any], place: str) -> LabelledFace:
    keypoints = entry["keypoints"]
    if not isinstance(keypoints, list) or len(keypoints) % 3:
        raise ValueError(f"{place} has keypoints that are no list of x, y, v")
    numbers = finite_numbers(keypoints, f"{place}.keypoints").reshape(-1, 3)
    points, flags = numbers[:, :2].copy(), numbers[:, 2]
    points[flags == 0] = np.nan
    box = None
    if entry.get("bbox") is not None:
        bbox = entry["bbox"]
        if not isinstance(bbox, list) or len(bbox) != 4:
            raise ValueError(f"{place} has the bbox {bbox!r}; expected [left, top, width, height]")
        box = finite_numbers(bbox, f"{place}.bbox")
        box[2:] += box[:2]
    score = entry.get("score")
    return LabelledFace(
        box, points, flags != 1, float(score) if isinstance(score, int | float) else float("nan"), place
    )
