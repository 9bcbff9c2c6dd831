"""
InsightFace's norm_crop
=======================

``norm_crop`` takes the five points as they are: they have InsightFace's order. `align_face` with its layout cuts the
same chip without OpenCV, and smooths large faces before it shrinks them. Needs ``insightface``.
"""

import matplotlib.pyplot as plt
import numpy as np
from insightface.utils.face_align import norm_crop
from skimage import data, transform, util

from tcdcn_init import initialize
from tcdcn_init.adapters.skimage import align_face

box = (176, 56, 272, 176)
image = util.img_as_ubyte(transform.rotate(data.astronaut(), 35, center=(224, 116), mode="edge"))
points = initialize(image, [box])[0].points

theirs = norm_crop(image, points, image_size=128)
ours = align_face(image, points, 128, template="insightface", anti_aliasing=False)

# %%

print(f"mean difference: {np.abs(ours * 255 - theirs).mean():.2f} of 255")
fig, axes = plt.subplots(1, 3, figsize=(9, 3.2), layout="constrained")
titles = "the image", "norm_crop", "align_face"
for ax, shown, title in zip(axes, (image[:260, 90:350], theirs, ours), titles, strict=True):
    ax.imshow(shown)
    ax.set_title(title)
    ax.set_axis_off()
plt.show()
