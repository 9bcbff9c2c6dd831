"""
Five points of every face
=========================

The shortest way in: an image in, the faces' points out.
"""

import matplotlib.pyplot as plt
from skimage.data import astronaut

from tcdcn_init import initialize

image = astronaut()
faces = initialize(image)  # faces are detected; initialize(image, boxes) takes boxes that you have

# %%
# Each face has five points, the roll of its head, and a confidence. Its points are in the order left eye, right eye,
# nose, left mouth corner, right mouth corner, left and right as seen in the image.

for face in faces:
    print(face)
    print(f"rolled by {face.roll:+.1f} degrees")

# %%
# Pixel centres are at integers, x before y, as matplotlib draws them.

fig, ax = plt.subplots(figsize=(5, 5), layout="constrained")
ax.imshow(image)
for face in faces:
    left, top, right, bottom = face.box
    ax.add_patch(plt.Rectangle((left, top), right - left, bottom - top, fill=False, color="orange"))
    ax.scatter(*face.points.T, s=18, color="lime", edgecolors="black", linewidths=0.5)
ax.set_axis_off()
plt.show()
