"""Whether a model knows when it fails."""
