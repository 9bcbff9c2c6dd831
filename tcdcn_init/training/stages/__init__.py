"""Training of the two stages: their faces, views, recipe and loop."""
