"""`tcdcn-init eval`: the same regressors, only the start changed."""
