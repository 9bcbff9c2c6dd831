"""The report of a model by itself: figures, confidence, limits."""
