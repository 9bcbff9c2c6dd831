"""
deepface
========

A detector of deepface's finds boxes and eyes, by which it turns faces upright. This one is made of `initialize`.
Needs ``deepface``.
"""

import matplotlib.pyplot as plt
from deepface import DeepFace
from deepface.models.Detector import Detector, FacialAreaRegion
from deepface.modules.modeling import AVAILABLE_MODELS
from skimage import data, transform, util

from tcdcn_init import initialize


class FivePoints(Detector):
    def detect_faces(self, img):  # BGR, as of OpenCV
        faces = []
        for face in initialize(img[..., ::-1]):
            left, top, right, bottom = face.box.astype(int).tolist()
            eye, other_eye, *_ = [tuple(point) for point in face.points.round().astype(int).tolist()]
            box = left, top, right - left, bottom - top
            faces.append(FacialAreaRegion(*box, left_eye=other_eye, right_eye=eye, confidence=face.confidence))
        return faces


AVAILABLE_MODELS["face_detector"]["tcdcn-init"] = {"any": f"{__name__}.FivePoints"}

# %%
# Every function of deepface's takes it by its name now: ``verify``, ``represent``, ``find``.

image = util.img_as_ubyte(transform.rotate(data.astronaut(), 25, center=(224, 120), mode="edge"))
[found] = DeepFace.extract_faces(image[..., ::-1].copy(), detector_backend="tcdcn-init")
print(found["facial_area"], found["confidence"])

# %%

fig, axes = plt.subplots(1, 2, figsize=(6, 3.2), layout="constrained")
for ax, shown, title in zip(axes, (image[:260, 90:350], found["face"]), ("the image", "extract_faces"), strict=True):
    ax.imshow(shown)
    ax.set_title(title)
    ax.set_axis_off()
plt.show()
