"""
Points of your own
==================

The network learns any fixed set of points, not of faces alone: here the corners of a page, in rendered photographs.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from skimage import data, filters, io, transform, util

from tcdcn_init import Initializer
from tcdcn_init.geometry import rotation, transform_points

rng, side, page = np.random.default_rng(0), 96, filters.gaussian(data.page(), 2)
sheet = np.array([[0, 0], [1, 0], [1, 1], [0, 1]]) * page.shape[::-1]


def photograph():
    flat = (sheet / sheet[2] - 0.5) * [60, 45] + rng.uniform(-6, 6, (4, 2))
    corners = transform_points(rotation(12 * rng.standard_normal()), flat) + side / 2 + rng.uniform(-5, 5, 2)
    table = transform.resize(rng.uniform(0, 0.4, (8, 8)), (side, side))
    view = transform.ProjectiveTransform.from_estimate(corners, sheet)
    seen = transform.warp(page, view, output_shape=table.shape, cval=-1)
    return util.img_as_ubyte(np.where(seen < 0, table, seen)), corners


# %%
# A row for each image. There could be boxes as well, and blank cells where nobody set a point.

folder = Path(tempfile.mkdtemp())
rows = ["image," + ",".join(f"x{k},y{k}" for k in range(4))]
for number in range(240):
    image, corners = photograph()
    io.imsave(folder / f"{number}.png", image, check_contrast=False)
    rows.append(f"{number}.png," + ",".join(f"{value:.2f}" for value in corners.ravel()))
(folder / "pages.csv").write_text("\n".join(rows) + "\n")

# %%
# As one types it: ``tcdcn-init train --data pages.csv --points 4 ...``. A page in a mirror is none: nothing is said of
# which points swap in one (``--swap``), and none is shown to the network. What it knows of faces is a good beginning.

options = "--data pages.csv --points 4 --out run --model tcdcn-quick --weights tcdcn-mtfl --epochs 30 --batch 20"
command = [sys.executable, "-m", "tcdcn_init", "--quiet", "train", *options.split()]
print(subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True).stdout)

# %%
# On photographs that it has not seen, in boxes that are not exact.

find = Initializer(folder / "run" / "model.safetensors")
(fig, axes), error = plt.subplots(1, 4, figsize=(8, 2.2), layout="constrained"), []
for ax in axes:
    image, corners = photograph()
    [found] = find(image, [np.concatenate([corners.min(axis=0), corners.max(axis=0)]) + rng.uniform(-4, 4, 4)])
    error.append(np.linalg.norm(found.points - corners, axis=1).mean())
    ax.imshow(image, cmap="gray")
    ax.plot(*found.points[[0, 1, 2, 3, 0]].T, "o-", color="lime", markersize=3, linewidth=1)
    ax.set_axis_off()
plt.show()
