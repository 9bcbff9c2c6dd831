"""
Into a labelling tool, and back
===============================

Points that are found are corrected faster than points are set. Here they go to COCO's keypoints, which most labelling
tools read, and come back as faces to measure or train on.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
from skimage import data, io

from tcdcn_init.datasets import read_coco

folder = Path(tempfile.mkdtemp())
io.imsave(folder / "portrait.png", data.astronaut())

# %%
# As one types it: ``tcdcn-init points portrait.png --out coco.json``. To ``.xml`` it writes dlib's imglab.

command = [sys.executable, "-m", "tcdcn_init", "points", "portrait.png", "--out", "coco.json"]
print(subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True).stdout)

document = json.loads((folder / "coco.json").read_text(encoding="utf-8"))
[annotation] = document["annotations"]
print(document["categories"][0]["keypoints"])
print(annotation["keypoints"])

# %%
# A person moves the nose; the file is read back.

annotation["keypoints"][6] += 8
(folder / "coco.json").write_text(json.dumps(document), encoding="utf-8")
[face] = read_coco(folder / "coco.json")

fig, ax = plt.subplots(figsize=(4, 4), layout="constrained")
ax.imshow(io.imread(folder / "portrait.png"))
ax.scatter(*face.points.T, s=18, color="lime", edgecolors="black", linewidths=0.5)
ax.set(xlim=(120, 330), ylim=(225, 15))
ax.set_axis_off()
plt.show()
