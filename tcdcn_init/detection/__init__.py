"""Face boxes when the caller has none: `detect_boxes`, and what ``detector=`` takes everywhere.

The initializer's network finds faces itself (`windows`). The libraries' detectors by name are asked for more than they
would call a face by themselves, and the network decides (`search`). A detector of the caller's own is believed.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tcdcn_init.detection.detectors import Detector, available_detectors
from tcdcn_init.images import as_image

__all__ = ["Detector", "available_detectors", "detect_boxes"]


def detect_boxes(image: Any, detector: Detector = "auto", *, turned: bool | None = None) -> NDArray[np.float64]:
    """Find faces.

    `initialize` finds the same ones where it is given no boxes, in less time than both calls: it keeps the points that
    deciding took.

    Parameters
    ----------
    image : ndarray
        As for `initialize`.
    detector : str or callable
        "auto", which is "tcdcn": the default network, asked about windows all over the image; it needs nothing else,
        and finds most faces, at any roll. "dlib": dlib's frontal HOG detector, needs the extra ``[dlib]``. "skimage":
        the LBP cascade that ships in scikit-image, which finds fewer faces. Or the name that another package offers
        (`available_detectors`), or "module:function"; or a callable from an image to its boxes, in any form that
        `initialize` takes (`adapters.detectors` has some). All of these can be used from several threads.
    turned : bool, optional
        Whether to search copies of the image turned by quarters too, in which faces that lie or stand on their head
        are upright; it takes four times as long. None, the default: of "dlib" and "skimage" where no face was found
        otherwise whose head is upright; of "tcdcn" where all lie, the copy that has the surest upright.

    Returns
    -------
    (N, 4) ndarray of float64
        Boxes (left, top, right, bottom); (0, 4) where no face is found. The largest first; a caller's own detector's in
        its order, all of them, unless `turned` is true. Those of "tcdcn" are squares around the points, of the size of
        dlib's boxes.

    Raises
    ------
    ImportError
        If dlib is asked for and cannot be imported.
    ValueError
        If the name is unknown, or a callable gives what is no boxes.

    Examples
    --------
    >>> from skimage.data import astronaut
    >>> detect_boxes(astronaut(), "skimage").shape
    (1, 4)
    >>> detect_boxes(astronaut(), lambda image: [(170, 70, 275, 205)]).tolist()
    [[170.0, 70.0, 275.0, 205.0]]
    """
    from tcdcn_init.initializer import default_initializer  # which imports this package's search

    return default_initializer().find(as_image(image), detector, turned=turned).boxes
