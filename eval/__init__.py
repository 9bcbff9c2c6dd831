"""The evaluation protocol: the same regressor, only the start changed."""
