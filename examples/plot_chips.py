"""
Upright chips for recognition
=============================

Networks for face recognition expect the face upright, its five points where they lay in training. `align_face` cuts
such chips, smoothed before they are shrunk, in the range that scikit-image uses, 0 to 1.
"""

import matplotlib.pyplot as plt
from skimage import data, transform, util

from tcdcn_init import initialize
from tcdcn_init.adapters.skimage import align_face, alignment, template

box = (176, 56, 272, 176)
image = util.img_as_ubyte(transform.rotate(data.astronaut(), 40, center=(224, 116), mode="edge"))
face = initialize(image, [box])[0]

# %%
# The standard chip; one with more of the head; and InsightFace's layout for its 128-pixel chips.

chips = {
    "112, the standard": align_face(image, face.points),
    "112, margin of 0.25": align_face(image, face.points, margin=0.25),
    "128, InsightFace's": align_face(image, face.points, 128, template="insightface"),
}

# %%
# The transform alone is scikit-image's own, for `skimage.transform.warp` or points:

upright = alignment(face.points, template(112))
print(f"turned by {upright.rotation:.2f} rad and scaled by {upright.scale:.2f}")

# %%

fig, (whole, *axes) = plt.subplots(1, 4, figsize=(9, 2.7), layout="constrained")
whole.imshow(image)
whole.scatter(*face.points.T, s=8, color="lime")
whole.set(xlim=(110, 340), ylim=(232, 2), title="the image")
for ax, (title, chip) in zip(axes, chips.items(), strict=True):
    ax.imshow(chip)
    ax.set_title(title)
for ax in (whole, *axes):
    ax.set_axis_off()
plt.show()
