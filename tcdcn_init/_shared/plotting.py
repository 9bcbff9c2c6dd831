"""One way to draw: matplotlib where it is installed, the same style, files that repeat to the byte."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tcdcn_init._shared.extras import require

__all__ = ["COLOURS", "STYLE", "drawn", "require_matplotlib", "save"]


STYLE = {
    "font.size": 11,
    "svg.hashsalt": "tcdcn-init",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "legend.frameon": False,
}
"""Matplotlib's settings of every figure here."""

COLOURS = {"mtfl-val": "#777777", "aflw": "#0072B2", "afw": "#D55E00"}
"""Of the data sets that an initializer is measured on by itself."""


def require_matplotlib() -> Any:
    """The module matplotlib.

    Raises
    ------
    ImportError
        If it is not installed.
    """
    require("matplotlib", "drawing plots", "eval")
    import matplotlib

    return matplotlib


@contextlib.contextmanager
def drawn(*files: Path, size: tuple[float, float]) -> Iterator[Any]:
    """A figure that is written to files when the block ends.

    Parameters
    ----------
    *files : pathlib.Path
        Of kinds that matplotlib knows by their suffix.
    size : (width, height)
        Inches.

    Yields
    ------
    matplotlib.figure.Figure

    Raises
    ------
    ImportError
        If matplotlib is not installed.

    Examples
    --------
    >>> import tempfile
    >>> with drawn(Path(tempfile.mkdtemp()) / "line.svg", size=(3, 2)) as figure:
    ...     line = figure.subplots().plot([0, 1], [0, 1])
    """
    matplotlib = require_matplotlib()
    from matplotlib.figure import Figure

    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=size, layout="constrained")
        yield figure
        save(figure, *files)


def save(figure: Any, *files: Path) -> None:
    """Write a figure that was drawn in `STYLE`: the same figure makes the same file.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
    *files : pathlib.Path
        Of kinds that matplotlib knows by their suffix.
    """
    for file in files:
        figure.savefig(file, dpi=130, metadata={"Date": None} if file.suffix == ".svg" else None)
