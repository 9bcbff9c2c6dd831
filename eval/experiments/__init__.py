"""The paper's experiments: which task helps, what stops when, what each part brings; needs the extra ``[train]``."""

from __future__ import annotations

from tcdcn_init._shared.extras import require

require("torch", "repeating the experiments", "train")
