"""Five facial points from TCDCN that start a cascaded shape regressor right.

>>> from skimage.data import astronaut
>>> from tcdcn_init import initialize
>>> [face.points.shape for face in initialize(astronaut())]
[(5, 2)]
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"
__all__ = ["Initialization", "Initializer", "initialize"]

if TYPE_CHECKING:
    from tcdcn_init.initializer import Initialization, Initializer, initialize


def __getattr__(name: str) -> Any:
    # Loaded on first use, so that importing the package costs nothing.
    if name in __all__:
        from tcdcn_init import initializer

        return getattr(initializer, name)
    raise AttributeError(f"module 'tcdcn_init' has no attribute {name!r}")
