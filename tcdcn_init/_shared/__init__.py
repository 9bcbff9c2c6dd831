"""What all rooms share and users do not import: images, journals, progress, plots, commands' options."""
