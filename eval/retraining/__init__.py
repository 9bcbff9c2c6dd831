"""Regressors retrained on the errors of the start that they are given."""
