"""How each bundled regressor and shape bank is made, by name: `tcdcn-init make NAME`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias, get_args

from tcdcn_init._shared.names import unknown_name

if TYPE_CHECKING:  # commands start without what reads data
    from tcdcn_init.datasets.own import OwnData

__all__ = ["NAMES", "Name", "make"]

Name: TypeAlias = Literal[
    "ert5-mtfl", "ert68-300w", "rcpr-mtfl", "sdm-mtfl", "sdm-mtfl-box", "shapes-mtfl", "shapes-300w"
]
"""What can be made."""

NAMES: tuple[Name, ...] = get_args(Name)
"""The same as a tuple."""


def make(name: Name, root: str | Path | OwnData, out: Path, seed: int = 0) -> Iterator[str]:
    """Make a bundled file again.

    Parameters
    ----------
    name : Name
    root : path or OwnData
        A data set of one's own; or the folder of MTFL, for the names that end in 300w the one with lfpw/ and helen/.
    out : pathlib.Path
        File to write.
    seed : int

    Yields
    ------
    str
        A line of its errors on held-out faces, where its recipe measures that.

    Raises
    ------
    ValueError
        If the name is unknown; the message suggests near ones.
    FileNotFoundError, BadRows
        If the folder is not that data set, or rows of its list are broken.
    """
    if name not in NAMES:
        raise ValueError(unknown_name("file to make", name, NAMES))
    figures: Mapping[str, Mapping[str, float]] = {}
    if name.startswith("ert"):
        from tcdcn_init.adapters.recipes.trees import make_ert

        make_ert(name, root, out, seed)
    elif name.startswith("shapes"):
        from tcdcn_init.adapters.recipes.shapes import collect_shapes

        collect_shapes(name.removeprefix("shapes-"), root).save(out)
    elif name.startswith("sdm"):
        from tcdcn_init.adapters.recipes.descent import make_sdm

        figures = make_sdm(root, out, starts="box" if name.endswith("-box") else "tcdcn", seed=seed)
    else:
        from tcdcn_init.adapters.recipes.ferns import make_rcpr

        figures = make_rcpr(root, out, seed=seed)
    for start, found in figures.items():
        yield f"{start}: " + ", ".join(f"{figure} {value:.2f} %" for figure, value in found.items())
