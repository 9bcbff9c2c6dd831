"""A regressor of your own, started from the box and from TCDCN's points, on a head rolled by 30 degrees.

    python examples/own_regressor.py

This one moves eyes and mouth corners to the darkest spot nearby: poor from a bad start, good from a good one. Under an
entry point "tcdcn_init.regressors" of its package, `tcdcn-init` finds it by name.
"""

import numpy as np
from skimage import color, data, draw, filters, io, transform, util

from tcdcn_init import initialize
from tcdcn_init.detection import detect_boxes
from tcdcn_init.geometry import as_box, interocular, similarity_between, transform_points


class DarkSpots:
    mean_shape = np.array([[0.3, 0.4], [0.7, 0.4], [0.5, 0.6], [0.35, 0.8], [0.65, 0.8]])  # in units of the box

    def fit_from_box(self, image, box):
        left, top, right, bottom = as_box(box)
        return self.fit_from_shape(image, [left, top] + self.mean_shape * [right - left, bottom - top])

    def fit_from_points(self, image, points):  # a dense model lays its mean shape on the points in this same way
        onto = similarity_between(self.mean_shape, points)
        return self.fit_from_shape(image, transform_points(onto, self.mean_shape))

    def fit_from_shape(self, image, shape):
        shape, reach = np.array(shape, dtype=float), interocular(shape) / 6
        grey, (y, x) = filters.gaussian(color.rgb2gray(image), reach / 4), np.indices(image.shape[:2])
        for k in (0, 1, 3, 4):
            near = np.hypot(x - shape[k, 0], y - shape[k, 1]) < reach
            shape[k] = np.unravel_index(np.where(near, grey, np.inf).argmin(), grey.shape)[::-1]
        return shape


def marked(image, points):
    image = image.copy()
    for x, y in points:
        image[draw.disk((y, x), 5)] = 80, 255, 80
    return image


portrait = util.img_as_ubyte(transform.rescale(data.astronaut()[:280, 80:380], 2, channel_axis=-1))
box = detect_boxes(portrait)[0]
rolled = util.img_as_ubyte(transform.rotate(portrait, -30, center=(box[:2] + box[2:]) / 2, mode="edge"))
points = initialize(rolled, [box])[0].points
shapes = DarkSpots().fit_from_box(rolled, box), DarkSpots().fit_from_points(rolled, points)
io.imsave("own_regressor.png", np.hstack([marked(rolled, shape) for shape in shapes]))
print("wrote own_regressor.png: from the box, from TCDCN's points")
