"""The page: one file of HTML that needs nothing but itself, neither a network nor a server.

Whatever comes from a run, names of files above all, reaches it as JSON and is set as text; a policy in its head lets
no script run but its own.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterable, Sequence
from html import escape
from importlib import resources
from pathlib import Path

from tcdcn_init._shared.files import replacing
from tcdcn_init._shared.names import as_text
from tcdcn_init.review.crops import SIDE, FaceCrop

__all__ = ["write_review"]


def write_review(
    path: Path, faces: Iterable[FaceCrop], others: Sequence[tuple[str, str]] = (), title: str = "Faces to review"
) -> Path:
    """Write a page of faces, the least confident first, on which bad ones can be marked and listed.

    Parameters
    ----------
    path : pathlib.Path
        .html; it appears whole or not at all.
    faces : iterable of FaceCrop
        Made by `crop_face`; a page of 5,000 takes about 30 MB.
    others : sequence of (str, str)
        Names of images that have no face on the page, and why.
    title : str

    Returns
    -------
    pathlib.Path
        `path`.

    Raises
    ------
    OSError
        If it cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> from skimage.data import astronaut
    >>> from tcdcn_init import initialize
    >>> from tcdcn_init.review import crop_face
    >>> [face] = initialize(astronaut(), [(170, 70, 275, 205)])
    >>> crop = crop_face(astronaut(), "portrait.png", 0, face.points, face.box, confidence=face.confidence)
    >>> write_review(Path(tempfile.mkdtemp()) / "review.html", [crop]).name
    'review.html'
    """
    rows = [
        [as_text(f.image), f.face, f.confidence, f.points, f.box, f.hidden, f.jpeg] for f in faces
    ]  # fmt: skip
    data = json.dumps(
        {"side": SIDE, "faces": rows, "others": [[as_text(name), as_text(why)] for name, why in others]},
        separators=(",", ":"),
    )
    style, script = (_part(name) for name in ("page.css", "page.js"))
    parts = {
        "policy": f"default-src 'none'; img-src data:; style-src '{_hash(style)}'; script-src '{_hash(script)}'",
        "title": escape(as_text(title)),
        "style": style,
        "script": script,
        # Marks are kept by it: those of another page are not this one's.
        "id": hashlib.sha256(data.encode()).hexdigest()[:16],
        # No end of the script element, nor a comment, can begin without it.
        "data": data.replace("<", "\\u003c"),
    }
    page = re.sub(r"\{\{(\w+)\}\}", lambda match: parts[match[1]], _part("page.html"))
    with replacing(path) as part:
        part.write_text(page, encoding="utf-8", newline="\n")
    return path


def _part(name: str) -> str:
    return resources.files("tcdcn_init.review").joinpath(name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    """As a policy names a style or script that it lets through."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
