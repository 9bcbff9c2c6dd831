"""Five facial points from TCDCN that start a cascaded shape regressor right.

>>> from skimage.data import astronaut
>>> from tcdcn_init import initialize
>>> [face.points.shape for face in initialize(astronaut())]
[(5, 2)]
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"
__all__ = ["Initialization", "Initializer", "boxes_from", "initialize"]

# Python started in a clone finds this folder, where adapters and eval are not, before the installed package, where they
# are: look there too.
if not os.path.isdir(os.path.join(__path__[0], "adapters")):  # noqa: PTH112, PTH118 - pathlib takes longer to load
    from pkgutil import extend_path

    __path__ = extend_path(__path__, __name__)

if TYPE_CHECKING:
    from tcdcn_init.boxes import boxes_from
    from tcdcn_init.initializer import Initialization, Initializer, initialize


def __getattr__(name: str) -> Any:
    # Loaded on first use, so that importing the package costs nothing.
    if name in __all__:
        from importlib import import_module

        return getattr(import_module(f"{__name__}.{'boxes' if name == 'boxes_from' else 'initializer'}"), name)
    raise AttributeError(f"module 'tcdcn_init' has no attribute {name!r}")
