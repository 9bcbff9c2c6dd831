"""Bundled weights, shape banks and regressors, each with its card; see `tcdcn_init.bundle` for access."""
