"""A dlib program in which one line changes, on a head rolled by 30 degrees.

    python examples/dlib_one_line.py [shape_predictor_68_face_landmarks.dat]

Without a file of dlib's it takes the bundled 68-point model. Writes dlib_one_line.png: before on the left, after on
the right.
"""

import sys

import dlib
import numpy as np
from skimage import data, draw, io, transform, util

from tcdcn_init.adapters.base import load_regressor
from tcdcn_init.adapters.dlib import SeededShapePredictor


def marked(image, points):
    image = image.copy()
    for x, y in points:
        image[draw.disk((y, x), 3, shape=image.shape[:2])] = 80, 255, 80
    return image


portrait = util.img_as_ubyte(transform.rescale(data.astronaut()[:280, 80:380], 2, channel_axis=-1))
box = dlib.get_frontal_face_detector()(portrait)[0]
centre = (box.center().x, box.center().y)
rolled = util.img_as_ubyte(transform.rotate(portrait, -30, center=centre, mode="edge"))

predictor = dlib.shape_predictor(sys.argv[1]) if len(sys.argv) > 1 else load_regressor("ert68-ytf").to_dlib()
before = predictor(rolled, box)
predictor = SeededShapePredictor(predictor)  # the line that changes; it takes a path as well
after = predictor(rolled, box)

shapes = [np.array([(part.x, part.y) for part in found.parts()]) for found in (before, after)]
io.imsave("dlib_one_line.png", np.hstack([marked(rolled, shape) for shape in shapes]))
print("wrote dlib_one_line.png: dlib from the box, dlib from TCDCN's points")
