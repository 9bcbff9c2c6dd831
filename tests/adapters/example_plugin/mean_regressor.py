"""A whole package that offers a regressor: the mean shape, laid on whatever it is given."""

import numpy as np

from tcdcn_init.adapters.base import RegressorBase
from tcdcn_init.geometry import similarity_between, transform_points
from tcdcn_init.images import as_image


class MeanRegressor(RegressorBase):
    mean_shape = np.array([[0.3, 0.4], [0.7, 0.4], [0.5, 0.6], [0.35, 0.8], [0.65, 0.8]])

    def fit_from_shape(self, image, shape):
        as_image(image)  # yours samples it; this one only refuses what is no image
        if not np.ptp(shape, axis=0).any() or not np.isfinite(shape).all():
            raise ValueError(f"shape is {shape}; expected finite points that do not coincide")
        return transform_points(similarity_between(self.mean_shape, shape), self.mean_shape)
