"""
face_recognition
================

``face_recognition`` aligns faces by two predictors of dlib's. Replaced by seeded ones, everything it offers begins on
five points: rolled by 60 degrees, she is herself again. Needs ``face_recognition`` (and ``setuptools<81``, which its
models ask for).
"""

import face_recognition
import matplotlib.pyplot as plt
from skimage import data, transform, util

from tcdcn_init.adapters.dlib import SeededShapePredictor

upright = data.astronaut()
rolled = util.img_as_ubyte(transform.rotate(upright, 60, center=(224, 120), mode="edge"))
boxes = face_recognition.face_locations(upright)[:1]


def distance_and_points():
    """Between the encodings of the same face, upright and rolled; and its landmarks where it is rolled."""
    [first], [second] = (face_recognition.face_encodings(image, boxes) for image in (upright, rolled))
    return face_recognition.face_distance([first], second)[0], face_recognition.face_landmarks(rolled, boxes)[0]


before = distance_and_points()

# %%
# The two lines that change:

api = face_recognition.api
api.pose_predictor_5_point = SeededShapePredictor(api.pose_predictor_5_point)
api.pose_predictor_68_point = SeededShapePredictor(api.pose_predictor_68_point)

after = distance_and_points()

# %%

fig, axes = plt.subplots(1, 2, figsize=(8, 4), layout="constrained")
for ax, (distance, landmarks), name in zip(axes, (before, after), ("face_recognition", "... seeded"), strict=True):
    ax.imshow(rolled)
    for points in landmarks.values():
        ax.scatter(*zip(*points, strict=True), s=7, color="lime", edgecolors="black", linewidths=0.3)
    ax.set(xlim=(120, 330), ylim=(225, 15), title=f"{name}: distance to upright {distance:.3f}")
    ax.set_axis_off()
plt.show()
