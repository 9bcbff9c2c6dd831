"""The XML of CVAT, "CVAT for images 1.1"."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from xml.sax.saxutils import quoteattr

import numpy as np
from numpy.typing import NDArray

from tcdcn_init.labelling.records import LabelledFace, LabelledImage
from tcdcn_init.labelling.xml_text import Element, labelled_images, read_xml

__all__ = ["parse_cvat", "write_cvat"]

_CENTRE = 0.5
"""CVAT counts from the image's corner: the first pixel's centre is there."""

_LABELS = "".join(
    f"<label><name>{name}</name><attributes>"
    + "".join(
        f"<attribute><name>{attribute}</name><mutable>False</mutable><input_type>text</input_type>"
        "<default_value></default_value><values></values></attribute>"
        for attribute in attributes
    )
    + "</attributes></label>"
    for name, attributes in (("face", ("confidence",)), ("points", ("hidden",)))
)


def write_cvat(path: Path, images: Sequence[LabelledImage]) -> None:
    """Write images as CVAT has them.

    A face is a box labelled "face" and one shape of all its points labelled "points", in one group; the attribute
    "hidden" of the points lists the numbers, from 0, of those that are hidden. A project needs both labels, each with
    its attribute as a text: "face" with "confidence", "points" with "hidden".

    Parameters
    ----------
    path : pathlib.Path
    images : sequence of LabelledImage
        Each with its size, every face with all its points.
    """
    lines = ["<?xml version='1.0' encoding='utf-8'?>", "<annotations>", "  <version>1.1</version>"]
    lines.append(f"  <meta><task><name>faces</name><labels>{_LABELS}</labels></task></meta>")
    group = 0
    for number, image in enumerate(images):
        if image.width is None or image.height is None:
            raise ValueError(f"{image.name} has no size; CVAT needs each image's width and height")
        name = f'id="{number}" name={quoteattr(image.name)} width="{image.width}" height="{image.height}"'
        lines.append(f"  <image {name}>")
        for face in image.faces:
            if not np.isfinite(face.points).all():
                raise ValueError(f"a face of {image.name} lacks a point; CVAT's points have no place for that")
            group += 1
            shared = f'source="auto" occluded="0" z_order="0" group_id="{group}"'
            if face.box is not None:
                sides = (f'{side}="{value + _CENTRE:.3f}"' for side, value in zip(_SIDES, face.box, strict=True))
                known = "" if np.isnan(face.confidence) else f"{face.confidence:.4f}"
                lines.append(f'    <box label="face" {shared} {" ".join(sides)}>')
                lines.append(f'      <attribute name="confidence">{known}</attribute>')
                lines.append("    </box>")
            points = ";".join(f"{x + _CENTRE:.3f},{y + _CENTRE:.3f}" for x, y in face.points)
            hidden = " ".join(map(str, np.flatnonzero(~face.visible).tolist()))
            lines.append(f'    <points label="points" {shared} points="{points}">')
            lines.append(f'      <attribute name="hidden">{hidden}</attribute>')
            lines.append("    </points>")
        lines.append("  </image>")
    lines.append("</annotations>")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


_SIDES = ("xtl", "ytl", "xbr", "ybr")


def parse_cvat(path: Path) -> tuple[list[LabelledImage], list[str]]:
    """Read a file of CVAT 1.1: every shape of points is a face, and its box the one of its group, if there is one.

    Parameters
    ----------
    path : pathlib.Path

    Returns
    -------
    images : list of LabelledImage
    bad : list of str
        What is wrong with shapes that were left out, with file and line.

    Raises
    ------
    ValueError
        If it is no such file.
    """
    return labelled_images(read_xml(path, "annotations").all("image"), "name", _faces)


def _faces(image: Element) -> Iterator[Callable[[], LabelledFace]]:
    boxes = {box.attributes.get("group_id"): box for box in image.all("box")}
    for shape in image.all("points"):
        yield partial(_face, shape, boxes.get(shape.attributes.get("group_id")))


def _face(shape: Element, box: Element | None) -> LabelledFace:
    text = shape.attributes.get("points", "")
    try:
        points = np.array([pair.split(",") for pair in text.split(";")], dtype=np.float64)
    except ValueError:
        points = np.zeros(0)
    if points.ndim != 2 or points.shape[1] != 2:
        raise ValueError(f"{shape.place}: <points> has the points {text[:60]!r}; expected x,y;x,y;...")
    visible = np.ones(len(points), dtype=bool)
    for number in _attribute(shape, "hidden").split():
        if not number.isdecimal() or int(number) >= len(points):
            raise ValueError(f"{shape.place}: hidden point {number!r}; expected numbers from 0 to {len(points) - 1}")
        visible[int(number)] = False
    confidence, edges = float("nan"), None
    if box is not None:
        edges = _box(box)
        try:
            confidence = float(_attribute(box, "confidence") or "nan")
        except ValueError as error:
            raise ValueError(f"{box.place}: its confidence is no number ({error})") from None
    return LabelledFace(edges, points - _CENTRE, visible, confidence, shape.place)


def _box(box: Element) -> NDArray[np.float64]:
    return np.array([box.number(side) for side in _SIDES]) - _CENTRE


def _attribute(element: Element, name: str) -> str:
    return next((each.text for each in element.all("attribute") if each.attributes.get("name") == name), "")
