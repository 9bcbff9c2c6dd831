"""
One line for dlib
=================

A dlib program in which one line changes, on a head rolled by 30 degrees. Everything after the line stays as it is: what
comes back is a ``dlib.full_object_detection``, as before.
"""

import dlib
import matplotlib.pyplot as plt
from skimage import data, transform, util

from tcdcn_init.adapters.base import load_regressor
from tcdcn_init.adapters.dlib import SeededShapePredictor

portrait = data.astronaut()
box = dlib.get_frontal_face_detector()(portrait)[0]
centre = (box.center().x, box.center().y)
rolled = util.img_as_ubyte(transform.rotate(portrait, -30, center=centre, mode="edge"))

# %%
# ``dlib.shape_predictor("shape_predictor_68_face_landmarks.dat")`` would stand here; the bundled 68-point model spares
# the download.

predictor = load_regressor("ert68-300w").to_dlib()
before = predictor(rolled, box)

predictor = SeededShapePredictor(predictor)  # the line that changes; it takes a path as well
after = predictor(rolled, box)

# %%
# From the box, dlib's trees cannot turn the mean shape far enough. From the five points they begin turned.

shapes = [[(part.x, part.y) for part in found.parts()] for found in (before, after)]
fig, axes = plt.subplots(1, 2, figsize=(8, 4), layout="constrained")
for ax, shape, title in zip(axes, shapes, ("dlib, from the box", "dlib, from five points"), strict=True):
    ax.imshow(rolled)
    ax.scatter(*zip(*shape, strict=True), s=7, color="lime", edgecolors="black", linewidths=0.3)
    ax.set(xlim=(130, 320), ylim=(215, 25), title=title)
    ax.set_axis_off()
plt.show()
