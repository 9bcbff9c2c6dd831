"""XML with the lines that its elements stand in, for errors that say where."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.parsers import expat

import numpy as np

from tcdcn_init.labelling.records import LabelledFace, LabelledImage

__all__ = ["Element", "labelled_images", "read_xml"]


@dataclass
class Element:
    """An element.

    Attributes
    ----------
    tag : str
    attributes : dict of str to str
    place : str
        As "FILE:LINE".
    children : list of Element
    text : str
        What stands between its tags, without its children's.
    """

    tag: str
    attributes: dict[str, str]
    place: str
    children: list[Element] = field(default_factory=list)
    text: str = ""

    def all(self, tag: str) -> Iterator[Element]:
        """The children of a name."""
        return (child for child in self.children if child.tag == tag)

    def number(self, name: str) -> float:
        """An attribute as a finite number.

        Raises
        ------
        ValueError
            If it is missing or no such number; with the place.
        """
        text = self.attributes.get(name)
        try:
            value = float(text or "")
        except ValueError:
            value = float("nan")
        if not np.isfinite(value):
            shown = "no" if text is None else f"{text!r} as"
            raise ValueError(f"{self.place}: <{self.tag}> has {shown} {name}; expected a finite number")
        return value


def read_xml(path: Path, root: str) -> Element:
    """Read an XML file.

    Parameters
    ----------
    path : pathlib.Path
    root : str
        Tag that its outermost element must have.

    Returns
    -------
    Element

    Raises
    ------
    FileNotFoundError
        If the file is missing.
    ValueError
        If it is not XML, has entities of its own, or another outermost element.
    """
    parser = expat.ParserCreate()
    top = Element("", {}, path.name)
    stack = [top]

    def start(tag: str, attributes: dict[str, str]) -> None:
        element = Element(tag, attributes, f"{path.name}:{parser.CurrentLineNumber}")
        stack[-1].children.append(element)
        stack.append(element)

    def end(tag: str) -> None:
        stack.pop()

    def text(data: str) -> None:
        stack[-1].text += data

    def doctype(*_: Any) -> None:
        raise ValueError(f"{path} declares entities or a document type, which none of these files needs; remove it")

    parser.StartElementHandler, parser.EndElementHandler, parser.CharacterDataHandler = start, end, text
    parser.StartDoctypeDeclHandler = doctype
    try:
        parser.Parse(path.read_bytes(), True)
    except expat.ExpatError as error:
        raise ValueError(f"{path} cannot be read as XML: {error}; get the file anew") from None
    [found] = top.children
    if found.tag != root:
        raise ValueError(f"{path} begins with <{found.tag}>; expected <{root}>")
    return found


def labelled_images(
    elements: Iterable[Element], name: str, faces: Callable[[Element], Iterable[Callable[[], LabelledFace]]]
) -> tuple[list[LabelledImage], list[str]]:
    """The images that elements stand for, with their faces.

    Parameters
    ----------
    elements : iterable of Element
        One for each image.
    name : str
        The attribute that has its name.
    faces : callable
        Element -> what makes each of its faces, or raises a ValueError that says what is wrong with it.

    Returns
    -------
    images : list of LabelledImage
    bad : list of str
        What is wrong with faces that were left out.
    """
    images, bad = [], []
    for element in elements:
        image = LabelledImage(element.attributes.get(name, ""), None, None, place=element.place)
        images.append(image)
        for face in faces(element):
            try:
                image.faces.append(face())
            except ValueError as error:
                bad.append(str(error))
    return images, bad
