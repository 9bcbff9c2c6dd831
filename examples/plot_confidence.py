"""
When not to trust the points
============================

Every face has a confidence: the probability that its box holds a face and that its points are good. Here a box walks
off the face.
"""

import matplotlib.pyplot as plt
import numpy as np
from skimage.data import astronaut

from tcdcn_init import Initializer

image, box = astronaut(), np.array([176.0, 56.0, 272.0, 176.0])
steps = np.linspace(0, 1.5, 31)
boxes = [box + 96 * step * np.array([1, 0, 1, 0]) for step in steps]
faces = Initializer()(image, boxes)

# %%
# The points stay on the face while any of it is in reach. The confidence falls long before they leave it: a box beside
# a face looks like one without.

truth = faces[0].points
error = [np.linalg.norm(face.points - truth, axis=1).mean() / np.linalg.norm(truth[1] - truth[0]) for face in faces]
confidence = [face.confidence for face in faces]

fig, (picture, ax) = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained", width_ratios=[1, 1.5])
picture.imshow(image)
for k in (0, 10, 20):
    left, top, right, bottom = boxes[k]
    picture.add_patch(plt.Rectangle((left, top), right - left, bottom - top, fill=False, color=f"C{k // 10}"))
    picture.scatter(*faces[k].points.T, s=14, color=f"C{k // 10}", edgecolors="black", linewidths=0.4)
picture.set(xlim=(130, 470), ylim=(245, 5))
picture.set_axis_off()
ax.plot(100 * steps, confidence, label="confidence")
ax.plot(100 * steps, np.minimum(error, 1), label="error, in distances between the eyes (cut at 1)")
ax.axhline(0.5, color="grey", linewidth=0.8, linestyle="--")
ax.set(xlabel="box moved by, % of its width", ylim=(0, 1.02))
ax.legend()
plt.show()

# %%
# A program keeps the faces above a threshold, and says how many it left out:

kept = [face for face in faces if face.confidence >= 0.5]
print(f"kept {len(kept)} of {len(faces)}")
