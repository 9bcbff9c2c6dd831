"""The XML of dlib's imglab, which ``dlib.train_shape_predictor`` reads."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from xml.sax.saxutils import escape, quoteattr

import numpy as np

from tcdcn_init.labelling.records import LabelledFace, LabelledImage
from tcdcn_init.labelling.xml_text import Element, labelled_images, read_xml

__all__ = ["parse_imglab", "write_imglab"]


def write_imglab(path: Path, images: Sequence[LabelledImage]) -> None:
    """Write images as imglab has them.

    All numbers are whole there: boxes and points are rounded to the pixel. Points are the parts 00, 01, ... of a box,
    in their order; that one is hidden, the format cannot say. Image names should be relative to the file's folder.

    Parameters
    ----------
    path : pathlib.Path
    images : sequence of LabelledImage
        Every face with a box and all its points.
    """
    lines = ["<?xml version='1.0' encoding='UTF-8'?>", "<dataset>", "<name>faces</name>", "<images>"]
    for image in images:
        size = "" if image.width is None else f" width='{image.width}' height='{image.height}'"
        lines.append(f"  <image file={quoteattr(image.name)}{size}>")
        for face in image.faces:
            if face.box is None or not np.isfinite(face.points).all():
                raise ValueError(f"a face of {image.name} lacks its box or a point; imglab has no place for that")
            left, top, right, bottom = np.rint(face.box).astype(int).tolist()
            # dlib's rectangles hold the pixels of their right and bottom sides.
            size = f"width='{right - left + 1}' height='{bottom - top + 1}'"
            lines.append(f"    <box top='{top}' left='{left}' {size}>")
            for k, (x, y) in enumerate(np.rint(face.points).astype(int).tolist()):
                lines.append(f"      <part name='{k:02d}' x='{x}' y='{y}'/>")
            lines.append("    </box>")
        lines.append("  </image>")
    lines += ["</images>", f"<comment>{escape('points by tcdcn-init')}</comment>", "</dataset>"]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def parse_imglab(path: Path) -> tuple[list[LabelledImage], list[str]]:
    """Read a file of imglab; parts are taken in the order of their names, as dlib does.

    Parameters
    ----------
    path : pathlib.Path

    Returns
    -------
    images : list of LabelledImage
    bad : list of str
        What is wrong with boxes that were left out, with file and line.

    Raises
    ------
    ValueError
        If it is no such file.
    """
    elements = (each for group in read_xml(path, "dataset").all("images") for each in group.all("image"))
    return labelled_images(elements, "file", lambda image: (partial(_face, box) for box in image.all("box")))


def _face(box: Element) -> LabelledFace:
    left, top, width, height = (box.number(name) for name in ("left", "top", "width", "height"))
    parts = sorted(box.all("part"), key=lambda part: part.attributes.get("name", ""))
    points = np.array([(part.number("x"), part.number("y")) for part in parts], dtype=np.float64).reshape(-1, 2)
    edges = np.array([left, top, left + width - 1, top + height - 1])
    return LabelledFace(edges, points, np.ones(len(points), dtype=bool), place=box.place)
