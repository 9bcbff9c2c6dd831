"""
A folder of images
==================

``tcdcn-init points`` writes a row for every face of a folder, and goes on where it was interrupted. This folder holds
the portrait, a smaller one, and an image without a face.
"""

import csv
import subprocess
import sys
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
from skimage import data, io

folder = Path(tempfile.mkdtemp())
(folder / "photos").mkdir()
io.imsave(folder / "photos" / "portrait.png", data.astronaut())
io.imsave(folder / "photos" / "smaller.png", data.astronaut()[:300:2, 50:400:2])
io.imsave(folder / "photos" / "coins.png", data.coins())

# %%
# The command, as one types it: ``tcdcn-init points photos --out points.csv --draw drawn``.

command = [sys.executable, "-m", "tcdcn_init", "points", "photos", "--out", "points.csv", "--draw", "drawn"]
print(subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True).stdout)

# %%
# The file has the same columns in every row, an image without a face has a row too, and a failure has its reason.

with (folder / "points.csv").open(encoding="utf-8", newline="") as file:
    rows = list(csv.DictReader(file))
for row in rows:
    print({name: row[name] for name in ("image", "status", "confidence", "roll", "x0", "y0")})

# %%
# The drawings:

drawings = sorted(path for path in (folder / "drawn").rglob("*") if path.is_file())
fig, axes = plt.subplots(1, len(drawings), figsize=(3 * len(drawings), 3), layout="constrained", squeeze=False)
for ax, path in zip(axes[0], drawings, strict=True):
    ax.imshow(io.imread(path), cmap="gray")
    ax.set_title(path.name)
    ax.set_axis_off()
plt.show()
