"""Bundled weights, shape banks and regressors, each with its card; see `tcdcn_init.weights` for access."""
