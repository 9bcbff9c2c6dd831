"""
Bad boxes and turned heads
==========================

A box may be half as large again as the face or cut into it, and the head may stand on its side or on its head: the
points are the same ones. Where the first pass says that the box is off, a second one cuts its crop by the points.
"""

import matplotlib.pyplot as plt
import numpy as np
from skimage import data, transform, util

from tcdcn_init import Initializer

portrait, box = data.astronaut(), np.array([176.0, 56.0, 272.0, 176.0])
centre, extent = (box[:2] + box[2:]) / 2, np.tile(box[2:] - box[:2], 2)


def turned(degrees):
    return util.img_as_ubyte(transform.rotate(portrait, degrees, center=centre, mode="edge"))


cases = [
    ("a good box", portrait, box),
    ("too large by half", portrait, box + extent * [-0.25, -0.25, 0.25, 0.25]),
    ("too small by a third", portrait, box + extent * [0.17, 0.17, -0.17, -0.17]),
    ("a fifth of its side off", portrait, box + extent * 0.2),
    ("on its side", turned(90), box),
    ("upside down", turned(180), box),
]

# %%
# One `Initializer` holds the model for all of them. It takes many images at once as well.

initializer = Initializer()
found = initializer.batch([image for _, image, _ in cases], [[box] for _, _, box in cases])

# %%
# Angles are positive clockwise, as seen.

fig, axes = plt.subplots(2, 3, figsize=(8.5, 6), layout="constrained")
for ax, (title, image, (left, top, right, bottom)), [face] in zip(axes.flat, cases, found, strict=True):
    ax.imshow(image)
    ax.add_patch(plt.Rectangle((left, top), right - left, bottom - top, fill=False, color="orange"))
    ax.scatter(*face.points.T, s=18, color="lime", edgecolors="black", linewidths=0.5)
    ax.set(xlim=(110, 340), ylim=(232, 2), title=f"{title}: {face.roll:+.0f}°, {face.confidence:.2f}")
    ax.set_axis_off()
plt.show()
