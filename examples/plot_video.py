"""
Faces that move
===============

A tracker needs a detector only at first and when a face is lost: each box comes from the points of the frame before.
The "video" is scikit-image's portrait, panned, rolled, and hidden for a while. Of a file, ``tcdcn-init video`` does the
same.
"""

import matplotlib.pyplot as plt
import numpy as np
from skimage import data, transform, util

from tcdcn_init.tracking import FaceTracker

FRAMES = 48


def video():
    portrait, page = data.astronaut(), np.repeat(data.page()[:120, :200, None], 3, axis=2)
    for number, t in enumerate(np.linspace(0, 2 * np.pi, FRAMES)):
        turned = util.img_as_ubyte(transform.rotate(portrait, 25 * np.sin(2 * t), center=(224, 120), mode="edge"))
        if 20 <= number < 26:
            turned[60:180, 130:330] = page  # somebody holds a page before the face
        left = 90 - round(60 * np.sin(t))
        yield turned[:260, left : left + 260]


# %%
# One call a frame. A lost face keeps its number for some seconds.

tracker = FaceTracker()
found = [(frame, tracker.update(frame)) for frame in video()]
for number, (_, faces) in enumerate(found[::4]):
    print(4 * number, [f"id {face.id}: {'lost' if face.lost else f'{face.confidence:.2f}'}" for face in faces])

# %%

fig, axes = plt.subplots(2, 6, figsize=(9, 3.2), layout="constrained")
for number, ax in zip(range(0, FRAMES, 4), axes.flat, strict=True):
    frame, faces = found[number]
    ax.imshow(frame)
    for face in faces:
        ax.scatter(*face.points.T, s=8, color="red" if face.lost else "lime")
    ax.set_title(f"frame {number}", fontsize=8)
    ax.set_axis_off()
plt.show()
