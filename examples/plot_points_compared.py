"""
Points of your own, measured
============================

Whatever gives five points for a face in a box can start a cascade. What its points are worth, beside TCDCN's and as a
start, `tcdcn-init eval --starts my_module:template` measures on a data set, and this on scikit-image's portrait.
"""

import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from tcdcn_init import initialize
from tcdcn_init.eval.comparison.run import Comparison, run_eval
from tcdcn_init.eval.measuring.builtin import builtin_case
from tcdcn_init.images import read_image

PLACES = np.array([[0.28, 0.38], [0.72, 0.38], [0.5, 0.58], [0.32, 0.77], [0.68, 0.77]])


def template(image, boxes):
    """The same five places in every box; yours looks at the image."""
    return boxes[:, None, :2] + PLACES * (boxes[:, None, 2:] - boxes[:, None, :2])


# %%
# One face in 20 boxes that are a little off. Each start moves the same regressor.

with tempfile.TemporaryDirectory() as folder:
    case = builtin_case(Path(folder))
    comparison = Comparison(["sdm-mtfl"], ["random-5", "tcdcn-nearest", template], noises=(), rolls=())
    report = run_eval(case, Path(folder) / "out", comparison)
    image = read_image(case.faces[0].image)
boxes = np.stack([face.box for face in case.faces])
errors = {(run.regressor, run.start): 100 * run.error.mean for run in report.runs if run.training == "original"}

# %%
# Orange: the template's points in all boxes. Green: TCDCN's. At the right what comes of them.

fig, (face_ax, bar_ax) = plt.subplots(1, 2, figsize=(9, 3.6), width_ratios=(1, 1.4), layout="constrained")
face_ax.imshow(image)
for points, colour in ((template(image, boxes), "orange"), ([f.points for f in initialize(image, boxes)], "lime")):
    face_ax.scatter(*np.concatenate(points).T, s=14, color=colour, edgecolors="black", linewidths=0.3)
face_ax.set(xlim=(150, 300), ylim=(190, 40))
face_ax.set_axis_off()
titles = {
    ("none", "tcdcn"): "TCDCN's points",
    ("none", "template"): "template's points",
    ("sdm-mtfl", "random-5"): "SDM from random shapes",
    ("sdm-mtfl", "tcdcn-nearest"): "SDM from TCDCN's points",
    ("sdm-mtfl", "template"): "SDM from template's points",
}
colours = ["limegreen", "orange", "grey", "limegreen", "orange"]
bar_ax.barh(list(titles.values()), [errors[key] for key in titles], color=colours)
bar_ax.invert_yaxis()
bar_ax.set_xlabel("mean error, % of the inter-ocular distance")
plt.show()
