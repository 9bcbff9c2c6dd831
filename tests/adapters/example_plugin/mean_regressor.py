"""A whole package that offers a regressor: the mean shape, laid on whatever it is given."""

import numpy as np

from tcdcn_init.geometry import as_box, similarity_between, transform_points


class MeanRegressor:
    mean_shape = np.array([[0.3, 0.4], [0.7, 0.4], [0.5, 0.6], [0.35, 0.8], [0.65, 0.8]])

    def fit_from_box(self, image, box):
        left, top, right, bottom = as_box(box)
        return self.mean_shape * [right - left, bottom - top] + [left, top]

    def fit_from_shape(self, image, shape):
        return transform_points(similarity_between(self.mean_shape, shape), self.mean_shape)

    fit_from_points = fit_from_shape
