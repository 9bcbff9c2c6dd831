"""
imutils' FaceAligner
====================

``FaceAligner`` turns a face upright by the eyes that dlib's predictor finds, from a box that does not turn with the
head. Needs ``imutils``, ``dlib`` and ``opencv-python``.
"""

import dlib
import matplotlib.pyplot as plt
from imutils.face_utils import FaceAligner, facealigner
from skimage import color, data, transform, util

from tcdcn_init.adapters.base import load_regressor
from tcdcn_init.adapters.dlib import SeededShapePredictor

# imutils 0.5.4 hands over NumPy's integers as the centre of a turn, which OpenCV no longer takes.
turn = facealigner.cv2.getRotationMatrix2D
facealigner.cv2.getRotationMatrix2D = lambda centre, *rest: turn(tuple(map(float, centre)), *rest)

image = util.img_as_ubyte(transform.rotate(data.astronaut(), -60, center=(224, 120), mode="edge"))
grey, box = util.img_as_ubyte(color.rgb2gray(image)), dlib.rectangle(176, 72, 272, 168)
predictor = load_regressor("ert68-300w").to_dlib()  # or dlib.shape_predictor(...)

before = FaceAligner(predictor).align(image, grey, box)
after = FaceAligner(SeededShapePredictor(predictor)).align(image, grey, box)  # the line that changes
facealigner.cv2.getRotationMatrix2D = turn

# %%

fig, axes = plt.subplots(1, 3, figsize=(9, 3.2), layout="constrained")
titles = "the image", "FaceAligner", "... with seeded points"
for ax, shown, title in zip(axes, (image[:260, 90:350], before, after), titles, strict=True):
    ax.imshow(shown)
    ax.set_title(title)
    ax.set_axis_off()
plt.show()
