"""Training of the networks; needs the extra ``[train]``.

PyTorch is not imported here, but its absence told.
"""

from __future__ import annotations

from tcdcn_init._shared.extras import require

require("torch", "training", "train")
