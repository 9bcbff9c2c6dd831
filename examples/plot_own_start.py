"""
Starts of your own
==================

A cascade moves a *start* onto the face. The mean shape in the box, the mean shape on five points, training shapes that
look like these five points: all are arrays of 68 points, and so is yours.
"""

import matplotlib.pyplot as plt
import numpy as np
from skimage import data, transform, util

from tcdcn_init import initialize
from tcdcn_init.adapters.base import load_regressor
from tcdcn_init.geometry import similarity_between, transform_points
from tcdcn_init.shapes import ShapeBank, from_box_units

box = np.array([176.0, 76.0, 272.0, 172.0])
image = util.img_as_ubyte(transform.rotate(data.astronaut(), -25, center=(224, 120), mode="edge"))
points = initialize(image, [box])[0].points
bank = ShapeBank.load("shapes-300w")  # 68 points of many faces, in units of their boxes


def onto_points(shape, five):
    """A shape of the bank, carried onto the five points by a similarity."""
    return transform_points(similarity_between(five, points), shape)


nearest = bank.nearest(points, 5)
starts = {
    "mean shape in the box": [from_box_units(bank.mean, box)],
    "mean shape on the points": [onto_points(bank.mean, bank.mean_five)],
    "five nearest shapes": [onto_points(bank.shapes[k], bank.five[k]) for k in nearest],
}

# %%
# The regressor takes any of them. Of several starts of one face it returns the median of the results.

regressor = load_regressor("ert68-300w")
fitted = {title: regressor.fit_from_shapes(image, np.array(shapes)[None])[0] for title, shapes in starts.items()}

# %%
# Orange: the starts. Green: where the same trees take them.

fig, axes = plt.subplots(1, 3, figsize=(9, 3.4), layout="constrained")
for ax, (title, shapes) in zip(axes, starts.items(), strict=True):
    ax.imshow(image)
    for shape in shapes:
        ax.plot(*shape.T, ".", color="orange", markersize=2)
    ax.scatter(*fitted[title].T, s=7, color="lime", edgecolors="black", linewidths=0.3)
    ax.set(xlim=(130, 320), ylim=(215, 25), title=title)
    ax.set_axis_off()
plt.show()
