"""The cascaded CNN of Sun, Wang, Tang (CVPR 2013), the paper's baseline, beside TCDCN; needs the extra ``[train]``."""

from __future__ import annotations

from tcdcn_init._shared.extras import require

require("torch", "the cascaded CNN", "train")
